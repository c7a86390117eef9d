package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"gastown/deacon/guard"
	"gastown/town"
)

// Deacon is what the server needs of the daemon. Each function may be called
// from several goroutines; its context ends with the request.
type Deacon struct {
	Status func() Status
	// Stop begins the end and returns at once.
	Stop      func()
	Reload    func(context.Context) error
	Run       func(ctx context.Context, name string) (Ran, error)
	Sync      func(ctx context.Context, remote string, wait bool) ([]Run, error)
	Heartbeat func(Heartbeat) error
	// Lend gives up the planes until release is called.
	Lend func(context.Context) (release func(context.Context) error, err error)
	// Read answers from the ledger.
	Read func(context.Context, Query) (Answer, error)
	// Agents are those whose heartbeat was seen lately, by name.
	Agents func(context.Context) ([]Agent, error)
	// Cache does something with what is kept; CacheStats tells what that is.
	Cache      func(context.Context, CacheRequest) ([]CacheDone, error)
	CacheStats func() CacheStats
}

// Exempt says which requests no limit may keep waiting: those that tell how the
// Deacon is, and end it.
func Exempt(r *http.Request) bool {
	switch r.URL.Path {
	case prefix + "status", prefix + "stop", prefix + "reload":
		return true
	}
	return false
}

// prefix of every path.
const prefix = "/v1/"

// Handler answers for a Deacon; serve it behind package guard.
func Handler(d Deacon) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, _ *http.Request) { answer(w, d.Status()) })
	mux.HandleFunc("POST /v1/stop", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, struct{}{})
		_ = http.NewResponseController(w).Flush()
		d.Stop()
	})
	mux.HandleFunc("POST /v1/reload", func(w http.ResponseWriter, r *http.Request) {
		conclude(w, struct{}{}, d.Reload(r.Context()))
	})
	mux.HandleFunc("POST /v1/run", func(w http.ResponseWriter, r *http.Request) {
		var in runRequest
		if guard.ReadJSON(w, r, &in) {
			out, err := d.Run(r.Context(), in.Name)
			conclude(w, out, err)
		}
	})
	mux.HandleFunc("POST /v1/federation", func(w http.ResponseWriter, r *http.Request) {
		var in syncRequest
		if guard.ReadJSON(w, r, &in) {
			runs, err := d.Sync(r.Context(), in.Remote, in.Wait)
			conclude(w, Ran{Runs: runs}, err)
		}
	})
	mux.HandleFunc("POST /v1/heartbeat", func(w http.ResponseWriter, r *http.Request) {
		var in Heartbeat
		if !guard.ReadJSON(w, r, &in) {
			return
		}
		if err := in.Validate(); err != nil {
			guard.Refuse(w, r, guard.Malformed, http.StatusBadRequest)
			return
		}
		conclude(w, struct{}{}, d.Heartbeat(in))
	})
	mux.HandleFunc("POST /v1/lend", d.lend)
	mux.HandleFunc("POST /v1/ledger", d.read)
	mux.HandleFunc("GET /v1/agents", func(w http.ResponseWriter, r *http.Request) {
		all, err := d.Agents(r.Context())
		conclude(w, all, err)
	})
	mux.HandleFunc("GET /v1/cache", func(w http.ResponseWriter, _ *http.Request) { answer(w, d.CacheStats()) })
	mux.HandleFunc("POST /v1/cache", func(w http.ResponseWriter, r *http.Request) {
		var in CacheRequest
		if !guard.ReadJSON(w, r, &in) {
			return
		}
		if err := in.Validate(); err != nil {
			guard.Refuse(w, r, guard.Malformed, http.StatusBadRequest)
			return
		}
		out, err := d.Cache(r.Context(), in)
		conclude(w, out, err)
	})
	return mux
}

// lend answers as soon as the planes are free, and ends the lease when the
// borrower hangs up.
func (d Deacon) lend(w http.ResponseWriter, r *http.Request) {
	release, err := d.Lend(r.Context())
	if err != nil {
		conclude(w, nil, err)
		return
	}
	answer(w, struct{}{})
	if err := http.NewResponseController(w).Flush(); err == nil {
		<-r.Context().Done()
	}
	// The request's context is over; the planes must be served again all the same.
	if err := release(context.WithoutCancel(r.Context())); err != nil {
		panic(http.ErrAbortHandler) // the Deacon knows: it was its own function
	}
}

// read answers from the ledger, or says that the client is to ask it itself.
func (d Deacon) read(w http.ResponseWriter, r *http.Request) {
	var in Query
	if !guard.ReadJSON(w, r, &in) {
		return
	}
	if err := in.Validate(); err != nil {
		guard.Refuse(w, r, guard.Malformed, http.StatusBadRequest)
		return
	}
	out, err := d.patientRead(w, r, in)
	if err == nil {
		err = out.Fits()
	}
	var data []byte
	if err == nil {
		data, err = out.encode()
	}
	if err != nil {
		conclude(w, nil, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(data) // a peer that is gone
}

// slowRead is how long a read may take before its client is told that somebody
// is at it: the client gives up a Deacon that says nothing.
const slowRead = time.Second

// patientRead tells the client when a read takes long.
func (d Deacon) patientRead(w http.ResponseWriter, r *http.Request, q Query) (out Answer, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			// Where net/http would contain it, were this the handler's goroutine.
			if p := recover(); p != nil {
				err = fmt.Errorf("the read stopped unexpectedly: %s", town.Clip(fmt.Sprint(p), 300))
			}
		}()
		out, err = d.Read(r.Context(), q)
	}()
	timer := time.NewTimer(slowRead)
	defer timer.Stop()
	select {
	case <-done:
		return out, err
	case <-timer.C:
	}
	w.Header().Set(guard.WaitingHeader, "the Deacon is reading the ledger")
	w.WriteHeader(http.StatusProcessing)
	w.Header().Del(guard.WaitingHeader)
	<-done
	return out, err
}

func answer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value) // a peer that is gone
}

// wordFor says the kinds of failure that a client tells apart.
var wordFor = map[string]error{
	"usage": town.ErrUsage, "busy": town.ErrBusy, "refused": town.ErrRefused, "review": town.ErrReview,
}

func conclude(w http.ResponseWriter, value any, err error) {
	if err == nil {
		answer(w, value)
		return
	}
	f := failure{Error: err.Error(), Next: town.Next(err)}
	for word, kind := range wordFor {
		if errors.Is(err, kind) {
			f.Kind = word
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusUnprocessableEntity)
	_ = json.NewEncoder(w).Encode(f)
}
