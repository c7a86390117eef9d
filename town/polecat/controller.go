package polecat

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/group"
)

// Controller carries out what Plan decides. Its methods may be called from many
// goroutines and processes.
type Controller struct {
	// Rows and Beads call fn with a plane. It is open only while fn runs.
	Rows  func(ctx context.Context, fn func(Store) error) error
	Beads func(ctx context.Context, fn func(Ledger) error) error
	// Sandboxes and Sessions may be nil for a controller that only settles.
	Sandboxes Sandboxes
	Sessions  Sessions
	// Lock takes the lock of one agent, which its sandbox and its session share.
	Lock func(ctx context.Context, agent town.Address) (unlock func() error, err error)
	Now  func() time.Time
	// Parallel is how many sessions may start side by side; 0 means one.
	Parallel int
	// Patience is how long polecats may do what.
	Patience Patience
	// Recoveries is how often a bead may be taken away from a worker that was lost; the
	// last time it is blocked. 0 never blocks it.
	Recoveries int
	// Actor is who the feed names for what the controller does.
	Actor string
}

// maxRounds bounds how often a pass looks again: from an assignment to the work in
// an agent's hands it takes four.
const maxRounds = 8

// quiet is how long a session may print nothing before a pass looks at its screen.
const quiet = time.Minute

// Done is what a pass did.
type Done struct {
	Actions []Action
	// Failed are the errors of the actions that failed; the others were done.
	Failed []error
	// Idle says that the pass did nothing, and saw neither a session of a polecat nor an
	// assignment: only a change of the rows or the ledger can give it something to do.
	Idle bool
}

// Err joins what failed.
func (d Done) Err() error { return errors.Join(d.Failed...) }

// Pass makes sessions and ledger follow the assignments, as far as that goes now. It
// looks again after it acted, until there is nothing new to do. Its error says why
// it could not look; what failed of the actions is in Done.
func (c *Controller) Pass(ctx context.Context) (Done, error) { return c.run(ctx, c.gather) }

// Settle only makes the ledger follow the assignments. It looks at no session.
func (c *Controller) Settle(ctx context.Context) (Done, error) {
	return c.run(ctx, func(ctx context.Context) (s Snapshot, err error) {
		s.Now, s.Unknown = c.Now(), errNotAsked
		return s, c.Rows(ctx, func(rows Store) (err error) {
			s.Work, err = rows.Work(ctx)
			return err
		})
	})
}

var errNotAsked = errors.New("nobody looked at the sessions")

func (c *Controller) run(ctx context.Context, gather func(context.Context) (Snapshot, error)) (done Done, err error) {
	tried := map[string]bool{}
	for range maxRounds {
		s, err := gather(ctx)
		if err != nil {
			return done, err
		}
		var fresh []Action
		for _, a := range Plan(s) {
			key := fmt.Sprint(a.Deed, a.Agent, a.Bead, a.Run, a.Assignment.Ticket, a.Assignment.State, a.Seen.From, a.Seen.To)
			if !tried[key] {
				fresh = append(fresh, a)
			}
			tried[key] = true
		}
		if len(fresh) == 0 {
			if needed := len(s.Work.Assignments) > 0; needed && s.Unknown != nil && !errors.Is(s.Unknown, errNotAsked) {
				done.Failed = append(done.Failed, fmt.Errorf("look at the sessions of agents: %w", s.Unknown))
			}
			done.Idle = len(tried) == 0 && s.Unknown == nil && len(s.Work.Assignments) == 0 && !slices.ContainsFunc(s.Sessions, func(s Session) bool { return s.Agent.Kind == town.Polecat })
			return done, ctx.Err()
		}
		did, failed := c.do(ctx, fresh)
		done.Actions, done.Failed = append(done.Actions, did...), append(done.Failed, failed...)
	}
	return done, nil
}

