package host

import (
	"context"
	"errors"

	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/agent"
	"gastown/town/mail"
)

// Typist types nudges into the sessions of the Town's agents.
func (h *Host) Typist() (mail.Sessions, error) {
	t, err := h.Sessions()
	return typist{t}, err
}

// typist is the Town's tmux as mail needs it.
type typist struct{ tmux agent.Tmux }

// Running implements mail.Sessions.
func (t typist) Running(ctx context.Context) (map[town.Address]town.Run, error) {
	all, err := t.tmux.List(ctx)
	if err != nil {
		return nil, err
	}
	runs := map[town.Address]town.Run{}
	for _, s := range all {
		if a, err := town.ParseAddress(s.Agent); err == nil && !s.Ended {
			runs[a] = town.Run(s.Run)
		}
	}
	return runs, nil
}

// HandOver implements mail.Sessions. A session that is gone, or is another run's, may
// come back or not: the plan decides that.
func (t typist) HandOver(ctx context.Context, a town.Address, run town.Run, text string) (mail.Handed, error) {
	s, err := t.tmux.Find(a.String(), "")
	if err != nil {
		s, err = t.tmux.Find(a.String(), "plain") // the session says which preset it has
	}
	if err != nil {
		return mail.Handed{}, err
	}
	if _, err := s.Signs(ctx); errors.Is(err, agent.ErrNoSession) {
		return mail.Handed{State: operational.NudgeQueued, Why: "it has no session"}, nil
	}
	handed, err := s.HandOver(ctx, int64(run), text)
	if errors.Is(err, agent.ErrOtherRun) {
		return mail.Handed{State: operational.NudgeQueued, Why: agent.ErrOtherRun.Error()}, nil
	}
	if err != nil {
		return mail.Handed{}, err
	}
	return mail.Handed{State: results[handed.Result], Why: handed.Why}, nil
}

// results are the states in which nudges are after a hand-over.
var results = map[agent.Result]operational.NudgeState{
	agent.Confirmed: operational.NudgeConfirmed, agent.Pasted: operational.NudgePasted,
	agent.Queued: operational.NudgeQueued, agent.Refused: operational.NudgeRefused,
}
