package commands

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gastown/deacon/invocation"
	"gastown/town"
	"gastown/town/group"
)

// Hundreds of commands at once see their own arguments, directory, environment
// and streams, and nobody else's.
func TestCommandsDoNotSeeEachOther(t *testing.T) {
	b := newBench(t, verbs{"echo": func(_ context.Context, c Call) int {
		in, err := io.ReadAll(c.Stdin)
		fmt.Fprintf(c.Stdout, "%v|%s|%v|%d|%s|%v", c.Args, c.Dir, c.Env, c.Umask, in, err)
		fmt.Fprintf(c.Stderr, "err %s", c.Args[1])
		return len(c.Args[1])
	}}, Options{})
	const fronts = 300
	var wg sync.WaitGroup
	for i := range fronts {
		wg.Go(func() {
			id := strings.Repeat("x", i%7) + fmt.Sprint(i)
			f, a := b.front(invocation.Request{Program: "bd", Args: []string{"echo", id}, Dir: "/dir/" + id, Umask: i % 8, Env: []string{"ID=" + id}})
			if a.Declined {
				t.Errorf("declined: %s", a.Reason)
				return
			}
			if err := f.begin(); err != nil {
				t.Error(err)
				return
			}
			fmt.Fprintf(f.stdin, "in %s", id)
			_ = f.stdin.Close()
			e, err := f.Wait()
			if err != nil || e.Code != len(id) {
				t.Errorf("%s: %+v, %v", id, e, err)
			}
			want := fmt.Sprintf("[echo %s]|/dir/%s|[ID=%s]|%d|in %s|<nil>", id, id, id, i%8, id)
			if got := text(t, f.stdout); got != want {
				t.Errorf("got %s\nwant %s", got, want)
			}
			if got := text(t, f.stderr); got != "err "+id {
				t.Errorf("stderr %q", got)
			}
		})
	}
	wg.Wait()
	if n := b.Running(); n != 0 {
		t.Errorf("%d commands run on", n)
	}
}

// What must not run here is declined before anything is done.
func TestDeclined(t *testing.T) {
	var ran atomic.Bool
	b := newBench(t, verbs{"x": func(context.Context, Call) int { ran.Store(true); return 0 }}, Options{})
	for name, r := range map[string]invocation.Request{
		"alone":        {Args: []string{"x=alone"}},
		"another Town": {Args: []string{"x=town:/other"}},
		"build":        {Args: []string{"x"}, Engine: invocation.Identity{Inode: 99}},
		"arguments":    {}, // Prepare panics
	} {
		if _, a := b.front(r); !a.Declined || a.Reason == "" {
			t.Errorf("%s: %+v", name, a)
		}
	}
	if ran.Load() {
		t.Error("a declined command ran")
	}
}

// A front that goes away before it said Go has run the command itself.
func TestNothingRunsWithoutGo(t *testing.T) {
	var ran atomic.Bool
	b := newBench(t, verbs{"x": func(context.Context, Call) int { ran.Store(true); return 0 }}, Options{})
	f, a := b.front(invocation.Request{Args: []string{"x"}})
	if a.Declined {
		t.Fatal(a.Reason)
	}
	_ = f.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := b.Close(ctx); err != nil { // waits for the connection
		t.Fatal(err)
	}
	if ran.Load() {
		t.Error("it ran")
	}
}

