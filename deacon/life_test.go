package deacon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gastown/deacon/check"
	"gastown/deacon/control"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/layout"
)

// childEnv makes the test binary a Deacon of the Town it names. takerEnv makes it a
// process that takes the lock it names; see startTaker.
const (
	childEnv = "GT_TEST_DEACON"
	takerEnv = "GT_TEST_TAKER"
	thenEnv  = "GT_TEST_TAKER_THEN"
)

func TestMain(m *testing.M) {
	if root := os.Getenv(childEnv); root != "" {
		child(root)
	}
	if path := os.Getenv(takerEnv); path != "" {
		take(path, os.Getenv(thenEnv))
	}
	var err error
	if engineHome, err = os.MkdirTemp("", "gtd"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := errors.Join(os.RemoveAll(founded.root), os.RemoveAll(engineHome)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// child is a Deacon that says when it is ready and ends only when killed.
func child(root string) {
	p := &place{layout: layout.Town{Root: root}, idle: time.Minute, sessions: noSessions}
	d, err := p.make(new(logged), func() { fmt.Println("ready") })
	if err == nil {
		err = d.Run(context.Background())
	}
	fmt.Println(err)
	os.Exit(1)
}

func body(t *testing.T, url string) (int, string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(data)
}

// systemd listens in the place of the service manager; each call returns one
// message.
func systemd(t *testing.T) func() string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return func() string {
		_ = c.SetReadDeadline(time.Now().Add(patience))
		message := make([]byte, 1000)
		n, err := c.Read(message)
		if err != nil {
			t.Fatal(err)
		}
		return string(message[:n])
	}
}

func TestLife(t *testing.T) {
	p := found(t)
	notified := systemd(t)
	r := p.mustStart()
	for _, path := range []string{p.layout.ControlSocket(), p.layout.SQLSocket()} {
		if info, err := os.Stat(path); err != nil || info.Mode() != os.ModeSocket|0o600 {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
	if info, err := os.Stat(p.layout.Deacon()); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
	s, err := r.client.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.PID != os.Getpid() || s.Town != "harbour" || s.State != "running" || s.Health != "healthy" || s.User == "" || s.HTTP != r.Address() {
		t.Errorf("%+v", s)
	}
	if len(s.Jobs) != 11 || len(s.Checks) != 8 {
		t.Errorf("%d jobs, %d checks", len(s.Jobs), len(s.Checks))
	}
	code, text := body(t, "http://"+r.Address()+"/health")
	if want := `{"status":"healthy","components":{"dolt":"ok","tmux":"ok","plugins":"ok"}}`; code != 200 || text != want {
		t.Errorf("%d %s", code, text)
	}
	if _, text := body(t, "http://"+r.Address()+"/metrics"); !strings.Contains(text, "gt_dolt_latency_seconds") {
		t.Error(text)
	}
	for n := range 3 {
		if err := r.client.Heartbeat(t.Context(), control.Heartbeat{Agent: fmt.Sprintf("rig/crew/a%d", n), State: "working"}); err != nil {
			t.Fatal(err)
		}
	}
	if now, err := Look(p.layout); err != nil || !now.Held || now.PID != os.Getpid() || now.Stopped {
		t.Errorf("%+v, %v", now, err)
	}
	// gt deacon stop ends the Deacon without losing heartbeats.
	if err := r.client.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-r.ended; err != nil {
		t.Fatal(err)
	}
	if word := notified() + notified(); word != "READY=1STOPPING=1" {
		t.Errorf("systemd was told %q", word)
	}
	if now, err := Look(p.layout); err != nil || now.Held {
		t.Errorf("held %v, %v", now.Held, err)
	}
	left, err := filepath.Glob(filepath.Join(p.layout.Deacon(), "*.sock"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	cfg, err := config.Load(p.layout.Config())
	if err != nil {
		t.Fatal(err)
	}
	store, err := operational.Open(t.Context(), p.database(cfg, layout.Operational), cfg.Stores[layout.Operational])
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if beats, err := store.Heartbeats(t.Context(), time.Time{}); err != nil || len(beats) != 3 {
		t.Errorf("%v, %v", beats, err)
	}
	if checks, err := store.CheckStates(t.Context()); err != nil || len(checks) != 8 {
		t.Errorf("%v, %v", checks, err)
	}
}

func TestOneForEachTown(t *testing.T) {
	p := found(t)
	outcomes := make(chan error, 2)
	deacons := make(chan *active, 2)
	for range 2 { // two starts at the same time
		go func() {
			r, err := p.start()
			if r != nil {
				deacons <- r
			}
			outcomes <- err
		}()
	}
	one, other := <-outcomes, <-outcomes
	if (one == nil) == (other == nil) {
		t.Fatalf("%v and %v", one, other)
	}
	if err := errors.Join(one, other); !errors.Is(err, town.ErrBusy) || !strings.Contains(err.Error(), "runs in this Town already") || town.Next(err) == "" {
		t.Error(err)
	}
	r := <-deacons
	if _, err := r.client.Status(t.Context()); err != nil {
		t.Errorf("the winner was harmed: %v", err)
	}
	r.end()
	p.mustStart().end()
}

// startChild starts a Deacon in a process of its own.
func (p *place) startChild(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+p.layout.Root)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	word := make([]byte, 5)
	if _, err := io.ReadFull(out, word); err != nil || string(word) != "ready" {
		rest, _ := io.ReadAll(out)
		t.Fatalf("%s%s %v", word, rest, err)
	}
	return cmd
}

func TestStartsAtOnceAfterAKill(t *testing.T) {
	p := found(t)
	for range 2 {
		cmd := p.startChild(t)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if _, err := os.Lstat(p.layout.ControlSocket()); err != nil {
			t.Errorf("the socket of a killed Deacon: %v", err)
		}
		r := p.mustStart()
		if s, err := r.client.Status(t.Context()); err != nil || s.PID != os.Getpid() || s.Health != "healthy" {
			t.Errorf("%+v, %v", s, err)
		}
		r.end()
	}
}

func TestReload(t *testing.T) {
	p := found(t)
	r := p.mustStart()
	defer r.end()
	spec := func(job string) string {
		s, err := r.client.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range s.Jobs {
			if j.Name == job {
				return j.Schedule
			}
		}
		return ""
	}
	p.schedule("jobs:\n  checks: {schedule: \"@every 7m\"}\n")
	if err := r.client.Reload(t.Context()); err != nil || spec("checks") != "@every 7m" {
		t.Errorf("%s, %v", spec("checks"), err)
	}
	// With a malformed schedule the former one stays in force, and the status says
	// so.
	p.schedule("jobs:\n  checks: {schedule: nonsense}\n")
	if err := r.client.Reload(t.Context()); !errors.Is(err, town.ErrUsage) || !strings.Contains(err.Error(), "line 2") || town.Next(err) == "" {
		t.Error(err)
	}
	if s, err := r.client.Status(t.Context()); err != nil || spec("checks") != "@every 7m" || !strings.Contains(s.Problem, "line 2") {
		t.Errorf("%+v, %v", s.Problem, err)
	}
	if !strings.Contains(r.log.String(), "was not reloaded") {
		t.Error("nothing in the log")
	}
	// SIGHUP reloads, too.
	p.schedule("jobs:\n  checks: {schedule: \"@every 9m\"}\n")
	p.reload <- struct{}{}
	until(t, "the schedule is read", func() bool { return spec("checks") == "@every 9m" })
	// A change of the file is noticed without a request.
	p.configure(func(c *config.Config) { c.Remotes = []config.Remote{{Name: "origin", URL: "/nowhere"}} })
	until(t, "the new remote has a job", func() bool { return spec("federation-sync:origin") == "@every 5m0s" })
	// A remote that no person confirmed is skipped, which is not a failure.
	if runs, err := r.client.Sync(t.Context(), "origin", true); err != nil || len(runs) != 1 || runs[0].Outcome != "ok" {
		t.Errorf("%+v, %v", runs, err)
	}
}

func TestChecksAndTheirChanges(t *testing.T) {
	p := found(t)
	var state atomic.Value
	state.Store(check.Healthy)
	p.checks = []check.Check{{Name: "custom", Run: func(context.Context) (check.Result, error) {
		return check.Result{State: state.Load().(check.State), Figure: "7 of 9", Threshold: "8", Next: "add one"}, nil
	}}}
	r := p.mustStart()
	out, err := r.client.Run(t.Context(), "custom")
	if err != nil || len(out.Checks) != 1 || out.Checks[0].State != "healthy" {
		t.Fatalf("%+v, %v", out, err)
	}
	since := out.Checks[0].Since
	state.Store(check.Critical)
	if out, err = r.client.Run(t.Context(), "custom"); err != nil || out.Checks[0].State != "critical" || !out.Checks[0].Since.After(since) {
		t.Fatalf("%+v, %v", out, err)
	}
	if code, text := body(t, "http://"+r.Address()+"/health"); code != 503 ||
		text != `{"status":"critical","components":{"dolt":"ok","tmux":"ok","plugins":"ok","custom":"critical"}}` {
		t.Errorf("%d %s", code, text)
	}
	if _, err := r.client.Run(t.Context(), "nonsense"); !errors.Is(err, town.ErrUsage) || !strings.Contains(town.Next(err), "custom") {
		t.Errorf("%v, next %s", err, town.Next(err))
	}
	for _, name := range []string{"git", "gc", "prune", "check-git", "gc-by-size", "heartbeat-flush", "federation-sync"} {
		if out, err := r.client.Run(t.Context(), name); err != nil || len(out.Runs) == 1 && out.Runs[0].Outcome != "ok" {
			t.Errorf("%s: %+v, %v", name, out, err)
		}
	}
	r.end()
	// The next Deacon remembers the states, and each change made one event.
	r = p.mustStart()
	defer r.end()
	var events operational.Page
	if err := r.host.Operational(t.Context(), func(s *operational.Store) error {
		events, err = s.FeedAfter(t.Context(), 0, 1000)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	var seen []string
	for _, e := range events.Entries {
		if e.Subject == "custom" {
			seen = append(seen, e.Detail)
		}
	}
	if len(seen) != 2 || seen[1] != "healthy -> critical: 7 of 9" {
		t.Errorf("events %q", seen)
	}
}

func TestALeaseFreesThePlanes(t *testing.T) {
	p := found(t)
	r := p.mustStart()
	defer r.end()
	release, err := r.client.Lend(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s, err := r.client.Status(t.Context()); err != nil || s.State != "lending" {
		t.Errorf("%s, %v", s.State, err)
	}
	cfg := r.host.Config()
	alone := p.database(cfg, layout.Operational)
	alone.Socket, alone.Wait = "", time.Second
	if store, err := operational.Open(t.Context(), alone, cfg.Stores[layout.Operational]); err != nil {
		t.Errorf("a lent plane cannot be opened: %v", err)
	} else if err := store.Close(); err != nil {
		t.Error(err)
	}
	_ = release()
	until(t, "the planes are served again", func() bool {
		s, err := r.client.Status(t.Context())
		return err == nil && s.State == "running"
	})
	if _, err := r.client.Run(t.Context(), "dolt"); err != nil {
		t.Error(err)
	}
}

// Another process takes a plane before the Deacon has it back. The Deacon says so,
// keeps running, and serves the planes as soon as they are free.
func TestALeaseThatComesBackLate(t *testing.T) {
	p := found(t)
	p.wait = 100 * time.Millisecond
	r := p.mustStart()
	defer r.end()
	release, err := r.client.Lend(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cfg := r.host.Config()
	alone := p.database(cfg, layout.Operational)
	alone.Socket = ""
	store, err := operational.Open(t.Context(), alone, cfg.Stores[layout.Operational])
	if err != nil {
		t.Fatal(err)
	}
	_ = release()
	until(t, "it is said that the planes are not served", func() bool {
		s, err := r.client.Status(t.Context())
		return err == nil && s.Unserved != "" && s.State == "lending"
	})
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	until(t, "the planes are served again", func() bool {
		s, err := r.client.Status(t.Context())
		return err == nil && s.State == "running" && s.Unserved == ""
	})
}

// A setting that a reload cannot put in force is named until a restart, or until it
// is changed back.
func TestReloadNamesWhatWaitsForARestart(t *testing.T) {
	p := found(t)
	r := p.mustStart()
	defer r.end()
	pending := func(listen string) []string {
		p.configure(func(c *config.Config) { p.set(c, "dolt.listen", listen) })
		if err := r.client.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		s, err := r.client.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return s.Pending
	}
	if got := pending("127.0.0.1:3307"); !slices.Equal(got, []string{"dolt.listen"}) {
		t.Errorf("changed: %q", got)
	}
	if got := pending(""); len(got) != 0 {
		t.Errorf("changed back: %q", got)
	}
}
