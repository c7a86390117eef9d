package polecat

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gastown/sync/gitcmd"
	"gastown/tmux"
	"gastown/town"
	"gastown/town/agent"
	"gastown/town/launch"
	"gastown/town/limits"
	"gastown/town/rig"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == launch.Flag {
		code, err := launch.Main(os.Args[2])
		os.Stderr.WriteString(err.Error())
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// place is a rig and a tmux, whose processes are counted.
type place struct {
	*testing.T
	dir      string
	boxes    InRigs
	sessions InTmux
}

func newPlace(t *testing.T) *place {
	t.Helper()
	dir, err := os.MkdirTemp("", "spawn") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	p := &place{T: t, dir: dir}
	socket := filepath.Join(dir, "tmux.sock")
	t.Cleanup(func() {
		_ = exec.Command("tmux", "-S", socket, "kill-server").Run() // no server: nothing to kill
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	for _, program := range []string{"git", "tmux"} {
		real, err := exec.LookPath(program)
		if err != nil {
			t.Fatal(err)
		}
		script := fmt.Sprintf("#!/bin/sh\necho %s >>%s\nexec %s \"$@\"\n", program, filepath.Join(dir, "calls"), real)
		p.write(filepath.Join("bin", program), script, 0o700)
	}
	// Git looks for the programs that it starts itself in GIT_EXEC_PATH.
	env := []string{"PATH=" + filepath.Join(dir, "bin") + ":" + os.Getenv("PATH"), "GIT_EXEC_PATH=" + filepath.Join(dir, "bin"), "HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1"}
	for _, args := range [][]string{
		{"init", "-q", "-b", "main", "src"}, {"-C", "src", "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-q", "--allow-empty", "-m", "first"},
		{"clone", "-q", "--bare", "src", "web.git"},
	} {
		cmd := exec.Command("git", args...)
		cmd.Dir, cmd.Env = dir, append(env, "PATH="+os.Getenv("PATH"))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	y := &rig.Yard{
		Dir: filepath.Join(dir, "rigs"), File: filepath.Join(dir, "rigs.yaml"), Git: gitcmd.Options{Env: env, Deadline: time.Minute, Idle: time.Minute},
		Lock: func(name string) string { return filepath.Join(dir, name+".lock") },
	}
	if _, err := y.Add(t.Context(), rig.Adding{Settings: rig.Settings{Name: "web", URL: filepath.Join(dir, "web.git")}}); err != nil {
		t.Fatal(err)
	}
	presets, err := agent.Parse(nil)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p.boxes = InRigs{Yard: y}
	p.sessions = InTmux{
		Tmux: agent.Tmux{
			Server: tmux.Server{Socket: socket, Env: env, Deadline: time.Minute}, Dir: dir, Launcher: []string{self}, Presets: presets, Base: env, Grace: time.Millisecond,
		},
		Preset: func(string) string { return "plain" }, Env: func(Start) []string { return nil },
		Limits: func(string) (limits.Limits, limits.Group, error) { return limits.Limits{}, limits.Group{}, nil },
	}
	return p
}

func (p *place) write(name, text string, mode os.FileMode) {
	p.Helper()
	file := filepath.Join(p.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(text), mode)); err != nil {
		p.Fatal(err)
	}
}

func (p *place) spawn(name string) (dir string, err error) {
	who := town.PolecatAddress("web", name)
	dir, _, err = SpawnIn(p.Context(), p.boxes, p.sessions, Start{Ticket: town.Ticket{Agent: who, Bead: "web-1", Run: 1}, Branch: who.Branch("web-1")}, false)
	return dir, err
}

func (p *place) running() int {
	p.Helper()
	all, err := p.sessions.List(p.Context())
	if err != nil {
		p.Fatal(err)
	}
	return len(all)
}

// A spawn starts one tmux, and one git that makes the sandbox and starts no other.
func TestSpawnStartsFewProcesses(t *testing.T) {
	p := newPlace(t)
	if _, err := p.spawn("amber"); err != nil { // it starts the server
		t.Fatal(err)
	}
	p.write("calls", "", 0o600)
	dir, err := p.spawn("birch")
	if err != nil {
		t.Fatal(err)
	}
	calls, err := os.ReadFile(filepath.Join(p.dir, "calls"))
	if text := string(calls); err != nil || strings.Count(text, "tmux") != 1 || strings.Count(text, "git") != 1 {
		t.Errorf("it started %q (%v)", strings.Fields(text), err)
	}
	if _, err := os.Lstat(filepath.Join(dir, ".git")); err != nil || p.running() != 2 {
		t.Errorf("%d sessions; %v", p.running(), err)
	}
}

func TestSpawnFails(t *testing.T) {
	p := newPlace(t)
	_, err := p.spawn("no name")
	if !errors.As(err, new(unprepared)) || p.running() != 0 {
		t.Errorf("without a sandbox: %d sessions, %v", p.running(), err)
	}
	p.write("rigs/web/polecats", "no directory", 0o600)
	_, err = p.spawn("amber")
	if !errors.As(err, new(unprepared)) || p.running() != 0 {
		t.Errorf("without room for sandboxes: %d sessions, %v", p.running(), err)
	}
	if err := os.Remove(filepath.Join(p.dir, "rigs/web/polecats")); err != nil {
		t.Fatal(err)
	}
	if _, err := p.spawn("amber"); err != nil {
		t.Fatal(err)
	}
	p.sessions.Tmux.Max = 1
	dir, err := p.spawn("birch")
	if !errors.Is(err, agent.ErrFull) || errors.As(err, new(unprepared)) || p.running() != 1 {
		t.Errorf("without room for a session: %d sessions, %v", p.running(), err)
	}
	if _, err := os.Lstat(filepath.Join(dir, ".git")); err != nil {
		t.Errorf("the sandbox did not stay: %v", err)
	}
	p.sessions.Tmux.Max = 0
	if _, err := p.spawn("birch"); err != nil {
		t.Errorf("the next spawn: %v", err)
	}
}
