package gitremote

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"gastown/sync/gitcmd"
	"gastown/town"
	"gastown/town/durable"
)

// Beside opens a second mirror, of another ref of the same repository, in the
// directory NAME below the first one's. The two share the object cache and their
// connections: Fetch of the first brings both refs (see Arrived), and Publish
// with PublishOptions.Beside sends both. The ref may be missing at the remote.
//
// A fault of the second ref does not affect the first.
func (m *Mirror) Beside(ctx context.Context, name, ref string) (*Mirror, error) {
	if err := gitcmd.CheckRef(ref); err != nil {
		return nil, err
	}
	b := &Mirror{opts: m.opts, log: m.log, refs: refsOf(name), lead: m}
	b.opts.Dir, b.opts.Ref = filepath.Join(m.opts.Dir, name), ref
	if err := b.begin(ctx); err != nil {
		return nil, err
	}
	m.beside = b
	return b, nil
}

// Arrived is what the last Fetch of the first mirror brought for this one. Its
// error is about this ref alone, and then mirror, Head and state are as they were.
// ErrGone: the remote has lost the ref, see Forget. Seen is false when no Fetch has
// looked yet.
func (m *Mirror) Arrived() (res FetchResult, seen bool, err error) {
	return m.arrived, m.failed != nil || m.arrived.Empty || m.arrived.Head != "", m.failed
}

// Forget drops what is known of a ref that is gone, and the content of the mirror,
// so that the next Publish makes the ref anew.
func (m *Mirror) Forget() error {
	if err := os.Remove(m.manifestPath()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := errors.Join(durable.SyncDir(m.Dir()), m.repo.DeleteRef(m.refs.tracking)); err != nil {
		return err
	}
	m.head, m.state, m.arrived, m.failed = "", state{Version: stateVersion}, FetchResult{}, nil
	return m.saveState()
}

// take brings the mirror to the commit that a fetch brought. The id is "" when the
// remote has no such ref.
func (m *Mirror) take(ctx context.Context, id string) (FetchResult, error) {
	if id == "" {
		if m.head != "" {
			// No step: the engine knows what the records of the ledger need.
			return FetchResult{}, town.Fail("fetch "+m.opts.Ref+" from "+gitcmd.Redact(m.opts.URL), "", "%w; the last known commit is %s", ErrGone, m.head)
		}
		return FetchResult{Empty: true}, m.settle()
	}
	res, err := m.takeOver(ctx, id)
	if err != nil {
		return FetchResult{}, m.undoFetch(ctx, m.refuse(err))
	}
	return res, m.repo.DeleteRef(m.refs.incoming)
}
