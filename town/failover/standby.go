package failover

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"gastown/town"
	"gastown/town/backup"
	"gastown/town/instance"
)

// Refreshed is what Refresh did.
type Refreshed struct {
	// Point and Files are the points that the directory has now; New says that Point was
	// restored by this call.
	Point, Files string
	New          bool
	// Kept is where what it replaced is, when that held something that was written here.
	Kept string
	// Reached counts the remotes that answered.
	Reached int
}

// Refresh brings a directory that stands by up to date: it restores the newest point that
// the active directory took, unless it has that, and pulls. How it went is in the note.
func (t *Town) Refresh(ctx context.Context) (out Refreshed, err error) {
	err = t.locked(ctx, "bring the standby up to date", func() error {
		out, err = t.refresh(ctx)
		if err == nil {
			reached, _ := t.pull(ctx)
			out.Reached = len(reached)
		}
		return err
	})
	return out, err
}

// refresh is Refresh without the federation.
func (t *Town) refresh(ctx context.Context) (out Refreshed, err error) {
	note, err := t.Dir.Ensure(ctx)
	if err != nil {
		return out, err
	}
	if note.Standby == nil || note.Standby.Of == "" {
		return out, town.Fail("bring the standby up to date", "gt town standby --of PLACE", "%w: this directory stands by for none", town.ErrRefused)
	}
	if note.Standby.Promoting && t.superseded(ctx) {
		if err := t.note(ctx, func(by *instance.Standby) { by.Promoting = false }); err != nil {
			return out, err
		}
		note.Standby.Promoting = false
	}
	if note.Standby.Promoting || note.Standby.Yields {
		return out, nil // what is here is about to be the Town, or is not published yet
	}
	err = t.restore(ctx, &out)
	if ctx.Err() != nil {
		return out, ctx.Err() // somebody ended it, which says nothing about the place
	}
	now := t.Now().UTC()
	_, nerr := t.Dir.StandBy(ctx, func(by *instance.Standby) *instance.Standby {
		switch {
		case by == nil:
		case err != nil:
			by.Failed, by.Error = now, town.Clip(town.Plain(err.Error()), 1000)
		default:
			by.Looked, by.Error = now, ""
		}
		return by
	})
	return out, errors.Join(err, nerr)
}

// restore takes what is newer in the backups than what is here.
func (t *Town) restore(ctx context.Context, out *Refreshed) error {
	if t.Keeper == nil {
		return cmp.Or(t.Unusable, backup.ErrNoDestination)
	}
	to, err := t.Keeper.Destination("")
	if err != nil {
		return err
	}
	note, _, err := t.Dir.Look()
	if err != nil {
		return err
	}
	active, err := t.follows(ctx, note)
	if err != nil {
		return err
	}
	files, err := t.Keeper.Newest(ctx, to, backup.Files, active)
	if err != nil && !errors.Is(err, backup.ErrNoPoint) {
		return err
	}
	if err == nil && files.Name != note.Standby.Files {
		t.tell("restoring configuration")
		if _, err := t.Keeper.RestoreFiles(ctx, to, files, false); err != nil {
			return err
		}
		if err := t.note(ctx, func(by *instance.Standby) { by.Files = files.Name }); err != nil {
			return err
		}
	}
	out.Files = files.Name
	point, err := t.Keeper.Newest(ctx, to, backup.Databases, active)
	if err != nil {
		return err
	}
	out.Point = point.Name
	if point.Name == note.Standby.Point {
		return nil
	}
	written, err := t.written(ctx, to, note.Standby.Point)
	if err != nil {
		return err
	}
	t.tell("restoring " + point.Name)
	done, err := t.Keeper.Restore(ctx, to, point, "")
	if err != nil {
		return err
	}
	out.New = true
	err = t.note(ctx, func(by *instance.Standby) { by.Point, by.Taken = point.Name, point.Dated.UTC() })
	if err == nil && !written && done.Kept != "" {
		if err := os.RemoveAll(done.Kept); err != nil {
			return err
		}
		_ = os.Remove(filepath.Dir(done.Kept)) // it stays if something else is in it
		return nil
	}
	out.Kept = done.Kept
	return err
}

// follows is the instance whose points are taken, and notes it: the one that speaks, or
// that spoke last; "" when none is known.
func (t *Town) follows(ctx context.Context, note instance.Note) (active string, err error) {
	if in, err := t.Engine.Instance(ctx); err == nil {
		active = in.Entry.Instance
	} // there is no plane yet
	if active == "" || active == note.Standby.Active {
		return note.Standby.Active, nil
	}
	return active, t.note(ctx, func(by *instance.Standby) { by.Active = active })
}

