package files

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"gastown/town"
)

// ErrEdited reports a file that is not what the caller expected: it holds an
// edit, or a deletion, that is not recorded. It was left alone.
var ErrEdited = errors.New("has an edit that is not recorded")

const (
	// defaultBulkAfter is how many writes are flushed one by one; more are
	// flushed together by flushing the file system once.
	defaultBulkAfter = 64
)

// Write is one row to show as a file.
type Write struct {
	town.Key
	// Text is the whole file. It is not checked with Check: a row that does
	// not parse can still be shown, and mended by hand.
	Text string
	// Remove asks that there be no file; Text is then ignored.
	Remove bool
	// Base is the digest of the row, to be recorded with the file.
	Base town.Digest
	// Expect is the digest of the content the file must still have, "" for a
	// file that must not exist. The caller vouches that a text with this digest
	// is recorded: it is the one text Apply may let go.
	Expect town.Digest
}

// ApplyOptions tune Apply. The zero value is right.
type ApplyOptions struct {
	// Workers write at the same time; 0 means one per processor.
	Workers int
	// BulkAfter is how many writes make it worth flushing the whole file system
	// once instead of each file; 0 means 64. So do texts of more than 16 MiB.
	BulkAfter int
	// RenewAfter is how many new files in one directory make it worth putting a
	// new directory in its place; 0 means 1000. It happens only if the new files
	// are more than what is there.
	RenewAfter int
}

// Applied says what became of the writes. Their sum is Written + Removed + Same
// + len(Skipped).
type Applied struct {
	// Written and Removed files changed. Same had the wanted text, or absence,
	// already; they are recorded under the new row.
	Written, Removed, Same int
	// Skipped files were left alone, in no particular order.
	Skipped []Skipped
	Rescued []Rescue
}

// Skipped is a write that was not made.
type Skipped struct {
	town.Key
	// Reason is ErrEdited, or town.ErrBusy when someone was writing to the file
	// and trying again soon may succeed. Its text follows the file's name.
	Reason error
}

// Apply shows rows as files and records them in ix, which the caller saves. It
// makes the three directories if need be.
//
// A write whose file is not as expected is skipped, never forced: Scan will
// report the edit, with the row it started from. When Apply fails or ctx ends,
// every file is whole, either old or new; ix and the returned Applied say
// what was done, and doing the same again completes it. No temporary file
// stays, unless the process is killed: then the next Apply or Scan cleans up.
func (t *Tree) Apply(ctx context.Context, ix *Index, writes iter.Seq[Write], opts ApplyOptions) (out Applied, err error) {
	if opts.Workers <= 0 {
		opts.Workers = runtime.GOMAXPROCS(0)
	}
	if opts.BulkAfter <= 0 {
		opts.BulkAfter = defaultBulkAfter
	}
	if opts.RenewAfter <= 0 {
		opts.RenewAfter = defaultRenewAfter
	}
	a := &apply{Tree: t, ix: ix, opts: opts}
	defer func() {
		if err != nil {
			err = town.Fail("write the files in "+t.path, nextAfterWrite(err), "%w", err)
		}
	}()
	release, err := t.lock(ctx, true)
	if err != nil {
		return out, err
	}
	defer release()
	defer a.closeDirs()
	if err := a.begin(ctx, &out); err != nil {
		return out, err
	}
	err = a.prepare(ctx, writes)
	if err == nil {
		err = a.flush()
	}
	if err == nil {
		err = a.commit(ctx)
	}
	return out, errors.Join(err, a.settle(ctx, &out), a.end())
}

// apply is one run of Apply, which has the lock.
type apply struct {
	*Tree
	ix   *Index
	opts ApplyOptions
	dirs [len(kinds)]*dir
	jobs []*job
	// plans are by kind; ready are the jobs that may start.
	plans [len(kinds)]plan
	ready []*job
	// bulk: one flush for all. made: one of the directories is new.
	bulk, made bool
	// unclean says that a hidden file may be left: the marker then stays too.
	unclean atomic.Bool
	// staged counts texts that were written.
	staged atomic.Int64
}

// begin sets the marker and, if it is there already, cleans up first.
func (a *apply) begin(ctx context.Context, out *Applied) error {
	fd, err := openat(int(a.root.Fd()), marker, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o600)
	if err == nil {
		return unix.Close(fd)
	}
	if !errors.Is(err, unix.EEXIST) {
		return err
	}
	rescued, err := a.recoverRenewals(ctx)
	out.Rescued = append(out.Rescued, rescued...)
	if err != nil {
		return err
	}
	for kind := range uint8(len(kinds)) {
		d, err := a.open(kind, false)
		if gone(err) || errors.Is(err, errNoDirectory) {
			continue
		}
		if err != nil {
			return err
		}
		rescued, err := d.recoverAll(ctx)
		d.close()
		out.Rescued = append(out.Rescued, rescued...)
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *apply) end() error {
	if a.unclean.Load() {
		return nil
	}
	if err := unix.Unlinkat(int(a.root.Fd()), marker, 0); !gone(err) {
		return err
	}
	return nil
}

// flush makes the texts durable before any name points to them.
func (a *apply) flush() error {
	a.between("flush")
	if !a.bulk {
		return nil // each was flushed when it was written
	}
	if err := unix.Syncfs(int(a.root.Fd())); err != nil {
		return fmt.Errorf("flush the file system: %w", err)
	}
	return nil
}

func (a *apply) closeDirs() {
	for s := range a.stagings {
		unix.Close(s.other)
	}
	for _, d := range a.dirs {
		if d != nil {
			d.close()
		}
	}
}
