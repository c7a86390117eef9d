package federate

import (
	"cmp"
	"context"
	"errors"
	"io"
	"time"

	"github.com/sirupsen/logrus"

	"gastown/planes/doltdb"
	"gastown/planes/federation"
	"gastown/planes/ledger"
	"gastown/sync/gitremote"
	"gastown/town"
	"gastown/town/durable"
	"gastown/town/layout"
)

// Ref is where the federation plane lies in a Git repository.
const Ref = "refs/dolt/data"

// defaultWait bounds the wait for a lock another process holds.
const defaultWait = 60 * time.Second

// Remote is a Git repository the Town exchanges with.
type Remote struct {
	Name string
	URL  string
}

// Stores remembers which store is the Town's federation plane. previous is not
// empty only while a join is under way (see Engine.Join).
type Stores interface {
	Federation() (uuid, previous string)
	SetFederation(uuid, previous string) error
}

// Options describe a Town to the engine.
type Options struct {
	Layout layout.Town
	ID     town.ID
	Name   string
	Actor  town.Actor
	Stores Stores
	// Starter is what a new Town begins with; a document that still has that
	// text is nobody's edit.
	Starter map[town.Key]string
	// Plane says how the federation plane is reached: its Socket, External and
	// Pool. The rest of it the engine knows.
	Plane doltdb.Options
	// Ledger opens the Town's work, of which rules share some. nil: the ledger is
	// neither shared nor taken from others.
	Ledger func(context.Context) (*ledger.Store, error)
	// OnlyLedger leaves the federation plane as it is: pulls and pushes exchange
	// records of the ledger alone.
	OnlyLedger bool
	// ConfirmShare is asked before rules that are new for a remote share anything
	// through it. town.ErrRefused means no: then all but the ledger goes on. nil
	// means that nobody can be asked.
	ConfirmShare func(SharePreview) error
	// Reviews is told the open reviews after a call may have changed them. May
	// be nil.
	Reviews func(context.Context, []federation.Review) error
	// Progress must not block. May be nil.
	Progress func(Event)
	// Trace is told how long a step of a call took, when it ends; "sync" is a
	// push from the recorded commit to the verified remote. Steps may contain
	// others. May be nil.
	Trace func(step string, took time.Duration)
	// Wait bounds the wait for a lock; 0 means 60 s. Deadline and Idle bound
	// network steps; 0 means gitremote's defaults.
	Wait, Deadline, Idle time.Duration
	// Command is what others are told when they wait for this one.
	Command string
	// TokenEnv names the environment variable with a token for HTTPS remotes.
	TokenEnv string
	// TokenHost says for a remote which host (HOST or HOST:PORT) that token is
	// for; it goes to no other. nil or "" means to none.
	TokenHost func(Remote) string
	Log       logrus.FieldLogger
	// Now is the clock for display; nil means time.Now.
	Now func() time.Time
}

// Event is a step of long work.
type Event struct {
	// Phase is what is being done: "fetch", "verify", "write files".
	Phase string
	// Done and Total count Unit; Total 0 means unknown.
	Done, Total int64
	Unit        string
}

// Engine is safe for use by one goroutine at a time; any number of processes
// may run one for the same Town.
type Engine struct {
	opts Options
	// exchange is the system's; tests have others.
	exchange func(a, b string) error
}

