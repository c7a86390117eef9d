package checks

import (
	"slices"
	"strings"
	"sync"
	"time"

	"gastown/deacon/check"
	"gastown/deacon/control"
	"gastown/planes/operational"
)

// board holds the latest result of each check.
type board struct {
	mu    sync.Mutex
	found map[string]control.Check
}

// recall loads the states that an earlier Deacon recorded.
func (b *board) recall(states []operational.CheckState) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.found = map[string]control.Check{}
	for _, s := range states {
		b.found[s.Name] = control.Check{Name: s.Name, State: s.State, Figure: s.Figure, Since: s.Since, At: s.Since}
	}
}

// put stores a result and returns the state before; "" for a check that never ran.
func (b *board) put(name string, r check.Result, at time.Time) (now control.Check, before string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	old, known := b.found[name]
	now = control.Check{
		Name: name, State: string(r.State), Figure: r.Figure, Threshold: r.Threshold,
		Next: r.Next, Details: r.Details, At: at, Since: at,
	}
	if known && old.State == now.State {
		now.Since = old.Since
	}
	b.found[name] = now
	return now, old.State
}

// retain drops the results of checks that no longer exist, and returns their names.
func (b *board) retain(checks []check.Check) (gone []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for name := range b.found {
		if !slices.ContainsFunc(checks, func(c check.Check) bool { return c.Name == name }) {
			delete(b.found, name)
			gone = append(gone, name)
		}
	}
	return gone
}

// all returns the results, by name.
func (b *board) all() []control.Check {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]control.Check, 0, len(b.found))
	for _, c := range b.found {
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b control.Check) int { return strings.Compare(a.Name, b.Name) })
	return out
}
