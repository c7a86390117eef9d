package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gastown/tmux"
	"gastown/town"
	"gastown/town/launch"
	"gastown/town/limits"
	"gastown/town/process"
)

// The test's program is also the launcher and the scripted agent.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == launch.Flag {
		code, err := launch.Main(os.Args[2])
		launch.Report(os.Stderr, "gt", err)
		os.Exit(code)
	}
	if len(os.Args) == 3 && os.Args[1] == "--fake" {
		os.Exit(fakeMain(os.Args[2]))
	}
	os.Exit(m.Run())
}

// patience bounds what a test waits for.
const patience = 2 * time.Minute

// runtime is a Town's tmux in a directory of the test's.
func runtime(t testing.TB) Tmux {
	t.Helper()
	dir, err := os.MkdirTemp("", "agent") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	r := runtimeIn(t, dir)
	t.Cleanup(func() {
		_ = exec.Command("tmux", "-S", r.Server.Socket, "kill-server").Run() // no server: nothing to kill
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return r
}

func runtimeIn(t testing.TB, dir string) Tmux {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	presets, err := Parse(nil)
	if err != nil {
		t.Fatal(err)
	}
	return Tmux{
		Server: tmux.Server{Socket: filepath.Join(dir, "tmux.sock"), Env: os.Environ(), Deadline: patience},
		Dir:    dir, Launcher: []string{self}, Presets: presets, Grace: 300 * time.Millisecond,
	}
}

// scripted starts a scripted agent as codex and waits until it is ready.
func scripted(t *testing.T, r Tmux, o fakeOptions) (Session, string) {
	t.Helper()
	s, record := startScripted(t, r, o)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if look, err := AwaitReady(ctx, s); err != nil {
		t.Fatalf("%v\n%s", err, strings.Join(look.Lines, "\n"))
	}
	return s, record
}

func startScripted(t *testing.T, r Tmux, o fakeOptions) (Session, string) {
	t.Helper()
	o.Record = filepath.Join(t.TempDir(), "record")
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range r.Presets {
		if r.Presets[i].Name == "codex" {
			r.Presets[i].Command = []string{r.Launcher[0], "--fake", string(text)}
		}
	}
	s, err := r.Start(t.Context(), Start{Agent: "web/polecats/nux", Run: 7, Preset: "codex", Dir: t.TempDir(), Env: []string{"PATH=" + os.Getenv("PATH"), "GT_ROLE=x"}})
	if err != nil {
		t.Fatal(err)
	}
	return s, o.Record
}

// received reads what the scripted agent was given.
func received(t *testing.T, record string) (all []string) {
	t.Helper()
	text, err := os.ReadFile(record)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var s string
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

func TestStartHandOverEnd(t *testing.T) {
	r := runtime(t)
	s, record := scripted(t, r, fakeOptions{Trust: true, Exit: true, Busy: time.Hour, Absorb: 100 * time.Millisecond})
	text := "do this:\n'\"$HOME\"'; rm -rf x; !! 😀\ttab\n\nthe last line;"
	got, err := s.HandOver(t.Context(), 0, text)
	if err != nil || got.Result != Confirmed {
		t.Fatalf("%+v, %v", got, err)
	}
	if got, err := s.HandOver(t.Context(), 0, "again"); err != nil || got.Result != Queued {
		t.Errorf("busy: %+v, %v", got, err)
	}
	if all := received(t, record); !slices.Equal(all, []string{text}) {
		t.Errorf("received %q", all)
	}
	signs, err := s.Signs(t.Context())
	if err != nil || signs.Agent != "web/polecats/nux" || signs.Run != 7 || signs.Preset != "codex" || signs.Ended || !process.Alive(signs.PID) {
		t.Errorf("%+v, %v", signs, err)
	}
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", signs.PID))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, kv := range strings.Split(strings.TrimRight(string(env), "\x00"), "\x00") {
		name, _, _ := strings.Cut(kv, "=")
		names = append(names, name)
	}
	if want := []string{"TERM", "PATH", "GT_ROLE", "GT_TMUX_SESSION"}; !slices.Equal(names, want) {
		t.Errorf("the environment has %q, want %q", names, want)
	}
	if _, err := r.Start(t.Context(), Start{Agent: "web/polecats/nux", Preset: "codex", Dir: t.TempDir()}); !errors.Is(err, ErrRunning) || !errors.Is(err, town.ErrRefused) {
		t.Errorf("a second session: %v", err)
	}
	if err := s.End(t.Context()); err != nil {
		t.Fatal(err)
	}
	if process.Alive(signs.PID) {
		t.Error("the program runs after its session ended")
	}
	if _, err := s.Signs(t.Context()); !errors.Is(err, ErrNoSession) {
		t.Errorf("signs after the end: %v", err)
	}
	if err := s.End(t.Context()); err != nil {
		t.Errorf("ended twice: %v", err)
	}
	if got, err := s.HandOver(t.Context(), 0, "x"); err != nil || got.Result != Refused {
		t.Errorf("after the end: %+v, %v", got, err)
	}
}

// A text that a session gets once arrives once, wherever who hands it over is killed: not
// at all begun, typed and not sent, or sent and not noted.
func TestHandOverOnce(t *testing.T) {
	r := runtime(t)
	for _, typed := range []bool{false, true} {
		s, record := scripted(t, r, fakeOptions{Busy: 100 * time.Millisecond})
		const text = "your work\nis this"
		if typed {
			now, err := s.(*session).current(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			h := handover{session: s.(*session), text: text, once: town.DigestOf("once", text).Short(), pane: now.Pane.ID}
			if err := h.paste(t.Context(), now); err != nil {
				t.Fatal(err)
			}
			await(t, "the text stands in the composer", func() bool {
				look, err := s.Look(t.Context(), 0)
				return err == nil && look.Draft != ""
			})
		}
		if got, err := s.HandOverOnce(t.Context(), 7, text); err != nil || got.Result != Confirmed {
			t.Errorf("typed %v: %+v, %v", typed, got, err)
		}
		for range 3 {
			await(t, "the agent is ready", func() bool {
				look, err := s.Look(t.Context(), 0)
				return err == nil && look.State == Ready
			})
			if got, err := s.HandOverOnce(t.Context(), 7, text); err != nil || got.Result != Pasted {
				t.Errorf("typed %v, again: %+v, %v", typed, got, err)
			}
		}
		if got, err := s.HandOver(t.Context(), 7, text); err != nil || got.Result != Confirmed {
			t.Errorf("as another text: %+v, %v", got, err)
		}
		if all := received(t, record); !slices.Equal(all, []string{text, text}) {
			t.Errorf("typed %v: received %q", typed, all)
		}
		if err := s.End(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// What a person typed and did not send is never mixed with a text that is handed over.
func TestDraftOfAPerson(t *testing.T) {
	r := runtime(t)
	s, record := scripted(t, r, fakeOptions{})
	now, err := s.(*session).current(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Server.Paste(t.Context(), now.Pane.ID, "half a"); err != nil {
		t.Fatal(err)
	}
	await(t, "the draft is seen", func() bool {
		look, err := s.Look(t.Context(), 0)
		return err == nil && look.Draft == "half a"
	})
	if got, err := s.HandOver(t.Context(), 41, "of another run"); !errors.Is(err, ErrOtherRun) || got.Result != "" {
		t.Errorf("a text for another run: %+v, %v", got, err)
	}
	got, err := s.HandOver(t.Context(), 0, "mine")
	if err != nil || got.Result != Queued || !strings.Contains(got.Why, "composer") {
		t.Errorf("%+v, %v", got, err)
	}
	if all := received(t, record); len(all) != 0 {
		t.Errorf("received %q", all)
	}
}

func TestEnterIsLost(t *testing.T) {
	for name, o := range map[string]fakeOptions{
		"seen again": {Lose: 2, Busy: time.Second}, "never": {Deaf: true}, "no time to see it busy": {},
	} {
		t.Run(name, func(t *testing.T) {
			s, record := scripted(t, runtime(t), o)
			got, err := s.HandOver(t.Context(), 0, "please; now")
			want := Confirmed
			if o.Deaf {
				want = Pasted
			}
			if err != nil || got.Result != want {
				t.Errorf("%+v, %v", got, err)
			}
			if all := received(t, record); (want == Confirmed) != slices.Equal(all, []string{"please; now"}) {
				t.Errorf("received %q", all)
			}
		})
	}
}

func TestProgramsThatDoNotRun(t *testing.T) {
	for name, test := range map[string]struct {
		command []string
		status  int
		says    string
	}{
		"no such program": {[]string{"/nowhere/agent"}, launch.ExitNotFound, "start /nowhere/agent"},
		"none in PATH":    {[]string{"no-such-agent-here"}, launch.ExitNotFound, "there is no such program in PATH"},
		"ends at once":    {[]string{"sh", "-c", "echo cannot; sleep 1; exit 3"}, 3, "cannot"},
		"killed":          {[]string{"sh", "-c", "kill -9 $$"}, 137, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := runtime(t)
			for i := range r.Presets {
				if r.Presets[i].Name == "codex" {
					r.Presets[i].Command = test.command
				}
			}
			s, err := r.Start(t.Context(), Start{Agent: "mayor/", Preset: "codex", Dir: t.TempDir(), Env: []string{"PATH=" + os.Getenv("PATH")}})
			if err != nil {
				t.Fatal(err)
			}
			look, err := AwaitReady(t.Context(), s)
			if !errors.Is(err, ErrEnded) || look.Signs.Status != test.status || !strings.Contains(strings.Join(look.Lines, "\n"), test.says) {
				t.Errorf("status %d: %v\n%s", look.Signs.Status, err, strings.Join(look.Lines, "\n"))
			}
			if got, err := s.HandOver(t.Context(), 0, "x"); err != nil || got.Result != Refused {
				t.Errorf("%+v, %v", got, err)
			}
			if err := s.End(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// A session without bounds takes what its limits allow, and ending it leaves no process
// and no cgroup, also of what left the terminal and its parents.
func TestLimitsOfASession(t *testing.T) {
	r := runtime(t)
	r.Limits = &limits.Limiter{Dir: r.Dir, Town: fmt.Sprintf("agent%d", os.Getpid())}
	found := r.Limits.Host.Find()
	for i := range r.Presets {
		if r.Presets[i].Name == "codex" {
			r.Presets[i].Command = []string{"sh", "-c", "(setsid env -i sleep 1000 &) ; i=0; while [ $i -lt 100 ]; do sleep 1000 & i=$((i+1)); done; wait"}
		}
	}
	s, err := r.Start(t.Context(), Start{
		Agent: "web/polecats/nux", Preset: "codex", Dir: t.TempDir(), Env: []string{"PATH=" + os.Getenv("PATH")},
		Limits: limits.Limits{Memory: 256 << 20, CPU: 1, Processes: 30}, Group: limits.Group{Name: "web"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if found.Kind == limits.V1 || found.Kind == limits.V2 {
		await(t, "the session cannot fork any more", func() bool {
			look, err := s.Look(t.Context(), 0)
			return err == nil && strings.Contains(strings.ToLower(strings.Join(look.Lines, " ")), "fork")
		})
	}
	inside := r.Limits.Processes("web@polecats@nux")
	if err := s.End(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, pid := range inside {
		if process.Alive(pid) {
			t.Errorf("process %d is left", pid)
		}
	}
	left, err := filepath.Glob("/sys/fs/cgroup/*/gastown-" + r.Limits.Town)
	if err != nil || len(left) > 0 {
		t.Errorf("left: %q, %v", left, err)
	}
}

// A person's changes to a session do not hide it: another name, another window.
func TestARenamedSession(t *testing.T) {
	r := runtime(t)
	s, record := scripted(t, r, fakeOptions{Busy: time.Second})
	for _, args := range [][]string{{"rename-session", "mine"}, {"split-window", "sh"}, {"copy-mode", "-t", ":.0"}} {
		if out, err := exec.Command("tmux", append([]string{"-S", r.Server.Socket}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	if _, err := r.Start(t.Context(), Start{Agent: "web/polecats/nux", Preset: "codex", Dir: t.TempDir()}); !errors.Is(err, ErrRunning) {
		t.Errorf("%v", err)
	}
	if got, err := s.HandOver(t.Context(), 0, "one"); err != nil || got.Result != Confirmed {
		t.Errorf("%+v, %v", got, err)
	}
	if all := received(t, record); !slices.Equal(all, []string{"one"}) {
		t.Errorf("received %q", all)
	}
	if err := s.End(t.Context()); err != nil {
		t.Fatal(err)
	}
	if all, err := r.List(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestAsManySessionsAsThereMayBe(t *testing.T) {
	r := runtime(t)
	r.Max = 2
	errs := make(chan error)
	for i := range 5 {
		go func() {
			_, err := r.Start(t.Context(), Start{Agent: fmt.Sprintf("web/polecats/p%d", i), Preset: "plain", Dir: "/", Env: []string{"PATH=" + os.Getenv("PATH")}})
			errs <- err
		}()
	}
	full := 0
	for range 5 {
		if err := <-errs; errors.Is(err, ErrFull) && errors.Is(err, town.ErrRefused) {
			full++
		} else if err != nil {
			t.Error(err)
		}
	}
	if all, err := r.List(t.Context()); err != nil || len(all) != 2 || full != 3 {
		t.Errorf("%d sessions, %d refused, %v", len(all), full, err)
	}
}

// The directory of a session is made ready beside the session, by one process of tmux.
// The program begins in it when that has succeeded.
func TestPrepare(t *testing.T) {
	r := runtime(t)
	start := Start{Agent: "web/polecats/nux", Preset: "plain", Env: []string{"PATH=" + os.Getenv("PATH")}}
	other := start
	other.Agent, other.Dir = "web/polecats/pip", "/"
	if _, err := r.Start(t.Context(), other); err != nil { // now there is a server
		t.Fatal(err)
	}
	calls := filepath.Join(r.Dir, "calls")
	r.Server.Binary = filepath.Join(r.Dir, "counted")
	script := fmt.Sprintf("#!/bin/sh\necho >>%s\nexec tmux \"$@\"\n", calls)
	if err := os.WriteFile(r.Server.Binary, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	start.Dir = filepath.Join(t.TempDir(), "later")
	start.Prepare = func(ctx context.Context) error {
		await(t, "the session is there", func() bool {
			out, err := exec.Command("tmux", "-S", r.Server.Socket, "has-session", "-t", "=web/polecats/nux:").CombinedOutput()
			return err == nil && len(out) == 0
		})
		return os.Mkdir(start.Dir, 0o700)
	}
	s, err := r.Start(t.Context(), start)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(calls); err != nil || len(text) != 1 {
		t.Errorf("tmux was started %d times, want once (%v)", len(text), err)
	}
	out, err := exec.Command("tmux", "-S", r.Server.Socket, "display-message", "-p", "-t", "=web/polecats/nux:", "#{session_path}").CombinedOutput()
	if got := strings.TrimSpace(string(out)); err != nil || got != start.Dir {
		t.Errorf("further windows begin in %q, want %q (%v)", got, start.Dir, err)
	}
	signs, err := s.Signs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	await(t, "its program is in the directory", func() bool {
		at, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", signs.PID))
		return err == nil && at == start.Dir
	})
}

// A start that fails leaves neither session nor file. What was prepared stays.
func TestPrepareFails(t *testing.T) {
	r := runtime(t)
	start := Start{Agent: "web/polecats/nux", Preset: "plain", Dir: "/", Env: []string{"PATH=" + os.Getenv("PATH")}}
	left := func() {
		t.Helper()
		if all, err := r.List(t.Context()); err != nil || len(all) != 0 {
			t.Errorf("sessions that are left: %+v, %v", all, err)
		}
		if files, err := filepath.Glob(filepath.Join(r.Dir, "*.launch")); err != nil || len(files) != 0 {
			t.Errorf("files that are left: %q, %v", files, err)
		}
	}
	broken := errors.New("the disk is full")
	start.Prepare = func(context.Context) error { return broken }
	if _, err := r.Start(t.Context(), start); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	left()

	ctx, cancel := context.WithCancel(t.Context())
	start.Prepare = func(ctx context.Context) error { cancel(); return ctx.Err() }
	if _, err := r.Start(ctx, start); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	left()

	prepared := false
	start.Prepare = func(context.Context) error { prepared = true; return nil }
	r.Server.Binary = "/nowhere/tmux"
	if _, err := r.Start(t.Context(), start); !errors.Is(err, tmux.ErrMissing) || !prepared {
		t.Errorf("prepared: %v; got %v", prepared, err)
	}
	r.Server.Binary = ""
	left()
}

// TestStarter is a process that starts a session and never finishes preparing.
func TestStarter(t *testing.T) {
	dir := os.Getenv("GT_TEST_STARTER")
	if dir == "" {
		t.Skip("it is a part of TestStarterIsKilled")
	}
	r := runtimeIn(t, dir)
	_, err := r.Start(t.Context(), Start{Agent: "web/polecats/nux", Preset: "plain", Dir: "/", Prepare: func(context.Context) error { select {} }})
	t.Fatal(err)
}

// A program is not started when whoever prepares its directory is killed, and the next
// start repairs that.
func TestStarterIsKilled(t *testing.T) {
	r := runtime(t)
	starter := exec.Command(r.Launcher[0], "-test.run=^TestStarter$")
	starter.Env = append(os.Environ(), "GT_TEST_STARTER="+r.Dir)
	if err := starter.Start(); err != nil {
		t.Fatal(err)
	}
	signs := func() (s Signs) {
		if all, err := r.List(t.Context()); err == nil && len(all) == 1 {
			s = all[0]
		}
		return s
	}
	await(t, "the session is there", func() bool { return signs().ID != "" })
	start := Start{Agent: "web/polecats/nux", Preset: "plain", Dir: "/", Env: []string{"PATH=" + os.Getenv("PATH")}}
	if _, err := r.Start(t.Context(), start); !errors.Is(err, ErrRunning) {
		t.Errorf("a second start meanwhile: %v", err)
	}
	if signs().Ended {
		t.Error("the session did not wait")
	}
	if err := starter.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = starter.Wait() // killed
	await(t, "the session has ended", func() bool { s := signs(); return s.Ended && s.Status == launch.ExitSurroundings })
	s, err := r.Find("web/polecats/nux", "plain")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.End(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Start(t.Context(), start); err != nil {
		t.Error(err)
	}
}

// A tmux that hangs is bounded, and the processes of the session end all the same.
func TestAStoppedServer(t *testing.T) {
	r := runtime(t)
	s, _ := scripted(t, r, fakeOptions{})
	signs, err := s.Signs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("tmux", "-S", r.Server.Socket, "display-message", "-p", "#{pid}").Output()
	if err != nil {
		t.Fatal(err)
	}
	server, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(server, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Kill(server, syscall.SIGCONT) }()
	s.(*session).t.Server.Deadline = 200 * time.Millisecond
	if got, err := s.HandOver(t.Context(), 0, "x"); !errors.Is(err, tmux.ErrDeadline) || got.Result != "" {
		t.Errorf("%+v, %v", got, err)
	}
	if err := s.End(t.Context()); !errors.Is(err, tmux.ErrDeadline) {
		t.Errorf("%v", err)
	}
	if process.Alive(signs.PID) {
		t.Error("the program runs")
	}
}

// BenchmarkStart measures the start of a session; BenchmarkPlain is tmux by itself.
func BenchmarkStart(b *testing.B) {
	r := runtime(b)
	_, err := r.Start(b.Context(), Start{Agent: "keep", Preset: "plain", Dir: "/", Env: []string{"PATH=" + os.Getenv("PATH")}})
	for i := 0; b.Loop() && err == nil; i++ {
		_, err = r.Start(b.Context(), Start{Agent: fmt.Sprint("web/polecats/p", i), Preset: "plain", Dir: "/", Env: []string{"PATH=" + os.Getenv("PATH")}})
	}
	if err != nil {
		b.Fatal(err)
	}
}

func BenchmarkPlain(b *testing.B) {
	r := runtime(b)
	for i := 0; b.Loop(); i++ {
		if out, err := exec.Command("tmux", "-f", "/dev/null", "-S", r.Server.Socket, "new-session", "-d", "-s", fmt.Sprint("p", i), "-c", "/", "sh").CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
	}
}
