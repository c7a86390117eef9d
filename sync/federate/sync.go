package federate

import (
	"context"

	"gastown/sync/gitremote"
)

// Synced is the outcome of Sync.
type Synced struct {
	// Recorded is what was recorded first.
	Recorded Recorded
	Pulled   Pulled
	Pushed   Pushed
}

// Sync records edits, pulls, and pushes, with the remote locked all the time.
// Where there is nothing to publish it makes one connection.
func (e *Engine) Sync(ctx context.Context, remote Remote, dry bool) (out Synced, err error) {
	if dry {
		if out.Pulled, err = e.Pull(ctx, remote, dry); err == nil {
			out.Pushed, err = e.Push(ctx, remote, dry)
		}
		return out, err
	}
	if !e.opts.OnlyLedger {
		// First, so that an edit and what arrives meet in a merge, by policy.
		if out.Recorded, err = e.Commit(ctx, ""); err != nil {
			return out, err
		}
	}
	op := "pull from "
	err = e.meet(ctx, remote, func(l *remoteLock, m *gitremote.Mirror) (err error) {
		if out.Pulled, err = e.pull(ctx, l, m, false); err != nil {
			return err
		}
		op, out.Pushed.Remote = "push to ", remote.Name
		return e.push(ctx, l, m, gitremote.PublishOptions{}, &out.Pushed)
	})
	return out, e.advise(op+remote.Name, err)
}
