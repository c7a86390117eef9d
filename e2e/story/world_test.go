package story

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"gastown/e2e/internal/ports"
	"gastown/e2e/internal/scratch"
)

func TestMain(m *testing.M) { os.Exit(scratch.Main(m, "tmux")) }

// check is the check of each rig: the scripts *.test succeed, and there is no second
// rival.
const check = `sleep 0.2
for one in *.test; do
  [ ! -e "$one" ] || sh "$one" || { echo "$one fails"; exit 1; }
done
set -- rival-*
[ $# -lt 2 ] || { echo "rivals: $*"; exit 1; }
`

// settings make a Town that looks every second and is not patient. An agent that works
// prints each second; one that does not for so long is taken for lost, even on a slow machine.
var settings = map[string]string{
	"polecat.max_per_rig": "4", "polecat.max_memory": "400MB", "polecat.max_cpu": "1", "polecat.max_processes": "200",
	"witness.interval": "1s", "witness.start": "90s", "witness.quiet": "2s", "witness.silent": "20s", "witness.computing": "40s", "witness.progress": "60s",
	"witness.nudges": "1", "witness.nudge_interval": "5s", "witness.many": "8", "witness.hold": "0s",
}

// jobs are those of the Deacon that would else look every half minute.
var jobs = []string{"dispatch", "refinery", "convoys", "deliver"}

// world is a Town with rigs whose remotes are beside it, and scripted agents.
type world struct {
	*scratch.Town
	rigs []string
	// convoy tracks all beads, slung are those that were given out once.
	convoy string
	slung  map[string]bool
	// pushed are files that people pushed to the rigs' mains by hand.
	pushed map[string][]string
	// server is the Git server; nil where remotes are directories.
	server *exec.Cmd
	port   int
}

// bead is one of the convoy.
type bead struct {
	id, deed string
	// after are beads that come first.
	after []string
}

// found makes a world with a convoy.
func found(t *testing.T, rigs []string, beads []bead) *world {
	t.Helper()
	return foundIn(t, scratch.Dir(t), "town", rigs, beads)
}

func foundIn(t *testing.T, dir, name string, rigs []string, beads []bead) *world {
	t.Helper()
	w := &world{Town: scratch.At(t, dir, name), rigs: rigs, slung: map[string]bool{}, pushed: map[string][]string{}}
	w.serve()
	w.Write("robot.sh", scratch.Robot)
	w.Install("harbour")
	w.GT("config", "agent.command", "sh "+filepath.Join(w.Dir, "robot.sh"))
	for key, value := range settings {
		w.GT("config", key, value)
	}
	w.quick()
	for _, rig := range rigs {
		src := filepath.Join(w.Dir, rig)
		w.Git("init", "-q", "-b", "main", src)
		err := errors.Join(os.WriteFile(filepath.Join(src, "check.sh"), []byte(check), 0o600), os.WriteFile(filepath.Join(src, "shared.txt"), []byte("nobody\n"), 0o600))
		if err != nil {
			t.Fatal(err)
		}
		w.Git("-C", src, "add", "-A")
		w.Git("-C", src, "commit", "-q", "-m", "first")
		w.Git("clone", "-q", "--bare", src, src+".git")
		w.Git("-C", src+".git", "config", "core.logAllRefUpdates", "always")
		w.GT("rig", "add", rig, fmt.Sprintf("git://127.0.0.1:%d/%s.git", w.port, rig), "--check", "sh check.sh")
	}
	w.plan(beads)
	return w
}

// serve starts the Git server, on the port that it had before.
func (w *world) serve() {
	w.T.Helper()
	if w.port == 0 {
		port, release, err := ports.Hold()
		if err != nil {
			w.T.Fatal(err)
		}
		w.T.Cleanup(release)
		w.port = port
	}
	for _, rig := range w.rigs { // what a killed server left, as its keeper does
		_ = filepath.WalkDir(filepath.Join(w.Dir, rig+".git"), func(path string, _ os.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".lock") {
				_ = os.Remove(path)
			}
			return nil
		})
	}
	w.server = w.Command(context.Background(), "git", "daemon", "--listen=127.0.0.1", fmt.Sprintf("--port=%d", w.port), "--reuseaddr",
		"--enable=receive-pack", "--export-all", "--base-path="+w.Dir, w.Dir)
	w.server.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := w.server.Start(); err != nil {
		w.T.Fatal(err)
	}
	w.Await("the Git server listens", func() bool {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", w.port))
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
}

// unserve ends the Git server with all that it started.
func (w *world) unserve() {
	w.T.Helper()
	_ = syscall.Kill(-w.server.Process.Pid, syscall.SIGKILL)
	_ = w.server.Wait()
	w.Await("what the Git server started is gone", func() bool {
		return !slices.ContainsFunc(w.Processes(), func(p scratch.Process) bool {
			return strings.HasPrefix(p.Line, "git") && (strings.Contains(p.Line, "receive-pack") || strings.Contains(p.Line, "upload-pack"))
		})
	})
}

// quick lets the Deacon's jobs look every second.
func (w *world) quick() {
	w.T.Helper()
	text := "jobs:\n"
	for _, name := range jobs {
		text += "  " + name + ": {schedule: \"@every 1s\"}\n"
	}
	path := w.Layout().Schedule()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		w.T.Fatal(err)
	}
}

