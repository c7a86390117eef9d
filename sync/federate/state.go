package federate

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"time"

	"gastown/town/durable"
)

// state is what this Town knows of its agreement with one remote. It is local,
// and, but for what is noted of records before they are sent, only ever written
// after the fact it states: losing it costs a repeated step or question, never
// data.
type state struct {
	// Confirmed: a person agreed, in init or join, to exchange with this URL.
	Confirmed string `json:"confirmed_url,omitempty"`
	// Address is where git's configuration put that URL when it was agreed to,
	// if elsewhere; what the configuration says later does not count.
	Address string `json:"confirmed_address,omitempty"`
	// Head is the Git commit whose content is merged into the plane and shown
	// in the files.
	Head string `json:"head,omitempty"`
	// Commit is the plane's commit the remote is known to hold.
	Commit string `json:"commit,omitempty"`
	// Shared is about records of the ledger.
	Shared shared `json:"shared,omitzero"`
	// Verified is when the remote itself last said so.
	Verified time.Time `json:"verified,omitzero"`
	// Failed and Error describe the last attempt, if it failed.
	Failed time.Time `json:"failed,omitzero"`
	Error  string    `json:"error,omitempty"`

	// damaged: the file did not make sense, so nothing is known.
	damaged bool
}

func (e *Engine) statePath(remote string) string {
	return filepath.Join(e.opts.Layout.Remote(remote), "sync.json")
}

// loadState reads what is known. A file that makes no sense is as good as lost,
// and the confirmation with it: a person then gives it again.
func (e *Engine) loadState(remote string) (s state, err error) {
	data, err := os.ReadFile(e.statePath(remote))
	if errors.Is(err, os.ErrNotExist) {
		return state{}, nil
	}
	if err != nil {
		return state{}, err
	}
	if err := json.Unmarshal(data, &s); err != nil {
		e.opts.Log.WithError(err).WithField("file", e.statePath(remote)).Warn("what is known of the remote is damaged")
		return state{damaged: true}, nil
	}
	return s, nil
}

// stateOf is what is known of a remote at the URL it has now.
func (e *Engine) stateOf(r Remote) (state, error) {
	st, err := e.loadState(r.Name)
	st.Shared = st.Shared.of(r, e.exchangeUUID())
	return st, err
}

// Forget withdraws the agreement to exchange with a remote, for one that is
// taken out of the configuration: should it come back, a person is asked again.
// What else is known of it stays, and so does its mirror.
func (e *Engine) Forget(ctx context.Context, remote Remote) (err error) {
	l, err := e.lockRemote(ctx, remote)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.release()) }()
	st, err := e.loadState(remote.Name)
	if err != nil || st.Confirmed == "" {
		return err
	}
	st.Confirmed, st.Address = "", ""
	st.Shared.Agreed, st.Shared.At = nil, ""
	return e.saveState(remote.Name, st)
}

func (e *Engine) saveState(remote string, s state) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(e.opts.Layout.Remote(remote), 0o700); err != nil {
		return err
	}
	return durable.Replace(e.statePath(remote), append(data, '\n'), 0o600)
}

// noteFailure records why the last attempt failed, for status. The attempt's
// own error matters more than one of this.
func (e *Engine) noteFailure(remote string, cause error) {
	s, err := e.loadState(remote)
	if err != nil {
		return
	}
	s.Failed, s.Error = e.opts.Now().UTC(), cause.Error()
	if err := e.saveState(remote, s); err != nil {
		e.opts.Log.WithError(err).Warn("note the failed sync")
	}
}
