// Package web is what the Deacon answers over HTTP: /health for people and load
// balancers, /metrics for Prometheus, and /notify, where a Git host may say that
// something arrived. It shows no document, no row and no secret.
//
// Serve its handler behind package guard.
package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"time"
)

// Words of /health.
const (
	ok       = "ok"
	healthy  = "healthy"
	critical = "critical"
)

// Always are the components that the answer names even when all is well; the
// others appear when they are not.
var Always = []string{"dolt", "tmux", "plugins"}

// Component is one thing that was looked at.
type Component struct {
	Name string `json:"-"`
	// State is "healthy", "warning" or "critical".
	State     string    `json:"status"`
	Figure    string    `json:"figure,omitempty"`
	Threshold string    `json:"threshold,omitempty"`
	Next      string    `json:"next,omitempty"`
	Details   []string  `json:"details,omitempty"`
	At        time.Time `json:"at,omitzero"`
	Since     time.Time `json:"since,omitzero"`
}

// Health is how the Town is.
type Health struct {
	// State is the worst of all components.
	State      string
	Version    string
	Uptime     time.Duration
	Components []Component
}

// Options are what the handler answers with.
type Options struct {
	Health  func() Health
	Metrics http.Handler
	// Notify answers POST /notify; without it there is no such path.
	Notify http.Handler
}

// Exempt says which requests no limit may refuse: /health is read from memory,
// and whoever asks acts on the answer.
func Exempt(r *http.Request) bool { return r.URL.Path == "/health" }

// Handler answers for a Deacon.
func Handler(o Options) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, r *http.Request) {
		h := o.Health()
		body := h.brief()
		if r.URL.Query().Has("verbose") {
			body = h.verbose()
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		if h.State == critical {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = w.Write(body) // a peer that is gone
	})
	mux.Handle("GET /metrics", o.Metrics)
	if o.Notify != nil {
		mux.Handle("POST /notify", o.Notify)
	}
	return mux
}

// brief is the documented body, to the byte: its keys have an order.
func (h Health) brief() []byte {
	var out bytes.Buffer
	out.WriteString(`{"status":` + quote(h.State) + `,"components":{`)
	comma := ""
	add := func(name, word string) {
		out.WriteString(comma + quote(name) + ":" + quote(word))
		comma = ","
	}
	for _, name := range Always {
		word := ok
		if c := h.find(name); c != nil {
			word = c.word()
		}
		add(name, word)
	}
	for _, c := range h.Components {
		if c.State != healthy && !isAlways(c.Name) {
			add(c.Name, c.word())
		}
	}
	out.WriteString("}}")
	return out.Bytes()
}

func (h Health) verbose() []byte {
	all := map[string]Component{}
	for _, c := range h.Components {
		all[c.Name] = c
	}
	body, _ := json.MarshalIndent(struct { // of plain values: it cannot fail
		Status     string               `json:"status"`
		Version    string               `json:"version"`
		Uptime     float64              `json:"uptime_seconds"`
		Components map[string]Component `json:"components"`
	}{h.State, h.Version, h.Uptime.Seconds(), all}, "", "  ")
	return append(body, '\n')
}

func (h Health) find(name string) *Component {
	for i := range h.Components {
		if h.Components[i].Name == name {
			return &h.Components[i]
		}
	}
	return nil
}

// word is how the document words a state.
func (c Component) word() string {
	if c.State == healthy {
		return ok
	}
	return c.State
}

func isAlways(name string) bool {
	for _, a := range Always {
		if a == name {
			return true
		}
	}
	return false
}

func quote(s string) string {
	text, _ := json.Marshal(s) // a string always can be
	return string(text)
}
