package host

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"gastown/tmux"
	"gastown/town"
	"gastown/town/agent"
	"gastown/town/config"
	"gastown/town/limits"
)

// Sessions is the Town's tmux with its presets of agents.
func (h *Host) Sessions() (agent.Tmux, error) {
	presets, err := h.Presets()
	if err != nil {
		return agent.Tmux{}, err
	}
	self, err := h.call.Executable()
	if err != nil {
		return agent.Tmux{}, err
	}
	most, err := h.Config.Int("tmux.max_sessions")
	if err != nil {
		return agent.Tmux{}, err
	}
	return agent.Tmux{
		Server: tmux.Server{Socket: h.Layout.Tmux(), Env: h.call.Env},
		Dir:    h.Layout.Sessions(), Launcher: []string{self}, Presets: presets, Base: h.call.Env, Max: most,
		Limits: h.limiter(h.Layout.Sessions()),
	}, nil
}

// limiter holds programs of the Town to their limits. dir is for its own files.
func (h *Host) limiter(dir string) *limits.Limiter {
	return &limits.Limiter{Host: limits.Host{Env: h.call.Env}, Dir: dir, Town: town.DigestOf("town", h.Layout.Root).Short()}
}

// SessionLimits are what one session may use by the Town's settings, and, unless rig is
// "", what all sessions of the rig may use together.
func (h *Host) SessionLimits(rig string) (of limits.Limits, group limits.Group, err error) {
	memory, err1 := h.Config.Bytes("polecat.max_memory")
	cores, err2 := h.Config.Int("polecat.max_cpu")
	processes, err3 := h.Config.Int("polecat.max_processes")
	of = limits.Limits{Memory: memory, CPU: cores, Processes: processes}
	if rig == "" {
		return of, group, errors.Join(err1, err2, err3)
	}
	group, err = h.rigLimits(rig)
	return of, group, errors.Join(err1, err2, err3, err)
}

// rigLimits are what all sessions of a rig may use together: what its entry says, and
// the Town's settings for the rest.
func (h *Host) rigLimits(name string) (limits.Group, error) {
	all, err := h.Rigs().Load()
	if err != nil {
		return limits.Group{}, err
	}
	memory, cores := h.Config, h.Config
	for _, r := range all {
		if r.Name != name {
			continue
		}
		if r.Limits.Memory != "" {
			memory = &config.Config{Settings: map[string]string{"rig.memory": r.Limits.Memory}}
		}
		if r.Limits.CPU != 0 {
			cores = &config.Config{Settings: map[string]string{"rig.cpu": strconv.Itoa(r.Limits.CPU)}}
		}
	}
	bytes, err1 := memory.Bytes("rig.memory")
	cpu, err2 := cores.Int("rig.cpu")
	if err := errors.Join(err1, err2); err != nil {
		return limits.Group{}, town.Fail("limit the sessions of the rig "+name, "set limits in "+h.Layout.RigsConfig(), "%w", err)
	}
	return limits.Group{Name: name, Limits: limits.Limits{Memory: bytes, CPU: cpu}}, nil
}

// Presets are the Town's presets of agents.
func (h *Host) Presets() (agent.Presets, error) {
	text, err := os.ReadFile(h.Layout.Agents())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return agent.Parse(text)
}

// SessionOf finds the session that a person means: by the address of its agent, by its
// name, or by RIG/NAME where only one agent has it. Without one it is town.ErrUsage,
// with the nearest names.
func (h *Host) SessionOf(ctx context.Context, t agent.Tmux, word string) (agent.Session, agent.Signs, error) {
	all, err := t.List(ctx)
	if err != nil {
		return nil, agent.Signs{}, err
	}
	var found []agent.Signs
	var names []string
	for _, s := range all {
		name := s.Agent
		if name == "" {
			name = s.Name
		}
		names = append(names, name)
		rig, rest, _ := strings.Cut(word, "/")
		switch {
		case name == word || s.Name == word || agent.SessionName(name) == agent.SessionName(word):
			found = append([]agent.Signs{s}, found...)
			found = found[:1]
		case rest != "" && strings.HasPrefix(name, rig+"/") && strings.HasSuffix(name, "/"+rest):
			found = append(found, s)
			continue
		default:
			continue
		}
		break
	}
	if len(found) == 1 {
		name := found[0].Agent
		if name == "" {
			name = found[0].Name
		}
		s, err := t.Find(name, found[0].Preset)
		if err != nil { // somebody else's session, or a preset that was removed since
			s, err = t.Find(name, "plain")
		}
		return s, found[0], err
	}
	why := ""
	switch near := town.Nearest(word, names, 3); {
	case len(found) > 1:
		why = ": it may be " + found[0].Agent + " or " + found[1].Agent
	case len(near) > 0:
		why = ": did you mean " + strings.Join(near, " or ") + "?"
	}
	return nil, agent.Signs{}, town.Fail("find the session of "+town.Typed(word), "gt tmux list shows the sessions", "%w: %w%s", town.ErrUsage, agent.ErrNoSession, why)
}
