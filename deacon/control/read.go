package control

import (
	"fmt"
	"net/http"
	"time"

	"gastown/deacon/guard"
	"gastown/town"
)

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
		Reply(w, nil, err)
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
