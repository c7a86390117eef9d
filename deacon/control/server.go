package control

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"gastown/deacon/guard"
	"gastown/town"
)

// Deacon is what the server needs of the daemon. Each function may be called from
// several goroutines; its context ends with the request.
type Deacon struct {
	Status func() Status
	// Stop begins the stop and returns at once.
	Stop   func()
	Reload func(context.Context) error
	Run    func(ctx context.Context, name string) (Ran, error)
	// Lend gives up the planes until release is called.
	Lend func(context.Context) (release func(context.Context) error, err error)
}

// Exempt selects the requests that no limit delays: those that show the state of
// the Deacon and those that stop it.
func Exempt(r *http.Request) bool {
	switch r.URL.Path {
	case prefix + "status", prefix + "stop", prefix + "reload":
		return true
	}
	return false
}

// prefix of every path.
const prefix = "/v1/"

// Handler answers requests for a Deacon; serve it behind package guard. Each of
// more adds requests of its own.
func Handler(d Deacon, more ...func(*http.ServeMux)) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, _ *http.Request) { Reply(w, d.Status(), nil) })
	mux.HandleFunc("POST /v1/stop", func(w http.ResponseWriter, _ *http.Request) {
		Reply(w, struct{}{}, nil)
		_ = http.NewResponseController(w).Flush()
		d.Stop()
	})
	mux.HandleFunc("POST /v1/reload", func(w http.ResponseWriter, r *http.Request) {
		Reply(w, struct{}{}, d.Reload(r.Context()))
	})
	mux.HandleFunc("POST /v1/run", func(w http.ResponseWriter, r *http.Request) {
		var in runRequest
		if guard.ReadJSON(w, r, &in) {
			out, err := d.Run(r.Context(), in.Name)
			Reply(w, out, err)
		}
	})
	mux.HandleFunc("POST /v1/lend", d.lend)
	for _, add := range more {
		add(mux)
	}
	return mux
}

// lend answers as soon as the planes are free. The lease ends when the borrower
// closes the connection.
func (d Deacon) lend(w http.ResponseWriter, r *http.Request) {
	release, err := d.Lend(r.Context())
	Reply(w, struct{}{}, err)
	if err != nil {
		return
	}
	if err := http.NewResponseController(w).Flush(); err == nil {
		<-r.Context().Done()
	}
	// The request's context has ended, but the planes must still be served again.
	if err := release(context.WithoutCancel(r.Context())); err != nil {
		panic(http.ErrAbortHandler) // the Deacon's own function failed, so it already knows
	}
}

// kinds are the kinds of errors that a client distinguishes, by their words on the
// wire.
var kinds = map[string]error{
	"usage": town.ErrUsage, "busy": town.ErrBusy, "refused": town.ErrRefused, "review": town.ErrReview,
}

// Reply answers a request with a value, or with an error that the Client returns
// with its kind and its advice.
func Reply(w http.ResponseWriter, value any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		f := failure{Error: town.Plain(err.Error()), Next: town.Next(err)}
		for word, kind := range kinds {
			if errors.Is(err, kind) {
				f.Kind = word
			}
		}
		w.WriteHeader(http.StatusUnprocessableEntity)
		value = f
	}
	_ = json.NewEncoder(w).Encode(value) // an error means that the peer has gone
}
