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
	"gastown/town/durable"
)

// ErrEdited reports a file that is not what the caller expected: somebody edited
// or removed it, and that is not recorded. The file was left alone.
var ErrEdited = errors.New("has an edit that is not recorded")

// defaultBulkAfter is how many writes are flushed one by one. More are flushed
// together, by one flush of the file system.
const defaultBulkAfter = 64

// Write is one row to show as a file.
type Write struct {
	town.Key
	// Text is the whole file. Apply does not Check it: a row that does not parse
	// is still shown, so that a person can repair it.
	Text string
	// Remove asks for the file to be removed; Text is then ignored.
	Remove bool
	// Base is the digest of the row. The Index records it with the file.
	Base town.Digest
	// Expect is the digest of the content the file must have now; "" means that
	// there must be no file. The caller vouches that a text with this digest is
	// recorded: it is the only text that Apply may delete.
	Expect town.Digest
}

// ApplyOptions tune Apply. The zero value is right.
type ApplyOptions struct {
	// Workers is how many goroutines write; 0 means one per processor.
	Workers int
	// BulkAfter is how many writes are flushed file by file; 0 means 64. With more
	// of them, or texts of more than 16 MiB, the file system is flushed once.
	BulkAfter int
	// RenewAfter is how many new files one directory gets one by one; 0 means 1000.
	// With more of them, and more than the directory has, a new directory takes its
	// place.
	RenewAfter int
}

// Applied says what became of the writes. After a success their number is Written
// + Removed + Same + len(Skipped).
type Applied struct {
	// Written and Removed count files that changed. Same counts those that were as
	// wanted already; the Index records them with the new row.
	Written, Removed, Same int
	// Skipped files were left alone. They are in no particular order.
	Skipped []Skipped
	// Rescued texts lost their names on the way and were stored beside them.
	Rescued []Rescue
}

// Skipped is a write that was not made.
type Skipped struct {
	town.Key
	// Reason is ErrEdited, or town.ErrBusy when somebody was writing to the file
	// and another try may succeed. Its text reads well after the file's name.
	Reason error
}

// Apply writes rows into files and records them in ix, which the caller saves. It
// makes missing directories.
//
// A write whose file is not as expected is skipped: the next Scan reports the
// edit, with the row it started from. When Apply fails or ctx ends, every file is
// whole, either old or new. ix and the returned Applied then say what was done,
// and the same call completes it. Temporary files remain only when the process is
// killed; the next Apply or Scan removes them.
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
			err = town.Fail("write the files in "+t.path, durable.Advice(err), "%w", err)
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
	// bulk: all texts are flushed at once. made: one of the directories is new.
	bulk, made bool
	// unclean: a hidden file may remain, so the marker must remain too.
	unclean atomic.Bool
	// staged counts the texts written so far.
	staged atomic.Int64
}

// begin makes the marker. If it exists already, an earlier Apply was killed, and
// begin resolves what that one left.
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

// flush makes the texts durable before any name refers to them.
func (a *apply) flush() error {
	a.between("flush")
	if !a.bulk {
		return nil // each text was flushed when it was written
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
