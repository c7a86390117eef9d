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
// gets a new one (Dir.Replace). What a machine cannot see stays unseen: the copy of a
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
	// Replaces are the instances whose place this one takes, as a person decided.
	Replaces []string `json:"replaces,omitempty"`
	// CopyOf is the directory that this one was copied from, if it is a copy.
	CopyOf *Origin `json:"copy_of,omitempty"`
	// Decided: a person said that the Town goes on here, before it was known which
	// instance speaks for it. This one takes the place of any, once.
	Decided bool `json:"decided,omitempty"`
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
	Instance string `json:"instance"`
	// Remote is where that was found, and Seen when.
	Remote string    `json:"remote"`
	Seen   time.Time `json:"seen"`
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
	made := Note{Instance: uuid.NewString(), Place: here, Since: now.UTC()}
	if v == Copied {
		made.CopyOf = &Origin{Instance: n.Instance, Place: n.Place}
	}
	return made
}

// replacing is the note of the directory after a person decided that it takes the
// place of another instance.
func (n Note) replacing(other string, now time.Time) Note {
	made := Note{Instance: uuid.NewString(), Place: n.Place, Since: now.UTC()}
	// At some remote its former instance may still be the one that speaks.
	for _, id := range append([]string{other, n.Instance}, n.Replaces...) {
		if id != "" && len(made.Replaces) < maxReplaces {
			made.Replaces = append(made.Replaces, id)
		}
	}
	return made
}

// maxReplaces bounds Note.Replaces: remotes that were not reached for so many
// decisions ask once more.
const maxReplaces = 32
