package federate

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"
)

// state is what this Town knows of its agreement with one remote. It is local,
// and only ever written after the fact it states: losing it costs a repeated
// step, never data.
type state struct {
	// Confirmed: a person agreed, in init or join, to exchange with this URL.
	Confirmed string `json:"confirmed_url,omitempty"`
	// Head is the Git commit whose content is merged into the plane and shown
	// in the files.
	Head string `json:"head,omitempty"`
	// Commit is the plane's commit the remote is known to hold.
	Commit string `json:"commit,omitempty"`
	// Verified is when the remote itself last said so.
	Verified time.Time `json:"verified,omitzero"`
	// Failed and Error describe the last attempt, if it failed.
	Failed time.Time `json:"failed,omitzero"`
	Error  string    `json:"error,omitempty"`
}

func (e *Engine) statePath(remote string) string {
	return filepath.Join(e.opts.Layout.Remote(remote), "sync.json")
}

func (e *Engine) loadState(remote string) (s state, err error) {
	data, err := os.ReadFile(e.statePath(remote))
	if errors.Is(err, os.ErrNotExist) {
		return state{}, nil
	}
	if err != nil {
		return state{}, err
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return state{}, fmt.Errorf("read %s: %w", e.statePath(remote), err)
	}
	return s, nil
}

func (e *Engine) saveState(remote string, s state) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(e.opts.Layout.Remote(remote), 0o700); err != nil {
		return err
	}
	// The temporary file goes beside it, not where a killed process would leave
	// it to everybody.
	return renameio.WriteFile(e.statePath(remote), append(data, '\n'), 0o600, renameio.WithTempDir(e.opts.Layout.Remote(remote)))
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
