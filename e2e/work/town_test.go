package work

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gastown/e2e/internal/programs"
)

// patience bounds every wait for a condition, poll is the pause between two looks.
const (
	patience = 2 * time.Minute
	poll     = 50 * time.Millisecond
)

//go:embed testdata/robot.sh
var robot string

// binaries is the directory of the programs.
var binaries string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if _, err := exec.LookPath("tmux"); err != nil {
		fmt.Println("skipped:", err)
		return 0
	}
	dir, remove, err := programs.Dir()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer remove()
	binaries = dir
	return m.Run()
}

// place is a directory with a Town, the remote of its rig web, and scripted agents.
type place struct {
	t         *testing.T
	dir, root string
	env       []string
}

// found makes a place. Its path is short because sockets need that.
func found(t *testing.T) *place {
	t.Helper()
	dir, err := os.MkdirTemp("", "gtw")
	if err != nil {
		t.Fatal(err)
	}
	p := &place{t: t, dir: dir, root: filepath.Join(dir, "town")}
	p.env = []string{
		"PATH=" + binaries + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + os.TempDir(), "LC_ALL=C", "SHELL=/bin/sh",
		"TMUX_TMPDIR=" + dir, "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com",
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(p.story())
		}
		p.end()
		_ = os.RemoveAll(dir)
	})
	p.write("robot.sh", robot)
	p.git("init", "-q", "-b", "main", "src")
	p.git("-C", "src", "commit", "-q", "--allow-empty", "-m", "first")
	p.git("clone", "-q", "--bare", "src", "web.git")
	p.gt("install", p.root, "--name", "harbour")
	p.gt("config", "deacon.http_address", "localhost:0")
	p.gt("config", "agent.command", "sh "+filepath.Join(dir, "robot.sh"))
	p.gt("rig", "add", "web", p.remote())
	return p
}

func (p *place) remote() string { return filepath.Join(p.dir, "web.git") }

func (p *place) write(name, text string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// command is a program in the Town.
func (p *place) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	path := name
	if name == "gt" || name == "bd" {
		path = filepath.Join(binaries, name)
		if len(args) == 0 || args[0] != "install" {
			args = append([]string{"--town", p.root}, args...)
		}
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir, cmd.Env = p.dir, p.env
	return cmd
}

// try runs a program to its end, and returns what it printed.
func (p *place) try(name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := p.command(ctx, name, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, stderr.String())
	}
	return stdout.String(), nil
}

func (p *place) must(name string, args ...string) string {
	p.t.Helper()
	out, err := p.try(name, args...)
	if err != nil {
		p.t.Fatal(err)
	}
	return out
}

func (p *place) gt(args ...string) string  { p.t.Helper(); return p.must("gt", args...) }
func (p *place) bd(args ...string) string  { p.t.Helper(); return p.must("bd", args...) }
func (p *place) git(args ...string) string { p.t.Helper(); return p.must("git", args...) }

// exit is the exit code of an error of try; 0 for none.
func exit(err error) int {
	var e *exec.ExitError
	switch {
	case errors.As(err, &e):
		return e.ExitCode()
	case err != nil:
		return -1
	}
	return 0
}

// await waits until something holds.
func (p *place) await(what string, holds func() bool) {
	p.t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(poll) {
		if time.Now().After(end) {
			p.t.Fatalf("waited in vain until %s", what)
		}
	}
}

// bead makes a bead whose worker does what a word of robot.sh says.
func (p *place) bead(id, deed string) {
	p.t.Helper()
	p.bd("create", "--id", id, "--description", "do "+deed, deed)
}

// glance is what gt status --json says, as far as it matters here.
type glance struct {
	Agents []struct {
		Agent, Bead, State, Session, Evidence string
		Run                                   int
	}
	Queue []struct{ Bead string }
	Merge []struct{ Bead, Branch, Head, State string } `json:"merge_requests"`
}

func (p *place) status() (g glance) {
	p.t.Helper()
	out, err := p.try("gt", "status", "--json")
	if err == nil {
		err = json.Unmarshal([]byte(out), &g)
	}
	if err != nil {
		p.t.Fatalf("%v\n%s", err, out)
	}
	return g
}

// handedIn reports whether a bead's work was handed in or has ended.
func (p *place) handedIn(g glance, bead string) bool {
	return slices.ContainsFunc(g.Merge, func(m struct{ Bead, Branch, Head, State string }) bool { return m.Bead == bead }) || p.state(bead) == "closed"
}

// state is a bead's status in the ledger.
func (p *place) state(bead string) string {
	p.t.Helper()
	var all []struct{ Status string }
	if err := json.Unmarshal([]byte(p.bd("show", bead, "--json")), &all); err != nil || len(all) != 1 {
		p.t.Fatal(err, all)
	}
	return all[0].Status
}

// tmux calls the Town's tmux server.
func (p *place) tmux(args ...string) (string, error) {
	return p.try("tmux", append([]string{"-S", filepath.Join(p.root, ".gt", "tmux.sock"), "-f", os.DevNull}, args...)...)
}

// lines are those of a file beside the Town.
func (p *place) lines(name string) []string {
	text, err := os.ReadFile(filepath.Join(p.dir, name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		p.t.Fatal(err)
	}
	return strings.Fields(strings.ReplaceAll(string(text), " ", "\x01"))
}

// story is what happened, for a failure.
func (p *place) story() string {
	feed, _ := p.try("gt", "feed", "--limit", "400")
	list, _ := p.try("gt", "polecat", "list")
	log, _ := os.ReadFile(filepath.Join(p.root, ".gt", "deacon", "deacon.log"))
	return feed + "\n" + list + "\n" + string(log[max(0, len(log)-6000):])
}

// end stops everything that a test may have left.
func (p *place) end() {
	_, _ = p.try("gt", "deacon", "stop")
	_, _ = p.tmux("kill-server")
	for _, one := range p.processes() {
		_ = exec.Command("kill", "-9", one.pid).Run()
	}
}

type running struct{ pid, line string }

// processes are those whose command line or environment names the place.
func (p *place) processes() (found []running) {
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range all {
		var words [2]string
		for i, file := range []string{"cmdline", "environ"} {
			text, _ := os.ReadFile(filepath.Join(dir, file))
			words[i] = strings.TrimSpace(strings.ReplaceAll(string(text), "\x00", " "))
		}
		if strings.Contains(words[0]+words[1], p.dir) {
			found = append(found, running{filepath.Base(dir), words[0]})
		}
	}
	return found
}
