package federate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"gastown/sync/gitcmd"
	"gastown/sync/gitremote"
	"gastown/sync/turns"
	"gastown/town"
)

// compete publishes, beside other Towns that do the same. Package turns decides
// what comes next.
func (p *push) compete(ctx context.Context) error {
	began := time.Now()
	at := func() time.Duration { return time.Since(began) }
	met := p.state.Crowded
	p.turn = turns.New(turns.Options{
		Town: string(p.opts.ID), Patience: p.opts.Patience, Random: rand.Float64,
		// What a person agreed to publish is published as it is.
		NoTurns: p.mirror.NoTurns() || p.agreed != "",
		Crowded: !met.IsZero() && began.Sub(met).Abs() < crowdedFor,
	})
	if p.last != nil {
		if err := p.see(ctx, at()); err != nil {
			return err
		}
	}
	for {
		var err error
		done := false
		switch step := p.turn.Next(at()); step.Do {
		case turns.Try:
			done, err = p.try(ctx, step.Absorb, at)
		case turns.Leave:
			err = p.leave(ctx, at)
		case turns.Look:
			err = p.look(ctx, at)
		case turns.Wait:
			what := "wait for other Towns"
			if p.turn.Unserved() {
				what = p.pausing(p.unserved)
			}
			p.progress(what, int64(at()/time.Second), 0, "s")
			err = wait(ctx, step.Wait)
		case turns.GiveUp:
			return p.giveUp(at())
		}
		if passing(err) && ctx.Err() == nil {
			p.unserved, err = err, nil
			p.turn.Busy(at(), gitcmd.RetryAfter(p.unserved))
		}
		if done || err != nil {
			return err
		}
	}
}

// passing reports a failure that may pass: the server is too busy, or the connection
// to it broke. It is false when nobody knows whether a push has arrived.
func passing(err error) bool {
	return (errors.Is(err, gitcmd.ErrBusy) || errors.Is(err, gitcmd.ErrBroken)) && !errors.Is(err, errUnknown)
}

// pausing tells a person why the next attempt waits.
func (s *session) pausing(err error) string {
	if errors.Is(err, gitcmd.ErrBroken) {
		return "wait for the server of " + s.remote.Name + ": the connection broke"
	}
	return "wait for the server of " + s.remote.Name + ", which is too busy"
}

// patiently repeats a contact that failed for a reason that may pass, with growing
// pauses within the patience.
func (s *session) patiently(ctx context.Context, contact func() error) (err error) {
	began := time.Now()
	p := turns.New(turns.Options{Patience: s.opts.Patience, Random: rand.Float64})
	for {
		switch step := p.Next(time.Since(began)); step.Do {
		case turns.Wait:
			s.progress(s.pausing(err), 0, 0, "")
			if werr := wait(ctx, step.Wait); werr != nil {
				return werr
			}
		case turns.GiveUp:
			return err
		default:
			if err = contact(); !passing(err) || ctx.Err() != nil {
				return err
			}
			p.Busy(time.Since(began), gitcmd.RetryAfter(err))
		}
	}
}

// try merges what was found, and publishes once.
func (p *push) try(ctx context.Context, absorb []turns.Turn, at func() time.Duration) (done bool, err error) {
	if p.arrived != nil {
		if err := p.mergeOthers(ctx); err != nil {
			return false, err
		}
	}
	p.out.Attempts++
	p.before = p.heads()
	done, p.rejected, err = p.attempt(ctx, absorb)
	if err != nil || !done {
		if !passing(err) {
			p.turn.Lost(at())
		}
		return false, err
	}
	if p.wasLeft && p.out.UpToDate {
		// Another Town has published this one's turn.
		p.out.UpToDate, p.out.Commits = false, p.left
	}
	if p.turn.Elsewhere() {
		p.state.Crowded = p.opts.Now().UTC()
		return true, p.save()
	}
	return true, nil
}

// look fetches, and notes what waits. It merges nothing.
func (p *push) look(ctx context.Context, at func() time.Duration) error {
	if err := errors.Join(p.mirror.Reset(ctx), p.plan.Reset(ctx)); err != nil {
		return err
	}
	arrived, err := p.fetch(ctx)
	gone := p.publish.Recreate && errors.Is(err, gitremote.ErrGone)
	if err != nil && !gone {
		return err
	}
	p.arrived, p.fetched, p.behind = &arrived, true, false
	if arrived.PublishedEarlier {
		// The server had taken the attempt that it then refused.
		p.wasLeft, p.left = true, p.out.Commits
	}
	if err := p.see(ctx, at()); err != nil {
		return err
	}
	rejected := p.rejected
	p.rejected = nil
	if rejected == nil || p.heads() != p.before || errors.Is(rejected, gitremote.ErrTurnsWait) {
		p.refusals = 0
		return err
	}
	// Nobody published: the server has its own reason.
	if arrived.Empty || gone {
		p.arrived = nil
	}
	return p.waitRefused(ctx, rejected)
}

// see tells the decision what the last fetch found.
func (p *push) see(ctx context.Context, at time.Duration) error {
	waiting, bad, err := p.mirror.Turns(ctx)
	if err != nil {
		return err
	}
	for ref, reason := range bad {
		if err := p.ignore(ref, reason); err != nil {
			return err
		}
	}
	p.waiting = p.waiting[:0]
	list := map[string]turns.Turn{}
	for _, t := range waiting {
		if t.Ledger && p.plan == nil {
			if err := p.mirror.Ignore(t.Ref); err != nil {
				return err
			}
			continue
		}
		p.waiting = append(p.waiting, t)
		known, ok := list[string(t.Town)]
		if one := (turns.Turn{Town: string(t.Town), Since: t.Since, When: t.When}); !ok || one.Since < known.Since {
			list[string(t.Town)] = one
		}
	}
	var all []turns.Turn
	for _, t := range list {
		all = append(all, t)
	}
	p.turn.Seen(at, fmt.Sprint(p.heads()), p.mirror.Commits(), all)
	return nil
}

// leave leaves what is not published as the Town's turn.
func (p *push) leave(ctx context.Context, at func() time.Duration) error {
	if p.behind {
		return p.look(ctx, at)
	}
	if p.arrived != nil {
		if err := p.mergeOthers(ctx); err != nil {
			return err
		}
	}
	if err := p.stageAll(ctx); err != nil {
		return err
	}
	if pending, err := p.mirror.Pending(p.publish.Beside); err != nil || !pending {
		p.turn.Refused() // there is nothing to leave: the attempt confirms it
		return err
	}
	defer p.step("leave a turn")()
	err := p.mirror.Leave(ctx, p.publish)
	switch {
	case errors.Is(err, gitremote.ErrNoTurns):
		p.opts.Log.WithError(err).Info("the host takes no turns")
		p.turn.Refused()
		return nil
	case err != nil && !errors.Is(err, gitremote.ErrUnknownOutcome):
		return err
	}
	// A look tells whether a turn waits whose answer was lost.
	p.wasLeft, p.left = true, p.out.Commits
	p.turn.Left(at())
	return nil
}

// giveUp is the error of a push whose patience has ended.
func (p *push) giveUp(after time.Duration) error {
	p.state.Crowded = p.opts.Now().UTC()
	if p.turn.Unserved() {
		return p.unserved
	}
	what := ""
	if p.turn.Waits() {
		what = "; the edits wait there, and the Town that publishes next takes them along"
	}
	return town.Fail("push to "+p.remote.Name, "run it again in a while",
		"%w: other Towns published first for %s%s", town.ErrBusy, after.Round(time.Second), what)
}
