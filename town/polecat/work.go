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
		if now.session == nil || now.session.Run != a.Run || now.held.Run == a.Run {
			return false, nil
		}
		return true, c.Sessions.End(ctx, a.Agent)
	}
	if now.held.Ticket != a.Assignment.Ticket || now.held.State != a.Assignment.State {
		return false, nil
	}
	if a.Deed == Spawn {
		return true, c.spawn(ctx, now)
	}
	return c.brief(ctx, now)
}

// present is one agent as it is now.
type present struct {
	agent   operational.Agent
	held    operational.Assignment // the zero value for none
	session *Session
}

func (c *Controller) look(ctx context.Context, address town.Address) (p present, err error) {
	err = c.Rows(ctx, func(rows Store) error {
		w, err := rows.Work(ctx)
		p.agent, _ = w.Agent(address)
		p.held, _ = w.HeldBy(address)
		return err
	})
	if err != nil {
		return p, err
	}
	sessions, err := c.Sessions.List(ctx)
	if i := slices.IndexFunc(sessions, func(s Session) bool { return s.Agent == address }); i >= 0 {
		p.session = &sessions[i]
	}
	return p, err
}

// spawn prepares the sandbox and starts the session of an assignment. A session that
// is there is one of which no row says that it was handed anything, so it ends; so do
// processes that outlived the agent's former session, because they may still write
// into the sandbox. A sandbox in which the assignment had a session before stays as it is,
// unless it is gone or something else stands in its place: then it is made anew.
func (c *Controller) spawn(ctx context.Context, p present) error {
	t, dir := p.held.Ticket, p.agent.Sandbox
	if err := c.Sessions.End(ctx, t.Agent); err != nil {
		return c.unable(ctx, p, "its former session could not be ended", err)
	}
	resume := dir != ""
	var err error
	if resume {
		if resume, err = c.Sandboxes.Usable(t.Agent); err != nil {
			return c.unable(ctx, p, "its sandbox could not be looked at", err)
		}
	}
	var last town.Conversation
	if resume {
		err = c.Rows(ctx, func(rows Store) error { last, err = rows.Conversation(ctx, t); return err })
		if err != nil {
			return err
		}
	} else {
		if dir, err = c.Sandboxes.Prepare(ctx, t.Agent, t.Agent.Branch(t.Bead), p.held.Options.UsePool); err != nil {
			return c.unable(ctx, p, "its sandbox could not be prepared", err)
		}
	}
	name, err := c.Sessions.Start(ctx, Start{Ticket: t, Preset: p.held.Options.Preset, Resume: resume, Conversation: last, Dir: dir, Branch: t.Agent.Branch(t.Bead)})
	if err != nil {
		return c.unable(ctx, p, "its session could not be started", err)
	}
	return c.Rows(ctx, func(rows Store) error { return rows.Started(ctx, t, name, dir, c.Now()) })
}

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
