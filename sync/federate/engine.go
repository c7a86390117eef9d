package federate

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/sirupsen/logrus"

	"gastown/planes/doltdb"
	"gastown/planes/federation"
	"gastown/sync/gitremote"
	"gastown/sync/records"
	"gastown/sync/sign"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/durable"
	"gastown/town/layout"
)

// defaultWait bounds the wait for a lock another process holds.
const defaultWait = 60 * time.Second

// Remote is a Git repository the Town exchanges with.
type Remote = gitremote.Remote

// Configured is a remote of a Town's configuration.
func Configured(r config.Remote) Remote {
	return Remote{Name: r.Name, URL: r.URL, Space: gitremote.Space(r.Refs)}
}

// ConfiguredAll are the remotes of a Town's configuration.
func ConfiguredAll(list []config.Remote) []Remote {
	all := make([]Remote, len(list))
	for i, r := range list {
		all[i] = Configured(r)
	}
	return all
}

// Configuration is the remote's entry in a Town's configuration.
func Configuration(r Remote) config.Remote {
	return config.Remote{Name: r.Name, URL: r.URL, Refs: string(r.Space)}
}

// Stores remembers which store is the Town's federation plane. previous is not
// empty only while a join is under way (see Engine.Join).
type Stores interface {
	Federation() (uuid, previous string)
	SetFederation(uuid, previous string) error
}

// ReviewBoard shows people the reviews that await a decision.
type ReviewBoard interface {
	// Post replaces the list of open reviews. The engine calls it after each call
	// that may have changed them, while the federation plane is open.
	Post(context.Context, []federation.Review) error
}

// Options describe a Town to the engine.
type Options struct {
	Layout layout.Town
	ID     town.ID
	Name   string
	Actor  town.Actor
	Stores Stores
	// Starter has the texts that a Town began with, the newest first. A document that
	// still has one of them does not count as an edit.
	Starter map[town.Key][]string
	// Plane says how to reach the federation plane: its Socket, External and Pool.
	// The engine sets the rest.
	Plane doltdb.Options
	// Ledger opens the Town's work, of which rules share some. nil: records of the
	// ledger are neither shared nor taken from other Towns.
	Ledger records.LedgerOpener
	// FindRefs: Init and Join find out in which space the repository has its refs,
	// or takes them, where Remote.Space is not known to be right.
	FindRefs bool
	// AllowSecrets: documents may leave that have something that looks like a secret.
	AllowSecrets bool
	// OnlyLedger leaves the federation plane as it is: pulls and pushes exchange
	// records of the ledger alone.
	OnlyLedger bool
	// Approver is asked before rules that are new for a remote share anything
	// through it. nil: nobody can be asked, and such rules wait.
	Approver records.Approver
	// Unsigned says what becomes of documents that arrive without a valid signature; ""
	// means that they wait for a review.
	Unsigned federation.Unsigned
	// Admits says why what another Town signed may not come into force here; "" if it may.
	// nil lets everything in.
	Admits func(federation.Arrival) string
	// MayMerge fails while what Admits should say is not known; see federation.Store.
	MayMerge func() error
	// Reviews may be nil.
	Reviews ReviewBoard
	// Progress is called with each step that may take long, also with one that can
	// report no figures, such as the wait for a server's first byte. It must not block
	// and may be called by several goroutines. May be nil.
	Progress func(Progress)
	// Trace is called when a step of a call ends, with how long it took; "sync" is
	// a push from the recorded commit to the verified remote. Steps may contain
	// others. May be nil.
	Trace func(step string, took time.Duration)
	// Wait bounds the wait for a lock; 0 means 60 s. Deadline and Idle bound
	// network steps; 0 means gitremote's defaults.
	Wait, Deadline, Idle time.Duration
	// Patience bounds, from its beginning, how long a push competes with other Towns,
	// and how long a push or pull waits for a server that is too busy;
	// 0 means turns.DefaultPatience.
	Patience time.Duration
	// Command names this call to other processes that wait for it.
	Command string
	// Env is the environment of whom git runs for, as NAME=value; see
	// gitcmd.Options. It is required.
	Env []string
	// TokenEnv names the variable in Env with a token for HTTPS remotes.
	TokenEnv string
	// TokenHost names for a remote the only host (HOST or HOST:PORT) that gets the
	// token; nil or "" means none.
	TokenHost func(Remote) string
	Log       logrus.FieldLogger
	// Now is the clock for display; nil means time.Now.
	Now func() time.Time
	// Machine replaces instance.Machine, for tests; nil means that.
	Machine func() (id, host string, err error)
}