// plan makes the beads and the convoy.
func (w *world) plan(beads []bead) {
	w.T.Helper()
	type link struct {
		Issue string `json:"issue_id"`
		On    string `json:"depends_on_id"`
		Type  string `json:"type"`
	}
	lines := ""
	args := []string{"convoy", "create", "The story"}
	for _, b := range beads {
		var links []link
		for _, on := range b.after {
			links = append(links, link{b.id, on, "blocks"})
		}
		line, err := json.Marshal(map[string]any{
			"id": b.id, "title": b.deed, "description": "do " + b.deed, "status": "open", "priority": 2, "issue_type": "task", "dependencies": links,
		})
		if err != nil {
			w.T.Fatal(err)
		}
		lines += string(line) + "\n"
		args = append(args, b.id)
	}
	w.Write("beads.jsonl", lines)
	w.BD("import", filepath.Join(w.Dir, "beads.jsonl"))
	var made struct{ ID string }
	if err := json.Unmarshal([]byte(w.GT(append(args, "--json")...)), &made); err != nil {
		w.T.Fatal(err)
	}
	w.convoy = made.ID
}

// member is a bead as gt convoy status shows it.
type member struct{ ID, State, Why string }

// progress is how far the convoy is. A Town under faults may not be able to say.
func (w *world) progress() (members []member, err error) {
	out, err := w.Try("gt", "convoy", "status", w.convoy, "--json")
	if err != nil {
		return nil, err
	}
	var c struct{ Members []member }
	return c.Members, json.Unmarshal([]byte(out), &c)
}

// give gives out what is ready and was not given out before, as people do.
func (w *world) give(members []member) error {
	var fresh []string
	for _, m := range members {
		if m.State == "ready" && !w.slung[m.ID] {
			fresh = append(fresh, m.ID)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	_, err := w.Try("gt", append([]string{"sling"}, fresh...)...)
	if err == nil {
		for _, id := range fresh {
			w.slung[id] = true
		}
	}
	return err
}

// until gives out what is ready until every bead is where it is wanted, and waits no
// longer than limit.
func (w *world) until(limit time.Duration, wanted func(member) bool) {
	w.T.Helper()
	for end := time.Now().Add(limit); ; time.Sleep(200 * time.Millisecond) {
		members, err := w.progress()
		if err == nil {
			err = w.give(members)
		}
		if err == nil && len(members) > 0 && !slices.ContainsFunc(members, func(m member) bool { return !wanted(m) }) {
			return
		}
		if time.Now().After(end) {
			for _, m := range members {
				if !wanted(m) {
					w.T.Logf("%s is %s: %s", m.ID, m.State, m.Why)
				}
			}
			w.T.Fatalf("waited in vain: %v", err)
		}
	}
}

// mains checks that each main holds exactly what its landed beads say, and what people
// pushed by hand; that it never went back, and that it was good at each moment.
func (w *world) mains(members []member) {
	w.T.Helper()
	for _, rig := range w.rigs {
		repo := filepath.Join(w.Dir, rig+".git")
		names := strings.Fields(w.Git("-C", repo, "ls-tree", "-r", "--name-only", "main"))
		good, may := []string{"check.sh", "shared.txt"}, []string{}
		good = append(good, w.pushed[rig]...)
		for _, m := range members {
			if m.State == "landed" && strings.HasPrefix(m.ID, rig+"-") {
				good = append(good, m.ID+".txt")
				may = append(may, "rival-"+m.ID, "more-"+m.ID, m.ID+".test")
			}
		}
		for _, name := range good {
			if !slices.Contains(names, name) {
				w.T.Errorf("main of %s has no %s: %q", rig, name, names)
			}
		}
		for _, name := range names {
			if !slices.Contains(good, name) && !slices.Contains(may, name) {
				w.T.Errorf("main of %s has %s, which no landed bead brought", rig, name)
			}
		}
		tips := strings.Fields(w.Git("-C", repo, "log", "--walk-reflogs", "--format=%H", "main")) // the newest first
		for i, tip := range tips {
			if names, red := w.red(repo, tip); red {
				w.T.Errorf("main of %s was red at %s:\n%s", rig, tip, names)
			}
			if i > 0 {
				if _, err := w.Try("git", "-C", repo, "merge-base", "--is-ancestor", tip, tips[i-1]); err != nil {
					w.T.Errorf("main of %s went from %s back to %s", rig, tip, tips[i-1])
				}
			}
		}
	}
}

// red reports whether the check would fail for a commit, and its files. A test is empty
// where there was no room for it.
func (w *world) red(repo, commit string) (names string, red bool) {
	w.T.Helper()
	names = w.Git("-C", repo, "ls-tree", "-r", "--name-only", commit)
	for _, name := range strings.Fields(names) {
		if strings.HasSuffix(name, ".test") && w.Git("-C", repo, "show", commit+":"+name) != "" {
			red = true
		}
	}
	return names, red || strings.Count(names, "rival-") > 1
}

// over ends the Town and checks that nothing is lost and nothing is left.
func (w *world) over() {
	w.T.Helper()
	w.OneEach()
	w.NukeAll()
	w.GT("deacon", "stop")
	w.GT("worktree", "pool", "prune")
	w.unserve()
	var repos []string
	for _, rig := range w.rigs {
		repos = append(repos, rig+".git")
	}
	for _, line := range w.Lines("wrong") {
		w.T.Error(line)
	}
	w.NothingLost(repos...)
	seen := map[string]bool{}
	for _, line := range w.Lines("runs") {
		if seen[line] {
			w.T.Errorf("a session was handed its work twice: %q", line)
		}
		seen[line] = true
	}
	w.NothingLeft()
	w.T.Logf("%d sessions, %d commits", len(w.Lines("runs")), len(w.Lines("commits")))
}

func (m member) String() string { return fmt.Sprintf("%s is %s: %s", m.ID, m.State, m.Why) }
