package gitremote

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gastown/sync/gitcmd"
	"gastown/town"
)

// PublishOptions say what a Publish sends and under whose name.
type PublishOptions struct {
	// Message is the commit's text; a trailer is added to it.
	Message string
	// AuthorName and AuthorEmail sign the commit.
	AuthorName, AuthorEmail string
	// When is the commit's time; now if zero.
	When time.Time
	// CreateInfoBranch also creates the branch __dolt_remote_info__ with a
	// short explanation, because the stock dolt command refuses a repository
	// without any branch. See FetchResult.NoBranches.
	CreateInfoBranch bool
	// Recreate publishes everything anew when the last Fetch reported ErrGone.
	Recreate bool
	// Beside also publishes the mirror that was opened beside this one, in the
	// same push: both refs move or none.
	Beside bool
	// Absorbed are turns of other Towns whose content the mirror has. The push
	// removes their refs, and this Town's own.
	Absorbed []Turn
	// Guard refuses the push, with ErrTurnsWait, if turns wait that the last
	// FetchTurns did not bring or that were not absorbed. A push right after a fetch
	// needs no guard; with one, Towns that leave turns could delay it for ever.
	Guard bool

	turn bool // the commit is a turn: its history is not cut
}

// forBeside is the options for the second mirror.
func (o PublishOptions) forBeside() PublishOptions {
	o.CreateInfoBranch, o.Recreate, o.Beside, o.Absorbed, o.Guard = false, false, false, nil, false
	return o
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

// Publish gives the remote's ref the content of the mirror, if the ref is still at
// Head. It makes one connection and starts two git processes, or three with the
// second mirror. Success means that the server confirmed it.
//
// ErrRejected means that another Town was first and nothing was changed: Reset,
// Fetch, merge, push into the mirror, and Publish again. ErrUnknownOutcome
// means that the answer was lost: Fetch, and go on from what it finds. After
// any other error the remote is as it was.
func (m *Mirror) Publish(ctx context.Context, o PublishOptions) (PublishResult, error) {
	var parts []*outgoing
	lead, err := m.prepare(ctx, o)
	if err != nil {
		return PublishResult{}, err
	}
	if b := m.beside; b != nil && o.Beside {
		other, err := b.prepare(ctx, o.forBeside())
		if err != nil {
			return PublishResult{}, err
		}
		if !other.same {
			parts = append(parts, other)
		}
	}
	if lead.same && len(parts) == 0 {
		return PublishResult{Head: m.head, Unchanged: true}, nil
	}
	// An unchanged ref is sent as it is, so that the server confirms it too.
	parts = append([]*outgoing{lead}, parts...)
	res, err := m.sendAll(ctx, parts, o)
	if !res.Squashed || !errors.Is(err, gitcmd.ErrNonFastForward) && !errors.Is(err, gitcmd.ErrReadOnly) {
		return res, err
	}
	// Many servers forbid rewinding a ref, by a hook or a setting, and
	// not all of them say that this is the reason.
	m.log.WithError(err).Info("the remote refuses to cut its history, keeping it")
	for _, p := range parts {
		if p.squashed {
			p.base.KeepHistory, p.m.state.KeepHistory = true, true
		}
	}
	return m.sendAll(ctx, parts, o)
}

// sendAll is send at a host that may not accept turns, or not several refs at once.
func (m *Mirror) sendAll(ctx context.Context, parts []*outgoing, o PublishOptions) (PublishResult, error) {
	res, removed, err := m.send(ctx, parts, o)
	switch {
	case errors.Is(err, gitcmd.ErrNotAtomic):
		m.host.Apart = true
		if err := m.saveHost(); err != nil {
			return res, err
		}
		res, _, err = m.send(ctx, parts, o)
	case removed > 0 && (errors.Is(err, gitcmd.ErrReadOnly) || errors.Is(err, gitcmd.ErrNonFastForward) && !res.Squashed):
		// Perhaps only turns may not be removed there.
		skip := m.host.Skip
		m.host.Skip = time.Now().Add(skipTurns)
		if again, _, aerr := m.send(ctx, parts, o); aerr == nil {
			m.log.WithError(err).Info("the remote accepts no removal of a turn, going on without turns")
			return again, m.saveHost()
		}
		m.host.Skip = skip
	}
	if err == nil && m.host.Apart {
		m.removeApart(ctx, o)
	}
	return res, err
}

// removeApart removes turns at a host that cannot move several refs at once. What
// stays there is removed by a later publication.
func (m *Mirror) removeApart(ctx context.Context, o PublishOptions) {
	apart := m.host.Apart
	m.host.Apart = false
	updates, err := m.removals(o)
	m.host.Apart = apart
	for _, u := range updates {
		if _, perr := m.repo.Push(ctx, m.opts.URL, u); perr != nil {
			err = errors.Join(err, perr)
			continue
		}
		err = errors.Join(err, m.forgetTurns([]gitcmd.Update{u}))
	}
	if err != nil {
		m.log.WithError(err).Info("turns were not removed at the remote")
	}
}

// outgoing is one ref of a publish.
type outgoing struct {
	m    *Mirror
	base state
	d    draft
	same bool // the remote has this content already

	next     state
	squashed bool
}

// prepare reads what the mirror is about to publish.
func (m *Mirror) prepare(ctx context.Context, o PublishOptions) (*outgoing, error) {
	op := "publish to " + m.opts.Ref + " of " + gitcmd.Redact(m.opts.URL)
	if o.Recreate && !m.gone {
		return nil, town.Fail(op, "gt federation sync", "%w: no pull has found that the remote lacks the ref", ErrRejected)
	}
	if m.head != "" && !m.fresh() {
		if _, err := m.describe(ctx, m.head); err != nil {
			return nil, m.refuse(err)
		}
	}
	p := &outgoing{m: m, base: m.state}
	if o.Recreate {
		p.base = state{Version: stateVersion}
	}
	var err error
	if p.d, err = m.draft(p.base); err != nil {
		// No step: the engine tells a damaged mirror from a full disk.
		return nil, town.Fail(op, "", "%w", diskErr(err))
	}
	p.same = p.d.same(p.base)
	return p, nil
}

// send commits drafts on top of what was there and pushes them, all or none. It
// also returns how many turns the push was to remove.
func (m *Mirror) send(ctx context.Context, parts []*outgoing, o PublishOptions) (res PublishResult, removed int, err error) {
	if m.host.Apart && len(parts) > 1 {
		res, err = m.sendApart(ctx, parts, o)
		return res, 0, err
	}
	var updates []gitcmd.Update
	info := ""
	for _, p := range parts {
		own := o
		if p.m != m {
			own = o.forBeside()
		}
		if p.next, p.squashed = p.base, false; !p.same {
			var extra string
			if p.next, extra, p.squashed, err = p.m.commit(ctx, p.base, p.d, own); err != nil {
				return res, removed, dropOutgoing(parts, err)
			}
			info += extra // only the first has one
		}
		res.Squashed = res.Squashed || p.squashed
		updates = append(updates, gitcmd.Update{Ref: p.m.opts.Ref, Old: p.base.Head, New: p.next.Head})
	}
	m.opts.reached("committed")
	for _, p := range parts {
		if err := p.attempt(p.next.Head); err != nil {
			return res, removed, dropOutgoing(parts, err)
		}
	}
	if info != "" {
		updates = append(updates, gitcmd.Update{Ref: infoBranch, New: info})
	}
	turns, err := m.removals(o)
	if err != nil {
		return res, 0, dropOutgoing(parts, err)
	}
	removed = len(turns)
	spec := gitcmd.PushSpec{URL: m.opts.URL, Updates: append(updates, turns...)}
	if spec.Guard, spec.Seen, err = m.guard(o); err != nil {
		return res, removed, dropOutgoing(parts, err)
	}
	pushed, err := m.repo.PushGuarded(ctx, spec)
	m.opts.reached("pushed")
	err = m.turnsWait(pushed, err)
	if err != nil {
		// A client that sends a request again, over a new connection, may get a refusal
		// because the first one has arrived. The next Fetch tells.
		if !errors.Is(err, ErrUnknownOutcome) && !errors.Is(err, ErrRejected) {
			for _, p := range parts {
				err = errors.Join(err, p.attempt(""))
			}
		}
		return res, removed, dropOutgoing(parts, err)
	}
	for _, p := range parts {
		if err := p.settle(); err != nil {
			return res, removed, err
		}
	}
	m.opts.reached("saved")
	if removed > 0 {
		if err := m.forgetTurns(turns); err != nil {
			return res, removed, err
		}
	}
	if err := dropOutgoing(parts, nil); err != nil {
		return res, removed, err
	}
	m.tidy(ctx)
	res.Head, res.Sent = m.head, pushed.Bytes
	return res, removed, nil
}

// turnsWait gives the error of a push that only turns made fail its kind.
func (m *Mirror) turnsWait(res gitcmd.PushResult, err error) error {
	if !errors.Is(err, gitcmd.ErrRejected) || len(res.Causes) == 0 {
		return err
	}
	for ref, kind := range res.Causes {
		if !strings.HasPrefix(ref, m.opts.Space.Turns()) || !errors.Is(kind, gitcmd.ErrRejected) {
			return err
		}
	}
	return fmt.Errorf("%w (%w)", ErrTurnsWait, err)
}

// sendApart sends one ref after the other, to a server that cannot move both at
// once. It makes two connections. When the second fails, the first stays sent.
func (m *Mirror) sendApart(ctx context.Context, parts []*outgoing, o PublishOptions) (res PublishResult, err error) {
	m.log.Info("the remote cannot move two refs at once, sending one after the other")
	for _, p := range parts {
		if err := p.attempt(""); err != nil {
			return res, dropOutgoing(parts, err)
		}
	}
	for _, p := range parts {
		own := o
		if p.m != m {
			own = o.forBeside()
		}
		own.Guard = own.Guard && p.m == m
		one, _, err := p.m.send(ctx, []*outgoing{p}, own)
		res.Sent += one.Sent
		res.Squashed = res.Squashed || one.Squashed
		if err != nil {
			return res, err
		}
	}
	res.Head = m.head
	return res, nil
}

// attempt records the commit that git push is about to send; "" for none.
func (p *outgoing) attempt(commit string) error {
	if p.same {
		return nil
	}
	p.m.state.Attempt = commit
	return p.m.saveState()
}

// settle records that the server confirmed what was sent.
func (p *outgoing) settle() error {
	if p.same {
		return nil
	}
	if err := p.m.repo.SetRef(p.m.refs.tracking, p.next.Head); err != nil {
		return err
	}
	p.m.opts.reached("ref")
	p.m.head, p.m.state, p.m.gone = p.next.Head, p.next, false
	return p.m.saveState()
}

func dropOutgoing(parts []*outgoing, err error) error {
	for _, p := range parts {
		err = errors.Join(err, p.m.repo.DeleteRef(p.m.refs.outgoing), p.m.repo.DeleteRef(infoRef))
	}
	return err
}
