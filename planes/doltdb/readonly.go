package doltdb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"gastown/planes/doltdb/internal/engine"
	"gastown/planes/doltdb/internal/wire"
	"gastown/town"
	"gastown/town/process"
)

// The engine opens its files for writing, also to read them. Where that is impossible
// (a read-only mount, a full disk, another user's Town), a reader opens a copy in a
// directory of its own: the small files that the engine writes are copied, the large
// ones, which never change, are linked to. What is written there is lost, so a copy
// is opened only for callers that write nothing.

// scratchPrefix, with the id of its process, begins the name of a copy's directory.
const scratchPrefix = "gt-read-"

const (
	// copyAttempts is how often a copy is made anew because the database was changed
	// meanwhile.
	copyAttempts = 5
	// copyWait is how long a copy waits for a writer. After that it is made without the
	// lock: a journal that grows meanwhile is read up to its last whole record.
	copyWait = 200 * time.Millisecond
	// replaceWait is between two looks at a file that cannot be read.
	replaceWait = 20 * time.Millisecond
)

// obstacles are the failures that keep a reader from opening a database for writing.
var obstacles = []syscall.Errno{syscall.EROFS, syscall.EACCES, syscall.EPERM, syscall.ENOSPC, syscall.EDQUOT}

// Obstructed reports whether an error says that nothing can be written.
func Obstructed(err error) bool {
	return slices.ContainsFunc(obstacles, func(kind syscall.Errno) bool { return errors.Is(err, kind) })
}

// Obstacle is the failure among obstacles that an error is about, or the error itself.
func Obstacle(err error) error {
	for _, kind := range obstacles {
		if errors.Is(err, kind) {
			return kind
		}
	}
	return err
}

// openForReading is openHere for a caller that writes nothing.
func openForReading(ctx context.Context, opts Options) (*Local, error) {
	if opts.writable() {
		db, err := openHere(ctx, opts)
		if err == nil || !Obstructed(err) || ctx.Err() != nil {
			return db, err
		}
	} else if db, err := dialSocket(ctx, opts); db != nil || err != nil && !Obstructed(err) {
		return db, err
	}
	return openCopy(ctx, opts)
}

// writable reports whether the engine can write to the database's directory, as far as
// permissions and mounts go.
func (o Options) writable() bool {
	for _, dir := range []string{filepath.Dir(o.Dir), filepath.Join(o.Dir, engine.StoreDir)} {
		if unix.Access(dir, unix.W_OK|unix.X_OK) != nil {
			return false
		}
	}
	return true
}

// readable fails when a file of the database cannot be read.
func (o Options) readable() error {
	return filepath.WalkDir(filepath.Join(o.Dir, engine.StoreDir), func(path string, e fs.DirEntry, err error) error {
		if err == nil && !leftOut(e) && unix.Access(path, unix.R_OK) != nil {
			err = &fs.PathError{Op: "read", Path: path, Err: fs.ErrPermission}
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // replaced meanwhile
		}
		return err
	})
}

// awaitReadable is readable that waits a moment for a file that was just replaced, which
// its owner has yet to let others read; see letRead.
func (o Options) awaitReadable(ctx context.Context) (err error) {
	for range copyAttempts {
		if err = o.readable(); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(replaceWait):
		}
	}
	return err
}

// openCopy opens a copy of the database, which is removed when it is closed.
func openCopy(ctx context.Context, opts Options) (_ *Local, err error) {
	op := "read the " + opts.name() + " database"
	if err := opts.awaitReadable(ctx); err != nil {
		return nil, town.Fail(op, "let this user read it: ls -l "+filepath.Join(opts.Dir, engine.StoreDir), "%w", err)
	}
	quick := opts
	quick.Wait, quick.Waiting = min(opts.Wait, copyWait), nil
	if lock, err := lockFile(ctx, quick, opts.Dir+wire.LockSuffix, true, nil); err == nil {
		defer func() { _ = lock.Release() }() // what was read is not affected
	} else if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	var failed error
	for _, parent := range opts.scratchDirs() {
		for range copyAttempts {
			db, changed, err := openCopyIn(ctx, opts, parent)
			if err == nil {
				return db, nil
			}
			failed = errors.Join(failed, err)
			if ctx.Err() != nil || !changed {
				break
			}
		}
	}
	return nil, town.Fail(op, "name a directory that may be written and has room with TMPDIR",
		"it cannot be opened where it is, and no copy could be made: %w", failed)
}

