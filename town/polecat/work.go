package polecat

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gastown/planes/operational"
	"gastown/town"
)

// locked carries out what an agent's lock is for: it reads the rows and the sessions
// again first.
func (c *Controller) locked(ctx context.Context, a Action) (acted bool, err error) {
	unlock, err := c.Lock(ctx, a.Agent)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	now, err := c.look(ctx, a.Agent)
	if err != nil {
		return false, err
	}
	if a.Deed == EndSession {
		return c.endSession(ctx, a, now.held)
	}
	if now.held.Ticket != a.Assignment.Ticket || now.held.State != a.Assignment.State {
		return false, nil
	}
	switch a.Deed {
	case Brief:
		return c.brief(ctx, now)
	case GiveBack:
		return true, c.giveBack(ctx, a)
	}
	if now.agent.Session != "" { // another pass started it
		return false, nil
	}
	return true, c.spawn(ctx, now)
}

// giveBack ends what is left of a session, saves its work, and gives the bead back. If the
// work cannot be saved it stays in the sandbox, which nobody gets before it is saved.
func (c *Controller) giveBack(ctx context.Context, a Action) error {
	if err := c.Sessions.End(ctx, a.Agent); err != nil {
		return err
	}
	lost := operational.Lost{Why: a.Why, Most: c.Recoveries, Actor: c.Actor}
	ref, what, err := c.Sandboxes.Save(ctx, a.Agent, a.Why)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		lost.Why += fmt.Sprintf("; its work is in the sandbox of %s, because it could not be saved: %s", a.Agent, town.Plain(err.Error()))
	case ref != "":
		lost.Saved = ref
		lost.Why += fmt.Sprintf("; its work is saved at %s (%s)", ref, what)
	}
	return c.Rows(ctx, func(rows Store) error {
		_, err := rows.GiveBack(ctx, a.Assignment.Ticket, lost, c.Now())
		return err
	})
}

// present is what the rows say of one agent now.
type present struct {
	agent operational.Agent
	held  operational.Assignment // the zero value for none
}

func (c *Controller) look(ctx context.Context, address town.Address) (p present, err error) {
	err = c.Rows(ctx, func(rows Store) error {
		w, err := rows.Work(ctx)
		p.agent, _ = w.Agent(address)
		p.held, _ = w.HeldBy(address)
		return err
	})
	return p, err
}

// endSession ends the session of a run, unless an assignment has it by now.
func (c *Controller) endSession(ctx context.Context, a Action, held operational.Assignment) (acted bool, err error) {
	all, err := c.Sessions.List(ctx)
	if err != nil {
		return false, err
	}
	has := slices.ContainsFunc(all, func(s Session) bool { return s.Agent == a.Agent && s.Run == a.Run })
	if !has || held.Run == a.Run {
		return false, nil
	}
	return true, c.Sessions.End(ctx, a.Agent)
}

// spawn prepares the sandbox and starts the session of an assignment. A session that
// is there is one of which no row says that it was handed anything, so it ends; so do
// processes that outlived the agent's former session, because they may still write
// into the sandbox. A sandbox in which the assignment had a session before stays as it is,
// unless it is gone or something else stands in its place: then it is made anew.
func (c *Controller) spawn(ctx context.Context, p present) error {
	t := p.held.Ticket
	s := Start{Ticket: t, Preset: p.held.Options.Preset, Dir: p.agent.Sandbox, Branch: t.Agent.Branch(t.Bead)}
	if err := c.Sessions.End(ctx, t.Agent); err != nil {
		return c.unable(ctx, p, "its former session could not be ended", err)
	}
	var err error
	if s.Dir != "" {
		if s.Resume, err = c.Sandboxes.Usable(t.Agent); err != nil {
			return c.unable(ctx, p, "its sandbox could not be looked at", err)
		}
	}
	var name string
	if s.Resume {
		err = c.Rows(ctx, func(rows Store) error { s.Conversation, err = rows.Conversation(ctx, t); return err })
		if err != nil {
			return err
		}
		name, err = c.Sessions.Start(ctx, s)
	} else {
		s.Dir, name, err = SpawnIn(ctx, c.Sandboxes, c.Sessions, s, p.held.Options.UsePool)
	}
	if errors.As(err, new(unprepared)) {
		return c.unable(ctx, p, "its sandbox could not be prepared", err)
	}
	if err != nil {
		return c.unable(ctx, p, "its session could not be started", err)
	}
	return c.Rows(ctx, func(rows Store) error { return rows.Started(ctx, t, name, s.Dir, c.Now()) })
}

// SpawnIn makes the sandbox of a polecat and its session side by side, and starts the
// program when both are there. Where the sandbox cannot be prepared no session is left;
// where the session cannot be started the sandbox stays.
func SpawnIn(ctx context.Context, boxes Sandboxes, sessions Sessions, s Start, usePool bool) (dir, session string, err error) {
	if s.Dir, err = boxes.Dir(s.Ticket.Agent); err != nil {
		return "", "", unprepared{err}
	}
	s.Prepare = func(ctx context.Context) error {
		if err := boxes.Prepare(ctx, s.Ticket.Agent, s.Branch, usePool); err != nil {
			return unprepared{err}
		}
		return nil
	}
	session, err = sessions.Start(ctx, s)
	return s.Dir, session, err
}

// unprepared is the error of a sandbox that could not be prepared.
type unprepared struct{ error }

func (e unprepared) Unwrap() error { return e.error }

// unable records what kept a polecat from its work, and when it is tried again. A pass
// that was cut off says nothing about the polecat.
func (c *Controller) unable(ctx context.Context, p present, what string, cause error) error {
	cause = fmt.Errorf("%s: %w", what, cause)
	if ctx.Err() != nil {
		return cause
	}
	err := c.Rows(ctx, func(rows Store) error {
		_, err := rows.Failed(ctx, p.held.Ticket, cause.Error(), func(tries int) time.Time { return c.Now().Add(again(tries)) })
		return err
	})
	return errors.Join(cause, err)
}

// brief hands an agent its work once it is ready.
func (c *Controller) brief(ctx context.Context, p present) (acted bool, err error) {
	t := p.held.Ticket
	look, err := c.Sessions.Look(ctx, t.Agent)
	if errors.Is(err, ErrNoSession) || err == nil && !look.Ready {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	handed, err := c.Sessions.HandOver(ctx, t.Agent, t.Run, Briefing(p.held))
	switch {
	case err != nil:
		return false, err
	case handed.Final:
		return false, c.unable(ctx, p, "its work could not be handed over", errors.New(handed.Why))
	case !handed.Taken && !handed.Typed:
		return false, nil // the next pass
	}
	evidence := "it took its work"
	if handed.Typed {
		evidence = "its work was typed; nobody saw whether it was taken: " + handed.Why
	}
	return true, c.Rows(ctx, func(rows Store) error { return rows.Working(ctx, t, evidence, c.Now()) })
}

// Briefing is the text that an agent is handed for an assignment. The vital lines
// come first.
func Briefing(a operational.Assignment) string {
	lines := []string{
		fmt.Sprintf("You are %s. Your work is the bead %s.", a.Agent, a.Bead),
		"Read it with: gt hook",
		fmt.Sprintf("You are on the branch %s in a sandbox of your own. Commit your work there.", a.Agent.Branch(a.Bead)),
		"When it is done run: gt done (or, if nothing had to be changed: gt done --no-change --reason TEXT)",
		"If you run out of room, go on in a new session with: gt handoff --message TEXT",
	}
	if a.Options.Message != "" {
		lines = append(lines, "", a.Options.Message)
	}
	return strings.Join(lines, "\n")
}
