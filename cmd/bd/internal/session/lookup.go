package session

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/deacon/control"
	"gastown/planes/ledger"
)

// defaultMute is how long a Deacon may say nothing until the ledger is asked in
// its place.
const defaultMute = 10 * time.Second

// readPatience is how long bd waits for an answer before it says so: a first read
// of a large ledger takes a moment.
const readPatience = 600 * time.Millisecond

// reader is what commands need that only read. The ledger is one, and so is the
// Deacon, which may know the answer.
type Reader interface {
	Get(ctx context.Context, ids []string, fields ledger.Fields) ([]ledger.Detail, error)
	List(ctx context.Context, f ledger.Filter, yield func(ledger.Item) error) error
	Ready(ctx context.Context, f ledger.Filter, yield func(ledger.Item) error) error
	Blocked(ctx context.Context, f ledger.Filter) ([]ledger.Waiting, error)
	Stats(ctx context.Context) (ledger.Stats, error)
}

// reading is with for commands that only read. The Deacon is asked first; the
// ledger is opened when that did not answer, and then decides, also which error
// it is.
func Read(ctx context.Context, call *shell.Call, work func(Reader) error) (err error) {
	if call.Resident != nil {
		return use(ctx, call, cacheNote, func(l *Ledger) error { return work(l) })
	}
	began := time.Now()
	h, leave, err := Enter(ctx, call, call.Town)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leave()) }()
	l := &lookup{call: call, host: h, began: began}
	if host.Cached(h.Config) {
		n := newNotice(call, "bd waits for the Deacon", readPatience)
		defer n.stop()
		l.notice = n
		client := control.NewClient(h.Layout.ControlSocket())
		defer client.Close()
		client.Waiting = func(what string) { l.queued.Store(true); n.tell(what) }
		l.deacon = client.Reader()
	}
	defer func() { err = errors.Join(err, l.close()) }()
	l.opened = time.Now()
	err = work(l)
	l.trace()
	return err
}

// lookup reads through the Deacon, or from the ledger.
type lookup struct {
	call    *shell.Call
	host    *host.Host
	deacon  *control.Reader // nil when it is not to be asked
	notice  *notice         // of what it is waited for
	queued  atomic.Bool     // it has said what is waited for
	store   *ledger.Store   // nil until it is needed
	release func() error

	began, opened time.Time
}

// open is the ledger itself. Who came to it once stays.
func (l *lookup) open(ctx context.Context) (*ledger.Store, error) {
	if l.store != nil {
		return l.store, nil
	}
	n := newNotice(l.call, "bd waits for the ledger", 0)
	defer n.stop()
	var err error
	l.store, l.release, err = l.host.Ledger(ctx, n.tell)
	l.opened = time.Now()
	return l.store, err
}

func (l *lookup) close() error {
	if l.store == nil {
		return nil
	}
	return l.release()
}

// trace tells those who measure where the answer came from.
func (l *lookup) trace() {
	if l.call.Getenv(traceEnv) == "" {
		return
	}
	var queries, answers int64
	if l.deacon != nil {
		queries, answers = l.deacon.Queries(), l.deacon.Answers()
	}
	from := ""
	switch {
	case l.store != nil:
		queries += l.store.Queries()
	case answers > 0 && queries == 0:
		from = "trace cache hit\n"
	case answers > 0:
		from = "trace cache miss\n"
	}
	fmt.Fprintf(l.call.Stderr, "trace open %d\ntrace work %d\ntrace queries %d\n%s",
		l.opened.Sub(l.began).Microseconds(), time.Since(l.opened).Microseconds(), queries, from)
}

// soon bounds what is asked of the Deacon: by --wait and, as long as it says
// nothing at all, by a shorter time.
func (l *lookup) soon(ctx context.Context, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, l.call.Wait)
	defer cancel()
	mute := time.AfterFunc(defaultMute, func() {
		if !l.queued.Load() {
			cancel()
		}
	})
	defer mute.Stop()
	if l.notice != nil {
		l.notice.begin(silent)
		defer l.notice.end()
	}
	return ask(ctx)
}

// silent is what is said of a Deacon that has said nothing itself.
const silent = "it has not answered yet"

// heard is yield that knows by its first call that the Deacon has answered: what
// takes long from then on is to print.
func (l *lookup) heard(yield func(ledger.Item) error) func(ledger.Item) error {
	if l.notice == nil {
		return yield
	}
	return func(i ledger.Item) error {
		l.notice.end()
		return yield(i)
	}
}

// answer asks the Deacon and, when it does not answer, the ledger.
func answer[T any](ctx context.Context, l *lookup, ask func(context.Context, Reader) (T, error)) (T, error) {
	if l.deacon != nil && l.store == nil {
		var got T
		err := l.soon(ctx, func(ctx context.Context) (err error) {
			got, err = ask(ctx, l.deacon)
			return err
		})
		var own control.Yielded
		switch {
		case err == nil:
			return got, nil
		case errors.As(err, &own):
			return got, own.Err
		case ctx.Err() != nil:
			return got, ctx.Err()
		}
	}
	s, err := l.open(ctx)
	if err != nil {
		var none T
		return none, err
	}
	return ask(ctx, s)
}

// none is the answer of reads that yield theirs.
type none struct{}

func (l *lookup) Get(ctx context.Context, ids []string, fields ledger.Fields) ([]ledger.Detail, error) {
	return answer(ctx, l, func(ctx context.Context, r Reader) ([]ledger.Detail, error) { return r.Get(ctx, ids, fields) })
}

func (l *lookup) List(ctx context.Context, f ledger.Filter, yield func(ledger.Item) error) error {
	_, err := answer(ctx, l, func(ctx context.Context, r Reader) (none, error) { return none{}, r.List(ctx, f, l.heard(yield)) })
	return err
}

func (l *lookup) Ready(ctx context.Context, f ledger.Filter, yield func(ledger.Item) error) error {
	_, err := answer(ctx, l, func(ctx context.Context, r Reader) (none, error) { return none{}, r.Ready(ctx, f, l.heard(yield)) })
	return err
}

func (l *lookup) Blocked(ctx context.Context, f ledger.Filter) ([]ledger.Waiting, error) {
	return answer(ctx, l, func(ctx context.Context, r Reader) ([]ledger.Waiting, error) { return r.Blocked(ctx, f) })
}

func (l *lookup) Stats(ctx context.Context) (ledger.Stats, error) {
	return answer(ctx, l, func(ctx context.Context, r Reader) (ledger.Stats, error) { return r.Stats(ctx) })
}