// Progress is how far a step of long work has come.
type Progress struct {
	// Phase is what is being done, in words for people: "wait for the server of
	// origin", "write files".
	Phase string
	// Done and Total count Unit; Total 0 means unknown.
	Done, Total int64
	Unit        string
}

// Engine serves one Town. It has no state but its options, so any number may run
// at once, in one process and in several, for the same Town and for others, if
// what the options hold allows it. Calls on one remote wait for each other.
type Engine struct {
	opts Options
	// exchange is durable.Exchange, unless a test replaces it.
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
		e.opts.Progress(Progress{Phase: phase, Done: done, Total: total, Unit: unit})
	}
}

// waiting shows what a step waits for.
func (e *Engine) waiting(what string) { e.progress("waiting: "+what, 0, 0, "") }

func (e *Engine) database() doltdb.Options {
	opts := e.opts.Plane
	opts.Dir, opts.Home = e.opts.Layout.Data(layout.Federation), e.opts.Layout.Engine()
	opts.Actor, opts.Wait, opts.Command, opts.Waiting = e.opts.Actor, e.opts.Wait, e.opts.Command, e.waiting
	opts.Checked = func(n int64) { e.progress(phases["check"], n, 0, "rows") }
	return opts
}

// open opens the federation plane. A join that was interrupted is noticed here:
// the store is then either still the old one or already the new one. A join that
// another process completed while this one waited for the plane is noticed too.
func (e *Engine) open(ctx context.Context) (*federation.Store, error) {
	defer e.step("open")()
	for {
		uuid, previous := e.opts.Stores.Federation()
		s, err := e.openAs(ctx, uuid, previous)
		if err == nil {
			if err = e.signs(ctx, s); err != nil {
				return nil, errors.Join(err, s.Close())
			}
		}
		if errors.Is(err, doltdb.ErrCorrupt) {
			return nil, e.adviseDamaged(err)
		}
		if !errors.Is(err, doltdb.ErrOtherStore) {
			return s, err
		}
		if now, former := e.opts.Stores.Federation(); now == uuid && former == previous {
			return s, err
		}
	}
}

// signs has a store sign as this Town. Where the keys cannot be made nothing else can be
// written either, so the store is only read. Where the federation knows the Town by keys and
// there are none here, none are saved: the right ones may be put back from a backup, which
// replaces no keys.
func (e *Engine) signs(ctx context.Context, s *federation.Store) (err error) {
	s.Admits, s.MayMerge = e.opts.Admits, e.opts.MayMerge
	s.Unsigned = cmp.Or(e.opts.Unsigned, federation.UnsignedReviewed)
	path := e.opts.Layout.Keys()
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		known, err := s.KnownKeys(ctx)
		if err != nil {
			return err
		}
		if known > 0 {
			s.Keys, err = sign.NewKeys(e.opts.ID) // the registry has others, so it signs nothing
			return err
		}
	}
	s.Keys, err = sign.Load(path, e.opts.ID)
	if durable.OfMachine(err) {
		return nil
	}
	return err
}

// openAs opens the store called uuid or, if a join was interrupted, previous. A
// join under way holds the plane's lock until one of the two is in place.
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
	_, err = e.retire(e.aside())
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

// retire moves a store of the federation plane, which nobody has open, to the
// retired stores; it returns "" if there is none.
func (e *Engine) retire(dir string) (at string, err error) {
	return doltdb.Retire(dir, e.opts.Layout.Retired(), layout.Federation, e.opts.Now())
}
