package checks

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"gastown/deacon/check"
	"gastown/deacon/control"
)

// always are the components that /health always names; others appear only when they
// are not healthy. Plugins are healthy while there are none.
var always = []string{"dolt", "tmux", plugins}

const plugins = "plugins"

// component is one checked component, as /health shows it.
type component struct {
	State     string    `json:"status"`
	Figure    string    `json:"figure,omitempty"`
	Threshold string    `json:"threshold,omitempty"`
	Next      string    `json:"next,omitempty"`
	Details   []string  `json:"details,omitempty"`
	At        time.Time `json:"at,omitzero"`
	Since     time.Time `json:"since,omitzero"`
}

// health is the answer of /health.
type health struct {
	state      check.State // the worst of all components
	version    string
	uptime     time.Duration
	names      []string // of the components, in order
	components map[string]component
}

// newHealth summarises the results of the checks.
func newHealth(found []control.Check) health {
	h := health{state: check.Healthy, components: map[string]component{}}
	for _, c := range found {
		h.state = check.Worse(h.state, check.State(c.State))
		h.names = append(h.names, c.Name)
		h.components[c.Name] = component{c.State, c.Figure, c.Threshold, c.Next, c.Details, c.At, c.Since}
	}
	if _, ok := h.components[plugins]; !ok {
		h.names = append(h.names, plugins)
		h.components[plugins] = component{State: string(check.Healthy), Figure: "none installed"}
	}
	return h
}

// HTTP implements part.Web: GET /health.
func (p *Part) HTTP(mux *http.ServeMux) {
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, r *http.Request) {
		h := newHealth(p.board.all())
		h.version, h.uptime = p.host.Version(), p.host.Now().Sub(p.host.Started())
		h.serve(w, r)
	})
}

// Status implements part.Reporting.
func (p *Part) Status(s *control.Status) {
	s.Checks = p.board.all()
	s.Health = string(newHealth(s.Checks).state)
}

func (h health) serve(w http.ResponseWriter, r *http.Request) {
	body := h.brief()
	if r.URL.Query().Has("verbose") {
		body = h.verbose()
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if h.state == check.Critical {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_, _ = w.Write(body) // an error means that the peer has gone
}

// brief is the documented body, byte for byte: its keys have an order.
func (h health) brief() []byte {
	var out bytes.Buffer
	out.WriteString(`{"status":` + quote(string(h.state)) + `,"components":{`)
	comma := ""
	add := func(name string) {
		word := "ok" // healthy is called ok here
		if c, known := h.components[name]; known && c.State != string(check.Healthy) {
			word = c.State
		}
		out.WriteString(comma + quote(name) + ":" + quote(word))
		comma = ","
	}
	for _, name := range always {
		add(name)
	}
	for _, name := range h.names {
		if h.components[name].State != string(check.Healthy) && !slices.Contains(always, name) {
			add(name)
		}
	}
	out.WriteString("}}")
	return out.Bytes()
}

func (h health) verbose() []byte {
	body, _ := json.MarshalIndent(struct { // plain values, so it cannot fail
		Status     string               `json:"status"`
		Version    string               `json:"version"`
		Uptime     float64              `json:"uptime_seconds"`
		Components map[string]component `json:"components"`
	}{string(h.state), h.version, h.uptime.Seconds(), h.components}, "", "  ")
	return append(body, '\n')
}

func quote(s string) string {
	text, _ := json.Marshal(s) // a string, so it cannot fail
	return string(text)
}
