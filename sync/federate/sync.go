package federate

import (
	"context"
	"errors"

	"gastown/planes/doltdb"
)

// Synced is the outcome of Sync.
type Synced struct {
	// Recorded is the outcome of recording, which comes first.
	Recorded Recorded
	Pulled   Pulled
	Pushed   Pushed
}

// Arrived names the documents that other Towns changed: in the pull, and in what the
// push merged.
func (s Synced) Arrived() Changes {
	var all Changes
	all.Add(s.Pulled.Arrived)
	if s.Pushed.Pulled != nil {
		all.Add(s.Pushed.Pulled.Arrived)
	}
	return all
}

// Sync records edits, pulls, and pushes, in one session. Where there is nothing
// to publish it makes one connection.
func (e *Engine) Sync(ctx context.Context, remote Remote, dry bool) (out Synced, err error) {
	if dry {
		if out.Pulled, err = e.Pull(ctx, remote, dry); err == nil {
			out.Pushed, err = e.Push(ctx, remote, dry)
		}
		return out, err
	}
	var secrets error
	if !e.opts.OnlyLedger {
		// Edits are recorded before the pull, so that an edit and what arrives meet
		// in a merge and sync/policy decides.
		out.Recorded, err = e.commit(ctx, "", true)
		if errors.Is(err, errSecrets) {
			secrets = err // what other Towns wrote arrives nevertheless
		} else if err != nil && !errors.Is(err, doltdb.ErrUnfit) {
			return out, err
		}
		// What other Towns have published may be what puts an unfit plane right.
	}
	op := "pull from " // what is under way
	s, err := e.begin(ctx, remote)
	if err != nil {
		return out, e.advise(op+remote.Name, remote, err)
	}
	if out.Recorded.Commit != "" && out.Recorded.onto == s.state.Commit {
		s.searched = out.Recorded.Commit
	}
	doing := &s.state.Pull
	defer func() { err = e.advise(op+remote.Name, remote, s.end(err, doing)) }()
	s.withTurns = true
	pulled, err := s.pull(ctx, false)
	if out.Pulled = pulled.Pulled; err != nil {
		return out, err
	}
	if secrets != nil {
		return out, secrets
	}
	op, doing, out.Pushed.Remote = "push to ", &s.state.Push, remote.Name
	err = s.push(ctx, pushOptions{}, &out.Pushed)
	return out, err
}
