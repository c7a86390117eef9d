package instance

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"gastown/town"
	"gastown/town/durable"
	"gastown/town/lockfile"
)

// Dir is the directory of a Town. It has no state, so several may be used at once, in
// one process and in several.
type Dir struct {
	// Root is the directory, File its note, and Lock the lock file that orders those
	// who change the note. All are absolute paths; File is below Root.
	Root, File, Lock string
	// Wait bounds the wait for the lock.
	Wait time.Duration
	Now  func() time.Time
	// Machine replaces the function Machine, for tests; nil for that.
	Machine func() (id, host string, err error)
}

// Ensure returns the directory's note. A directory without one, and a copy, get a new
// instance first; a directory that was moved has its note updated. Processes that do
// so at once agree.
func (d Dir) Ensure(ctx context.Context) (Note, error) {
	note, verdict, here, err := d.look()
	if err == nil && verdict == Same && note.Place == here {
		return note, nil
	}
	if err != nil {
		return Note{}, err
	}
	return d.change(ctx, func(n Note) Note { return n })
}

// Look returns the note as it is, and what it means for the directory. It changes
// nothing.
func (d Dir) Look() (Note, Verdict, error) {
	note, verdict, _, err := d.look()
	return note, verdict, err
}

// Replace gives the directory a new instance of an epoch, or a higher one, that takes
// the place of all instances of lower ones, the directory's own former ones among them.
func (d Dir) Replace(ctx context.Context, epoch uint64) (Note, error) {
	return d.change(ctx, func(n Note) Note { return n.replacing(epoch, d.Now()) })
}

// Claim begins a promotion: the directory gets a new instance of an epoch, or a higher
// one, and stands by until the promotion has ended.
func (d Dir) Claim(ctx context.Context, epoch uint64) (Note, error) {
	return d.change(ctx, func(n Note) Note {
		by := Standby{Since: d.Now().UTC()}
		if n.Standby != nil {
			by = *n.Standby
		}
		by.Promoting = true
		n = n.replacing(epoch, d.Now())
		n.Standby = &by
		return n
	})
}

// StandBy changes what the directory knows as one that stands by; nil ends that. change
// gets a copy, nil if the directory does not stand by.
func (d Dir) StandBy(ctx context.Context, change func(*Standby) *Standby) (Note, error) {
	return d.change(ctx, func(n Note) Note {
		var now *Standby
		if n.Standby != nil {
			copied := *n.Standby
			now = &copied
		}
		n.Standby = change(now)
		n.Damaged = n.Damaged && n.Standby == nil // a person decided
		return n
	})
}

// Decide notes that the directory takes the place of whichever instance speaks, until
// Met notes that none does.
func (d Dir) Decide(ctx context.Context) error {
	_, err := d.change(ctx, func(n Note) Note {
		n.Decided = true
		return n
	})
	return err
}

// Renew gives the directory a new instance that takes nobody's place: the directory is
// another Town from now on.
func (d Dir) Renew(ctx context.Context) (Note, error) {
	return d.change(ctx, func(n Note) Note { return Note{}.next(Unknown, n.Place, d.Now()) })
}

// Met notes that another instance was found to speak for the Town, nil that the
// directory's own does.
func (d Dir) Met(ctx context.Context, o *Other) error {
	note, verdict, here, err := d.look()
	if err == nil && verdict == Same && note.Place == here && note.Other.same(o) && !((note.Decided || note.Damaged) && o == nil) {
		return nil
	}
	_, err = d.change(ctx, func(n Note) Note {
		n.Other = o
		n.Decided, n.Damaged = n.Decided && o != nil, n.Damaged && o != nil
		return n
	})
	return err
}

// same reports whether nothing new is to be noted.
func (o *Other) same(now *Other) bool {
	if o == nil || now == nil {
		return o == now
	}
	return o.Instance == now.Instance && o.Epoch == now.Epoch && o.Remote == now.Remote
}

// change makes the directory's note valid, applies edit to it and writes it.
func (d Dir) change(ctx context.Context, edit func(Note) Note) (n Note, err error) {
	lock, err := lockfile.Acquire(ctx, d.Lock, lockfile.Options{
		Command: "tell which directory this is", Wait: d.Wait, Op: "tell which directory of the Town this is",
	})
	if err != nil {
		return Note{}, err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	note, verdict, here, err := d.look()
	if err != nil {
		return Note{}, err
	}
	n = edit(note.next(verdict, here, d.Now()))
	data, err := json.MarshalIndent(n, "", "  ")
	if err != nil {
		return Note{}, err
	}
	if err := durable.Sweep(d.File); err != nil {
		return Note{}, err
	}
	if err := durable.WritePrivate(d.File, append(data, '\n')); err != nil {
		return Note{}, town.Fail("note which directory of the Town this is", "see that "+filepath.Dir(d.File)+" may be written", "%w", err)
	}
	return n, nil
}

func (d Dir) look() (note Note, verdict Verdict, here Place, err error) {
	machine := d.Machine
	if machine == nil {
		machine = Machine
	}
	id, host, err := machine()
	if err != nil {
		return note, verdict, here, err
	}
	if here, err = find(d.Root, id, host); err != nil {
		return note, verdict, here, err
	}
	if note, err = read(d.File); err != nil {
		return note, verdict, here, err
	}
	there := d.occupant(note, here)
	verdict = note.Judge(here, there)
	if verdict == Same && note.Place.sameDirectory(here) {
		// It may have several paths, by bind mounts, or a new device number.
		note.Place = here
	}
	return note, verdict, here, nil
}

// occupant looks at the place that the note names.
func (d Dir) occupant(note Note, here Place) Occupant {
	if note.Place.Root == here.Root {
		return Itself
	}
	there, err := os.Stat(note.Place.Root)
	if err != nil {
		return Nobody
	}
	if info, err := os.Stat(here.Root); err == nil && os.SameFile(there, info) {
		return Itself
	}
	below, err := filepath.Rel(d.Root, d.File)
	if err != nil {
		return Nobody
	}
	if n, err := read(filepath.Join(note.Place.Root, below)); err == nil && n.Instance == note.Instance {
		return Original
	}
	return Nobody
}

// read reads a note. One that makes no sense counts as lost: its directory gets a new
// instance, and does not act until a person decides.
func read(path string) (n Note, err error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Note{}, nil
	}
	if err != nil {
		return Note{}, town.Fail("read which directory of the Town this is", "see that this user may read "+path, "%w", err)
	}
	if json.Unmarshal(data, &n) != nil || n.Instance == "" {
		return Note{Damaged: true}, nil
	}
	return n, nil
}
