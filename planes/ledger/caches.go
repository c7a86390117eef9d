package ledger

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"gastown/cache"
	"gastown/town"
)

// What the caches hold unless told otherwise: the numbers of the performance
// document.
const (
	defaultBeads      = 1000
	defaultBeadTTL    = 5 * time.Minute
	defaultResults    = 10_000
	resultTTLs        = 3 // how many times longer results live than beads: 15 minutes
	defaultCacheBytes = 256 << 20
)

// The names of the levels in statistics.
const (
	LevelBeads   = "bead"
	LevelResults = "status"
)

// Caches keep beads (the first level) and results of queries (the second) of
// one ledger. The third level is the database's own. They may be shared by the
// Stores of one process that have the same ledger open.
type Caches struct {
	budget  *cache.Budget
	beads   *cache.Cache[Detail]
	shorts  *cache.Cache[string] // full ids by what was written for them
	results *cache.Cache[any]
}

// NewCaches makes empty caches that hold at most so many bytes together (0: 256
// MB). ttl is how long a bead stays (0: five minutes); a result stays three
// times as long.
func NewCaches(bytes int64, ttl time.Duration) *Caches {
	if bytes <= 0 {
		bytes = defaultCacheBytes
	}
	if ttl <= 0 {
		ttl = defaultBeadTTL
	}
	budget := cache.NewBudget(bytes)
	return &Caches{
		budget:  budget,
		beads:   cache.New(cache.Options[Detail]{Name: LevelBeads, Entries: defaultBeads, TTL: ttl, Budget: budget, Size: detailSize}),
		shorts:  cache.New(cache.Options[string]{Entries: defaultBeads, TTL: ttl, Budget: budget}),
		results: cache.New(cache.Options[any]{Name: LevelResults, Entries: defaultResults, TTL: resultTTLs * ttl, Budget: budget, Size: resultSize}),
	}
}

// Budget is what bounds the bytes, for a cache of something else to join.
func (c *Caches) Budget() *cache.Budget { return c.budget }

// Stats are those of both levels, beads first.
func (c *Caches) Stats() []cache.Stats { return []cache.Stats{c.beads.Stats(), c.results.Stats()} }

// Clear forgets beads, results, or both, and says how many there were.
func (c *Caches) Clear(beads, results bool) (n int) {
	if beads {
		n += c.beads.Clear()
		c.shorts.Clear()
	}
	if results {
		n += c.results.Clear()
	}
	return n
}

// Cached makes the Store answer from caches where they are right. It is called
// before the Store is used. Without it every read asks the database.
func (s *Store) Cached(c *Caches) { s.caches = c }

// Handle is a Store on the same open ledger that counts its own queries and
// answers from c, or from nothing when that is nil. It is for those who hand a
// read that failed on to somebody else: errors of unknown ids name no nearest
// ones, which would cost a look at all of them. It is not closed: whoever opened
// s closes that.
func (s *Store) Handle(c *Caches) *Store {
	return &Store{Local: s.Local, actor: s.actor, now: s.now, witness: s.witness, caches: c, curt: true}
}

// Kept reports whether the answer to a query of this filter may stay in a cache:
// its Limit bounds it to 500 beads.
func (f Filter) Kept() bool { return f.Limit > 0 && f.Limit <= manyItems }

// shortGet is Get that remembers what short ids stood for.
func (s *Store) shortGet(ctx context.Context, ids []string, fields Fields) ([]Detail, error) {
	sign, settled, err := s.sign(ctx)
	if err != nil {
		return nil, err
	}
	known := slices.Clone(ids)
	for i, id := range ids {
		if full, ok := s.caches.shorts.Get(sign, id); ok {
			known[i] = full
		}
	}
	details, full, err := s.getFull(ctx, known, fields)
	if err == nil && settled {
		for short, id := range full {
			s.caches.shorts.Put(sign, short, id)
		}
	}
	return details, err
}

// cachedGet answers exact ids from the first level, and reads what is missing
// there, whole, in one query.
func (s *Store) cachedGet(ctx context.Context, ids []string, fields Fields) (map[string]*Detail, error) {
	sign, settled, err := s.sign(ctx)
	if err != nil {
		return nil, err
	}
	found := make(map[string]*Detail, len(ids))
	var missing []string
	for _, id := range ids {
		if _, done := found[id]; done || slices.Contains(missing, id) {
			continue
		}
		if d, ok := s.caches.beads.Get(sign, id); ok {
			copied := d.clone()
			found[id] = &copied
		} else {
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		fresh, err := s.getRows(ctx, missing, nil)
		if err != nil {
			return nil, err
		}
		for id, d := range fresh {
			if settled {
				s.caches.beads.Put(sign, id, d.clone())
			}
			found[id] = d
		}
	}
	for _, d := range found {
		d.only(fields)
	}
	return found, nil
}

// only empties what a caller did not ask for.
func (d *Detail) only(fields Fields) {
	if fields == nil {
		return
	}
	for _, b := range append(linkedBeads(d), &d.Bead) {
		whole := *b
		*b = town.Bead{ID: whole.ID}
		for _, c := range fields.columns() {
			// A column scans what it stores, but for the database's form of it.
			_ = c.into(b).Scan(c.get(&whole))
		}
		if b == &d.Bead {
			b.Comments, b.Labels = whole.Comments, whole.Labels
		}
	}
	if !fields.has("labels") {
		d.Labels = nil
	}
	counts := []*int{&d.DependencyCount, &d.DependentCount, &d.CommentCount}
	for i, names := range [][]string{
		{"dependency_count", "dependencies", "parent"}, {"dependent_count", "dependents"}, {"comment_count", "comments"},
	} {
		if !fields.hasAny(names...) {
			*counts[i] = 0
		}
	}
	if !fields.has("parent") {
		d.Parent = ""
	}
	d.drop(fields)
}

func linkedBeads(d *Detail) (all []*town.Bead) {
	for _, list := range [][]Linked{d.Dependencies, d.Dependents} {
		for i := range list {
			all = append(all, &list[i].Bead)
		}
	}
	return all
}

// cached answers a query from the second level. The key is the query itself
// with its arguments.
func cached[T any](ctx context.Context, s *Store, query string, args []any, copied func(T) T, read func(context.Context) (T, error)) (T, error) {
	var none T
	sign, settled, err := s.sign(ctx)
	if err != nil {
		return none, err
	}
	if !settled {
		return read(ctx)
	}
	key := fmt.Sprintf("%s %q", query, args)
	v, err := s.caches.results.Load(ctx, sign, key, func(ctx context.Context) (any, error) { return read(ctx) })
	if err != nil {
		return none, err
	}
	return copied(v.(T)), nil
}

func copyStats(st Stats) Stats {
	for _, m := range []*map[string]int{&st.ByStatus, &st.ByType, &st.ByPriority, &st.ByAssignee} {
		*m = maps.Clone(*m)
	}
	return st
}

func copyItems(items []Item) []Item {
	all := make([]Item, len(items))
	for i, item := range items {
		all[i] = item.clone()
	}
	return all
}
