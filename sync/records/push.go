package records

import (
	"cmp"
	"context"
	"errors"

	"gastown/planes/exchange"
	"gastown/sync/share"
	"gastown/town"
)

// ErrUnfit reports records that other Towns would refuse. None of them was sent.
var ErrUnfit = errors.New("other Towns would refuse these records")

// concerned reports whether the push has anything to do with the exchange. A remote
// without records gets none before there is a record to share and every rule is
// approved.
func (p *Plan) concerned() bool {
	begins := len(p.waiting) == 0 && len(p.records) > 0
	if p.session.Head() == "" {
		return begins
	}
	return p.exists || begins
}

// Stage writes the plan into the exchange and that into the mirror. It fails with
// doltdb.ErrBehind when the mirror has records this Town has not merged.
func (p *Plan) Stage(ctx context.Context) error {
	if p == nil {
		return nil
	}
	p.staged = false
	if !p.concerned() {
		return nil
	}
	s := p.session
	defer s.opts.Step("stage records")()
	write := func() error {
		if !p.filled {
			return s.with(ctx, s.link.Remote.Name, func(x *exchange.Store) error { return p.write(ctx, x) })
		}
		return s.withSigned(ctx, s.opts.Town.ID, func(x *exchange.Store) error { return p.write(ctx, x) })
	}
	err := write()
	if errors.Is(err, errNoExchange) || errors.Is(err, errUnpublished) {
		if err := p.begin(ctx); err != nil || !p.exists {
			return err
		}
		err = write()
	}
	p.sign = s.sign()
	return err
}

func (p *Plan) write(ctx context.Context, x *exchange.Store) error {
	s := p.session
	tip, err := s.rewind(ctx, x)
	if err != nil {
		return err
	}
	if len(p.waiting) > 0 && s.state().At == "" {
		return nil // no approval is valid, so nothing moves: see State.Withdraw
	}
	if p.filled {
		commit, nothing, err := p.writeRows(ctx, x)
		if err != nil || nothing {
			return err
		}
		tip = cmp.Or(commit, tip)
	}
	p.commit = tip
	if err := p.check(ctx, x); err != nil {
		return err
	}
	err = x.Push(ctx, s.link.Remote.Name, s.mirror.Dir())
	p.staged = err == nil
	return err
}

// check fails with ErrUnfit when other Towns would refuse what is about to leave.
func (p *Plan) check(ctx context.Context, x *exchange.Store) error {
	s := p.session
	base, err := published(ctx, x, *s.state())
	if err != nil || base == p.commit {
		return err
	}
	err = x.CheckOutgoing(ctx, s.link.Remote.Name, s.uuid(), base)
	if errors.Is(err, town.ErrRefused) {
		return town.Fail("share records with "+s.link.Remote.Name, "gt federation share preview shows what the rules select", "%w: %w", ErrUnfit, err)
	}
	return err
}

// writeRows makes this Town's rows of the exchange equal to what the rules select.
// The commit is empty when they already were. nothing reports that rules wait and
// no record has to be taken back.
func (p *Plan) writeRows(ctx context.Context, x *exchange.Store) (commit string, nothing bool, err error) {
	if p.own, err = x.Own(ctx, ""); err != nil {
		return "", false, err
	}
	var put []share.Record
	if len(p.waiting) == 0 {
		put = p.changed(p.own)
	}
	gone := p.removed()
	p.held = 0
	waits := len(p.waiting) > 0 && len(gone) == 0
	if p.empties() && !p.mayEmpty {
		p.held, waits, gone = len(gone), true, nil
	}
	told := p.signer != ""
	if p.signer = x.Keys.Public(); !x.MaySign() {
		if !told && len(p.own)+len(put) > 0 {
			p.session.notes = append(p.session.notes, cannotSign)
		}
		return "", true, nil
	}
	settled, err := x.Settled(ctx, p.session.opts.Town.Name)
	if err != nil || waits && settled {
		return "", true, err
	}
	if len(put)+len(gone) > 0 || !settled {
		if commit, err = x.Publish(ctx, p.session.opts.Town.Name, put, gone); err != nil {
			return "", false, err
		}
		if commit != "" {
			// Recorded before anything is sent, so that a push whose answer is lost
			// is known.
			p.session.state().try(commit)
			if err := p.session.link.Save(); err != nil {
				return "", false, err
			}
		}
		if _, err := x.MaybeGC(ctx); err != nil {
			return "", false, err
		}
	}
	p.put, p.gone = max(p.put, len(put)), max(p.gone, len(gone))
	return commit, false, nil
}

// cannotSign says why records do not move.
const cannotSign = "the federation does not know this Town's present key, or knows that the Town revoked it, so its records are not shared (gt federation key; gt federation push)"

// Reset drops from the mirror what was staged and not published.
func (p *Plan) Reset(ctx context.Context) error {
	if p == nil || !p.concerned() && !p.staged {
		return nil
	}
	p.staged = false
	return p.session.Reset(ctx)
}

// Adapt adapts the plan to what a pull within the push has brought.
func (p *Plan) Adapt(ctx context.Context) (err error) {
	if p == nil {
		return nil
	}
	s := p.session
	if p.exists, err = s.has(s.link.Remote.Name); err != nil {
		return err
	}
	if len(s.fresh) > 0 {
		p.filled = false // the pull changed the ledger
	}
	if p.filled || s.state().Rules == "" {
		return p.fillAdopted(ctx)
	}
	return nil
}

// Published notes that the remote confirmed what was staged. The caller saves
// the state.
func (p *Plan) Published() {
	if !p.Staged() {
		return
	}
	s := p.session
	st := s.state()
	st.confirmed(s.mirror.Head(), p.commit, s.link.Remote, s.uuid())
	st.Exchange = p.sign
	if len(p.waiting) > 0 || p.held > 0 {
		st.madeFromUnknown()
		return
	}
	st.Rules, st.Ledger, st.Signer = p.rules.Digest(), p.head, cmp.Or(p.signer, st.Signer)
}
