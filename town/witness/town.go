package witness

import (
	"context"
	"strings"
	"sync"
	"time"

	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/agent"
	"gastown/town/escalate"
	"gastown/town/polecat"
	"gastown/town/rig"
)

// InTmux are the sessions on the Town's tmux server.
type InTmux struct{ Tmux agent.Tmux }

var _ Sessions = InTmux{}

// Survey implements Sessions, with at most two processes.
func (t InTmux) Survey(ctx context.Context, look func(Session) bool) (map[town.Address]*Session, error) {
	seen, err := t.Tmux.Survey(ctx, func(s agent.Signs) bool {
		one, ok := t.session(s)
		return ok && look(one)
	})
	all := map[town.Address]*Session{}
	for _, s := range seen {
		one, ok := t.session(s.Signs)
		if !ok {
			continue
		}
		if s.Look != nil {
			one.Screen = &Screen{State: s.Look.State, Dialog: s.Look.Dialog, Prompt: s.Prompt, Last: last(s.Look.Lines)}
		}
		all[one.Agent] = &one
	}
	return all, err
}

func (t InTmux) session(s agent.Signs) (Session, bool) {
	of, ok := polecat.SessionOf(t.Tmux, s)
	return Session{Session: of, PID: s.PID}, ok
}

// maxLast is how long a line of a screen may be, in bytes.
const maxLast = 120

// last is the last line with text, without what tmux adds when a program has ended.
func last(lines []string) string {
	for i := len(lines) - 1; i >= 0; i-- {
		text := strings.TrimSpace(town.Visible(lines[i]))
		if text != "" && !strings.HasPrefix(text, "Pane is dead") {
			return town.Clip(text, maxLast)
		}
	}
	return ""
}

// End implements Sessions.
func (t InTmux) End(ctx context.Context, a town.Address) error {
	s, err := t.Tmux.Find(a.String(), "plain") // the session says which preset it has
	if err != nil {
		return err
	}
	return s.End(ctx)
}

// InRigs are the sandboxes of the Town's rigs. It opens each rig once.
type InRigs struct {
	Yard *rig.Yard

	mu     sync.Mutex
	opened map[string]*rig.Rig
}

var _ Sandboxes = (*InRigs)(nil)

func (r *InRigs) open(name string) (*rig.Rig, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if of, ok := r.opened[name]; ok {
		return of, nil
	}
	of, err := r.Yard.Open(name)
	if err != nil {
		return nil, err
	}
	if r.opened == nil {
		r.opened = map[string]*rig.Rig{}
	}
	r.opened[name] = of
	return of, nil
}

// Leads implements Sandboxes.
func (r *InRigs) Leads(ctx context.Context, name string) (map[string]rig.Lead, error) {
	of, err := r.open(name)
	if err != nil {
		return nil, err
	}
	return of.Leads(ctx)
}

// Trace implements Sandboxes.
func (r *InRigs) Trace(a town.Address) (string, error) {
	of, err := r.open(a.Rig)
	if err != nil {
		return "", err
	}
	return of.Trace(a.Name)
}

// Save implements Sandboxes.
func (r *InRigs) Save(ctx context.Context, a town.Address, why string) (ref, what string, err error) {
	of, err := r.open(a.Rig)
	if err != nil {
		return "", "", err
	}
	return polecat.SaveIn(ctx, of, a, why)
}

// Publish implements Sandboxes.
func (r *InRigs) Publish(ctx context.Context, held operational.Assignment) (m operational.MergeRequest, err error) {
	of, err := r.open(held.Agent.Rig)
	if err != nil {
		return m, err
	}
	box, err := of.Sandbox(ctx, rig.Polecats, held.Agent.Name)
	if err != nil {
		return m, err
	}
	unsaved, err := of.Unsaved(ctx, box)
	if err == nil {
		err = polecat.Clean(held, unsaved, false)
	}
	if err != nil {
		return m, err
	}
	return polecat.Publish(ctx, of, box, held)
}

// InLedger is the Town's ledger as a Ledger.
type InLedger struct {
	Store *ledger.Store
	Now   func() time.Time
}

var _ Ledger = InLedger{}

// Beads implements Ledger, with one query.
func (l InLedger) Beads(ctx context.Context, ids []string) (map[string]polecat.Bead, error) {
	return polecat.Beads{Store: l.Store}.Beads(ctx, ids)
}

// Raised implements Ledger, with one query.
func (l InLedger) Raised(ctx context.Context, prefix string) (keys []string, err error) {
	all, err := escalate.List(ctx, l.Store, false, l.Now())
	for _, e := range all {
		if strings.HasPrefix(e.Key, prefix) {
			keys = append(keys, e.Key)
		}
	}
	return keys, err
}

// Raise implements Ledger.
func (l InLedger) Raise(ctx context.Context, t escalate.Trouble) (told bool, err error) {
	_, told, err = escalate.Raise(ctx, l.Store, t, l.Now())
	return told, err
}

// Settle implements Ledger.
func (l InLedger) Settle(ctx context.Context, key, reason string) error {
	_, err := escalate.Settle(ctx, l.Store, key, reason, l.Now())
	return err
}