// scratchDirs are directories in which a copy may be made.
func (o Options) scratchDirs() (dirs []string) {
	for _, dir := range append(slices.Clone(o.Scratch), "/tmp", "/dev/shm", "/var/tmp") {
		if filepath.IsAbs(dir) && !slices.Contains(dirs, dir) && unix.Access(dir, unix.W_OK|unix.X_OK) == nil {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// openCopyIn makes and opens a copy below parent. changed says that the database was
// changed meanwhile, so that another attempt may succeed.
func openCopyIn(ctx context.Context, opts Options, parent string) (_ *Local, changed bool, err error) {
	removeAbandoned(parent)
	scratch, err := os.MkdirTemp(parent, scratchPrefix+strconv.Itoa(os.Getpid())+"-*")
	if err != nil {
		return nil, false, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(scratch))
		}
	}()
	manifest := filepath.Join(opts.Dir, engine.StoreDir, engine.Manifest)
	before, err := os.ReadFile(manifest)
	if err != nil {
		return nil, false, err
	}
	isChanged := func() bool {
		after, err := os.ReadFile(manifest)
		return err == nil && !bytes.Equal(before, after)
	}
	here := opts
	here.Dir, here.Home, here.Socket = filepath.Join(scratch, opts.name()), filepath.Join(scratch, "home"), ""
	if err := copyTree(opts.Dir, here.Dir); err != nil {
		return nil, isChanged(), err
	}
	if isChanged() {
		return nil, true, fmt.Errorf("%w: it is written all the time", town.ErrBusy)
	}
	db, err := openEmbedded(ctx, here)
	if err != nil {
		return nil, isChanged(), err
	}
	db.scratch = scratch
	return db, false, nil
}

// removeAbandoned removes the copies of processes that were killed.
func removeAbandoned(parent string) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return
	}
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), scratchPrefix)
		if !ok || !e.IsDir() {
			continue
		}
		text, _, _ := strings.Cut(rest, "-")
		if pid, err := strconv.Atoi(text); err == nil && pid > 0 && !process.Alive(pid) {
			_ = os.RemoveAll(filepath.Join(parent, e.Name())) // of another user it fails
		}
	}
}

// copyTree copies a database's directory: table files as links, everything else
// whole. It leaves out locks, what is unfinished, and what the engine computes.
func copyTree(from, to string) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	// An index that is older than its journal is valid, a newer one is not.
	slices.SortFunc(entries, func(a, b fs.DirEntry) int {
		return strings.Compare(copyRank(a.Name())+a.Name(), copyRank(b.Name())+b.Name())
	})
	for _, e := range entries {
		source, target := filepath.Join(from, e.Name()), filepath.Join(to, e.Name())
		switch {
		case leftOut(e):
		case e.IsDir():
			err = copyTree(source, target)
		case isTable(e.Name()):
			err = os.Symlink(source, target)
		default:
			err = copyFile(source, target)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// copyRank orders the files of a store: the journal comes last.
func copyRank(name string) string {
	if name == engine.Journal {
		return "1"
	}
	return "0"
}

// leftOut reports whether an entry has no meaning in a copy.
func leftOut(e fs.DirEntry) bool {
	unfinishedFile := func(prefix string) bool { return strings.HasPrefix(e.Name(), prefix) }
	return e.Name() == "LOCK" || e.Name() == filepath.Base(engine.TempDir) || e.Name() == "stats" ||
		!e.IsDir() && !e.Type().IsRegular() || slices.ContainsFunc(unfinished, unfinishedFile)
}

// isTable reports whether a name is that of a table file, which never changes.
func isTable(name string) bool {
	return name != engine.Journal && len(strings.TrimSuffix(name, engine.ArchiveSuffix)) == len(engine.Journal)
}

func copyFile(from, to string) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}
