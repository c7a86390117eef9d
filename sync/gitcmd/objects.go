package gitcmd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"gastown/town"
)

// Types of objects.
const (
	TypeBlob   = "blob"
	TypeTree   = "tree"
	TypeCommit = "commit"
)

// Objects reads objects of the private repository through one process, which
// starts with the first request. One goroutine uses it, and closes it.
//
// Object ids come from a remote's trees, so a type or size other than expected
// is an error of the remote: ErrCorrupt or ErrTooLarge. Sizes are known before
// content is read, and nothing larger than asked for is held in memory.
type Objects struct {
	repo *Repo
	ctx  context.Context
	proc *running
	in   *os.File
	out  *os.File
	r    *bufio.Reader
	err  error // the first failure; nothing can be read after it
}

// Objects returns a reader. ctx governs the whole of its life.
func (r *Repo) Objects(ctx context.Context) *Objects { return &Objects{repo: r, ctx: ctx} }

const readOp = "read the object cache"

func (o *Objects) start() error {
	if o.proc != nil || o.err != nil {
		return o.err
	}
	inR, inW, err := os.Pipe()
	if err != nil {
		return err
	}
	outR, outW, err := os.Pipe()
	if err != nil {
		return errors.Join(err, inR.Close(), inW.Close())
	}
	o.proc, err = o.repo.start(o.ctx, command{op: readOp, args: []string{"cat-file", "--batch"}, remote: true}, inR, outW)
	inR.Close()
	outW.Close()
	if err != nil {
		inW.Close()
		outR.Close()
		o.err = err
		return err
	}
	o.in, o.out, o.r = inW, outR, bufio.NewReaderSize(outR, 128<<10)
	return nil
}

// header asks for an object and returns its size in bytes.
func (o *Objects) header(id, typ string, limit int64) (int64, error) {
	if !IsID(id) {
		return 0, fmt.Errorf("%q is not an object id", town.Clip(id, 64))
	}
	if err := o.start(); err != nil {
		return 0, err
	}
	if _, err := o.in.WriteString(id + "\n"); err != nil {
		return 0, o.broken(err)
	}
	line, err := o.r.ReadSlice('\n')
	if err != nil {
		return 0, o.broken(err)
	}
	f := strings.Fields(string(line))
	if len(f) == 2 && f[1] == "missing" {
		// No step: the caller knows whose data it is.
		return 0, town.Fail(readOp, "", "%w: object %s is missing", ErrCorrupt, id)
	}
	if len(f) != 3 || f[0] != id {
		return 0, o.broken(errors.New("git's answer is not understood"))
	}
	size, err := strconv.ParseInt(f[2], 10, 64)
	if err != nil {
		return 0, o.broken(err)
	}
	if f[1] != typ {
		o.abandon(fmt.Errorf("%w: object %s is a %s, not a %s", ErrCorrupt, id, clean(f[1]), typ))
	} else if size > limit {
		o.abandon(fmt.Errorf("%w: object %s has %d bytes, at most %d are accepted", ErrTooLarge, id, size, limit))
	}
	return size, o.err
}

// Copy streams a blob of at most limit bytes to w and returns its size.
func (o *Objects) Copy(w io.Writer, id string, limit int64) (int64, error) {
	size, err := o.header(id, TypeBlob, limit)
	if err != nil {
		return 0, err
	}
	n, err := io.CopyN(w, o.r, size)
	if err == nil {
		return n, o.newline()
	}
	if kind, also := ended(o.ctx); kind != nil || also != nil || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return n, o.broken(err)
	}
	o.abandon(noSpace(err))
	return n, o.err
}

func (o *Objects) read(id, typ string, limit int64) ([]byte, error) {
	size, err := o.header(id, typ, limit)
	if err != nil {
		return nil, err
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(o.r, b); err != nil {
		return nil, o.broken(err)
	}
	return b, o.newline()
}

// Blob returns the content of a blob of at most limit bytes.
func (o *Objects) Blob(id string, limit int64) ([]byte, error) { return o.read(id, TypeBlob, limit) }

func (o *Objects) newline() error {
	if c, err := o.r.ReadByte(); err != nil || c != '\n' {
		return o.broken(errors.Join(errors.New("git's answer is out of step"), err))
	}
	return nil
}

// broken ends the process after reading from it failed. Git's own words explain
// more than the error of the pipe, so they are preferred.
func (o *Objects) broken(err error) error {
	o.abandonQuietly()
	if werr := o.proc.wait(); werr != nil && o.proc.stderr.text() != "" {
		err = werr
	} else if kind, also := ended(o.ctx); kind != nil || also != nil {
		err = fail(readOp, kind, "", also)
	} else {
		// No step: the caller knows whose data it is.
		err = town.Fail(readOp, "", "%w: %w", ErrCorrupt, err)
	}
	o.err = err
	return err
}

// abandon ends the process without reading the rest of its output.
func (o *Objects) abandon(err error) {
	// No step: the caller stopped reading, and knows why.
	o.err = town.Fail(readOp, "", "%w", err)
	o.proc.stop()
	o.abandonQuietly()
}

func (o *Objects) abandonQuietly() {
	o.in.Close()
	o.out.Close()
}

// Close ends the process and returns the first failure.
func (o *Objects) Close() error {
	if o.proc == nil || o.err != nil {
		return o.err
	}
	o.abandonQuietly()
	return o.proc.wait()
}