// superseded reports whether another directory took the place that an interrupted
// promotion claimed: nothing comes of it, and the directory goes on to follow.
func (t *Town) superseded(ctx context.Context) bool {
	in, err := t.Engine.Instance(ctx)
	return err == nil && in.Other != ""
}

// written reports whether the ledger here holds something that the point which was
// restored last does not have: then what the next one replaces stays. The other planes
// hold nothing that is written here.
func (t *Town) written(ctx context.Context, to backup.Destination, point string) (bool, error) {
	if point == "" {
		return t.hasPlanes(), nil
	}
	e, err := t.Keeper.Choose(ctx, to, backup.Databases, point, t.Now())
	if errors.Is(err, backup.ErrNoPoint) || err == nil && e.Point == nil {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	changes, err := t.Keeper.Changes(ctx, e, "ledger")
	return len(changes.Changes) > 0, err
}

// hasPlanes reports whether a database is here. Where none is, a restore replaces nothing
// but lock files.
func (t *Town) hasPlanes() bool {
	return slices.ContainsFunc(t.Keeper.Planes, func(s backup.Source) bool {
		_, err := os.Lstat(s.Dir)
		return !errors.Is(err, fs.ErrNotExist)
	})
}

func (t *Town) note(ctx context.Context, change func(*instance.Standby)) error {
	_, err := t.Dir.StandBy(ctx, func(by *instance.Standby) *instance.Standby {
		if by != nil {
			change(by)
		}
		return by
	})
	return err
}

// StandBy makes this directory one that stands by, which gives up a promotion that was
// interrupted. Where it is the active one, or the registry names it as that, it steps down:
// nothing acts here from now on, and when everything that it has is in the backups and
// published, the registry says that no directory speaks for the Town. take takes the last
// backup. Remotes that cannot be reached keep the directory from stepping down; the next call
// goes on.
//
// Where the registry does not know the Town, as in a Town without a federation, the active
// directory steps down, too, unless another one takes the backups by now.
func (t *Town) StandBy(ctx context.Context, place Place, take func(context.Context) error) (stepped bool, err error) {
	err = t.locked(ctx, "stand by", func() error {
		stepped, err = t.standBy(ctx, place, take)
		return err
	})
	return stepped, err
}

// Place is where a directory that stands by finds backups.
type Place struct {
	// Of is the place, in the form of backup.to, and Key the file with its key, if it has one.
	Of, Key string
	// Others: another directory took the newest point there.
	Others bool
}

func (t *Town) standBy(ctx context.Context, place Place, take func(context.Context) error) (stepped bool, err error) {
	note, err := t.Dir.Ensure(ctx)
	if err != nil {
		return false, err
	}
	speaks, unknown := t.speaks(ctx, note)
	active, promoting := note.Role() == instance.Active, note.Standby != nil && note.Standby.Promoting
	yields := speaks && (active || promoting) || unknown && active && !place.Others
	note, err = t.Dir.StandBy(ctx, func(by *instance.Standby) *instance.Standby {
		if by == nil {
			by = &instance.Standby{Since: t.Now().UTC()}
		}
		by.Yields = by.Yields || yields
		if speaks && yields {
			by.Active = note.Instance
		}
		by.Promoting = false // whoever lets it stand by gives the promotion up
		by.Of, by.Key = place.Of, place.Key
		return by
	})
	if err != nil || !note.Standby.Yields {
		return false, err
	}
	if err := take(ctx); err != nil {
		return false, fmt.Errorf("take the last backup: %w", err)
	}
	remotes := t.Remotes
	if unknown {
		remotes = nil // there is nothing to take back
	}
	for _, r := range remotes {
		t.tell("stepping down at " + r.Name)
		if _, err := t.Engine.StepDown(ctx, r); err != nil {
			return false, err
		}
	}
	return true, t.note(ctx, func(by *instance.Standby) { by.Yields = false })
}

// speaks reports whether the registry names this directory as the one that speaks for the
// Town, or unknown, whether it has never named any, as far as is known here.
func (t *Town) speaks(ctx context.Context, note instance.Note) (speaks, unknown bool) {
	in, err := t.Engine.Instance(ctx)
	if err != nil || in.Other != "" {
		return false, false
	}
	return in.Entry.Instance == note.Instance, in.Entry.Instance == "" && in.Entry.Epoch == 0
}
