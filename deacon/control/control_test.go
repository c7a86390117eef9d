package control

import (
	"context"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gastown/deacon/guard"
	"gastown/town"
)

// serve answers for a Deacon until the test ends.
func serve(t *testing.T, d Deacon, more ...func(*http.ServeMux)) *Client {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := guard.Serve(l, Handler(d, more...), guard.Options{Owner: true})
	c := NewClient(path)
	t.Cleanup(func() {
		c.Close()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return c
}

func TestCalls(t *testing.T) {
	var stopped, reloaded atomic.Bool
	var beat Heartbeat
	c := serve(t, Deacon{
		Status: func() Status { return Status{Town: "harbour", PID: 7, Jobs: []Job{{Name: "gc"}}} },
		Stop:   func() { stopped.Store(true) },
		Reload: func(context.Context) error { reloaded.Store(true); return nil },
		Run: func(_ context.Context, name string) (Ran, error) {
			return Ran{Checks: []Check{{Name: name, State: "healthy"}}}, nil
		},
	}, func(mux *http.ServeMux) {
		mux.HandleFunc("POST /v1/federation", func(w http.ResponseWriter, r *http.Request) {
			var in SyncRequest
			if !guard.ReadJSON(w, r, &in) {
				return
			}
			var out Ran
			if in.Wait {
				out.Runs = []Run{{Job: "federation-sync:" + in.Remote, Outcome: "ok"}}
			}
			Reply(w, out, nil)
		})
		mux.HandleFunc("POST /v1/heartbeat", func(w http.ResponseWriter, r *http.Request) {
			if guard.ReadJSON(w, r, &beat) {
				Reply(w, struct{}{}, nil)
			}
		})
	})
	s, err := c.Status(t.Context())
	if err != nil || s.Town != "harbour" || s.PID != 7 || len(s.Jobs) != 1 {
		t.Errorf("%+v, %v", s, err)
	}
	if err := errors.Join(c.Reload(t.Context()), c.Stop(t.Context())); err != nil || !stopped.Load() || !reloaded.Load() {
		t.Error(err)
	}
	if out, err := c.Run(t.Context(), "disk"); err != nil || len(out.Checks) != 1 || out.Checks[0].Name != "disk" {
		t.Errorf("%+v, %v", out, err)
	}
	if runs, err := c.Sync(t.Context(), "origin", true); err != nil || len(runs) != 1 || runs[0].Job != "federation-sync:origin" {
		t.Errorf("%+v, %v", runs, err)
	}
	if runs, err := c.Sync(t.Context(), "", false); err != nil || len(runs) != 0 {
		t.Errorf("%+v, %v", runs, err)
	}
	want := Heartbeat{Agent: "rig/polecats/p1", State: "working", Note: "gt-abc: tests"}
	if err := c.Heartbeat(t.Context(), want); err != nil || beat != want {
		t.Errorf("%+v, %v", beat, err)
	}
}

func TestErrorsKeepTheirKindAndAdvice(t *testing.T) {
	var answer error
	c := serve(t, Deacon{Reload: func(context.Context) error { return answer }})
	for _, kind := range []error{town.ErrUsage, town.ErrBusy, town.ErrRefused, town.ErrReview} {
		answer = town.Fail("read it", "correct the file", "%w: line 3", kind)
		err := c.Reload(t.Context())
		if !errors.Is(err, kind) || town.Next(err) != "correct the file" || err.Error() != answer.Error() {
			t.Errorf("%v became %v, next %q", answer, err, town.Next(err))
		}
	}
	answer = errors.New("plain")
	if err := c.Reload(t.Context()); err == nil || err.Error() != "plain" || town.Next(err) != "" {
		t.Error(err)
	}
}

func TestNobodyThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	c := NewClient(path)
	if _, err := c.Status(t.Context()); !errors.Is(err, ErrNoDeacon) || town.Next(err) == "" {
		t.Error(err)
	}
	// The socket of a killed Deacon.
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	_ = l.Close()
	if _, err := c.Status(t.Context()); !errors.Is(err, ErrNoDeacon) {
		t.Error(err)
	}
	// A socket that accepts connections and never answers.
	mute, err := net.Listen("unix", path+"2")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := NewClient(path + "2").Status(ctx); !errors.Is(err, ErrSilent) {
		t.Error(err)
	}
}

// A lease ends with release, with the borrower's death, and with the Deacon's.
func TestLend(t *testing.T) {
	lent, back := make(chan struct{}, 10), make(chan struct{}, 10)
	c := serve(t, Deacon{Lend: func(context.Context) (func(context.Context) error, error) {
		lent <- struct{}{}
		return func(ctx context.Context) error {
			if ctx.Err() != nil {
				t.Error("the planes are to be served again with a context that is over")
			}
			back <- struct{}{}
			return nil
		}, nil
	}})
	ctx, cancel := context.WithCancel(t.Context())
	release, err := c.Lend(ctx)
	if err != nil {
		t.Fatal(err)
	}
	<-lent
	cancel() // ends the call, not the lease
	select {
	case <-back:
		t.Fatal("the lease ended by itself")
	case <-time.After(50 * time.Millisecond):
	}
	_ = release()
	<-back
	if _, err := c.Lend(t.Context()); err != nil { // the end of the Deacon, in Cleanup, ends this lease
		t.Fatal(err)
	}
	<-lent
}

func TestHeartbeatsAreChecked(t *testing.T) {
	for _, name := range []string{"_web/polecats/_nux", "web/crew/ann", "mayor/"} {
		if _, err := town.ParseAddress(name); err != nil {
			t.Fatal(err)
		}
		if err := (Heartbeat{Agent: name, State: "idle", Run: 3}).Validate(); err != nil {
			t.Errorf("%s is an address, and its heartbeat is refused: %v", name, err)
		}
	}
	for _, bad := range []Heartbeat{
		{}, {Agent: "web/crew/a"}, {State: "idle"}, {Agent: "../x", State: "idle"}, {Agent: "a b", State: "idle"}, {Agent: "web/crew/a", State: "Idle now"}, {Agent: "web/crew/a", State: "idle", Run: -1},
		{Agent: "web/crew/" + strings.Repeat("a", 65), State: "idle"}, {Agent: "a", State: "idle"}, {Agent: "rig/polecat-1", State: "idle"}, {Agent: "web/crew/a.b", State: "idle"},
		{Agent: "web/crew/ann@web", State: "idle"}, {Agent: "web/crew/a", State: strings.Repeat("b", 33)},
		{Agent: "web/crew/a", State: "idle", Note: "two\nlines"}, {Agent: "web/crew/a", State: "idle", Note: strings.Repeat("n", 257)},
		{Agent: "a'; DROP TABLE heartbeats; --", State: "idle"},
	} {
		if err := bad.Validate(); !errors.Is(err, town.ErrUsage) {
			t.Errorf("%+v is taken for a heartbeat", bad)
		}
	}
}
