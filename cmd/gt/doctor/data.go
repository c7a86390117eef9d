package doctor

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/doltdb"
	"gastown/planes/doltdb/tables"
	"gastown/planes/federation"
	"gastown/sync/federate"
	"gastown/town"
	"gastown/town/layout"
)

const (
	// remoteDeadline bounds the contact with one remote.
	remoteDeadline = 20 * time.Second
	// skewAllowed is how far in the future a recorded time may be.
	skewAllowed = 5 * time.Minute
)

// databases opens each plane, which checks the identity of its store, reads every
// row, and checks every chunk of its files.
func (d *doctor) databases(ctx context.Context) (found []finding, err error) {
	for _, plane := range host.Planes {
		opts := d.host.Database(plane)
		if opts.External == nil && !exists(opts.Dir) {
			continue // examined under layout
		}
		err := d.read(ctx, plane)
		if err == nil && opts.External == nil {
			err = tables.VerifyFiles(ctx, opts.Dir, filepath.Join(filepath.Dir(opts.Dir), ".verify-"+plane))
		}
		switch {
		case err == nil:
		case errors.Is(err, town.ErrBusy):
			found = append(found, finding{Severity: note, What: "the " + plane + " plane was not examined: " + shell.Message(err), Why: "somebody works with it"})
		case errors.Is(err, doltdb.ErrCorrupt):
			found = append(found, d.damaged(plane, err))
		default:
			found = append(found, finding{Severity: problem, What: fmt.Sprintf("the %s plane cannot be read: %s", plane, shell.Message(err)),
				Why: "commands that need it fail", Next: shell.Advice(err)})
		}
	}
	return found, nil
}

// damaged describes a plane that cannot be read, and what brings it back: of the
// federation what a remote holds, of another plane what its journal holds before the
// damage.
func (d *doctor) damaged(plane string, err error) finding {
	opts := d.host.Database(plane)
	f := finding{Severity: problem, What: fmt.Sprintf("the %s plane is damaged: %s", plane, shell.Message(err)),
		Why:  "what is damaged cannot be read, now or when it is needed",
		Next: "copy " + opts.Dir + " elsewhere, then put a backup of it in its place"}
	if to, _, err := d.host.Config.Get("backup.to"); err == nil && to != "" {
		f.Next = "bring back this plane with --plane, or all of them, from the newest backup, which keeps what is there now: gt backup restore"
	}
	if plane == layout.Federation {
		known, cerr := d.engine.Contacts(d.host.Remotes())
		i := slices.IndexFunc(known, func(c federate.Contact) bool { return c.Confirmed })
		if cerr == nil && i >= 0 {
			f.Next = "gt federation join " + known[i].URL + " --name " + known[i].Name + " takes it anew from there; the files in " + d.layout.Files() + " stay"
			return f
		}
	}
	if errors.Is(err, doltdb.ErrJournal) {
		f.Fix = "goes on from what was recorded before the damage, and moves the damaged plane to " + d.layout.Retired()
		f.repair = func(ctx context.Context) error { return d.revive(ctx, plane) }
	}
	return f
}

// revive brings a plane back whose journal is damaged. The operational plane is made
// anew if nothing is left of it, because it holds only the state of this machine.
func (d *doctor) revive(ctx context.Context, plane string) error {
	opts, retired := d.host.Database(plane), d.layout.Retired()
	_, err := doltdb.Revive(ctx, opts, retired, d.call.Now(), func(copied doltdb.Options) error { return d.readAt(ctx, plane, copied) })
	if err == nil || plane != layout.Operational || errors.Is(err, town.ErrBusy) || ctx.Err() != nil {
		return err
	}
	release, lerr := doltdb.LockDirectory(ctx, opts)
	if lerr != nil {
		return lerr
	}
	_, err = doltdb.Retire(opts.Dir, retired, plane, d.call.Now())
	if err = errors.Join(err, release()); err != nil {
		return err
	}
	return d.complete(ctx)
}

