package files

import (
	"context"
	"iter"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// A directory bears the time at which a name in it last came or went. When a
// listing held nothing but documents the Index knows, the Index remembers the
// directory's times of before that listing: as long as they are the same the
// names are, and a Scan looks at the files it knows without listing them and
// looking each up, which is half of its work. Whoever edits a file in place
// changes nothing of this; an editor that puts a new file in its place makes
// the next two Scans list the names.
//
// The rule about the clock's grain is that of files: times so young that the
// next name could come without changing them are not remembered.

// listedBytes is the room of that in the index file.
const listedBytes = len(kinds) * stampBytes

// datesNames are the file systems that are known to date a directory at once.
// Elsewhere, and over a network above all, times may be those of a while ago. A
// directory of an overlay bears the times of its upper layer alone, while names
// in a lower one, which may change between two mounts, are among its own.
var datesNames = []int64{
	unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.F2FS_SUPER_MAGIC, unix.TMPFS_MAGIC,
}

// observe takes the directory's times before it is listed.
func (s *scan) observe() {
	var st unix.Stat_t
	if unix.Fstat(s.fd, &st) == nil {
		s.before = stampOf(&st)
	}
}

// asListed reports that the directory has the names it had when the Index knew
// them all.
func (s *scan) asListed() bool {
	return s.before != stamp{} && s.before == s.ix.listed[s.kind]
}

// telling reports that the next name to come will change the times that were
// observed. It is asked after that and before the listing.
func (s *scan) telling() bool {
	var where unix.Statfs_t
	if unix.Fstatfs(s.fd, &where) != nil || !slices.Contains(datesNames, int64(where.Type)) {
		return false
	}
	// Where this would take a name nothing is asked: it would date the directory.
	now, err := timeUnnamed(s.fd)
	if err != nil || !s.before.fine() || s.before.after(grainBefore(now)) {
		return false
	}
	var st unix.Stat_t
	return unix.Fstat(s.fd, &st) == nil && stampOf(&st) == s.before
}

// fine reports times with fractions of a second. A directory may keep whole
// seconds where new files do not: one of before the file system knew better.
func (s stamp) fine() bool { return s.ctime%int64(time.Second) != 0 }

// learn remembers the directory if all that was listed is known. It returns how
// many directories that are.
func (s *scan) learn() int {
	if !s.tells || s.strangers || len(s.leftovers) > 0 {
		return 0
	}
	s.ix.listed[s.kind] = s.before
	return 1
}

// chunkRefs is how many entries of the Index a goroutine takes at a time.
const chunkRefs = 4096

// runKnown looks at every file the Index knows, in as many goroutines as there
// are processors.
func (s *scan) runKnown() error {
	g, ctx := errgroup.WithContext(s.ctx)
	var next atomic.Int64
	var missing []ref
	for range runtime.GOMAXPROCS(0) {
		g.Go(func() error {
			var w worker
			var gone []ref
			for {
				to := next.Add(chunkRefs)
				from := to - chunkRefs
				if from >= int64(s.ix.bound()) {
					break
				}
				for r := range s.ix.between(int(s.kind), ref(from), ref(min(to, int64(s.ix.bound())))) {
					if !s.lookKnown(&w, r) {
						gone = append(gone, r)
					}
				}
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			w.into(s)
			missing = append(missing, gone...)
			return nil
		})
	}
	if s.err = g.Wait(); s.err != nil {
		return s.err
	}
	return s.confirm(slices.Values(missing))
}

// confirm looks once more at files that were missing a while ago, for a name may
// be missing while an editor replaces the file: those that still are, are gone.
func (s *scan) confirm(missing iter.Seq[ref]) error {
	s.between("confirm")
	var w worker
	for known := range missing {
		if !s.lookKnown(&w, known) {
			w.deleted = append(w.deleted, deletion(s.ix.record(known)))
		}
		if s.err = s.ctx.Err(); s.err != nil {
			return s.err
		}
	}
	w.into(s)
	return nil
}

// lookKnown decides about the file of an entry. It reports false, and decides
// nothing, if there is none.
func (s *scan) lookKnown(w *worker, known ref) bool {
	name, file := s.ix.fileOf(known, kinds[s.kind].Suffix())
	st, err := lstat(s.fd, file)
	if gone(err) {
		return false
	}
	s.decide(w, file, name, known, &st, err)
	return true
}

// encodeHead spells what stands before the entries, in the file and in changes.
func (ix *Index) encodeHead(limit int64) []byte {
	b := make([]byte, 1, 1+listedBytes+len(ix.Head))
	b[0] = byte(listedBytes + len(ix.Head))
	for _, s := range ix.listed {
		if s.after(limit) {
			s = stamp{}
		}
		b = appendStamp(b, s)
	}
	return append(b, ix.Head...)
}

// cutHead cuts that off b, which is not empty. dirs is the room of directories in
// it. ok is false if b is cut short.
func cutHead(b []byte, dirs int) (head, rest []byte, ok bool) {
	n := 1 + int(b[0])
	if n > len(b) || n <= dirs {
		return nil, nil, false
	}
	return b[1:n], b[n:], true
}

// decodeHead reads what cutHead cut.
func (ix *Index) decodeHead(b []byte, dirs int) {
	ix.listed = [len(kinds)]stamp{}
	for k := range dirs / stampBytes {
		ix.listed[k] = readStamp(b[k*stampBytes:])
	}
	ix.Head = string(b[dirs:])
}
