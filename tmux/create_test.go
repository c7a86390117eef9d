package tmux

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// created creates a session that runs a command.
func created(t *testing.T, s Server, name string, command ...string) Session {
	t.Helper()
	made, _, err := s.Create(t.Context(), New{Name: name, Dir: t.TempDir(), Command: command, Tags: map[string]string{"agent": "web/x; y", "run": "3"}})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// text awaits that a pane shows something.
func awaitText(t *testing.T, s Server, pane, want string) Screen {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		screen, err := s.Capture(t.Context(), pane, 5, false)
		if err == nil && strings.Contains(screen.Text, want) {
			return screen
		}
		if time.Now().After(end) {
			t.Fatalf("no %q in %q, %v", want, screen.Text, err)
		}
	}
}

// A tmux that is too old is told from its version, before it starts a server.
func TestCreateTooOld(t *testing.T) {
	s := server(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "tmux"), []byte("#!/bin/sh\necho \"$1\" >>"+dir+"/calls\necho tmux 2.9a\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH")}
	_, _, err := s.Create(t.Context(), New{Name: "nux", Dir: dir, Command: []string{"sleep", "9"}})
	if !errors.Is(err, ErrTooOld) || !strings.Contains(err.Error(), "2.9a") {
		t.Errorf("%v", err)
	}
	if calls, err := os.ReadFile(filepath.Join(dir, "calls")); string(calls) != "-V\n" {
		t.Errorf("it was called with %q, %v", calls, err)
	}
}

func TestCreate(t *testing.T) {
	s := server(t)
	t.Setenv("SECRET_OF_THE_CALLER", "1")
	s.Env = append(os.Environ(), "ANOTHER_SECRET=1")
	made := created(t, s, "web/polecats/nux", "sh", "-c", `printf '%s;' "$@"; env; echo the end; exec cat`, "x", "a b", "'\"$HOME;", "last;", "end\\;")
	screen := awaitText(t, s, made.Pane.ID, "\nthe end\n")
	if !strings.Contains(screen.Text, `a b;'"$HOME;;last;;end\;;`) {
		t.Errorf("arguments: %q", screen.Text)
	}
	if strings.Contains(screen.Text, "SECRET") || !strings.Contains(screen.Text, "TMUX_PANE=") || !strings.Contains(screen.Text, "TERM="+Term) {
		t.Errorf("environment: %s", screen.Text)
	}
	all, err := s.Sessions(t.Context())
	if err != nil || len(all) != 1 || all[0].Name != "web/polecats/nux" || all[0].Tags["agent"] != "web/x; y" || all[0].Tags["run"] != "3" {
		t.Fatalf("%+v, %v", all, err)
	}
	if p := all[0].Pane; p.ID != made.Pane.ID || p.PID != made.Pane.PID || p.PID <= 0 || p.Dead || p.Width != defaultWidth || p.Height != defaultHeight-1 && p.Height != defaultHeight {
		t.Errorf("%+v", p)
	}
	for option, want := range map[string]string{
		"history-limit": "1000", "status-interval": "5", "monitor-activity": "off", "default-terminal": Term, "remain-on-exit": "on", "update-environment": "",
	} {
		out, err := s.do(t.Context(), "", []string{"show-options", "-A", "-w", "-v", "-t", made.ID, option})
		if err != nil || strings.TrimSpace(out) != want {
			out, err = s.do(t.Context(), "", []string{"show-options", "-A", "-v", "-t", made.ID, option})
		}
		if err != nil || strings.TrimSpace(out) != want {
			t.Errorf("%s is %q, want %q (%v)", option, out, want, err)
		}
	}
	if _, _, err := s.Create(t.Context(), New{Name: "web/polecats/nux", Dir: "/", Command: []string{"cat", "-"}}); !errors.Is(err, ErrExists) {
		t.Errorf("a second one: %v", err)
	}
	for _, n := range []New{
		{Name: "x", Dir: "/", Command: []string{"cat"}}, {Name: "x y", Dir: "/", Command: []string{"cat", "-"}}, {Name: "-x", Dir: "/", Command: []string{"cat", "-"}},
		{Name: "x:y", Dir: "/", Command: []string{"cat", "-"}}, {Name: "", Dir: "/", Command: []string{"cat", "-"}}, {Name: "x", Dir: "rel", Command: []string{"cat", "-"}},
		{Name: "x", Dir: "/", Command: []string{"cat", "a\x00b"}},
	} {
		if _, _, err := s.Create(t.Context(), n); err == nil {
			t.Errorf("created %+v", n)
		}
	}
}

