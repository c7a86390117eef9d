package agent

import (
	"context"
	"errors"
	"strings"

	"gastown/tmux"
	"gastown/town"
	"gastown/town/process"
)

// session is a Session in tmux.
type session struct {
	t      Tmux
	agent  string
	preset Preset
}

var _ Session = (*session)(nil)

// current finds the session among all.
func (s *session) current(ctx context.Context) (tmux.Session, error) {
	all, err := s.t.Server.Sessions(ctx)
	if err != nil {
		return tmux.Session{}, err
	}
	now, ok := find(all, s.agent)
	if !ok {
		return now, ErrNoSession
	}
	if p, err := s.t.Presets.Find(now.Tags[tagPreset]); err == nil {
		s.preset = p
	}
	return now, nil
}

func (s *session) fail(do, next string, err error) error {
	return town.Fail(do+" "+town.Clip(s.agent, 200), next, "%w", err)
}

func (s *session) Signs(ctx context.Context) (Signs, error) {
	now, err := s.current(ctx)
	if err != nil {
		return Signs{}, s.fail("look at", "", err)
	}
	return signs(now), nil
}

func (s *session) Look(ctx context.Context, past int) (Look, error) {
	look, err := s.look(ctx, past)
	if err != nil {
		return look, s.fail("look at", "gt agents lists the sessions", err)
	}
	return look, nil
}

func (s *session) look(ctx context.Context, past int) (Look, error) {
	now, err := s.current(ctx)
	if err != nil {
		return Look{}, err
	}
	return s.lookAt(ctx, now, past)
}

func (s *session) lookAt(ctx context.Context, now tmux.Session, past int) (Look, error) {
	// One line more: tmux scrolls the screen of a program that ended to make room for
	// the line that says so.
	screen, err := s.t.Server.Capture(ctx, now.Pane.ID, past+1, true)
	if errors.Is(err, tmux.ErrGone) {
		return Look{}, ErrNoSession
	}
	if err != nil {
		return Look{}, err
	}
	if !screen.Pane.Dead && strings.Count(screen.Text, "\n") == screen.Pane.Height+past+1 {
		_, screen.Text, _ = strings.Cut(screen.Text, "\n")
	}
	return s.preset.read(screen, screen.Tags[tagBegun] != ""), nil
}

func (s *session) End(ctx context.Context) error {
	now, err := s.current(ctx)
	switch {
	case errors.Is(err, ErrNoSession):
		now = tmux.Session{}
	case err != nil && !errors.Is(err, tmux.ErrDeadline):
		return s.fail("end the session of", "", err)
	}
	hung := err
	name := SessionName(s.agent)
	tree := process.Tree{Marker: s.t.marker(name)}
	if now.Tags[tagAgent] == s.agent {
		tree.Leader, tree.Ended = now.Pane.PID, now.Pane.Dead
	}
	if l := s.t.Limits; l != nil {
		tree.Cgroup = func() []int { return l.Processes(FileName(name)) }
	}
	grace := s.t.Grace
	if grace <= 0 {
		grace = defaultGrace
	}
	if err := tree.End(ctx, grace); err != nil {
		return s.fail("end the session of", "ps shows them", err)
	}
	if l := s.t.Limits; l != nil {
		if err := l.Remove(FileName(name)); err != nil {
			return s.fail("end the session of", "", err)
		}
	}
	if errors.Is(hung, tmux.ErrDeadline) {
		return s.fail("end the session of", "its processes have ended; look with ps whether the Town's tmux hangs", hung)
	}
	if now.ID == "" {
		return nil
	}
	if err := s.t.Server.Remove(ctx, now.ID); err != nil {
		return s.fail("end the session of", "", err)
	}
	return nil
}