// The first signal ends the command's context; the command says how it ended.
func TestInterrupt(t *testing.T) {
	b := newBench(t, verbs{"wait": func(ctx context.Context, c Call) int {
		fmt.Fprint(c.Stdout, "begun")
		<-ctx.Done()
		fmt.Fprint(c.Stderr, context.Cause(ctx))
		return 7
	}}, Options{})
	f := b.start("wait")
	if _, err := io.ReadFull(f.stdout, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	if err := f.Interrupt(); err != nil {
		t.Fatal(err)
	}
	if e := f.wait(); e.Code != 7 || e.BrokenPipe || e.Alone {
		t.Errorf("%+v", e)
	}
	if got := text(t, f.stderr); got != errInterrupted.Error() {
		t.Errorf("stderr %q", got)
	}
}

// A killed front cancels its command, also one that waits for its streams.
func TestFrontGone(t *testing.T) {
	for name, use := range map[string]func(Call) error{
		"read":  func(c Call) error { _, err := c.Stdin.Read(make([]byte, 1)); return err },
		"write": func(c Call) error { _, err := c.Stdout.Write(make([]byte, 1<<20)); return err },
	} {
		t.Run(name, func(t *testing.T) {
			begun, ended := make(signal), make(signal)
			b := newBench(t, verbs{"use": func(ctx context.Context, c Call) int {
				defer close(ended)
				close(begun)
				if err := use(c); !errors.Is(err, os.ErrClosed) {
					t.Errorf("it ended with %v", err)
				}
				<-ctx.Done()
				if !errors.Is(context.Cause(ctx), errFrontGone) {
					t.Errorf("cause %v", context.Cause(ctx))
				}
				return 0
			}}, Options{})
			f := b.start("use")
			begun.await(t, "the command")
			_ = f.Close()
			ended.await(t, "its end")
		})
	}
}

// A question nobody answered any more does not take the next line that is typed.
func TestInterruptedReadTakesNothing(t *testing.T) {
	begun := make(signal)
	b := newBench(t, verbs{"ask": func(_ context.Context, c Call) int {
		close(begun)
		if n, err := c.Stdin.Read(make([]byte, 10)); n != 0 || err == nil {
			t.Errorf("%d bytes, %v", n, err)
		}
		return 1
	}}, Options{})
	in, typed := b.pipe()
	c, err := invocation.Dial(b.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	out, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if _, err := c.Send(invocation.Request{Args: []string{"ask"}, Engine: engine}, patience); err != nil {
		t.Fatal(err)
	}
	if err := c.Go([invocation.Streams]int{int(in.Fd()), int(out.Fd()), int(out.Fd())}); err != nil {
		t.Fatal(err)
	}
	begun.await(t, "the question")
	if err := c.Interrupt(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Wait(); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(typed, "next line")
	_ = typed.Close()
	if got := text(t, in); got != "next line" {
		t.Errorf("%q is left", got)
	}
}

// While its front is stopped a command neither takes what is typed nor prints. In the
// background it prints.
func TestStreamsAreHeld(t *testing.T) {
	begun := make(signal)
	var in *stream // of the command that copies
	b := newBench(t, verbs{"copy": func(_ context.Context, c Call) int {
		in, _ = c.Stdin.(*stream)
		close(begun)
		if _, err := io.Copy(c.Stdout, c.Stdin); err != nil {
			return 1
		}
		return 0
	}, "print": func(ctx context.Context, c Call) int {
		for ctx.Err() == nil {
			if _, err := c.Stdout.Write([]byte("x")); err != nil {
				return 1
			}
		}
		return 0
	}}, Options{})
	use := func(f *front, kind byte) {
		t.Helper()
		if err := f.Use(kind); err != nil {
			t.Fatal(err)
		}
	}
	f := b.start("copy")
	begun.await(t, "the read")
	one := make([]byte, 1)
	for range 20 {
		// What is typed before the pause has arrived is still taken.
		use(f, invocation.KindPause)
		for deadline := time.Now().Add(patience); in.held.waits() == nil; {
			if time.Now().After(deadline) {
				t.Fatal("the pause does not arrive")
			}
			time.Sleep(time.Millisecond) //nolint:sleep // polls a condition with a deadline
		}
		fmt.Fprint(f.stdin, "a")
		if quiet := f.quiet(); !quiet {
			t.Fatal("a stopped front's command took what was typed")
		}
		use(f, invocation.KindBackground)
		if quiet := f.quiet(); !quiet {
			t.Fatal("a command in the background took what was typed")
		}
		use(f, invocation.KindContinue)
		if _, err := io.ReadFull(f.stdout, one); err != nil || one[0] != 'a' {
			t.Fatalf("%q, %v", one, err)
		}
	}
	use(f, invocation.KindPause)
	_ = f.Client.Close() // which ends the wait, or the server would not close
	p := b.start("print")
	if _, err := io.ReadFull(p.stdout, one); err != nil {
		t.Fatal(err)
	}
	use(p, invocation.KindPause)
	deadline := time.Now().Add(patience)
	for !p.quiet() { // the pipe held some
		if time.Now().After(deadline) {
			t.Fatal("the command of a stopped front prints on")
		}
	}
	use(p, invocation.KindBackground)
	if _, err := io.ReadFull(p.stdout, one); err != nil {
		t.Fatal(err)
	}
}

// quiet takes what standard output holds, and reports whether nothing came for a
// while.
func (f *front) quiet() bool {
	if err := f.stdout.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
		f.b.t.Fatal(err)
	}
	n, err := f.stdout.Read(make([]byte, 64<<10))
	if err := f.stdout.SetReadDeadline(time.Time{}); err != nil {
		f.b.t.Fatal(err)
	}
	return n == 0 && errors.Is(err, os.ErrDeadlineExceeded)
}

// When the reader of standard output goes away, the front ends as SIGPIPE would
// end it, and nothing more is printed.
func TestBrokenPipe(t *testing.T) {
	b := newBench(t, verbs{"list": func(_ context.Context, c Call) int {
		for range 1000 {
			if _, err := c.Stdout.Write(make([]byte, 4096)); err != nil {
				fmt.Fprint(c.Stderr, "bd: broken pipe")
				return 1
			}
		}
		return 0
	}}, Options{})
	f := b.start("list")
	_ = f.stdout.Close()
	if e := f.wait(); !e.BrokenPipe {
		t.Errorf("%+v", e)
	}
	if got := text(t, f.stderr); got != "" {
		t.Errorf("stderr %q", got)
	}
}

// A panic is an error of that command, in whichever of its goroutines it is.
func TestPanic(t *testing.T) {
	b := newBench(t, verbs{
		"panic": func(context.Context, Call) int { panic("a secret mistake") },
		"group": func(context.Context, Call) int {
			g := group.New()
			g.Go(func() error { panic("a secret mistake") })
			_ = g.Wait()
			return 0
		},
		"x": func(context.Context, Call) int { return 0 },
	}, Options{})
	for _, verb := range []string{"panic", "group"} {
		f := b.start(verb)
		if e := f.wait(); e.Code != 4 {
			t.Errorf("%s: %+v", verb, e)
		}
		if got := text(t, f.stderr); !strings.Contains(got, "internal error: a secret mistake") || strings.Contains(got, ".go:") {
			t.Errorf("%s: stderr %q", verb, got)
		}
	}
	if e := b.start("x").wait(); e.Code != 0 {
		t.Errorf("the next command: %+v", e)
	}
	if !strings.Contains(b.log.String(), "commands_test.go") {
		t.Error("the log has no stack")
	}
}

// A command that does not end when it is told to is left behind: its front gets an
// answer, and others run.
func TestCommandThatDoesNotEnd(t *testing.T) {
	begun, end := make(signal), make(signal)
	b := newBench(t, verbs{
		"loop": func(context.Context, Call) int { close(begun); <-end; return 0 },
		"x":    func(context.Context, Call) int { return 0 },
	}, Options{Grace: 20 * time.Millisecond})
	f := b.start("loop")
	begun.await(t, "the command")
	if err := f.Interrupt(); err != nil {
		t.Fatal(err)
	}
	if e := f.wait(); e.Code != 4 {
		t.Errorf("%+v", e)
	}
	// The command still has its end of the pipe, so there is no end of file.
	if got, err := bufio.NewReader(f.stderr).ReadString('\n'); err != nil || !strings.Contains(got, "does not end") {
		t.Errorf("stderr %q, %v", got, err)
	}
	if n := b.Abandoned(); n != 1 {
		t.Errorf("%d abandoned", n)
	}
	if e := b.start("x").wait(); e.Code != 0 {
		t.Errorf("the next command: %+v", e)
	}
	close(end)
}

// Where memory runs out, the command that began last is cancelled. One that
// printed nothing and may be repeated then runs alone.
func TestMemory(t *testing.T) {
	var over atomic.Int32 // how many more times too much is held: one look asks twice
	used := func() uint64 {
		if over.Add(-1) >= 0 {
			return 101
		}
		return 0
	}
	begun := make(chan struct{}, 2)
	wait := func(ctx context.Context, c Call) int {
		if len(c.Args) > 1 {
			fmt.Fprint(c.Stdout, c.Args[1])
		}
		begun <- struct{}{}
		<-ctx.Done()
		if !errors.Is(context.Cause(ctx), errMemory) || !errors.Is(context.Cause(ctx), town.ErrBusy) {
			t.Errorf("cause %v", context.Cause(ctx))
		}
		return 4
	}
	b := newBench(t, verbs{"wait": wait, "calm": func(ctx context.Context, _ Call) int {
		begun <- struct{}{}
		<-ctx.Done()
		return 0
	}}, Options{Memory: 100, used: used})
	calm := b.start("calm")
	<-begun
	for _, c := range []struct {
		args  []string
		alone bool
	}{{[]string{"wait"}, true}, {[]string{"wait", "printed"}, false}} {
		f := b.start(c.args...)
		<-begun
		over.Store(2)
		e := f.wait()
		if e.Alone != c.alone || e.Code != 4 {
			t.Errorf("%v: %+v", c.args, e)
		}
	}
	if err := calm.Interrupt(); err != nil {
		t.Fatal(err)
	}
	if e := calm.wait(); e.Code != 0 {
		t.Errorf("the first command: %+v", e)
	}
}

// No more commands of a class run than there may be. Who waits too long is told.
func TestPlaces(t *testing.T) {
	begun, end := make(signal), make(signal)
	b := newBench(t, verbs{
		"hold": func(context.Context, Call) int { close(begun); <-end; return 0 },
		"x":    func(context.Context, Call) int { return 0 },
	}, Options{Limits: Limits{Concurrent: map[string]int{"one": 1}}})
	hold := b.start("hold=one")
	begun.await(t, "the first")
	b.wait.Store(int64(50 * time.Millisecond))
	f := b.start("x=one")
	if e := f.wait(); e.Code != 4 {
		t.Errorf("%+v", e)
	}
	if got := text(t, f.stderr); !strings.Contains(got, "at most 1 commands work at once") {
		t.Errorf("stderr %q", got)
	}
	b.wait.Store(int64(patience))
	if e := b.start("x=other").wait(); e.Code != 0 {
		t.Errorf("another class: %+v", e)
	}
	close(end)
	if e := hold.wait(); e.Code != 0 {
		t.Errorf("%+v", e)
	}
	if e := b.start("x=one").wait(); e.Code != 0 {
		t.Errorf("after it: %+v", e)
	}
}

// When the Deacon stops, commands are told why, and have their ends reported.
func TestStop(t *testing.T) {
	begun := make(signal)
	b := newBench(t, verbs{"wait": func(ctx context.Context, c Call) int {
		close(begun)
		<-ctx.Done()
		fmt.Fprint(c.Stderr, context.Cause(ctx))
		return 4
	}}, Options{})
	f := b.start("wait")
	begun.await(t, "the command")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := b.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if e := f.wait(); e.Code != 4 {
		t.Errorf("%+v", e)
	}
	if got := text(t, f.stderr); !strings.Contains(got, "the Deacon stops") {
		t.Errorf("stderr %q", got)
	}
}