// read opens a plane and reads all of it.
func (d *doctor) read(ctx context.Context, plane string) (err error) {
	if plane == layout.Federation {
		return d.engine.Read(ctx, func(s *federation.Store) error { return s.ReadAll(ctx) })
	}
	return d.readAt(ctx, plane, d.host.Database(plane))
}

// readAt is read for a database in a directory of its own.
func (d *doctor) readAt(ctx context.Context, plane string, opts doltdb.Options) error {
	return d.host.ReadAt(ctx, plane, opts)
}

// remotes examines each remote's mirror and exchange, and asks the remote for news.
func (d *doctor) remotes(ctx context.Context, offline bool) (found []finding, err error) {
	all := d.host.Remotes()
	known, err := d.engine.Contacts(all)
	if err != nil {
		return nil, err
	}
	older, err := d.engine.Older(ctx)
	if err != nil && !errors.Is(err, town.ErrBusy) {
		return nil, err
	}
	for i, r := range all {
		c := known[i]
		if !c.Confirmed {
			found = append(found, finding{Severity: warning, What: fmt.Sprintf("nobody has confirmed the remote %s (%s)", r.Name, r.URL),
				Why: "nothing is exchanged with it", Next: "gt federation join " + r.URL + " --name " + r.Name})
			continue
		}
		if c.Verified.After(d.call.Now().Add(skewAllowed)) {
			found = append(found, finding{Severity: warning, What: fmt.Sprintf("%s was last in step in the future (%s)", r.Name, c.Verified.Format(time.RFC3339)),
				Why: "the clock was set back, so ages that are shown are wrong", Next: "correct the clock"})
		}
		found = append(found, append(d.mirror(ctx, r), d.exchange(ctx, r)...)...)
		found = append(found, d.refusedPushes(c)...)
		if slices.Contains(older, r.Name) {
			found = append(found, d.older(r, offline))
		}
		if offline {
			found = append(found, d.remembered(c)...)
			continue
		}
		found = append(found, d.contact(ctx, r)...)
	}
	return found, nil
}

// older is the finding that the plane lacks what was exchanged with a remote.
func (d *doctor) older(r federate.Remote, offline bool) finding {
	return finding{Severity: problem, What: "the databases of this Town are older than what was exchanged with " + r.Name,
		Why: "they were restored from an older copy, or lost their end in a crash; until they catch up, this Town knows less than it published",
		Fix: "brings back what the mirror of the remote holds, or else the remote",
		repair: func(ctx context.Context) error {
			err := d.engine.BringBack(ctx, r)
			if err != nil && !offline {
				_, err = d.engine.Pull(ctx, r, false)
			}
			return err
		}}
}

// mirror examines the local copy of what a remote holds.
func (d *doctor) mirror(ctx context.Context, r federate.Remote) []finding {
	err := d.engine.VerifyMirror(ctx, r)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, town.ErrBusy):
		return []finding{{Severity: note, What: "the mirror of " + r.Name + " was not examined: " + shell.Message(err)}}
	case !errors.Is(err, doltdb.ErrCorrupt):
		return []finding{{Severity: problem, What: "the mirror of " + r.Name + " cannot be read: " + shell.Message(err), Next: shell.Advice(err),
			Why: "nothing can be exchanged with the remote"}}
	}
	return []finding{{Severity: problem, What: "the mirror of " + r.Name + " is damaged: " + shell.Message(err),
		Why: "a pull from it fails, or a push would send what is damaged",
		Fix: "makes a new one from the last verified state, and moves the damaged one beside it",
		repair: func(ctx context.Context) error {
			_, err := d.engine.RemakeMirror(ctx, r)
			return err
		}}}
}

