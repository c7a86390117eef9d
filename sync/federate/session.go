package federate

import (
	"cmp"
	"context"
	"errors"
	"time"

	"gastown/planes/doltdb/tables"
	"gastown/sync/gitremote"
	"gastown/sync/records"
	"gastown/town"
	"gastown/town/durable"
	"gastown/town/instance"
	"gastown/town/lockfile"
)

// session is what the engine holds while it works with one remote: the remote's
// lock, mirror and state. It is for one goroutine.
//
// The plane and the files are not open for the whole session: a step that needs
// them opens them (Engine.with) and closes them before the next network step.
type session struct {
	*Engine
	remote Remote
	// address is where the remote is, once that is known to differ from its URL.
	address string
	// lock serialises everything that touches the remote's directory, across
	// processes. Git children inherit its descriptor: after a kill of gt the lock
	// is held until they are gone too.
	lock *lockfile.Lock
	// mirror is open from begin or firstContact on.
	mirror *gitremote.Mirror
	// empty is what findSpace saw of a repository without a federation; nil when it
	// did not look. why is the reason for using branches. Both are for Init.
	empty *gitremote.Found
	why   string
	// searched is the plane's commit whose texts were searched for secrets before a
	// person was asked.
	searched string
	// records is the session's part for shared records; nil when none are
	// exchanged.
	records *records.Session
	// ring has the keys of Towns; see readRing.
	ring keyRing
	// self says which directory of the Town this is. It is known when the mirror is
	// open.
	self instance.Note
	// state is the remote's state. Only this session changes it while the lock is
	// held.
	state state
	// last is what the last pull of this session found; nil after one that failed.
	last *lastPull
	// refused is why the records that arrived last were not merged. The rest of the
	// call continues, and the call ends with this error.
	refused error
	// withTurns: fetches bring the turns that wait, because this session publishes.
	withTurns bool
	// wasLeft: a push of this session left a turn, or an attempt that the server took
	// and refused when it came again.
	wasLeft bool
	// notes are for people; the outcome of the call takes them.
	notes []string
}

// lastPull is what a remote held at the last pull, all of which is merged.
type lastPull struct {
	head, records string
	at            time.Time
}

// unmoved reports that both refs are as the last pull of this session found them.
func (s *session) unmoved() bool {
	return s.last != nil && s.last.head == s.mirror.Head() && s.last.records == s.records.Head()
}

// begin starts a session with a remote that a person agreed to exchange with. The
// caller ends it.
func (e *Engine) begin(ctx context.Context, remote Remote) (*session, error) {
	s, err := e.lockRemote(ctx, remote)
	if err != nil {
		return nil, err
	}
	if err := s.confirmed(); err != nil {
		return nil, errors.Join(err, s.release())
	}
	if err := s.openMirror(ctx); err != nil {
		s.noteFailure(err, &s.state.Pull, &s.state.Push)
		return nil, errors.Join(err, s.release())
	}
	return s, nil
}

// end ends a session whose call ended with err, and returns the call's error. It
// records a failure for status: err as that of the state's pulls or pushes, and
// refused records as one of pulls, because they arrived.
func (s *session) end(err error, of *Attempts) error {
	if s.refused != nil {
		s.noteFailure(s.refused, &s.state.Pull)
	}
	if err != nil {
		s.noteFailure(err, of)
	}
	return errors.Join(s.withRefused(err), s.release())
}

// ask fetches from the remote. A person sees which server is awaited.
func (s *session) ask(ctx context.Context) (gitremote.FetchResult, error) {
	s.progress("wait for the server of "+s.remote.Name, 0, 0, "")
	fetch := s.mirror.Fetch
	if s.withTurns {
		fetch = s.mirror.FetchTurns
	}
	got, err := fetch(ctx)
	return got, s.repairable(err)
}

// askPatiently is ask, made again while the failure may pass.
func (s *session) askPatiently(ctx context.Context) (got gitremote.FetchResult, err error) {
	err = s.patiently(ctx, func() (err error) {
		got, err = s.ask(ctx)
		return err
	})
	return got, err
}

// repairable adds the step that helps where what the remote holds is not accepted.
func (s *session) repairable(err error) error {
	if err == nil || !unusable(err) {
		return err
	}
	return &town.Error{
		Op: "take what " + s.remote.Name + " holds", Err: err,
		Next: "nothing was changed here; see what would bring it back to its last good state: gt federation repair " + s.remote.Name + " --dry-run",
	}
}

// where is the address of the remote.
func (s *session) where() string { return cmp.Or(s.address, s.remote.URL) }

// takeNotes returns the notes for an outcome and clears them.
func (s *session) takeNotes() []string {
	notes := append(s.notes, s.records.TakeNotes()...)
	s.notes = nil
	return notes
}

// lockRemote starts a session that has the remote's lock and nothing else.
func (e *Engine) lockRemote(ctx context.Context, r Remote) (_ *session, err error) {
	defer func() { err = e.disk(err) }()
	lock, err := lockfile.Acquire(ctx, e.opts.Layout.Lock("remote-"+r.Name), lockfile.Options{
		Command: e.opts.Command, Wait: e.opts.Wait, Op: "sync with " + r.Name,
		Waiting: func(h lockfile.Holder) { e.waiting(h.String() + " exchanges with " + r.Name) },
	})
	if err != nil {
		return nil, err
	}
	return &session{Engine: e, remote: r, lock: lock}, nil
}

// release gives the lock up.
func (s *session) release() error { return s.lock.Release() }

// openMirror opens the remote's mirror and, beside it, that of the records.
func (s *session) openMirror(ctx context.Context) (err error) {
	if err := durable.Sweep(s.statePath(s.remote.Name)); err != nil {
		return err
	}
	if s.self, err = s.here().Ensure(ctx); err != nil {
		return err
	}
	tokenHost := ""
	if s.opts.TokenHost != nil {
		tokenHost = s.opts.TokenHost(s.remote)
	}
	s.mirror, err = gitremote.Open(ctx, gitremote.Options{
		Dir: s.opts.Layout.Remote(s.remote.Name), URL: s.where(), Ref: s.remote.Space.Data(),
		Space: s.remote.Space, Town: s.opts.ID,
		Verify: func(ctx context.Context, dir string, names []string) error {
			defer s.step("verify")()
			s.progress(phases["verify"], 0, int64(len(names)), "files")
			return tables.Verify(ctx, dir, names)
		},
		Progress: func(p gitremote.Progress) { s.progress(p.Phase, p.Done, p.Total, "objects") },
		Log:      s.opts.Log, Deadline: s.opts.Deadline, Idle: s.opts.Idle,
		TokenEnv: s.opts.TokenEnv, TokenHost: tokenHost, Env: s.opts.Env, Inherit: s.lock.File(),
	})
	if err == nil && s.opts.Ledger != nil {
		s.records, err = s.sharing().Begin(ctx, records.Link{
			Remote: s.remote, Mirror: s.mirror, State: &s.state.Shared, Save: s.save, Speaks: s.speaksFor, Ring: s.readRing,
		})
	}
	if err == nil && (s.mirror.Mended() || s.records.Mended()) {
		s.notes = append(s.notes, "the local copy of remote "+s.remote.Name+" was damaged and was made anew; nothing of the Town was in it alone")
	}
	return err
}

// tidy removes what has accumulated in the mirror. A failure is only logged,
// because the exchange before it has succeeded.
func (s *session) tidy() {
	if err := s.mirror.Tidy(); err != nil {
		s.opts.Log.WithError(err).Warn("tidy the mirror")
	}
}
