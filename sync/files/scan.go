package files

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"gastown/town"
)

// Scan compares the files with the Index. Files whose inode is as recorded are
// not opened. Entries whose inode changed but whose text did not are refreshed
// in ix; nothing else in ix changes: the caller records what it took over. Texts
// are kept up to 32 MiB; where there are more the rest is read again by Text.
//
// Scan also resolves what a killed Apply left behind, unless another process is
// at work. It fails only when a directory cannot be read or ctx ends; the
// faults of single files are in Changes.Invalid.
func (t *Tree) Scan(ctx context.Context, ix *Index) (Changes, error) {
	var out Changes
	var err error
	if out.Rescued, err = t.recoverRenewalsIfIdle(ctx); err != nil {
		return Changes{}, town.Fail("put the files in "+t.path+" back in place", nextAfterWrite(err), "%w", err)
	}
	for kind := range uint8(len(kinds)) {
		if err := t.scanKind(ctx, ix, kind, &out); err != nil {
			next := "give this user the right to read them, then try again"
			if errors.Is(err, town.ErrBusy) {
				next = "try again when that is done"
			}
			return Changes{}, town.Fail("read the files in "+t.path+"/"+kinds[kind].Dir(), next, "%w", err)
		}
	}
	out.sort()
	return out, nil
}

// defaultScans is how often a directory is looked at that is replaced meanwhile.
const defaultScans = 3

func (t *Tree) scanKind(ctx context.Context, ix *Index, kind uint8, out *Changes) error {
	for range defaultScans {
		current, err := t.scanOnce(ctx, ix, kind, out)
		if current || err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: it is being replaced by another directory", town.ErrBusy)
}

// scanOnce reports false, and adds nothing to out, if what it looked at is not
// the directory any more.
func (t *Tree) scanOnce(ctx context.Context, ix *Index, kind uint8, out *Changes) (bool, error) {
	d, err := t.open(kind, false)
	switch {
	case errors.Is(err, errNoDirectory):
		name := kinds[kind].Dir()
		out.Invalid = append(out.Invalid, Invalid{Path: name, Err: err})
		return true, nil
	case gone(err):
		for ref := range ix.refsOf(int(kind), func(ref) bool { return true }) {
			out.Deleted = append(out.Deleted, deletion(ix.record(ref)))
		}
		return true, nil
	case err != nil:
		return false, err
	}
	defer d.close()
	s := newScan(ctx, d, ix, out.kept)
	s.observe()
	pass := s.run
	if s.asListed() {
		pass = s.runKnown
	}
	if err := pass(); err != nil {
		return false, err
	}
	if len(s.leftovers) > 0 {
		rescued, done, err := d.recoverIfIdle(ctx, s.leftovers)
		out.Rescued = append(out.Rescued, rescued...)
		if err != nil {
			return false, err
		}
		if done {
			s = newScan(ctx, d, ix, out.kept)
			if s.observe(); s.run() != nil {
				return false, s.err
			}
		}
	}
	if !d.current() {
		return false, nil
	}
	s.merge(out)
	return true, nil
}

// scan is one pass over one directory.
type scan struct {
	*dir
	ctx  context.Context
	ix   *Index
	seen []atomic.Bool // by ref

	clock     sync.Once
	limit     int64        // times from here on are racy
	kept      atomic.Int64 // bytes of texts held, with those of other directories
	mu        sync.Mutex
	found     Changes
	refresh   []record
	leftovers []leftover
	err       error

	// before is the directory before it was listed; tells says that the next
	// name to come changes that, strangers that the listing had what the Index
	// does not know.
	before           stamp
	tells, strangers bool
}

func newScan(ctx context.Context, d *dir, ix *Index, kept int64) *scan {
	s := &scan{dir: d, ctx: ctx, ix: ix, seen: make([]atomic.Bool, ix.bound())}
	s.kept.Store(kept)
	return s
}

// run lists the directory in one goroutine and looks at the names in as many
// as there are processors, then at the recorded names that were not listed.
func (s *scan) run() error {
	s.tells = s.telling()
	s.between("list")
	g, ctx := errgroup.WithContext(s.ctx)
	batches := make(chan nameBatch, 4)
	g.Go(func() error {
		defer close(batches)
		return s.list(ctx, batches)
	})
	for range runtime.GOMAXPROCS(0) {
		g.Go(func() error {
			var w worker
			for b := range batches {
				for name := range b.names {
					s.look(&w, name)
				}
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			w.into(s)
			return nil
		})
	}
	if s.err = g.Wait(); s.err != nil {
		return s.err
	}
	// A name may be missing from a listing too while it is being replaced.
	return s.confirm(s.ix.refsOf(int(s.kind), func(r ref) bool { return !s.seen[r].Load() }))
}

func deletion(r record) Change { return Change{Key: r.key(), Deleted: true, Base: r.baseDigest()} }

// merge adds a finished pass to out and refreshes the Index.
func (s *scan) merge(out *Changes) {
	out.Added = append(out.Added, s.found.Added...)
	out.Modified = append(out.Modified, s.found.Modified...)
	out.Deleted = append(out.Deleted, s.found.Deleted...)
	out.Invalid = append(out.Invalid, s.found.Invalid...)
	out.Files += s.found.Files
	out.Refreshed += len(s.refresh)
	out.kept = s.kept.Load()
	for _, r := range s.refresh {
		s.ix.put(r)
	}
	out.Refreshed += s.learn()
}

// look decides about one name of the listing.
func (s *scan) look(w *worker, file string) {
	if ignored(file) {
		if l, ok := parseHidden(file); ok {
			w.leftovers = append(w.leftovers, l)
		}
		return
	}
	name, ok := strings.CutSuffix(file, kinds[s.kind].Suffix())
	if !ok || !plainName(name) {
		_, err := town.ParsePath(s.path(file))
		w.invalid = append(w.invalid, s.invalid(file, err))
		w.strangers = true
		return
	}
	known := s.ix.lookup(s.kind, name)
	st, err := lstat(s.fd, file)
	if gone(err) {
		return // since it was listed; absence of a known file is confirmed later
	}
	if known != none {
		s.seen[known].Store(true)
	} else {
		w.strangers = true
	}
	s.decide(w, file, name, known, &st, err)
}

// decide is look for a file whose state is known.
func (s *scan) decide(w *worker, file, name string, known ref, st *unix.Stat_t, err error) {
	w.files++
	switch {
	case err != nil:
		w.invalid = append(w.invalid, s.invalid(file, err))
	case !regular(st):
		w.invalid = append(w.invalid, s.invalid(file, wrongType(st.Mode)))
	case known == none || !s.unchanged(known, stampOf(st)):
		s.readChanged(w, file, name, known)
	}
}