// exchange examines the database of records exchanged with a remote.
func (d *doctor) exchange(ctx context.Context, r federate.Remote) []finding {
	err := d.engine.VerifyExchange(ctx, r)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, town.ErrBusy):
		return []finding{{Severity: note, What: "the records exchanged with " + r.Name + " were not examined: " + shell.Message(err)}}
	case errors.Is(err, doltdb.ErrNewerSchema):
		return []finding{{Severity: problem, What: "the records exchanged with " + r.Name + " cannot be read: " + shell.Message(err), Next: shell.Advice(err),
			Why: "nothing can be published at the remote"}}
	}
	return []finding{{Severity: problem, What: "the records exchanged with " + r.Name + " cannot be read: " + shell.Message(err),
		Why: "nothing can be published at the remote, and records of other Towns are not shown",
		Fix: "moves them aside, where they stay; the next sync makes them anew from the remote and the ledger",
		repair: func(ctx context.Context) error {
			_, err := d.engine.PutExchangeAside(ctx, r)
			return err
		}}}
}

// contact asks a remote what it holds for the Town.
func (d *doctor) contact(ctx context.Context, r federate.Remote) []finding {
	ctx, cancel := context.WithTimeout(ctx, remoteDeadline)
	defer cancel()
	out, err := d.engine.Pull(ctx, r, true)
	switch {
	case errors.Is(err, town.ErrBusy):
		return []finding{{Severity: note, What: r.Name + " was not asked: " + shell.Message(err)}}
	case err != nil:
		return []finding{{Severity: warning, What: r.Name + ": " + shell.Message(err), Next: shell.Advice(err),
			Why: "what this Town and others write does not meet until it works again; nothing is lost meanwhile"}}
	case out.Commits > 0:
		return []finding{{Severity: note, What: fmt.Sprintf("%s has %s for this Town", r.Name, term.Plural(out.Commits, "commit", "commits")), Next: "gt federation pull"}}
	}
	return nil
}

// remembered describes the last exchange with a remote.
func (d *doctor) remembered(c federate.Contact) (found []finding) {
	next := "gt federation sync --remote " + c.Name
	if c.Pull.Failing {
		return append(found, finding{Severity: warning, What: fmt.Sprintf("the last pull from %s failed %s: %s", c.Name, d.call.Ago(c.Pull.Failed), town.Clip(c.Pull.Error, 500)),
			Why: "what this Town and others write does not meet until it works again; nothing is lost meanwhile", Next: next})
	}
	if c.Verified.IsZero() {
		found = append(found, finding{Severity: warning, What: c.Name + " was never in step with this Town",
			Why: "what this Town and others write does not meet; nothing is lost meanwhile", Next: next})
	}
	return found
}

// refusedPushes reports a remote from which this Town may pull and to which it
// cannot push. A doctor's contact with the remote is a pull, which does not tell.
func (d *doctor) refusedPushes(c federate.Contact) []finding {
	if !c.Push.Failing {
		return nil
	}
	since := "no push has succeeded yet"
	if !c.Push.Succeeded.IsZero() {
		since = "the last one that succeeded was " + d.call.Ago(c.Push.Succeeded)
	}
	return []finding{{Severity: warning,
		What: fmt.Sprintf("the last push to %s failed %s, and %s: %s", c.Name, d.call.Ago(c.Push.Failed), since, town.Clip(c.Push.Error, 500)),
		Why:  "other Towns do not get what this Town writes; nothing is lost meanwhile", Next: "gt federation push --remote " + c.Name}}
}

// backup says so when the Town's backups go nowhere. How old they are and whether a restore
// was tested is the Deacon's check backup.
func (d *doctor) backup(context.Context) ([]finding, error) {
	to, _, err := d.host.Config.Get("backup.to")
	if err != nil || to != "" {
		return nil, err
	}
	return []finding{{Severity: note, What: "no backups are taken", Why: "a disk that fails takes the Town's databases along",
		Next: "gt config backup.to /mnt/backups"}}, nil
}
