package deacon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"gastown/deacon/commands"
	"gastown/deacon/invocation"
	"gastown/planes/ledger"
)

// send has a command run as a front does, and returns what it printed.
func (p *place) send(t *testing.T, args ...string) (code int, text string) {
	t.Helper()
	engine, err := invocation.Identify("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	defer in.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	c, err := invocation.Dial(p.layout.CommandSocket())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r := invocation.Request{Program: "bd", Engine: engine, Dir: p.layout.Root, Args: args}
	answer, err := c.Send(r, patience)
	if err != nil || answer.Declined {
		t.Fatalf("%+v, %v", answer, err)
	}
	if err := c.Go([invocation.Streams]int{int(null.Fd()), int(in.Fd()), int(in.Fd())}); err != nil {
		t.Fatal(err)
	}
	ended, err := c.Wait()
	if err != nil {
		t.Fatal(err)
	}
	_ = in.Close()
	printed, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	return ended.Code, string(printed)
}

// count is a command that prints how many beads there are, and whether the Deacon
// had the ledger for it.
func count(l Lender, c commands.Call) commands.Command {
	return commands.Command{
		Name: "bd count", Class: "bd", Wait: patience,
		Run: func(ctx context.Context) int {
			s, release, ok := l.Ledger(ctx)
			if !ok {
				fmt.Fprint(c.Stdout, "not here")
				return 4
			}
			defer release()
			all, err := s.As(ledger.Session{Actor: ada}).Stats(ctx)
			if err != nil {
				fmt.Fprint(c.Stdout, err)
				return 1
			}
			fmt.Fprintf(c.Stdout, "%d %s", all.Total, strings.Join(c.Args, " "))
			return 0
		},
		Fail: func(error) int { return 1 },
	}
}

// Commands of fronts run in the Deacon, with the ledger it has open.
func TestCommands(t *testing.T) {
	p := found(t)
	p.commands = count
	r := p.mustStart()
	if info, err := os.Stat(p.layout.CommandSocket()); err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("%v, %v", info, err)
	}
	made(t, p.ledger(), titled("one"), titled("two"))
	if code, text := p.send(t, "a", "b"); code != 0 || text != "2 a b" {
		t.Errorf("%d %q", code, text)
	}
	// While the planes are lent, commands run without the Deacon's ledger.
	release, err := r.client.Lend(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if code, text := p.send(t); code != 4 || text != "not here" {
		t.Errorf("%d %q", code, text)
	}
	_ = release()
	until(t, "the planes are served again", func() bool { return r.Status().State == "running" })
	if code, text := p.send(t, "again"); code != 0 || text != "2 again" {
		t.Errorf("%d %q", code, text)
	}
	out, err := r.client.Run(t.Context(), "commands")
	if err != nil || len(out.Checks) != 1 || out.Checks[0].State != "healthy" || !strings.Contains(out.Checks[0].Figure, "0 running") {
		t.Errorf("%+v, %v", out, err)
	}
	_, text := body(t, "http://"+r.Address()+"/metrics")
	for _, want := range []string{
		`gt_commands_total{code="0",command="bd count"} 2`, `gt_commands_total{code="4",command="bd count"} 1`,
		`gt_command_duration_seconds_count{program="bd"} 3`, "gt_commands_abandoned_total 0", "gt_commands_running 0",
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("missing: %s", want)
		}
	}
	r.end()
	if _, err := os.Lstat(p.layout.CommandSocket()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
}

// A lease waits for a command that uses the ledger, and the stop cancels it.
func TestALeaseWaitsForCommands(t *testing.T) {
	p := found(t)
	began, proceed := make(chan struct{}, 2), make(chan struct{})
	p.commands = func(l Lender, c commands.Call) commands.Command {
		return commands.Command{
			Name: "bd wait", Class: "bd", Wait: patience,
			Run: func(ctx context.Context) int {
				s, release, ok := l.Ledger(ctx)
				if !ok {
					return 4
				}
				defer release()
				began <- struct{}{}
				select {
				case <-proceed:
				case <-ctx.Done():
					return 130
				}
				if _, err := s.As(ledger.Session{Actor: ada}).Stats(ctx); err != nil {
					return 1
				}
				return 0
			},
			Fail: func(error) int { return 1 },
		}
	}
	r := p.mustStart()
	ended := make(chan int, 1)
	go func() { code, _ := p.send(t); ended <- code }()
	<-began
	lent := make(chan func() error, 1)
	go func() {
		release, err := r.client.Lend(t.Context())
		if err != nil {
			t.Error(err)
		}
		lent <- release
	}()
	until(t, "the lease waits", func() bool { return r.Status().State == "lending" })
	select {
	case <-lent:
		t.Error("the planes were lent while a command used the ledger")
	case <-time.After(50 * time.Millisecond):
	}
	close(proceed)
	if code := <-ended; code != 0 {
		t.Errorf("the command ended with %d", code)
	}
	_ = (<-lent)()
	until(t, "the planes are served again", func() bool { return r.Status().State == "running" })
	proceed = make(chan struct{})
	go func() { code, _ := p.send(t); ended <- code }()
	<-began
	r.end()
	if code := <-ended; code != 130 {
		t.Errorf("the stop ended the command with %d", code)
	}
}
