package polecat

import (
	"context"
	"errors"

	"gastown/town"
	"gastown/town/agent"
	"gastown/town/limits"
)

// InTmux are the sessions on the Town's tmux server.
type InTmux struct {
	Tmux agent.Tmux
	// Preset chooses the agent program where a Start names none.
	Preset func(rig string) string
	// Env is the environment of a session beside what Tmux.Base gives.
	Env func(Start) []string
	// Hooks writes the hooks of a preset's program into a sandbox; nil writes none. A
	// failure does not keep the session from starting: an agent works without them.
	Hooks func(ctx context.Context, sandbox, preset string) error
	// Limits are those of one session, and of all sessions of its rig together.
	Limits func(rig string) (limits.Limits, limits.Group, error)
}

var _ Sessions = InTmux{}

// List implements Sessions, with one call of tmux.
func (t InTmux) List(ctx context.Context) (all []Session, err error) {
	signs, err := t.Tmux.List(ctx)
	for _, s := range signs {
		if one, ok := SessionOf(t.Tmux, s); ok {
			all = append(all, one)
		}
	}
	return all, err
}

// SessionOf is the session of an agent whose signs of life were seen. ok is false for a
// session of a person or of an older version.
func SessionOf(t agent.Tmux, s agent.Signs) (one Session, ok bool) {
	who, err := town.ParseAddress(s.Agent)
	if err != nil {
		return Session{}, false
	}
	one = Session{Agent: who, Run: town.Run(s.Run), Name: s.Name, Ended: s.Ended, Status: s.Status, Started: s.Started, Output: s.Output, Attached: s.Attached, Typed: s.Typed}
	if p, err := t.Presets.Find(s.Preset); err == nil && len(p.Command) > 0 {
		one.Program = p.Command[0]
	}
	return one, true
}

// Start implements Sessions.
func (t InTmux) Start(ctx context.Context, s Start) (string, error) {
	if s.Preset == "" {
		s.Preset = t.Preset(s.Ticket.Agent.Rig)
	}
	name := s.Ticket.Agent.String()
	of, group, err := t.Limits(s.Ticket.Agent.Rig)
	if err != nil {
		return "", err
	}
	if s.Conversation.Preset != s.Preset {
		s.Conversation = town.Conversation{}
	}
	_, err = t.Tmux.Start(ctx, agent.Start{
		Agent: name, Run: int64(s.Ticket.Run), Preset: s.Preset, Resume: s.Resume, Conversation: s.Conversation.ID, Dir: s.Dir, Env: t.Env(s), Limits: of, Group: group,
		Prepare: func(ctx context.Context) error { return t.prepare(ctx, s) },
	})
	if errors.Is(err, agent.ErrRunning) {
		err = errors.Join(ErrRunning, err)
	}
	return agent.SessionName(name), err
}

// prepare makes the sandbox ready and writes the hooks into it.
func (t InTmux) prepare(ctx context.Context, s Start) error {
	if s.Prepare != nil {
		if err := s.Prepare(ctx); err != nil {
			return err
		}
	}
	if t.Hooks == nil {
		return nil
	}
	if err := t.Hooks(ctx, s.Dir, s.Preset); err != nil && ctx.Err() != nil {
		return err
	}
	return nil
}

// find is an agent's session. Its own tags say which preset it has.
func (t InTmux) find(a town.Address) (agent.Session, error) {
	return t.Tmux.Find(a.String(), t.Preset(a.Rig))
}

// Look implements Sessions.
func (t InTmux) Look(ctx context.Context, a town.Address) (Look, error) {
	s, err := t.find(a)
	if err != nil {
		return Look{}, err
	}
	seen, err := s.Settle(ctx)
	if errors.Is(err, agent.ErrNoSession) {
		return Look{}, errors.Join(ErrNoSession, err)
	}
	look := Look{Ready: seen.State == agent.Ready, Busy: seen.State == agent.Busy, Ended: seen.State == agent.Ended}
	if seen.State == agent.Waiting {
		look.Waiting = seen.Dialog
		if look.Waiting == "" {
			look.Waiting = "a dialog is open"
		}
	}
	return look, err
}

// HandOver implements Sessions.
func (t InTmux) HandOver(ctx context.Context, a town.Address, run town.Run, text string) (Handed, error) {
	s, err := t.find(a)
	if err != nil {
		return Handed{}, err
	}
	h, err := s.HandOverOnce(ctx, int64(run), text)
	if errors.Is(err, agent.ErrOtherRun) {
		return Handed{Why: err.Error()}, nil
	}
	return Handed{
		Taken: h.Result == agent.Confirmed, Typed: h.Result == agent.Pasted, Final: h.Result == agent.Refused, Why: h.Why,
	}, err
}

// End implements Sessions.
func (t InTmux) End(ctx context.Context, a town.Address) error {
	s, err := t.find(a)
	if err != nil {
		return err
	}
	return s.End(ctx)
}
