package files

import (
	"context"
	"iter"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"gastown/town/group"
)

// A directory's mtime changes when an entry is added or removed. When a listing
// had only documents that the Index knows, the Index records the times that the
// directory had before that listing. As long as they stay the same, so do the
// names: Scan examines the files it knows and does not list the directory and look
// up each name, which is half of its work. Editing a file in place changes no times
// of the directory. An editor that replaces the file makes the next two Scans list
// it.
//
// The clock's grain matters here as it does for files: times so recent that a new
// entry could leave them unchanged are not recorded.

// dirTimesBytes is how many bytes of the index file these times take.
const dirTimesBytes = len(kinds) * stampBytes

// mtimeFileSystems are the file systems known to change a directory's mtime at once.
// Others, network file systems above all, may report an older time. A directory of
// an overlay has the times of its upper layer alone, while its entries include
// those of the lower layer, which may change between two mounts.
var mtimeFileSystems = []int64{
	unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.F2FS_SUPER_MAGIC, unix.TMPFS_MAGIC,
}

// recordTimes takes the directory's times. It is called before the listing.
func (s *scan) recordTimes() {
	var st unix.Stat_t
	if unix.Fstat(s.fd, &st) == nil {
		s.dirTimes = stampOf(&st)
	}
}

// sameEntries reports whether the directory has the same names as when the Index
// knew all of them.
func (s *scan) sameEntries() bool {
	return s.dirTimes != stamp{} && s.dirTimes == s.ix.dirTimes[s.kind]
}

// mtimeReliable reports whether any entry added from now on changes the times that
// recordTimes took. It is called after recordTimes and before the listing.
func (s *scan) mtimeReliable() bool {
	var where unix.Statfs_t
	if unix.Fstatfs(s.fd, &where) != nil || !slices.Contains(mtimeFileSystems, int64(where.Type)) {
		return false
	}
	// A file with a name would change the directory's times. Where there are only
	// those, the times are not used.
	now, err := timeUnnamed(s.fd)
	if err != nil || !s.dirTimes.hasFractions() || s.dirTimes.after(grainBefore(now)) {
		return false
	}
	var st unix.Stat_t
	return unix.Fstat(s.fd, &st) == nil && stampOf(&st) == s.dirTimes
}

// hasFractions reports whether a time has fractions of a second. A directory made
// before its file system stored fractions may have whole seconds where new files
// have fractions.
func (s stamp) hasFractions() bool { return s.ctime%int64(time.Second) != 0 }

// rememberTimes records the directory's times in the Index if every listed name is
// known. It returns how many directories it recorded: 0 or 1.
func (s *scan) rememberTimes() int {
	if !s.reliable || s.unknownNames || len(s.leftovers) > 0 {
		return 0
	}
	s.ix.dirTimes[s.kind] = s.dirTimes
	return 1
}

// chunkRefs is how many entries of the Index a goroutine takes at once.
const chunkRefs = 4096

// runKnown examines every file that the Index knows, in one goroutine for each
// processor.
func (s *scan) runKnown() error {
	g, ctx := group.WithContext(s.ctx)
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
					if !s.visitKnown(&w, r) {
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

// confirm examines missing files a second time, because a name is missing for an
// instant while an editor replaces the file. Those that are still missing were
// deleted.
func (s *scan) confirm(missing iter.Seq[ref]) error {
	s.between("confirm")
	var w worker
	for known := range missing {
		if !s.visitKnown(&w, known) {
			w.deleted = append(w.deleted, deletion(s.ix.record(known)))
		}
		if s.err = s.ctx.Err(); s.err != nil {
			return s.err
		}
	}
	w.into(s)
	return nil
}

// visitKnown classifies the file of an entry. It returns false if there is none.
func (s *scan) visitKnown(w *worker, known ref) bool {
	name, file := s.ix.fileOf(known, kinds[s.kind].Suffix())
	st, err := lstat(s.fd, file)
	if gone(err) {
		return false
	}
	s.classify(w, file, name, known, &st, err)
	return true
}
