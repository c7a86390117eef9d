package files

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"gastown/town"
	"gastown/town/durable"
	"gastown/town/group"
)

// Scan compares the files with the Index. It does not open a file whose inode is as
// recorded. When the inode changed but the text did not, Scan updates the entry in
// ix; it changes nothing else there, as the caller records what it takes over. The
// result holds texts of up to 32 MiB together; Text reads the others again.
//
// Scan also resolves what a killed Apply left, unless another process is writing.
// It fails only when a directory cannot be read or ctx ends. Faults of single files
// are in Changes.Invalid.
func (t *Tree) Scan(ctx context.Context, ix *Index) (Changes, error) {
	var out Changes
	var err error
	if out.Rescued, err = t.recoverRenewalsIfIdle(ctx); err != nil {
		return Changes{}, town.Fail("put the files in "+t.path+" back in place", durable.Advice(err), "%w", err)
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

// defaultScans is how often a directory is scanned that is replaced meanwhile.
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

// scanOnce scans a directory. It returns false, and adds nothing to out, if another
// directory has taken the place of the one it scanned.
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
	s := newScan(ctx, d, ix, out.heldBytes)
	s.recordTimes()
	pass := s.run
	if s.sameEntries() {
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
			s = newScan(ctx, d, ix, out.heldBytes)
			if s.recordTimes(); s.run() != nil {
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
	limit     int64        // this and later times are racy
	heldBytes atomic.Int64 // bytes of texts held, those of other directories included
	mu        sync.Mutex
	found     Changes
	refresh   []record
	leftovers []leftover
	err       error

	// dirTimes is the directory before it was listed. reliable: any entry added since
	// changes these times. unknownNames: the listing had names that the Index does
	// not know.
	dirTimes               stamp
	reliable, unknownNames bool
}

func newScan(ctx context.Context, d *dir, ix *Index, kept int64) *scan {
	s := &scan{dir: d, ctx: ctx, ix: ix, seen: make([]atomic.Bool, ix.bound())}
	s.heldBytes.Store(kept)
	return s
}

// run lists the directory in one goroutine and examines the names in one goroutine
// for each processor. Then it examines the recorded names that were not listed.
func (s *scan) run() error {
	s.reliable = s.mtimeReliable()
	s.between("list")
	g, ctx := group.WithContext(s.ctx)
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
					s.visit(&w, name)
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
	// A name can also be missing from a listing while the file is being replaced.
	return s.confirm(s.ix.refsOf(int(s.kind), func(r ref) bool { return !s.seen[r].Load() }))
}

func deletion(r record) Change { return Change{Key: r.key(), Deleted: true, Base: r.baseDigest()} }

// merge adds the results of a pass to out and updates the Index.
func (s *scan) merge(out *Changes) {
	out.Added = append(out.Added, s.found.Added...)
	out.Modified = append(out.Modified, s.found.Modified...)
	out.Deleted = append(out.Deleted, s.found.Deleted...)
	out.Invalid = append(out.Invalid, s.found.Invalid...)
	out.Files += s.found.Files
	out.Refreshed += len(s.refresh)
	out.heldBytes = s.heldBytes.Load()
	for _, r := range s.refresh {
		s.ix.put(r)
	}
	out.Refreshed += s.rememberTimes()
}

// visit examines one name of the listing.
func (s *scan) visit(w *worker, file string) {
	name, ok := strings.CutSuffix(file, kinds[s.kind].Suffix())
	ok = ok && plainName(name)
	known := none
	if ok {
		known = s.ix.lookup(s.kind, name)
	}
	if known == none && ignored(file) {
		if l, hidden := parseHidden(file); hidden {
			w.leftovers = append(w.leftovers, l)
		}
		return
	}
	if !ok {
		_, err := town.ParsePath(s.path(file))
		w.invalid = append(w.invalid, s.invalid(file, err))
		w.unknownNames = true
		return
	}
	st, err := lstat(s.fd, file)
	if gone(err) {
		return // removed since it was listed; confirm examines known files again
	}
	if known != none {
		s.seen[known].Store(true)
	} else {
		w.unknownNames = true
	}
	s.classify(w, file, name, known, &st, err)
}

// classify decides what a file is, given its inode or the error of asking for it.
func (s *scan) classify(w *worker, file, name string, known ref, st *unix.Stat_t, err error) {
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

func (s *scan) unchanged(known ref, now stamp) bool {
	was, racy := s.ix.stampOf(known)
	return !racy && was == now
}

// readChanged reads a file that may differ from what the Index has.
func (s *scan) readChanged(w *worker, file, name string, known ref) {
	s.clock.Do(func() {
		if now, ok := fsNow(s.fd); ok {
			s.limit = grainBefore(now)
		}
	})
	text, seen, err := s.read(s.ctx, file)
	if err != nil {
		if !gone(err) {
			w.invalid = append(w.invalid, s.invalid(file, err))
		} else if known != none {
			w.deleted = append(w.deleted, deletion(s.ix.record(known)))
		}
		return
	}
	racy := max(seen.mtime, seen.ctime) >= s.limit
	sum := sha256.Sum256(text)
	c := Change{Key: town.Key{Kind: kinds[s.kind], Name: strings.Clone(name)}, Content: hexDigest(sum), seen: seen, racy: racy}
	if known != none {
		r := s.ix.record(known)
		if r.content == sum {
			if r.stamp != seen || r.racy != racy {
				r.stamp, r.racy = seen, racy
				w.refresh = append(w.refresh, r)
			}
			return
		}
		c.Base = r.baseDigest()
	}
	c.Text, c.Size = string(text), int64(len(text))
	if c.Meta, err = Check(c.Key, c.Text); err != nil {
		w.invalid = append(w.invalid, s.invalid(file, err))
		return
	}
	if s.heldBytes.Add(c.Size) > s.textBytes {
		s.heldBytes.Add(-c.Size)
		c.Text, c.Unread = "", true
	}
	if known != none {
		w.modified = append(w.modified, c)
	} else {
		w.added = append(w.added, c)
	}
}
