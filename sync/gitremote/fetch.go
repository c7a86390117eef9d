package gitremote

import (
	"context"
	"fmt"
	"os"

	"gastown/sync/gitcmd"
	"gastown/town"
)

// FetchResult says what a Fetch found.
type FetchResult struct {
	// Head is the remote's commit; "" if Empty.
	Head string
	// Changed: the mirror was brought to Head. When it is false, the mirror was at
	// Head already. The caller knows whether the database has merged it.
	Changed bool
	// NewTables and NewBytes are the table files that arrived.
	NewTables int
	NewBytes  int64
	// Empty: the repository exists, and the ref does not and never did as far as is
	// known here.
	Empty bool
	// NoBranches, beside Empty or ErrGone: the repository has no branch at all,
	// so the first Publish should create one (PublishOptions.CreateInfoBranch).
	NoBranches bool
	// Elsewhere, beside Empty or ErrGone, are the other spaces in which the
	// repository holds a federation.
	Elsewhere []Space
	// PublishedEarlier: Head is the commit of an earlier Publish whose answer
	// was lost; it had arrived.
	PublishedEarlier bool
}

// Fetch brings the mirror to what the remote's ref says: one connection, and
// one git process if there is nothing new. After any error mirror, Head and
// state are as they were, so a later Fetch of a sound remote succeeds.
//
// A manifest that is ahead of the remote is overwritten if the remote has
// changed, and stays otherwise. When the remote has lost a ref that it had, the
// error is ErrGone, and PublishOptions.Recreate makes the ref anew.
func (m *Mirror) Fetch(ctx context.Context) (FetchResult, error) { return m.fetch(ctx, false) }

// fetch is Fetch, with the turns or without.
func (m *Mirror) fetch(ctx context.Context, withTurns bool) (FetchResult, error) {
	m.gone = false
	spec := gitcmd.FetchSpec{URL: m.opts.URL, Ref: m.opts.Ref, Into: m.refs.incoming}
	if b := m.beside; b != nil {
		spec.Second, spec.SecondInto = b.opts.Ref, b.refs.incoming
		b.arrived, b.failed = FetchResult{}, nil
	}
	if withTurns {
		spec.Below, spec.BelowInto = m.opts.Space.Turns(), turnsInto
	}
	got, err := m.repo.Fetch(ctx, spec)
	if err != nil {
		if withTurns && mayBeTurns(ctx, err) {
			return FetchResult{}, m.undoFetch(ctx, fmt.Errorf("%w: %w", errTurnsUnusable, err))
		}
		return FetchResult{}, m.undoFetch(ctx, m.refuse(kinds(err, ErrCorrupt)))
	}
	m.opts.reached("fetched")
	if m.beside != nil && !got.Missing {
		m.beside.arrived, m.beside.failed = m.beside.take(ctx, got.SecondID)
	}
	if got.Missing {
		return m.fetchMissing(ctx)
	}
	res, err := m.takeOver(ctx, got.ID)
	if err != nil {
		return FetchResult{}, m.undoFetch(ctx, m.refuse(err))
	}
	return res, m.repo.DeleteRef(m.refs.incoming)
}

func (m *Mirror) takeOver(ctx context.Context, id string) (FetchResult, error) {
	res := FetchResult{Head: id, PublishedEarlier: id == m.state.Attempt}
	if id == m.head && m.fresh() && m.hasManifest() {
		return res, m.settle()
	}
	before := m.state
	got, err := m.materialise(ctx, id)
	if err == nil {
		err = m.repo.SetRef(m.refs.tracking, id)
	}
	if err != nil {
		m.state = before
		return res, err
	}
	m.opts.reached("ref")
	m.head = id
	m.state.Attempt = ""
	if err := m.saveState(); err != nil {
		return res, err
	}
	m.tidy(ctx)
	res.Changed, res.NewTables, res.NewBytes = true, got.tables, got.bytes
	return res, nil
}

// settle forgets an attempt to publish once its outcome is known.
func (m *Mirror) settle() error {
	if m.state.Attempt == "" {
		return nil
	}
	m.state.Attempt = ""
	return m.saveState()
}

func (m *Mirror) hasManifest() bool {
	_, err := os.Stat(m.manifestPath())
	return err == nil
}

// fetchMissing explains why a ref is not at the remote. This needs a second
// connection.
func (m *Mirror) fetchMissing(ctx context.Context) (FetchResult, error) {
	l, err := m.Look(ctx)
	if err != nil {
		return FetchResult{}, err
	}
	if l.ids[m.opts.Ref] != "" {
		return FetchResult{}, town.Fail("fetch from "+gitcmd.Redact(m.opts.URL), "run it again",
			"%w: %s appeared this moment", ErrRejected, m.opts.Ref)
	}
	if err := m.fetchBeside(ctx); err != nil {
		return FetchResult{}, err
	}
	res := FetchResult{NoBranches: l.NoBranches, Elsewhere: l.Spaces()}
	if m.head != "" {
		m.gone = true
		// No step: the engine knows the command that publishes anew.
		return res, town.Fail("fetch "+m.opts.Ref+" from "+gitcmd.Redact(m.opts.URL), "", "%w; the last known commit is %s", ErrGone, m.head)
	}
	res.Empty = true
	return res, m.settle()
}

// fetchBeside fetches the second ref when the first is missing. A repository that
// was made anew, or is another one, has lost both refs, and what is known of the
// second must not prevent a new start. It costs a connection, except for a
// repository that is new here.
func (m *Mirror) fetchBeside(ctx context.Context) error {
	b := m.beside
	if b == nil || m.head == "" && b.head == "" {
		return nil
	}
	got, err := m.repo.Fetch(ctx, gitcmd.FetchSpec{URL: m.opts.URL, Ref: b.opts.Ref, Into: b.refs.incoming})
	if err != nil {
		return m.undoFetch(ctx, m.refuse(kinds(err, ErrCorrupt)))
	}
	b.arrived, b.failed = b.take(ctx, got.ID)
	return nil
}

// undoFetch forgets what a failed fetch has brought. Its objects stay in the cache
// and may save a second transfer, until the cache is larger than tidy allows: a
// remote that is refused again and again must not fill the disk.
func (m *Mirror) undoFetch(ctx context.Context, err error) error {
	if derr := m.repo.DeleteRef(m.refs.incoming); derr != nil {
		return fmt.Errorf("%w (and %w)", err, derr)
	}
	if ctx.Err() == nil {
		m.tidy(ctx)
	}
	return err
}
