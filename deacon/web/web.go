// Package web has what the Deacon's HTTP address and its listeners share: the
// metrics for Prometheus, and which requests no limit refuses. The parts of the
// Deacon add their own metrics and paths.
package web

import (
	"net/http"
	"strings"
)

// The listeners whose refusals are counted.
const (
	ListenerHTTP     = "http"
	ListenerControl  = "control"
	ListenerCommands = "commands"
	ListenerSQL      = "sql"
)

// Exempt selects the requests that no limit refuses. They are answered from memory:
// /health, whose clients act on the answer, and the files without which a page of the
// dashboard stays empty.
func Exempt(r *http.Request) bool {
	return r.URL.Path == "/health" || strings.HasPrefix(r.URL.Path, "/dashboard/assets/")
}
