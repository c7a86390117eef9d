package host

import (
	"context"
	"errors"
	"os"
	"time"

	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/agent"
	"gastown/town/polecat"
)

// Mayor is the address of the Town's coordinator.
var Mayor = town.Address{Kind: town.Mayor}

// briefingLife is how long the Mayor's first text waits until its program takes it.
const briefingLife = time.Hour

// mayorBriefing is the Mayor's first text.
const mayorBriefing = "You are the Mayor of this Town. Run gt prime, and follow what it says."

// StartMayor starts the Mayor's session with a preset; "" is the Town's own. started is
// false when it has one. Its first text is a nudge, which is typed once its program takes
// text.
func (h *Host) StartMayor(ctx context.Context, preset string) (run town.Run, started bool, err error) {
	t, err := h.Sessions()
	if err != nil {
		return 0, false, err
	}
	usual := h.ownPreset(&t.Presets)
	if preset == "" {
		preset = usual
	}
	if _, err := t.Presets.Find(preset); err != nil {
		return 0, false, err
	}
	unlock, err := h.lockAgent(ctx, Mayor)
	if err != nil {
		return 0, false, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	s, signs, err := h.mayor(ctx, t)
	if err != nil {
		return 0, false, err
	}
	if signs.ID != "" && !signs.Ended {
		return town.Run(signs.Run), false, nil
	}
	if err := s.End(ctx); err != nil { // what its former session left running
		return 0, false, err
	}
	dir := h.Layout.Mayor()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 0, false, err
	}
	// An agent works without hooks, too: its first text says what they would.
	_, _ = h.InstallHooks(ctx, dir, preset)
	of, _, err := h.SessionLimits("")
	if err != nil {
		return 0, false, err
	}
	name := Mayor.String()
	var row operational.Agent
	err = h.Rows(ctx, func(s *operational.Store) error {
		row, err = s.Begin(ctx, Mayor, preset, agent.SessionName(name), dir, h.call.Now())
		return err
	})
	if err != nil {
		return 0, false, err
	}
	env := h.sessionEnv(polecat.Start{Ticket: town.Ticket{Agent: Mayor, Run: row.Run}, Preset: preset, Dir: dir})
	if _, err := t.Start(ctx, agent.Start{Agent: name, Run: int64(row.Run), Preset: preset, Dir: dir, Env: env, Limits: of}); err != nil {
		return 0, false, errors.Join(err, h.vacate(context.WithoutCancel(ctx), row.Run, "its session could not be started"))
	}
	return row.Run, true, h.Rows(ctx, func(s *operational.Store) error {
		now := h.call.Now()
		_, err := s.Nudge(ctx, []operational.Nudge{{
			Agent: Mayor, Run: row.Run, Kind: operational.NudgeLine, From: "gt", Text: mayorBriefing, Expires: now.Add(briefingLife),
		}}, now)
		return err
	})
}

// mayor finds the Mayor's session. The signs are zero without one.
func (h *Host) mayor(ctx context.Context, t agent.Tmux) (agent.Session, agent.Signs, error) {
	s, err := t.Find(Mayor.String(), "plain") // the session says which preset it has
	if err != nil {
		return nil, agent.Signs{}, err
	}
	signs, err := s.Signs(ctx)
	if errors.Is(err, agent.ErrNoSession) {
		return s, agent.Signs{}, nil
	}
	return s, signs, err
}

func (h *Host) vacate(ctx context.Context, run town.Run, why string) error {
	return h.Rows(ctx, func(s *operational.Store) error { return s.Vacate(ctx, Mayor, run, why, h.call.Now()) })
}

// StopMayor ends the Mayor's session with every process that it started. stopped is false
// when there is none.
func (h *Host) StopMayor(ctx context.Context) (stopped bool, err error) {
	t, err := h.Sessions()
	if err != nil {
		return false, err
	}
	unlock, err := h.lockAgent(ctx, Mayor)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	s, signs, err := h.mayor(ctx, t)
	if err == nil {
		err = s.End(ctx)
	}
	if err != nil {
		return false, err
	}
	row, known, err := h.MayorRow(ctx)
	if err == nil && known && row.Session != "" {
		err = h.vacate(ctx, row.Run, "its session was stopped by "+h.Actor.Name)
	}
	return signs.ID != "" && !signs.Ended, err
}

// MayorRow is what the rows say of the Mayor; known is false while it never had a session.
func (h *Host) MayorRow(ctx context.Context) (row operational.Agent, known bool, err error) {
	err = h.Rows(ctx, func(s *operational.Store) error {
		w, err := s.Work(ctx)
		row, known = w.Agent(Mayor)
		return err
	})
	return row, known, err
}

// LookAtMayor looks at the Mayor's session. running is false without one, and when its
// program has ended.
func (h *Host) LookAtMayor(ctx context.Context) (look agent.Look, running bool, err error) {
	t, err := h.Sessions()
	if err != nil {
		return look, false, err
	}
	s, signs, err := h.mayor(ctx, t)
	if err != nil || signs.ID == "" {
		return look, false, err
	}
	look, err = s.Look(ctx, 0)
	return look, err == nil && look.State != agent.Ended, err
}
