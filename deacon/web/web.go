// Package web has what the Deacon's HTTP address and its listeners have in
// common: the metrics for Prometheus, and which requests no limit refuses. The
// parts of the Deacon add their own metrics and their own paths.
package web

import "net/http"

// The listeners whose refusals are counted.
const (
	ListenerHTTP     = "http"
	ListenerControl  = "control"
	ListenerCommands = "commands"
	ListenerSQL      = "sql"
)

// Exempt says which requests no limit refuses: /health is answered from memory,
// and whoever asks acts on the answer.
func Exempt(r *http.Request) bool { return r.URL.Path == "/health" }
