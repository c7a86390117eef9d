package agent

import (
	"context"

	"gastown/tmux"
)

// Seen is a session with what it shows.
type Seen struct {
	Signs
	// Look is nil when nobody looked, or when the session was gone by then.
	Look *Look
	// Prompt says that the preset knows its program's prompt: only then is Ready seen.
	Prompt bool
}

// Survey returns the signs of life of every session of the Town, and what those show
// that want names. It answers no dialog. It starts two processes, one that lists and
// one that looks; more while the status of a program that ended is not known yet.
func (t Tmux) Survey(ctx context.Context, want func(Signs) bool) ([]Seen, error) {
	sessions, err := t.sessions(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]Seen, len(sessions))
	var wanted []tmux.Session
	for i, s := range sessions {
		all[i].Signs = signs(s)
		if all[i].Agent != "" && want(all[i].Signs) {
			wanted = append(wanted, s)
		}
	}
	if len(wanted) == 0 {
		return all, nil
	}
	screens, err := t.Server.Screens(ctx, wanted...)
	for i, s := range sessions {
		screen, ok := screens[s.Pane.ID]
		if !ok {
			continue
		}
		p, err := t.Presets.Find(s.Tags[tagPreset])
		if err != nil { // a preset that was removed since
			p = Preset{}
		}
		look := p.read(screen, screen.Tags[tagBegun] != "")
		all[i].Look, all[i].Prompt = &look, p.composer != nil
		all[i].Signs = look.Signs
	}
	return all, err
}