// New returns an engine. It opens nothing yet.
func New(opts Options) *Engine {
	if opts.Wait == 0 {
		opts.Wait = defaultWait
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Log == nil {
		log := logrus.New()
		log.SetOutput(io.Discard)
		opts.Log = log
	}
	return &Engine{opts: opts, exchange: durable.Exchange}
}

func (e *Engine) progress(phase string, done, total int64, unit string) {
	if e.opts.Progress != nil {
		e.opts.Progress(Event{Phase: phase, Done: done, Total: total, Unit: unit})
	}
}

func (e *Engine) database() doltdb.Options {
	opts := e.opts.Plane
	opts.Dir, opts.Home = e.opts.Layout.Data(layout.Federation), e.opts.Layout.Engine()
	opts.Actor, opts.Wait, opts.Command = e.opts.Actor, e.opts.Wait, e.opts.Command
	return opts
}

// open opens the federation plane. A join that was interrupted is noticed
// here: the store is then either still the old one or already the new one. So
// is a join that another process ended while this one waited for the plane.
func (e *Engine) open(ctx context.Context) (*federation.Store, error) {
	defer e.step("open")()
	for {
		uuid, previous := e.opts.Stores.Federation()
		s, err := e.openAs(ctx, uuid, previous)
		if !errors.Is(err, doltdb.ErrOtherStore) {
			return s, err
		}
		if now, former := e.opts.Stores.Federation(); now == uuid && former == previous {
			return s, err
		}
	}
}

// openAs opens the store called uuid or, if a join was interrupted, previous.
// One that is under way holds the plane's lock until it has decided.
func (e *Engine) openAs(ctx context.Context, uuid, previous string) (*federation.Store, error) {
	s, err := federation.Open(ctx, e.database(), uuid, e.opts.ID)
	if previous == "" {
		return s, err
	}
	if errors.Is(err, doltdb.ErrMissing) && e.putBack() {
		s, err = federation.Open(ctx, e.database(), uuid, e.opts.ID)
	}
	if errors.Is(err, doltdb.ErrOtherStore) {
		uuid = previous
		s, err = federation.Open(ctx, e.database(), uuid, e.opts.ID)
	}
	if err != nil {
		return nil, err
	}
	_, err = e.retire(e.aside(), layout.Federation)
	if err == nil {
		err = e.opts.Stores.SetFederation(uuid, "")
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// with runs fn with the plane and the files open.
func (e *Engine) with(ctx context.Context, fn func(*workspace) error) (err error) {
	defer func() { err = e.disk(err) }()
	s, err := e.open(ctx)
	if err != nil {
		return err
	}
	w, err := e.workspace(s)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	defer func() {
		defer e.step("close")()
		err = errors.Join(err, w.close(), s.Close())
	}()
	return fn(w)
}

// tellReviews passes the open reviews on.
func (e *Engine) tellReviews(ctx context.Context, s *federation.Store) ([]federation.Review, error) {
	defer e.step("reviews")()
	reviews, err := s.Reviews(ctx)
	if err != nil || e.opts.Reviews == nil {
		return reviews, err
	}
	return reviews, e.opts.Reviews(ctx, reviews)
}

// mirror opens a remote's mirror; the caller holds the remote's lock.
func (e *Engine) mirror(ctx context.Context, l *remoteLock) (*gitremote.Mirror, error) {
	if err := durable.Sweep(e.statePath(l.remote.Name)); err != nil {
		return nil, err
	}
	tokenHost := ""
	if e.opts.TokenHost != nil {
		tokenHost = e.opts.TokenHost(l.remote)
	}
	m, err := gitremote.Open(ctx, gitremote.Options{
		Dir: e.opts.Layout.Remote(l.remote.Name), URL: cmp.Or(l.address, l.remote.URL), Ref: Ref,
		Verify: func(ctx context.Context, dir string, tables []string) error {
			defer e.step("verify")()
			e.progress("verify", 0, int64(len(tables)), "files")
			return doltdb.VerifyTables(ctx, dir, tables)
		},
		Progress: func(p gitremote.Event) { e.progress(p.Phase, p.Done, p.Total, "objects") },
		Log:      e.opts.Log, Deadline: e.opts.Deadline, Idle: e.opts.Idle,
		TokenEnv: e.opts.TokenEnv, TokenHost: tokenHost, Inherit: l.lock.File(),
	})
	if err == nil && e.opts.Ledger != nil {
		l.ledger, err = m.Beside(ctx, ledgerMirror, LedgerRef)
	}
	if err == nil && (m.Mended() || l.ledger != nil && l.ledger.Mended()) {
		l.notes = append(l.notes, "the local copy of remote "+l.remote.Name+" was damaged and was made anew; nothing of the Town was in it alone")
	}
	return m, err
}