// gather collects everything that Plan decides from. A ledger or a tmux that cannot
// be read leaves its part out.
func (c *Controller) gather(ctx context.Context) (s Snapshot, err error) {
	s.Now, s.Patience = c.Now(), c.Patience
	err = c.Beads(ctx, func(l Ledger) (err error) {
		s.Claims, err = l.Claims(ctx)
		return err
	})
	if err != nil {
		return s, err
	}
	err = c.Rows(ctx, func(rows Store) (err error) {
		if s.Work, err = rows.Work(ctx); err == nil && len(s.Work.Assignments) > 0 {
			s.Watched, err = rows.Watched(ctx)
		}
		return err
	})
	if err != nil {
		return s, err
	}
	var held []string
	for _, a := range s.Work.Assignments {
		held = append(held, a.Bead)
	}
	if len(held) > 0 {
		err = c.Beads(ctx, func(l Ledger) (err error) {
			s.Beads, err = l.Beads(ctx, held)
			return err
		})
	}
	if err == nil {
		s.Sessions, s.Unknown = c.Sessions.List(ctx)
		s.Looks = c.looks(ctx, s)
	}
	for _, look := range s.Looks {
		if look.Ended { // after it was listed, so its status is not known yet
			s.Sessions, s.Unknown = c.Sessions.List(ctx)
			break
		}
	}
	return s, err
}

// looks looks at the sessions about which their signs of life say too little.
func (c *Controller) looks(ctx context.Context, s Snapshot) map[town.Address]Look {
	looks := map[town.Address]Look{}
	for _, session := range s.Sessions {
		held, has := s.Work.HeldBy(session.Agent)
		if !has || session.Ended || held.Run != session.Run || held.State == town.Working && s.Now.Sub(session.Output) < quiet {
			continue
		}
		if look, err := c.Sessions.Look(ctx, session.Agent); err == nil {
			looks[session.Agent] = look
		}
	}
	return looks
}

// do carries actions out: those of each deed after those of the deed before, and
// sessions that may start side by side so.
func (c *Controller) do(ctx context.Context, actions []Action) (did []Action, failed []error) {
	var mu sync.Mutex
	one := func(a Action) {
		acted, err := c.act(ctx, a)
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", a, err))
		} else if acted {
			did = append(did, a)
		}
	}
	var aside []Action
	for _, a := range actions {
		switch {
		case ctx.Err() != nil:
			return did, append(failed, ctx.Err())
		case a.Deed == Spawn && a.Assignment.Options.Parallel && c.Parallel > 1, a.Deed == Brief && c.Parallel > 1:
			aside = append(aside, a)
		default:
			one(a)
		}
	}
	g := group.New()
	g.SetLimit(max(c.Parallel, 1))
	for _, a := range aside {
		g.Go(func() error { one(a); return nil })
	}
	_ = g.Wait() // one keeps the errors
	return did, failed
}

// act carries out one action, unless the state that it was planned from has changed.
func (c *Controller) act(ctx context.Context, a Action) (acted bool, err error) {
	switch a.Deed {
	case Tell:
		return c.tell(ctx, a.Assignment)
	case Retell:
		return true, c.Rows(ctx, func(rows Store) error { return rows.Untold(ctx, a.Assignment.Epoch) })
	case Reopen:
		return true, c.Beads(ctx, func(l Ledger) error { return l.Release(ctx, a.Bead, a.Agent.String(), "") })
	case Note:
		err := c.Rows(ctx, func(rows Store) error {
			n, err := rows.Observe(ctx, []operational.Observation{a.Seen}, c.Now())
			acted = n > 0
			return err
		})
		return acted, err
	case Restart:
		err = c.Rows(ctx, func(rows Store) error {
			_, err := rows.Renew(ctx, a.Assignment.Ticket, operational.Renewal{Reason: a.Why, Lost: true}, c.Now())
			return err
		})
	case Return:
		err = c.Rows(ctx, func(rows Store) error {
			return rows.End(ctx, a.Assignment.Ticket, town.Returned, a.Why, c.Actor, c.Now())
		})
	default:
		acted, err = c.locked(ctx, a)
	}
	return settled(acted || a.Deed == Restart || a.Deed == Return, err)
}

// settled turns an action that came too late into one that did nothing.
func settled(acted bool, err error) (bool, error) {
	if errors.As(err, new(*operational.StaleError)) {
		return false, nil
	}
	return acted && err == nil, err
}
