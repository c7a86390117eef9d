package deacon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"gastown/cache"
	"gastown/deacon/control"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/layout"
)

const (
	// maxReads is how many reads of the ledger are under way at once; the others
	// wait for one to end. Each may hold an answer in memory.
	maxReads = 16
	// openTime bounds how long the ledger takes to open: the server that has it
	// is in this process.
	openTime = 5 * time.Second
)

var (
	// errElsewhere reports a ledger that the Deacon does not serve.
	errElsewhere = errors.New("the Deacon does not have the ledger: commands ask it themselves")
	// errUncached reports that nothing may be kept.
	errUncached = errors.New("cache.enabled is false")
)

// reads is the ledger as the Deacon reads it for others: one Store that stays
// open while the planes are served, and what was read from it lately.
type reads struct {
	d     *Deacon
	place chan struct{} // one for each read under way
	large *cache.Cache[struct{}]

	mu     sync.Mutex
	store  *ledger.Store  // nil until somebody asks
	caches *ledger.Caches // nil when nothing is kept
	agents *cache.Cache[[]control.Agent]
	past   map[string]cache.Stats // what caches did that were replaced
	held   kept
	// away says that the planes are not served now.
	away bool
}

// kept are the settings of the caches.
type kept struct {
	on    bool
	bytes int64
	ttl   time.Duration
}

func newReads(d *Deacon) *reads {
	return &reads{
		d: d, place: make(chan struct{}, maxReads), past: map[string]cache.Stats{},
		large: cache.New(cache.Options[struct{}]{}),
	}
}

// apply puts settings in force. Caches whose settings have changed begin empty.
// The ledger is opened anew for the next read: those of its pool may differ.
func (r *reads) apply(s *settings) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held != s.cache || r.agents == nil && s.cache.on {
		r.remember()
		r.held, r.caches, r.agents = s.cache, nil, nil
		if s.cache.on {
			r.caches = ledger.NewCaches(s.cache.bytes, s.cache.ttl)
			r.agents = cache.New(cache.Options[[]control.Agent]{
				Name: control.CacheAgents, Entries: 1, TTL: agentsTTL, Budget: r.caches.Budget(), Size: agentsSize, Now: r.d.opts.Now,
			})
		}
	}
	return r.close()
}

// remember adds what the caches did to what is told of the past. The caller
// holds mu.
func (r *reads) remember() {
	for _, s := range r.levels() {
		s.Entries, s.Bytes = 0, 0
		r.past[s.Name] = s
	}
}

// pause closes the ledger until resume is called: somebody else is to have it.
func (r *reads) pause() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.away = true
	return r.close()
}

func (r *reads) resume() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.away = false
}

// close ends what is open. Reads under way fail, and are then made elsewhere.
// The caller holds mu.
func (r *reads) close() (err error) {
	if r.store != nil {
		err = r.store.Close()
		r.store = nil
	}
	return err
}

// open is the ledger, for one read that collects at most so many bytes of text;
// 0 for any number. The Store counts the queries of that read, and is not closed.
func (r *reads) open(ctx context.Context, most int64) (*ledger.Store, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.d.server == nil:
		return nil, errElsewhere
	case r.caches == nil:
		return nil, errUncached
	case r.away:
		return nil, town.Fail("read the ledger", "run the command again in a moment", "%w: the planes are lent", town.ErrBusy)
	}
	if r.store == nil {
		ctx, cancel := context.WithTimeout(ctx, openTime)
		defer cancel()
		cfg := r.d.settings().config
		opts := r.d.opts.Database(cfg, layout.Ledger)
		opts.Wait = openTime
		s, err := ledger.Open(ctx, opts, cfg.Stores[layout.Ledger])
		if err != nil {
			return nil, err
		}
		s.Cached(r.caches)
		r.store = s
	}
	return r.store.As(ledger.Session{Actor: r.store.Actor(), MaxText: most, NoSuggestions: true}), nil
}

// enter is open once there is a place for one more read, until leave is called.
func (r *reads) enter(ctx context.Context, most int64) (s *ledger.Store, leave func(), err error) {
	select {
	case r.place <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	leave = func() { <-r.place }
	if s, err = r.open(ctx, most); err != nil {
		leave()
	}
	return s, leave, err
}

// read answers a query of a command.
func (r *reads) read(ctx context.Context, q control.Query) (out control.Answer, err error) {
	text, err := json.Marshal(q)
	if err != nil {
		return out, err
	}
	key := string(town.ContentDigest(string(text)))
	if _, known := r.large.Get("", key); known {
		return out, control.ErrTooLarge
	}
	s, leave, err := r.enter(ctx, control.MaxTexts)
	if err != nil {
		return out, err
	}
	defer leave()
	switch q.Read {
	case control.ReadGet:
		out.Details, err = s.Get(ctx, q.IDs, q.Fields)
	case control.ReadList:
		err = s.List(ctx, q.Filter, ledger.Collect(&out.Items))
	case control.ReadReady:
		err = s.Ready(ctx, q.Filter, ledger.Collect(&out.Items))
	case control.ReadBlocked:
		out.Waiting, err = s.Blocked(ctx, q.Filter)
	case control.ReadStats:
		var st ledger.Stats
		st, err = s.Stats(ctx)
		out.Stats = &st
	}
	if err == nil {
		err = out.Fits()
	} else if errors.Is(err, ledger.ErrTooMuch) {
		err = fmt.Errorf("%w: %w", control.ErrTooLarge, err)
	}
	if errors.Is(err, control.ErrTooLarge) {
		r.large.Put("", key, struct{}{}) // so that nobody waits for it twice
		return control.Answer{}, err
	}
	out.Queries = s.Queries()
	return out, err
}
