package hooks

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gastown/cmd/gt/federation"
	"gastown/cmd/gt/install"
	"gastown/cmd/gt/internal/gttest"
	"gastown/cmd/internal/shell"
	"gastown/town/layout"
	"gastown/town/lockfile"
)

// towns runs gt with hooks.
type towns struct{ gttest.Towns }

func newTowns(t *testing.T) towns {
	return towns{gttest.New(t, install.Commands, federation.Commands, Commands)}
}

// tracked makes a Town with a remote, in its own Git repository with two commits.
// The second one changes federation/.
func (w towns) tracked() layout.Town {
	w.T.Helper()
	t := layout.Town{Root: filepath.Join(w.Dir, "alpha")}
	git := func(dir string, args ...string) {
		w.T.Helper()
		cmd := exec.Command("git", append([]string{"-c", "user.name=Ada", "-c", "user.email=ada@example.com"}, args...)...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			w.T.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	git(w.Dir, "init", "-q", "--bare", "hub.git")
	git(w.Dir, "init", "-q", "alpha")
	w.Must("install", "alpha", "--git")
	w.Must("--town", "alpha", "federation", "init", filepath.Join(w.Dir, "hub.git"), "--yes")
	git(t.Root, "commit", "-q", "--allow-empty", "-m", "nothing")
	w.Write("alpha/federation/roles/crier.md", "---\nname: crier\ndescription: d\n---\n\nHear.\n")
	git(t.Root, "add", "-A")
	git(t.Root, "commit", "-q", "-m", "a Town")
	return t
}

// hook runs what a hook starts, in a directory, and returns its exit code.
func (w towns) hook(dir string, args ...string) int {
	code, _, _ := w.RunIn(dir, append([]string{"--town", filepath.Join(w.Dir, "alpha"), "hooks", "run", "--"}, args...)...)
	return code
}

func (w towns) log(t layout.Town) string {
	data, err := os.ReadFile(t.HooksLog())
	if err != nil && !os.IsNotExist(err) {
		w.T.Fatal(err)
	}
	return string(data)
}

// await waits for a condition that background work fulfils.
func await(t *testing.T, otherwise string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(2 * time.Minute); !done(); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal(otherwise)
		}
	}
}

// However many hooks run at once, one syncs, one waits, and the others end at once.
func TestHooksTakeTurns(t *testing.T) {
	w := newTowns(t)
	where := w.tracked()
	working, err := shell.Lock(t.Context(), where, "hooks-sync", shell.LockOptions{Command: "gt test", Wait: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	codes := make(chan int, 1)
	go func() { codes <- w.hook(where.Root, "post-commit") }()
	await(t, "nobody waits", func() bool {
		_, held, err := lockfile.Look(where.Lock("hooks-next"))
		return err == nil && held
	})
	for range 3 {
		if code := w.hook(where.Root, "post-commit"); code != shell.ExitOK {
			t.Errorf("exit %d", code)
		}
	}
	if got := strings.Count(w.log(where), "waiting already"); got != 3 {
		t.Errorf("%d left it to the one that waits, want 3:\n%s", got, w.log(where))
	}
	if err := working(); err != nil {
		t.Fatal(err)
	}
	if code := <-codes; code != shell.ExitOK {
		t.Errorf("exit %d", code)
	}
	if got := w.log(where); strings.Count(got, "1 edit recorded") != 1 {
		t.Errorf("not synced once:\n%s", got)
	}
}

// A Town or remote that does not exist any more, and a hook of another tree, are
// reported in the log, or with an exit code where there is no log.
func TestHooksOfATownInTrouble(t *testing.T) {
	w := newTowns(t)
	where := w.tracked()
	if code := w.hook(t.TempDir(), "post-commit"); code != shell.ExitOK || !strings.Contains(w.log(where), "is another working tree") {
		t.Errorf("exit %d: %s", code, w.log(where))
	}
	if err := os.Rename(filepath.Join(w.Dir, "hub.git"), filepath.Join(w.Dir, "away.git")); err != nil {
		t.Fatal(err)
	}
	if code := w.hook(where.Root, "post-commit"); code != shell.ExitFailed || !strings.Contains(w.log(where), "sync after post-commit: ") {
		t.Errorf("exit %d: %s", code, w.log(where))
	}
	if code := w.hook(where.Root, "post-rewrite"); code != shell.ExitUsage {
		t.Errorf("exit %d", code)
	}
	if err := os.Rename(where.Data(layout.Federation), filepath.Join(w.Dir, "kept")); err != nil {
		t.Fatal(err)
	}
	if code := w.hook(where.Root, "post-commit"); code != shell.ExitOK || !strings.Contains(w.log(where), "no federation plane") {
		t.Errorf("exit %d: %s", code, w.log(where))
	}
}

// The log is bounded, each note is one line, and no text can control a terminal.
func TestHookLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "hooks.log")
	log := hookLog{now: time.Now, path: path, prefix: "post-commit: "}
	log.note("%s", "two\nlines\x1b[31m")
	data, err := os.ReadFile(path)
	if err != nil || strings.Count(string(data), "\n") != 1 || strings.Contains(string(data), "\x1b") {
		t.Errorf("%q, %v", data, err)
	}
	for i := range 2 * maxHookLog / maxHookLine {
		log.note("%d %s", i, strings.Repeat("x", 2*maxHookLine))
	}
	for _, p := range []string{path, path + ".1"} {
		info, err := os.Stat(p)
		if err != nil || info.Size() > maxHookLog+2*maxHookLine || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", p, info, err)
		}
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 2 {
		t.Errorf("%v, %v", entries, err)
	}
	hookLog{now: time.Now, path: filepath.Join(path, "below")}.note("nowhere")
}
