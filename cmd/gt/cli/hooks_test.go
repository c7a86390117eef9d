package cli

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gastown/cmd/internal/shell"
	"gastown/town/layout"
	"gastown/town/lockfile"
)

// tracked makes a Town with a remote, in a Git repository of its own with two
// commits of which the last one changes federation/.
func (w towns) tracked() layout.Town {
	w.t.Helper()
	t := layout.Town{Root: filepath.Join(w.dir, "alpha")}
	git := func(dir string, args ...string) {
		w.t.Helper()
		cmd := exec.Command("git", append([]string{"-c", "user.name=Ada", "-c", "user.email=ada@example.com"}, args...)...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			w.t.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	git(w.dir, "init", "-q", "--bare", "hub.git")
	git(w.dir, "init", "-q", "alpha")
	w.must("install", "alpha", "--git")
	w.must("--town", "alpha", "federation", "init", filepath.Join(w.dir, "hub.git"), "--yes")
	git(t.Root, "commit", "-q", "--allow-empty", "-m", "nothing")
	w.write("alpha/federation/roles/crier.md", "---\nname: crier\ndescription: d\n---\n\nHear.\n")
	git(t.Root, "add", "-A")
	git(t.Root, "commit", "-q", "-m", "a Town")
	return t
}

// hook runs what a hook starts, in a directory, and returns its exit code.
func (w towns) hook(dir string, args ...string) int {
	var said bytes.Buffer
	a := &App{Stdin: strings.NewReader(""), Stdout: &said, Stderr: &said, Dir: dir, Getenv: func(string) string { return "" }, Now: time.Now}
	return a.Run(w.t.Context(), append([]string{"--town", filepath.Join(w.dir, "alpha"), "hooks", "run", "--"}, args...))
}

func (w towns) log(t layout.Town) string {
	data, err := os.ReadFile(t.HooksLog())
	if err != nil && !os.IsNotExist(err) {
		w.t.Fatal(err)
	}
	return string(data)
}

// await waits for a condition that work in the background brings about.
func await(t *testing.T, otherwise string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(30 * time.Second); !done(); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal(otherwise)
		}
	}
}

// However many hooks run, one syncs, one waits, and the others leave it to that.
func TestHooksTakeTurns(t *testing.T) {
	w := towns{t, t.TempDir()}
	where := w.tracked()
	holder := &App{Dir: where.Root, Getenv: os.Getenv, Now: time.Now, Globals: shell.Globals{Wait: time.Second}}
	working, err := holder.lock(t.Context(), where, "hooks-sync")
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
		if code := w.hook(where.Root, "post-commit"); code != exitOK {
			t.Errorf("exit %d", code)
		}
	}
	if got := strings.Count(w.log(where), "waiting already"); got != 3 {
		t.Errorf("%d left it to the one that waits, want 3:\n%s", got, w.log(where))
	}
	if err := working(); err != nil {
		t.Fatal(err)
	}
	if code := <-codes; code != exitOK {
		t.Errorf("exit %d", code)
	}
	if got := w.log(where); strings.Count(got, "1 edit recorded") != 1 {
		t.Errorf("not synced once:\n%s", got)
	}
}

// A Town that is not there any more, a remote that is gone, a hook of another
// tree: told in the log, or with an exit code where there is no place for one.
func TestHooksOfATownInTrouble(t *testing.T) {
	w := towns{t, t.TempDir()}
	where := w.tracked()
	if code := w.hook(t.TempDir(), "post-commit"); code != exitOK || !strings.Contains(w.log(where), "is another working tree") {
		t.Errorf("exit %d: %s", code, w.log(where))
	}
	if err := os.Rename(filepath.Join(w.dir, "hub.git"), filepath.Join(w.dir, "away.git")); err != nil {
		t.Fatal(err)
	}
	if code := w.hook(where.Root, "post-commit"); code != exitFailed || !strings.Contains(w.log(where), "sync after post-commit: ") {
		t.Errorf("exit %d: %s", code, w.log(where))
	}
	if code := w.hook(where.Root, "post-rewrite"); code != exitUsage {
		t.Errorf("exit %d", code)
	}
	if err := os.Rename(where.Data(layout.Federation), filepath.Join(w.dir, "kept")); err != nil {
		t.Fatal(err)
	}
	if code := w.hook(where.Root, "post-commit"); code != exitOK || !strings.Contains(w.log(where), "no federation plane") {
		t.Errorf("exit %d: %s", code, w.log(where))
	}
}

// The log is bounded, one line for each note, and steers no terminal.
func TestHookLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "hooks.log")
	log := hookLog{app: &App{Now: time.Now}, path: path, prefix: "post-commit: "}
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
	hookLog{app: &App{Now: time.Now}, path: filepath.Join(path, "below")}.note("nowhere")
}
