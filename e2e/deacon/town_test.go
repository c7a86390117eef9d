package deacon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gastown/deacon/control"
	"gastown/e2e/internal/programs"
	"gastown/town/layout"
)

const (
	// patience is the longest wait for a condition, poll the pause between two
	// checks.
	patience = 2 * time.Minute
	poll     = 10 * time.Millisecond
)

var (
	// binaries is the directory of the programs.
	binaries string
	lasting  = flag.Duration("duration", time.Minute, "how long the soak lasts")
)

func TestMain(m *testing.M) {
	if root := os.Getenv(hangsIn); root != "" {
		hang(root)
	}
	flag.Parse()
	os.Exit(run(m))
}

// run runs the programs in a directory, as a person would.
func run(m *testing.M) int {
	dir, remove, err := programs.Dir()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer remove()
	binaries = dir
	return m.Run()
}

// place is a Town.
type place struct {
	t    *testing.T
	root string
	env  []string
}

// found makes a Town in dir whose Deacon listens on a free port. The path is short
// because sockets need that.
func found(t *testing.T, dir, name string) *place {
	t.Helper()
	p := &place{t: t, root: filepath.Join(dir, name), env: environment(dir)}
	p.run("gt", "install", p.root, "--name", name)
	p.run("gt", "config", "deacon.http_address", "127.0.0.1:0")
	// How full the disk of the machine is decides no test.
	p.run("gt", "config", "deacon.disk_critical", "100")
	p.run("gt", "config", "deacon.disk_warning", "100")
	return p
}

// short is a directory with a short path, removed at the end.
func short(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "gte")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// environment is the environment of a command, without this machine's
// configuration.
func environment(dir string) []string {
	return []string{
		"PATH=" + binaries + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + os.TempDir(), "LC_ALL=C",
		"TMUX_TMPDIR=" + dir, "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com",
	}
}

// try runs a command in the Town and returns what it printed.
func (p *place) try(name string, args ...string) (string, error) {
	path := name
	if name == "gt" || name == "bd" {
		path = filepath.Join(binaries, name)
		if len(args) == 0 || args[0] != "install" {
			args = append([]string{"--town", p.root}, args...)
		}
	}
	cmd := exec.CommandContext(context.Background(), path, args...)
	cmd.Env = p.env
	if _, err := os.Stat(p.root); err == nil {
		cmd.Dir = p.root
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, stderr.String())
	}
	return stdout.String(), nil
}

func (p *place) run(name string, args ...string) string {
	p.t.Helper()
	out, err := p.try(name, args...)
	if err != nil {
		p.t.Fatal(err)
	}
	return out
}

// schedule writes deacon/schedule.yaml.
func (p *place) schedule(text string) {
	p.t.Helper()
	path := layout.Town{Root: p.root}.Schedule()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		p.t.Fatal(err)
	}
}

// role writes the file of a role.
func (p *place) role(name, text string) {
	p.t.Helper()
	body := fmt.Sprintf("---\nname: %s\ndescription: for tests\n---\n\n%s\n", name, text)
	// The file is replaced by a rename: a Deacon may read it at any time.
	fresh := filepath.Join(p.root, name+".new")
	if err := errors.Join(os.WriteFile(fresh, []byte(body), 0o600), os.Rename(fresh, p.file(name))); err != nil {
		p.t.Error(err)
	}
}

func (p *place) file(role string) string {
	return filepath.Join(layout.Town{Root: p.root}.Files(), "roles", role+".md")
}

// says reports whether the file of a role has the text.
func (p *place) says(role, text string) bool {
	data, err := os.ReadFile(p.file(role))
	return err == nil && bytes.Contains(data, []byte(text))
}

// daemon is the Deacon of a Town.
type daemon struct {
	*control.Client
	PID  int    `json:"pid"`
	HTTP string `json:"http"`
	p    *place
}

// start starts the Town's Deacon, and ends it with the test.
func (p *place) start() *daemon {
	p.t.Helper()
	d := &daemon{p: p, Client: control.NewClient(layout.Town{Root: p.root}.ControlSocket())}
	if err := json.Unmarshal([]byte(p.run("gt", "--json", "--wait", "60s", "deacon", "start")), d); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		d.Close()
		if _, err := p.try("gt", "deacon", "stop"); err != nil {
			p.t.Errorf("the stop: %v", err)
		}
	})
	return d
}

// job is the state of a job.
func (d *daemon) job(name string) control.Job {
	d.p.t.Helper()
	s, err := d.Status(context.Background())
	if err != nil {
		d.p.t.Fatal(err)
	}
	for _, j := range s.Jobs {
		if j.Name == name {
			return j
		}
	}
	d.p.t.Fatalf("there is no job %s", name)
	return control.Job{}
}

// logged is the Deacon's log.
func (p *place) logged() string {
	p.t.Helper()
	data, err := os.ReadFile(layout.Town{Root: p.root}.DeaconLog())
	if err != nil {
		p.t.Fatal(err)
	}
	return string(data)
}

// await waits until a condition holds.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for end := time.After(patience); !so(); {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
