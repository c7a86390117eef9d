package tmux

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// patience is how long a test waits for a condition, and for an answer of tmux.
const patience = 2 * time.Minute

// server starts a real tmux server with the sessions named.
func server(t *testing.T, names ...string) Server {
	t.Helper()
	dir, err := os.MkdirTemp("", "tmux") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	s := Server{Socket: filepath.Join(dir, "a b.sock"), Env: os.Environ(), Deadline: patience}
	t.Cleanup(func() {
		_ = exec.Command("tmux", "-S", s.Socket, "kill-server").Run() // no server: nothing to kill
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	for _, name := range names {
		cmd := exec.Command("tmux", "-u", "-f", "/dev/null", "-S", s.Socket, "new-session", "-d", "-s", name, "cat")
		cmd.Env = environ(os.Environ())
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	return s
}

func TestVersion(t *testing.T) {
	v, err := Version(t.Context(), os.Environ())
	if err != nil || v == "" || strings.ContainsAny(v, " \n") {
		t.Errorf("version %q, %v", v, err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := Version(t.Context(), os.Environ()); !errors.Is(err, ErrMissing) {
		t.Errorf("without tmux: %v", err)
	}
}

func TestSessions(t *testing.T) {
	before := time.Now().Add(-time.Second)
	s := server(t, "mayor", "a name with $1 spaces 表")
	all, err := s.Sessions(t.Context())
	if err != nil || len(all) != 2 {
		t.Fatalf("%v, %v", all, err)
	}
	names := map[string]bool{}
	for _, x := range all {
		names[x.Name] = true
		if x.Created.Before(before) || x.Windows != 1 || x.Clients != 0 || !strings.HasPrefix(x.ID, "$") {
			t.Errorf("%+v", x)
		}
	}
	if !names["mayor"] || !names["a name with $1 spaces 表"] {
		t.Errorf("names %v", names)
	}
	// Inside another tmux session, the Town's server is still the one that is
	// asked.
	s.Env = append(s.Env, "TMUX=/nowhere,1,0")
	if again, err := s.Sessions(t.Context()); err != nil || len(again) != 2 {
		t.Errorf("%v, %v", again, err)
	}
}

// Where no server runs there are no sessions, and no process is started.
func TestNoServer(t *testing.T) {
	s := server(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "tmux"), []byte("#!/bin/sh\necho started >&2\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.Env = []string{"PATH=" + dir}
	look := func() {
		t.Helper()
		if all, err := s.Sessions(t.Context()); err != nil || len(all) != 0 {
			t.Errorf("%v, %v", all, err)
		}
	}
	look()
	l, err := net.Listen("unix", s.Socket)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	look() // an abandoned socket
}

// A server without a session, such as one that is about to end, has no sessions.
func TestEmptyServer(t *testing.T) {
	s := server(t)
	if out, err := exec.Command("tmux", "-S", s.Socket, "-f", os.DevNull, "start-server", ";", "set-option", "-g", "exit-empty", "off").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if all, err := s.Sessions(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
}

// Without tmux nobody can begin a session: this is reported whether or not a server
// runs, as from another tmux that was removed since.
func TestMissing(t *testing.T) {
	with := server(t, "mayor")
	none := Server{Socket: filepath.Join(t.TempDir(), "none.sock"), Deadline: patience}
	for _, s := range []Server{none, with} {
		for _, change := range []func(*Server){
			func(s *Server) { s.Env = nil },
			func(s *Server) { s.Env = []string{"PATH=" + t.TempDir()} },
			func(s *Server) { s.Env, s.Binary = os.Environ(), "/nowhere/tmux" },
		} {
			change(&s)
			if all, err := s.Sessions(t.Context()); !errors.Is(err, ErrMissing) || len(all) != 0 {
				t.Errorf("on %s: %v, %v", s.Socket, all, err)
			}
		}
	}
}

func TestServerThatHangs(t *testing.T) {
	s := server(t)
	l, err := net.Listen("unix", s.Socket) // accepts connections and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s.Deadline = 50 * time.Millisecond
	if _, err := s.Sessions(t.Context()); !errors.Is(err, ErrDeadline) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.Deadline = time.Minute
	if _, err := s.Sessions(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestStrangeAnswers(t *testing.T) {
	s := server(t, "x")
	for script, want := range map[string]string{
		"echo hello":                        "not understood",
		"echo '$1 a b c d e'":               "not understood",
		"head -c 2000000 /dev/zero":         "longer than",
		`printf 'bad\033[31m\n' >&2;exit 1`: "bad [31m",
	} {
		s.Binary = filepath.Join(t.TempDir(), "tmux")
		if err := os.WriteFile(s.Binary, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Sessions(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", script, err)
		}
	}
	for version, old := range map[string]bool{"2.9a": true, "3.0": false, "3.3a": false, "next-3.5": false, "master": false, "10.1": false} {
		if tooOld(version) != old {
			t.Errorf("%s too old: %v", version, !old)
		}
	}
}
