package commands

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"gastown/deacon/invocation"
)

// patience bounds what a test waits for.
const patience = 2 * time.Minute

var engine = invocation.Identity{Device: 1, Inode: 2, Size: 3, Modified: 4}

// verbs are what commands of a test do, by the first argument.
type verbs map[string]func(context.Context, Call) int

// bench is a server under test.
type bench struct {
	t *testing.T
	*Server
	socket string
	log    *bytes.Buffer
	// wait is how long commands wait for a place, in nanoseconds.
	wait atomic.Int64
}

// newBench starts a server whose commands are verbs. Their first argument may be
// followed by =alone, =writes or a class.
func newBench(t *testing.T, v verbs, o Options) *bench {
	t.Helper()
	b := &bench{t: t, socket: filepath.Join(t.TempDir(), "s"), log: new(bytes.Buffer)}
	b.wait.Store(int64(patience))
	log := logrus.New()
	log.SetOutput(b.log)
	o.Root, o.Engine, o.Log = "/town", engine, log
	o.Prepare = func(c Call) Command {
		name, trait, _ := strings.Cut(c.Args[0], "=")
		town, _ := strings.CutPrefix(trait, "town:")
		if town == trait {
			town = "/town"
		}
		var files []invocation.File
		if trait == "files" {
			files = []invocation.File{{Path: "in"}, {Path: "out", Write: true}}
		}
		return Command{
			Files: files,
			Name:  name, Town: town, Class: trait, Alone: trait == "alone", Writes: trait == "writes", Repeatable: true, Wait: time.Duration(b.wait.Load()),
			Run:  func(ctx context.Context) int { return v[name](ctx, c) },
			Fail: func(err error) int { fmt.Fprintln(c.Stderr, err); return 4 },
		}
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: b.socket})
	if err != nil {
		t.Fatal(err)
	}
	b.Server = Serve(l, o)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_ = b.Close(ctx) // a test that abandons a command says so itself
	})
	return b
}

// front is a connected front, with the other ends of its streams.
type front struct {
	*invocation.Client
	b              *bench
	stdin          *os.File
	stdout, stderr *os.File
	theirs         [invocation.Streams]*os.File // until Go
}

// front connects and gets the answer.
func (b *bench) front(r invocation.Request) (*front, invocation.Answer) {
	b.t.Helper()
	c, err := invocation.Dial(b.socket)
	if err != nil {
		b.t.Fatal(err)
	}
	f := &front{Client: c, b: b}
	f.theirs[0], f.stdin = b.pipe()
	f.stdout, f.theirs[1] = b.pipe()
	f.stderr, f.theirs[2] = b.pipe()
	if r.Engine == (invocation.Identity{}) {
		r.Engine = engine
	}
	a, err := c.Send(r, patience)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		_ = c.Close()
		closeAll(append(f.theirs[:], f.stdin, f.stdout, f.stderr))
	})
	return f, a
}

// begin says Go, with these files.
func (f *front) begin(files ...int) error {
	defer closeAll(f.theirs[:])
	var fds [invocation.Streams]int
	for i, p := range f.theirs {
		fds[i] = int(p.Fd())
	}
	return f.Go(fds, files...)
}

func (b *bench) pipe() (r, w *os.File) {
	b.t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		b.t.Fatal(err)
	}
	return r, w
}

// start connects and says Go.
func (b *bench) start(args ...string) *front {
	b.t.Helper()
	f, a := b.front(invocation.Request{Program: "bd", Args: args})
	if a.Declined {
		b.t.Fatalf("declined: %s", a.Reason)
	}
	if err := f.begin(); err != nil {
		b.t.Fatal(err)
	}
	return f
}

// wait returns how the command ended.
func (f *front) wait() invocation.Ended {
	f.b.t.Helper()
	type result struct {
		e   invocation.Ended
		err error
	}
	got := make(chan result, 1)
	go func() { e, err := f.Wait(); got <- result{e, err} }()
	select {
	case r := <-got:
		if r.err != nil {
			f.b.t.Fatal(r.err)
		}
		return r.e
	case <-time.After(patience):
		f.b.t.Fatal("the command did not end")
		return invocation.Ended{}
	}
}

// text reads what a stream still brings.
func text(t *testing.T, r io.Reader) string {
	t.Helper()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// signal is closed once.
type signal chan struct{}

// await waits for it.
func (s signal) await(t *testing.T, what string) {
	t.Helper()
	select {
	case <-s:
	case <-time.After(patience):
		t.Fatalf("%s did not happen", what)
	}
}
