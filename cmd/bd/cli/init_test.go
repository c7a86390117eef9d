package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gastown/cmd/internal/shell"
)

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %q: %v: %s", args, err, out)
	}
	return string(out)
}

// In a Git repository full of files bd init makes a Town that the repository does not
// see, and touches none of the files. The Town is found from below.
func TestInitInAProject(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"main.c": "int main;", ".gitignore": "*.o\n", "config/app.yaml": "a: 1\n", "src/x.c": "x"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	git(t, dir, "init", "-q")
	git(t, dir, "add", ".")
	git(t, dir, "commit", "-qm", "begin")
	p := placeAt(t, dir)
	p.env = append(p.env, "PATH="+os.Getenv("PATH"), "GIT_CONFIG_GLOBAL=/dev/null")
	p.must("init", "--prefix", "web-")
	if status := git(t, dir, "status", "--porcelain"); status != "" {
		t.Errorf("the repository sees the Town: %s", status)
	}
	git(t, dir, "clean", "-qfd")
	p.dir = filepath.Join(dir, "src")
	if id := p.id("found from below"); !strings.HasPrefix(id, "web-") {
		t.Error(id)
	}
	if status := git(t, dir, "status", "--porcelain"); status != "" {
		t.Errorf("after a change the repository sees the Town: %s", status)
	}

	// Again, there and below: nothing is made.
	if out := p.must("init"); !strings.Contains(out, "nothing to make") {
		t.Error(out)
	}
	if code, _, said := p.run("init", "--prefix", "other"); code != shell.ExitRefused || !strings.Contains(said, "bd config set bd.prefix other") {
		t.Errorf("exit %d: %s", code, said)
	}
}

// What bd init made is one object, with the prefix of its beads.
func TestInitPrintsWhatItMade(t *testing.T) {
	for prefix, args := range map[string][]string{"bd": {"init"}, "web": {"init", "--prefix", "web"}} {
		p := placeAt(t, t.TempDir())
		p.env = append(p.env, "PATH="+os.Getenv("PATH"), "GIT_CONFIG_GLOBAL=/dev/null")
		var made struct {
			Schema  int `json:"schema_version"`
			Prefix  string
			Path    string
			Created bool
		}
		p.json(&made, args...)
		if made.Schema != 1 || made.Prefix != prefix || made.Path != p.dir || !made.Created {
			t.Errorf("%q: %+v", args, made)
		}
		if p.json(&made, args...); made.Schema != 1 || made.Prefix != prefix || made.Created {
			t.Errorf("again: %q: %+v", args, made)
		}
		if id := p.id("made"); !strings.HasPrefix(id, prefix+"-") {
			t.Error(id)
		}
	}
}

// A home directory is no place for a Town, unless it is a project itself: a Git
// repository, as in a container that has nothing else.
func TestInitInAHomeDirectory(t *testing.T) {
	dir := t.TempDir()
	p := placeAt(t, dir)
	p.env = append(p.env, "PATH="+os.Getenv("PATH"), "GIT_CONFIG_GLOBAL=/dev/null", "HOME="+dir)
	if code, _, said := p.run("init"); code != shell.ExitRefused || !strings.Contains(said, "home directory") {
		t.Errorf("exit %d: %s", code, said)
	}
	git(t, dir, "init", "-q")
	p.must("init", "--prefix", "web", "--quiet")
	p.id("made at home")
}

// Where the files of a Town would be among others', bd init makes nothing and says how
// it can be done.
func TestInitRefuses(t *testing.T) {
	for _, name := range []string{"federation/x", ".gt/x", "config/access.yaml", "config"} {
		dir := t.TempDir()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("theirs"), 0o644); err != nil {
			t.Fatal(err)
		}
		code, _, said := placeAt(t, dir).run("init")
		if code != shell.ExitRefused || !strings.Contains(said, "gt install DIR") || !strings.HasPrefix(said, "bd: make a Town in "+dir+": ") || strings.Contains(said, "install a Town") {
			t.Errorf("%s: exit %d: %s", name, code, said)
		}
		if _, err := os.Stat(filepath.Join(dir, "config", "town.yaml")); err == nil {
			t.Errorf("%s: there is a Town", name)
		}
		if text, err := os.ReadFile(path); err != nil || string(text) != "theirs" {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	if code, _, said := placeAt(t, t.TempDir()).run("init", "--prefix", "A B"); code == 0 || !strings.Contains(said, "prefix") {
		t.Errorf("exit %d: %s", code, said)
	}
}

// A Town without a remote has nobody to exchange with, and says so with exit code 0, as
// agents sync at the end of each session.
func TestSyncWithoutARemote(t *testing.T) {
	p := newPlace(t)
	for _, args := range []string{"sync", "sync --flush-only", "dolt push", "dolt pull"} {
		if out := p.must(strings.Fields(args)...); !strings.Contains(out, "has no remote") || !strings.Contains(out, "gt federation init URL") {
			t.Errorf("bd %s: %s", args, out)
		}
	}
	var d struct {
		Backend, Mode string
		Running       bool
	}
	if p.json(&d, "dolt", "status"); d.Backend != "dolt" || d.Mode != "embedded" || d.Running {
		t.Errorf("%+v", d)
	}
	if out := p.must("dolt", "show"); !strings.Contains(out, "ledger") {
		t.Error(out)
	}
	if code, _, said := p.run("dolt", "start", "x"); code != 1 || !strings.Contains(said, "gt deacon start") {
		t.Errorf("exit %d: %s", code, said)
	}
}

// bd preflight says what the caller has begun and not closed.
func TestPreflight(t *testing.T) {
	p := newPlace(t)
	if out := p.must("preflight", "--check"); strings.Count(out, "ok") != 2 {
		t.Error(out)
	}
	id := p.id("begun")
	p.must("update", id, "--claim")
	if code, out, _ := p.run("preflight", "--check"); code != 1 || !strings.Contains(out, id) {
		t.Errorf("exit %d: %s", code, out)
	}
	p.must("preflight")
	p.must("--actor", "Ben", "preflight", "--check")
}
