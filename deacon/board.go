package deacon

import (
	"slices"
	"strings"
	"sync"
	"time"

	"gastown/deacon/check"
	"gastown/deacon/control"
	"gastown/deacon/web"
	"gastown/planes/operational"
)

// plugins is the component of the plugins; it is well while there are none.
const plugins = "plugins"

// board shows what each check last found.
type board struct {
	mu    sync.Mutex
	found map[string]control.Check
}

// recall begins with what an earlier Deacon found.
func (b *board) recall(states []operational.CheckState) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.found = map[string]control.Check{}
	for _, s := range states {
		b.found[s.Name] = control.Check{Name: s.Name, State: s.State, Figure: s.Figure, Since: s.Since, At: s.Since}
	}
}

// put shows a result and says what the state was before; "" for a check that
// was never run.
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

// retain forgets checks that are no more.
func (b *board) retain(names []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for name := range b.found {
		if !slices.Contains(names, name) {
			delete(b.found, name)
		}
	}
}

// all is what is shown, by name.
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

// health is the board for /health.
func (d *Deacon) health() web.Health {
	h := web.Health{State: string(check.Healthy), Version: d.opts.Version, Uptime: d.opts.Now().Sub(d.started)}
	for _, c := range d.board.all() {
		h.State = string(check.Worse(check.State(h.State), check.State(c.State)))
		h.Components = append(h.Components, web.Component{
			Name: c.Name, State: c.State, Figure: c.Figure, Threshold: c.Threshold,
			Next: c.Next, Details: c.Details, At: c.At, Since: c.Since,
		})
	}
	if !slices.ContainsFunc(h.Components, func(c web.Component) bool { return c.Name == plugins }) {
		h.Components = append(h.Components, web.Component{Name: plugins, State: string(check.Healthy), Figure: "none installed"})
	}
	return h
}
