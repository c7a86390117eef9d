package federate

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"time"

	"gastown/sync/records"
	"gastown/town"
	"gastown/town/durable"
)

// state is what this Town knows of its agreement with one remote. It is local.
// Each value is written after the fact it states, but for Shared.Tried, which is
// written before. Losing it costs a repeated step or question and no document.
//
// It lies beside the plane, and either may be restored from an older copy. So what
// it says of the plane is a hint; see session.holds.
type state struct {
	// Confirmed: a person agreed, in init or join, to exchange with this URL.
	Confirmed string `json:"confirmed_url,omitempty"`
	// Address is where git's configuration put that URL when a person agreed to
	// it, if elsewhere. A later change of the configuration does not count.
	Address string `json:"confirmed_address,omitempty"`
	// Head is the Git commit whose content is merged into the plane and shown
	// in the files.
	Head string `json:"head,omitempty"`
	// Commit is the plane's commit the remote is known to hold.
	Commit string `json:"commit,omitempty"`
	// Plane is the sign (doltdb.Sign) of the plane's files when the plane was last
	// seen to contain Commit. While the files have that sign, nobody has put an
	// older copy in their place.
	Plane string `json:"plane,omitempty"`
	// Shared is about records of the ledger.
	Shared records.State `json:"shared,omitzero"`
	// Verified is when the remote itself last said so.
	Verified time.Time `json:"verified,omitzero"`
	// Crowded is when a push last met another Town's, by this Town's clock.
	Crowded time.Time `json:"crowded,omitzero"`
	// Pull and Push are how the last pulls and pushes went.
	Pull Attempts `json:"pull,omitzero"`
	Push Attempts `json:"push,omitzero"`
	// FormerFailed and FormerError are of a version that did not tell pulls and
	// pushes apart. They are read and never written.
	FormerFailed time.Time `json:"failed,omitzero"`
	FormerError  string    `json:"error,omitempty"`

	// damaged: the file did not make sense, so nothing is known.
	damaged bool
}

func (e *Engine) statePath(remote string) string {
	return filepath.Join(e.opts.Layout.Remote(remote), "sync.json")
}

// loadState reads the state. A malformed file counts as lost, and the confirmation
// with it: a person must then confirm the remote again.
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
	s.upgrade()
	return s, nil
}

// agreement is a remote that a person agreed to exchange with, and its state. The
// remote has no Space, which only the configuration knows.
type agreement struct {
	remote Remote
	state  state
}

// agreements lists them by name. Those whose state can be read are valid beside an
// error.
func (e *Engine) agreements() (all []agreement, err error) {
	entries, err := os.ReadDir(e.opts.Layout.Remote(""))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		st, serr := e.loadState(entry.Name())
		err = errors.Join(err, serr)
		if st.Confirmed != "" {
			all = append(all, agreement{Remote{Name: entry.Name(), URL: st.Confirmed}, st})
		}
	}
	return all, err
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

// load reads the session's state.
func (s *session) load() (err error) {
	s.state, err = s.loadState(s.remote.Name)
	return err
}

// save writes the session's state.
func (s *session) save() error { return s.saveState(s.remote.Name, s.state) }

// confirmed loads the state, refuses a remote that no person agreed to exchange
// with, and sets the session's address.
func (s *session) confirmed() error {
	if err := s.load(); err != nil {
		return err
	}
	r := s.remote
	if s.state.damaged {
		return town.Fail("sync with "+r.Name, "gt federation join "+r.URL+" --name "+r.Name+" confirms it again",
			"%w: %s is damaged, and with it the note that exchanging with %s was confirmed", town.ErrRefused, s.statePath(r.Name), r.URL)
	}
	if s.state.Confirmed != r.URL {
		return town.Fail("sync with "+r.Name,
			"preview and confirm it with: gt federation init URL (first Town) or gt federation join URL",
			"%w: nobody has confirmed that this Town's federation may be exchanged with %s", town.ErrRefused, r.URL)
	}
	s.address = s.state.Address
	return nil
}

// confirm notes that a person agreed to exchange with the remote.
func (s *session) confirm() error {
	s.state.Confirmed, s.state.Address = s.remote.URL, ""
	if s.address != s.remote.URL {
		s.state.Address = s.address
	}
	return s.save()
}

// verified records that the remote itself confirmed the session's state, and when,
// at the end of a pull or a push.
func (s *session) verified(when time.Time, of *Attempts) error {
	s.state.Verified = when.UTC()
	of.succeed(when)
	return s.save()
}

// noteFailure records why a pull, a push or both failed, for status. It returns no
// error, because the call's own error matters more. A call that was interrupted has
// not failed.
func (s *session) noteFailure(cause error, of ...*Attempts) {
	switch {
	case errors.Is(cause, context.Canceled):
		return
	case errors.Is(cause, errNone) && (s.state.Pull.Failing || s.state.Push.Failing):
		return // the reason why nothing was published there says more
	}
	for _, a := range of {
		a.fail(s.opts.Now(), cause)
	}
	if err := s.save(); err != nil {
		s.opts.Log.WithError(err).Warn("note the failed sync")
	}
}

// Forget withdraws the agreement to exchange with a remote that is removed from the
// configuration. If the remote is added again, a person is asked again. The rest of
// its state and its mirror stay.
func (e *Engine) Forget(ctx context.Context, remote Remote) error {
	return e.changeState(ctx, remote, func(st *state) bool {
		if st.Confirmed == "" {
			return false
		}
		st.forget()
		return true
	})
}

// forget withdraws the agreement to exchange with the remote, and its rules.
func (st *state) forget() {
	st.Confirmed, st.Address = "", ""
	st.Shared.Withdraw()
}

// changeState changes the state of a remote, with its lock held, if change returns
// true.
func (e *Engine) changeState(ctx context.Context, remote Remote, change func(*state) bool) (err error) {
	s, err := e.lockRemote(ctx, remote)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.release()) }()
	if err := s.load(); err != nil || !change(&s.state) {
		return err
	}
	return s.save()
}
