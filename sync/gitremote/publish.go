package gitremote

import (
	"context"
	"errors"
	"time"

	"gastown/sync/gitcmd"
	"gastown/town"
)

// PublishOptions say how a Publish is signed.
type PublishOptions struct {
	// Message is the commit's text; a trailer is added to it.
	Message string
	// AuthorName and AuthorEmail sign the commit.
	AuthorName, AuthorEmail string
	// When is the commit's time; now if zero.
	When time.Time
	// CreateInfoBranch also creates the branch __dolt_remote_info__ with a
	// short explanation, because the stock dolt command takes a repository
	// without any branch for an error. See FetchResult.NoBranches.
	CreateInfoBranch bool
	// Recreate publishes everything anew where the last Fetch reported
	// ErrGone.
	Recreate bool
}

// PublishResult says what a Publish did.
type PublishResult struct {
	// Head is the remote's commit, confirmed by the server's own report.
	Head string
	// Unchanged: the remote has this content already; no connection was made.
	Unchanged bool
	// Sent is the number of bytes sent, as far as git tells.
	Sent int64
	// Squashed: the commit has no parent; see history.
	Squashed bool
}

// Publish brings the remote's ref to what the mirror says, if the ref is still
// at Head: one connection, and two git processes. Success means that the
// server confirmed it.
//
// ErrRejected means that another Town was first and nothing was changed: Reset,
// Fetch, merge, push into the mirror, and Publish again. ErrUnknownOutcome
// means that the answer was lost: Fetch, and go on from what it finds. After
// any other error the remote is as it was.
func (m *Mirror) Publish(ctx context.Context, o PublishOptions) (PublishResult, error) {
	op := "publish to " + m.opts.Ref + " of " + gitcmd.Redact(m.opts.URL)
	if o.Recreate && !m.gone {
		return PublishResult{}, town.Fail(op, "pull first", "%w: the remote was not seen without its ref", ErrRejected)
	}
	if m.head != "" && !m.fresh() {
		if _, err := m.describe(ctx, m.head); err != nil {
			return PublishResult{}, m.refuse(err)
		}
	}
	base := m.state
	if o.Recreate {
		base = state{Version: stateVersion}
	}
	d, err := m.draft(base)
	if err != nil {
		return PublishResult{}, town.Fail(op, "pull, then push again", "%w", diskErr(err))
	}
	if d.same(base) {
		return PublishResult{Head: m.head, Unchanged: true}, nil
	}
	res, err := m.send(ctx, base, d, o)
	if res.Squashed && (errors.Is(err, gitcmd.ErrNonFastForward) || errors.Is(err, gitcmd.ErrReadOnly)) {
		// Many servers forbid rewinding a ref, by a hook or a setting, and
		// not all of them say that this is the reason.
		m.log.WithError(err).Info("the remote refuses to cut its history, keeping it")
		base.KeepHistory = true
		m.state.KeepHistory = true
		res, err = m.send(ctx, base, d, o)
	}
	return res, err
}

// send commits a draft on top of base and pushes it.
func (m *Mirror) send(ctx context.Context, base state, d draft, o PublishOptions) (PublishResult, error) {
	next, info, squashed, err := m.commit(ctx, base, d, o)
	if err != nil {
		return PublishResult{}, m.dropOutgoing(err)
	}
	m.opts.reached("committed")
	m.state.Attempt = next.Head
	if err := m.saveState(); err != nil {
		return PublishResult{}, m.dropOutgoing(err)
	}
	updates := []gitcmd.Update{{Ref: m.opts.Ref, Old: base.Head, New: next.Head}}
	if info != "" {
		updates = append(updates, gitcmd.Update{Ref: infoBranch, New: info})
	}
	res, err := m.repo.Push(ctx, m.opts.URL, updates...)
	m.opts.reached("pushed")
	if err != nil {
		if !errors.Is(err, ErrUnknownOutcome) {
			m.state.Attempt = ""
			err = errors.Join(err, m.saveState())
		}
		return PublishResult{Squashed: squashed}, m.dropOutgoing(err)
	}
	if err := m.repo.SetRef(trackingRef, next.Head); err != nil {
		return PublishResult{}, err
	}
	m.opts.reached("ref")
	m.head, m.state, m.gone = next.Head, next, false
	if err := m.saveState(); err != nil {
		return PublishResult{}, err
	}
	if err := m.dropOutgoing(nil); err != nil {
		return PublishResult{}, err
	}
	m.tidy(ctx)
	return PublishResult{Head: next.Head, Sent: res.Bytes, Squashed: squashed}, nil
}

func (m *Mirror) dropOutgoing(err error) error {
	return errors.Join(err, m.repo.DeleteRef(outgoingRef), m.repo.DeleteRef(infoRef))
}
