package agents

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gastown/e2e/internal/programs"
	"gastown/town/spending"
)

// codex takes a bead from the sling to the target branch without a hand: its trust dialog
// is answered, it is handed its work, its tool call commits and runs gt done. The session
// ends with its processes, the check passes, the very commit of the agent lands, and the
// bead closes.
func TestHandsIn(t *testing.T) {
	if os.Getenv(inside) == "" {
		t.Skip("GT_AGENTS names no programs: make agents")
	}
	loopback(t)
	p := driven("codex")
	installedIn := installed(p.preset)
	if installedIn == "" {
		t.Skip("codex is not installed")
	}
	bin, remove, err := programs.Dir()
	if err != nil {
		t.Fatal(err)
	}
	defer remove()
	m := &model{thinks: time.Second, task: "gt hook && echo it is done >work.txt && git add work.txt && git commit -qm 'Do it' && gt done"}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: m}
	go func() { _ = server.Serve(l) }()
	defer server.Close()

	dir, err := os.MkdirTemp("", "agents")
	if err != nil {
		t.Fatal(err)
	}
	// The preset's command is found in PATH; this one adds what the test needs.
	vars, args := p.prepare(t, dir, "", "http://"+l.Addr().String())
	wrapper := "#!/bin/sh\nexport " + strings.Join(vars, " ") + "\nexec '" + filepath.Join(installedIn, p.path) + "'"
	for _, word := range args {
		wrapper += " '" + word + "'"
	}
	commands := filepath.Join(dir, "bin")
	if err := os.Mkdir(commands, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(commands, p.preset), []byte(wrapper+" \"$@\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(dir, "town")
	env := []string{
		"PATH=" + bin + ":" + commands + ":" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir, "LC_ALL=C.UTF-8", "SHELL=/bin/sh", "GT_ROOT=" + root,
		"GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GT_MACHINE_CHECK=false",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com",
	}
	try := func(name string, args ...string) (string, error) {
		for _, own := range []string{"gt", "bd"} {
			if name == own {
				name = filepath.Join(bin, own)
			}
		}
		cmd := exec.Command(name, args...)
		cmd.Dir, cmd.Env = dir, env
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	run := func(name string, args ...string) string {
		t.Helper()
		out, err := try(name, args...)
		if err != nil {
			t.Fatalf("%s %q: %v\n%s", name, args, err, out)
		}
		return out
	}
	defer func() {
		_, _ = try("gt", "polecat", "nuke", "web/amber")
		_, _ = try("gt", "deacon", "stop")
		_ = os.RemoveAll(dir)
	}()
	run("git", "init", "-q", "-b", "main", "src")
	run("git", "-C", "src", "commit", "-q", "--allow-empty", "-m", "first")
	run("git", "clone", "-q", "--bare", "src", "web.git")
	run("gt", "install", root)
	run("gt", "config", "deacon.http_address", "localhost:0")
	checked := filepath.Join(dir, "checked")
	run("gt", "rig", "add", "web", filepath.Join(dir, "web.git"), "--check", "cp work.txt "+checked)
	run("bd", "create", "--id", "web-a1", "do it")
	run("gt", "deacon", "start")
	run("gt", "sling", "web-a1", "web", "--agent", p.preset)
	wait := func(what string, holds func() bool) {
		t.Helper()
		for end := time.Now().Add(patience); !holds(); time.Sleep(200 * time.Millisecond) {
			if time.Now().After(end) {
				feed, _ := try("gt", "feed")
				list, _ := try("gt", "polecat", "list")
				screen, _ := try("gt", "peek", "web/amber")
				m.mu.Lock()
				defer m.mu.Unlock()
				t.Fatalf("waited in vain until %s\n%s\n%s\n%s\n%q\n%q", what, feed, list, screen, m.said, m.ran)
			}
		}
	}
	wait("the bead is handed in", func() bool { return strings.Contains(run("gt", "feed"), "assignment.submitted web-a1") })
	wait("the bead has landed", func() bool { return strings.Contains(run("bd", "show", "web-a1", "--json"), `"status": "closed"`) })
	if got := run("git", "-C", "web.git", "show", "main:work.txt"); got != "it is done\n" {
		t.Errorf("main has %q", got)
	}
	if log := run("git", "-C", "web.git", "log", "--no-merges", "-1", "--format=%an %s", "main"); log != "web/polecats/amber Do it\n" {
		t.Errorf("the newest commit is of %q", log)
	}
	if got, err := os.ReadFile(checked); string(got) != "it is done\n" {
		t.Errorf("the check saw %q, %v", got, err)
	}
	if branches := run("git", "-C", "web.git", "for-each-ref", "refs/heads/polecat"); branches != "" {
		t.Errorf("its branch is left at the remote: %s", branches)
	}
	wait("the session has ended", func() bool {
		out := run("gt", "tmux", "list")
		return strings.Contains(out, "there are no sessions") && strings.Contains(run("gt", "polecat", "list"), " idle ")
	})
	wait("the agent's processes have ended", func() bool {
		all, _ := filepath.Glob("/proc/[0-9]*/environ")
		return !slices.ContainsFunc(all, func(file string) bool {
			text, _ := os.ReadFile(file)
			return strings.Contains(string(text), fmt.Sprintf("GT_TMUX_SESSION=%s/.gt/tmux.sock:", root))
		})
	})
	// What the model said that its answers used is what the bead cost. The last answer may
	// have come when the session had ended.
	run("gt", "deacon", "run", "spending")
	var costs struct{ Rows []spending.Row }
	if err := json.Unmarshal([]byte(run("gt", "costs", "--by", "bead", "--json")), &costs); err != nil {
		t.Fatal(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(costs.Rows) != 1 || costs.Rows[0].Key != "web-a1" || costs.Rows[0].Messages < 1 || int(costs.Rows[0].Messages) > len(m.sums) ||
		costs.Rows[0].Usage != m.sums[costs.Rows[0].Messages-1] {
		t.Errorf("the costs are %+v, and the model said %+v", costs.Rows, m.sums)
	}
}

// driven is one of drivable.
func driven(preset string) program {
	return drivable[slices.IndexFunc(drivable, func(p program) bool { return p.preset == preset })]
}