// A person renames a session, opens more windows in it, breaks its tags: it is still
// found, with the pane of its program.
func TestWhatAPersonDoesToASession(t *testing.T) {
	s := server(t)
	made := created(t, s, "mayor", "cat", "-")
	other := created(t, s, "b", "cat", "-")
	for _, command := range [][]string{
		{"rename-session", "-t", made.ID, "mine: a.b"}, {"split-window", "-t", made.ID, "cat"}, {"new-window", "-t", made.ID, "cat"},
		{"select-pane", "-t", made.ID, "-T", "a\ttitle"}, {"set-option", "-t", other.ID, tagsOption, "%zz\tx\ty"}, {"copy-mode", "-t", made.Pane.ID},
	} {
		if _, err := s.do(t.Context(), "", command); err != nil {
			t.Fatal(err)
		}
	}
	all, err := s.Sessions(t.Context())
	if err != nil || len(all) != 2 {
		t.Fatalf("%+v, %v", all, err)
	}
	for _, x := range all {
		switch x.ID {
		case made.ID:
			if x.Tags["agent"] != "web/x; y" || x.Pane.ID != made.Pane.ID || x.Windows != 2 || !strings.HasPrefix(x.Name, "mine") || !x.Pane.InMode {
				t.Errorf("%+v", x)
			}
		case other.ID:
			if x.Name != "b" || x.Pane.PID != other.Pane.PID {
				t.Errorf("%+v", x)
			}
		}
	}
	if err := s.LeaveMode(t.Context(), made.Pane.ID); err != nil {
		t.Error(err)
	}
	if err := s.Resize(t.Context(), other.ID, 70, 20); err != nil {
		t.Error(err)
	}
	if screen, err := s.Capture(t.Context(), other.Pane.ID, 0, false); err != nil || screen.Pane.Width != 70 || screen.Pane.Height != 20 || screen.ID != other.ID {
		t.Errorf("%+v, %v", screen, err)
	}
	if err := s.Remove(t.Context(), other.ID); err != nil {
		t.Error(err)
	}
	if err := s.Remove(t.Context(), other.ID); err != nil {
		t.Errorf("removed twice: %v", err)
	}
	if _, err := s.Capture(t.Context(), other.Pane.ID, 0, false); !errors.Is(err, ErrGone) {
		t.Errorf("%v", err)
	}
}

// A program that ended leaves its last words and its status.
func TestAProgramEnds(t *testing.T) {
	s := server(t)
	// It waits for a line: tmux may miss what a program writes in the moment of its end.
	made := created(t, s, "x", "sh", "-c", "echo last words; read -r line; exit 7")
	screen := awaitText(t, s, made.Pane.ID, "last words")
	if err := s.Press(t.Context(), made.Pane.ID, Enter); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); !screen.Pane.Dead && time.Now().Before(end); {
		screen, _ = s.Capture(t.Context(), made.Pane.ID, 0, false)
	}
	if !screen.Pane.Dead || screen.Pane.Status != 7 {
		t.Errorf("%+v", screen.Pane)
	}
}

func TestPasteAndPress(t *testing.T) {
	s := server(t)
	made := created(t, s, "x", "sh", "-c", `stty -echo; printf '\033[?2004h'; echo go; exec cat -v`)
	awaitText(t, s, made.Pane.ID, "go")
	if err := s.Paste(t.Context(), made.Pane.ID, "one 'two' \"$HOME\"; !x\nlast;"); err != nil {
		t.Fatal(err)
	}
	if err := s.Press(t.Context(), made.Pane.ID, Enter, "y", Enter); err != nil {
		t.Fatal(err)
	}
	screen := awaitText(t, s, made.Pane.ID, "\ny\n")
	if !strings.Contains(screen.Text, "^[[200~one 'two' \"$HOME\"; !x\nlast;^[[201~\ny\n") {
		t.Errorf("%q", screen.Text)
	}
	for _, key := range []Key{"", "kill", "C-c", "é", "-X"} {
		if err := s.Press(t.Context(), made.Pane.ID, key); err == nil {
			t.Errorf("pressed %q", key)
		}
	}
	if out, err := s.do(t.Context(), "", []string{"list-buffers"}); err != nil || out != "" {
		t.Errorf("buffers are left: %q, %v", out, err)
	}
}

// A server that was stopped is bounded by the deadline, whatever is asked of it.
func TestStoppedServer(t *testing.T) {
	s := server(t)
	made := created(t, s, "x", "cat", "-")
	out, err := s.do(t.Context(), "", []string{"display-message", "-p", "#{pid}"})
	if err != nil {
		t.Fatal(err)
	}
	var server int
	for _, r := range strings.TrimSpace(out) {
		server = server*10 + int(r-'0')
	}
	if err := syscall.Kill(server, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Kill(server, syscall.SIGCONT) }()
	s.Deadline = 100 * time.Millisecond
	for name, ask := range map[string]func(context.Context) error{
		"sessions": func(ctx context.Context) error { _, err := s.Sessions(ctx); return err },
		"capture":  func(ctx context.Context) error { _, err := s.Capture(ctx, made.Pane.ID, 0, false); return err },
		"paste":    func(ctx context.Context) error { return s.Paste(ctx, made.Pane.ID, "x") },
		"press":    func(ctx context.Context) error { return s.Press(ctx, made.Pane.ID, Enter) },
		"remove":   func(ctx context.Context) error { return s.Remove(ctx, made.ID) },
		"create": func(ctx context.Context) error {
			_, _, err := s.Create(ctx, New{Name: "y", Dir: "/", Command: []string{"cat", "-"}})
			return err
		},
	} {
		if err := ask(t.Context()); !errors.Is(err, ErrDeadline) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A person's own server beside the Town's stays as it is.
func TestAnotherServerIsUntouched(t *testing.T) {
	theirs, ours := server(t, "mine"), server(t)
	t.Setenv("TMUX_TMPDIR", filepath.Dir(theirs.Socket))
	ours.Env = append(os.Environ(), "TMUX="+theirs.Socket+",1,0")
	made := created(t, ours, "x", "cat", "-")
	if err := ours.Remove(t.Context(), made.ID); err != nil {
		t.Error(err)
	}
	if all, err := theirs.Sessions(t.Context()); err != nil || len(all) != 1 || all[0].Name != "mine" || all[0].Tags != nil {
		t.Errorf("%+v, %v", all, err)
	}
	out, err := exec.Command("tmux", "-S", theirs.Socket, "show-options", "-g", "-v", "status-interval").Output()
	if err != nil || strings.TrimSpace(string(out)) != "15" {
		t.Errorf("%q, %v", out, err)
	}
}
