// Package instance tells apart the directories that have one Town's identity.
//
// A Town's identity, its id in config/town.yaml, is copied with its directory: by cp
// -a, by a restored disk, by a clone of its Git repository. An instance is not. It is
// a random id in a file of the directory, bound to the machine and to the place of
// the directory there. A directory that was moved, or restored in its own place,
// keeps its instance; a copy elsewhere gets one of its own before it speaks to
// others. The Town's entry in the federation's registry names the instance that
// speaks, so that two directories never take turns.
//
// Instances are never used again: a directory that takes the place of another one
// gets a new one (Dir.Replace), with a higher epoch than that one has in the registry.
// A directory is active, stands by for another one, or is fenced: another one was found
// to speak (Note.Role). Only the active one acts in the Town's name.
//
// What a machine cannot see stays unseen: the copy of a
// whole virtual machine has the same instance as its original.
//
// Everything here is local. Nothing retries, except that a process waits for another
// one that is making the same instance.
package instance

import (
	"time"

	"github.com/google/uuid"
)

// Note is what a directory's file says. The zero Note is that of a directory without
// one.
type Note struct {
	// Instance is the directory's own id.
	Instance string `json:"instance"`
	// Place is where the directory is, and Since when it got the instance.
	Place Place     `json:"place"`
	Since time.Time `json:"since"`
	// Epoch is that of the instance, as a person decided: it may take the place of any
	// one that has a lower epoch in the registry. 0 when nobody decided anything.
	Epoch uint64 `json:"epoch,omitempty"`
	// Standby is for a directory that stands by; nil for others.
	Standby *Standby `json:"standby,omitempty"`
	// CopyOf is the directory that this one was copied from, if it is a copy.
	CopyOf *Origin `json:"copy_of,omitempty"`
	// Decided: a person said that the Town goes on here, before it was known which
	// instance speaks for it. This one takes the place of any, once.
	Decided bool `json:"decided,omitempty"`
	// Damaged: what the file said before made no sense, so whether the directory was active,
	// stood by or was fenced is not known. It does not act until a person decides.
	Damaged bool `json:"damaged,omitempty"`
	// Other is the instance that was last found to speak for the Town; nil for none.
	Other *Other `json:"other,omitempty"`
}

// Origin is the directory that a copy was made of.
type Origin struct {
	Instance string `json:"instance"`
	Place    Place  `json:"place"`
}

// Other is another instance that speaks for the Town.
type Other struct {
	// Instance is empty when none speaks, because the last one stepped down.
	Instance string `json:"instance"`
	// Epoch is that of the registry there.
	Epoch uint64 `json:"epoch,omitempty"`
	// Remote is where that was found, and Seen when.
	Remote string    `json:"remote"`
	Seen   time.Time `json:"seen"`
}

// Standby is what a directory that stands by knows of the active one's backups.
type Standby struct {
	// Of is the destination of backups that it is kept up to date from, in the form of
	// backup.to, and Key the file with the key that decrypts them; "" for none.
	Of    string    `json:"of"`
	Key   string    `json:"key,omitempty"`
	Since time.Time `json:"since"`
	// Active is the instance that spoke last, as far as is known. Its points are taken also
	// while the registry names none, because a directory that was not told that another one
	// was promoted may write points beside them.
	Active string `json:"active,omitempty"`
	// Point is the backup point whose databases it has, Taken when that was taken;
	// Files is the point of its configuration.
	Point string    `json:"point,omitempty"`
	Taken time.Time `json:"taken,omitzero"`
	Files string    `json:"files,omitempty"`
	// Looked is when it last looked for a newer point and could see what there is.
	// Failed is when a look failed since then, and Error why.
	Looked time.Time `json:"looked,omitzero"`
	Failed time.Time `json:"failed,omitzero"`
	Error  string    `json:"error,omitempty"`
	// Promoting: a promotion has begun, and the registry may name the instance.
	Promoting bool `json:"promoting,omitempty"`
	// Yields: this directory was the active one, and steps down as soon as everything
	// that it has is in the backups and published.
	Yields bool `json:"yields,omitempty"`
}

// Role is what a directory may do in the Town's name.
type Role string

// The roles.
const (
	// Active: it runs controllers and publishes.
	Active Role = "active"
	// OnStandby: it follows the active one, and changes nothing of its own.
	OnStandby Role = "standby"
	// Fenced: it was the active one, or is a copy, and another directory was found to
	// speak for the Town; or its note was damaged. What it has that nobody else has stays
	// in it.
	Fenced Role = "fenced"
)

// Role is the directory's role, as far as its note knows.
func (n Note) Role() Role {
	switch {
	case n.Standby != nil:
		return OnStandby
	case !n.Decided && (n.Damaged || n.Other != nil && n.Other.Epoch >= n.Epoch):
		return Fenced
	}
	return Active
}

// Fence says for people why the directory is fenced, if it is.
func (n Note) Fence() string {
	if n.Damaged {
		return "the file .gt/instance was damaged, so it is not known whether this directory is the active one of the Town"
	}
	return "another directory speaks for this Town"
}

// Read reads a note as it is in a file, without asking whether it came from another
// directory.
func Read(file string) (Note, error) { return read(file) }

// ReadRole reads the role of the directory whose note is in a file. A directory without a
// note is active.
func ReadRole(file string) (Role, error) {
	n, err := read(file)
	return n.Role(), err
}

// Verdict is what a directory's note means for it.
type Verdict int

const (
	// Unknown: there is no note.
	Unknown Verdict = iota
	// Same: the directory is where it was, maybe restored there.
	Same
	// Moved: the directory has another path.
	Moved
	// Copied: the note came from another directory.
	Copied
)

// Occupant is what is at the place that a note names.
type Occupant int

const (
	// Nobody: no directory with the note's instance.
	Nobody Occupant = iota
	// Itself: the directory whose note it is, maybe by another path.
	Itself
	// Original: another directory with the note's instance.
	Original
)

// Judge says what the note means for the directory here, given what is at the place
// that the note names.
func (n Note) Judge(here Place, there Occupant) Verdict {
	switch {
	case n.Instance == "":
		return Unknown
	case n.Place.Machine != here.Machine:
		return Copied
	case there == Itself:
		return Same
	case there == Nobody && n.Place.sameDirectory(here):
		return Moved
	}
	return Copied
}

// valid reports whether the note holds for the directory, whatever its place.
func (v Verdict) valid() bool { return v == Same || v == Moved }

// next is the note of the directory here whose note says n, with a new instance
// where n came from another directory.
func (n Note) next(v Verdict, here Place, now time.Time) Note {
	if v.valid() {
		n.Place = here
		return n
	}
	// A copy of a directory that stands by, or is fenced, does not begin to act. What that
	// one was about to do is not the copy's to end.
	made := Note{Instance: uuid.NewString(), Place: here, Since: now.UTC(), Damaged: n.Damaged}
	if n.Standby != nil {
		by := *n.Standby
		by.Promoting, by.Yields = false, false
		made.Standby = &by
	}
	if n.Role() == Fenced {
		made.Other = n.Other
	}
	if v == Copied {
		made.CopyOf = &Origin{Instance: n.Instance, Place: n.Place}
	}
	return made
}

// replacing is the note of the directory after a person decided that it takes the
// place of all instances of lower epochs.
func (n Note) replacing(epoch uint64, now time.Time) Note {
	return Note{Instance: uuid.NewString(), Place: n.Place, Since: now.UTC(), Epoch: max(epoch, n.Epoch+1), Standby: n.Standby}
}
