package federate

import "context"

// Synced is the outcome of Sync.
type Synced struct {
	// Recorded is what was recorded first.
	Recorded Recorded
	Pulled   Pulled
	Pushed   Pushed
}

// Sync records edits, pulls, and pushes.
func (e *Engine) Sync(ctx context.Context, remote Remote, dry bool) (out Synced, err error) {
	if !dry && !e.opts.OnlyLedger {
		// First, so that an edit and what arrives meet in a merge, by policy.
		if out.Recorded, err = e.Commit(ctx, ""); err != nil {
			return out, err
		}
	}
	if out.Pulled, err = e.Pull(ctx, remote, dry); err != nil {
		return out, err
	}
	out.Pushed, err = e.Push(ctx, remote, dry)
	return out, err
}
