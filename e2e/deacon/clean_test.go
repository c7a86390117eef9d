package deacon

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gastown/town/layout"
)

// git clean, in every form, leaves the databases of a Town that is the work tree of a
// repository, with and without a Deacon, and the Town works on by itself.
func TestGitCleanLeavesTheLedger(t *testing.T) {
	t.Parallel()
	p := &place{t: t, root: filepath.Join(short(t), "town")}
	p.env = environment(filepath.Dir(p.root))
	p.run("gt", "install", p.root, "--name", "town", "--git")
	p.run("gt", "config", "deacon.http_address", "127.0.0.1:0")
	p.run("git", "init", "-q")
	p.run("git", "add", "-A")
	p.run("git", "commit", "-qm", "first")
	if out := p.run("git", "ls-files"); strings.Contains(out, ".gt") {
		t.Fatalf("the private directory is tracked:\n%s", out)
	}
	p.run("bd", "create", "dear to us")
	survives := func(when string) {
		t.Helper()
		for _, form := range []string{"-xdf", "-ffdx", "-Xdf", "-ffdX"} {
			p.run("git", "clean", "-q", form)
			if out := p.run("bd", "list"); !strings.Contains(out, "dear to us") {
				t.Errorf("%s, git clean %s: %s", when, form, out)
			}
		}
	}
	survives("alone")
	d := p.start()
	survives("with a Deacon")
	await(t, "the Deacon can be reached", func() bool { _, err := p.try("gt", "deacon", "status"); return err == nil })
	before := d.ran()
	await(t, "it runs commands again", func() bool { p.run("bd", "list"); return d.ran() > before })
}

// Before the first commit git clean removes what people edit, so gt install and gt
// doctor name the commit. The command that they name does it.
func TestTheFirstCommitIsNamed(t *testing.T) {
	t.Parallel()
	p := &place{t: t, root: filepath.Join(short(t), "town")}
	p.env = environment(filepath.Dir(p.root))
	out := p.run("gt", "install", p.root, "--name", "town", "--git")
	_, advice, ok := strings.Cut(out, "git clean -xdf would remove them:\n")
	if !ok {
		t.Fatalf("install: %s", out)
	}
	p.run("git", "init", "-q")
	if out := p.run("gt", "doctor", "--offline"); !strings.Contains(out, "config/ and federation/ are not in the Git repository") {
		t.Errorf("doctor: %s", out)
	}
	command, _, _ := strings.Cut(strings.TrimSpace(advice), "\n")
	p.run("sh", "-c", command)
	p.run("git", "clean", "-q", "-ffdx")
	if out := p.run("gt", "doctor", "--offline"); strings.Contains(out, "are not in the Git repository") || strings.Contains(out, "is missing") {
		t.Errorf("doctor after %q: %s", command, out)
	}
	if out := p.run("gt", "install", p.root); !strings.Contains(out, "nothing is missing") {
		t.Errorf("install: %s", out)
	}
}

// git clean in a larger repository leaves the databases of a Town in a subdirectory. A
// copy of the repository has a Town of its own, with the same identity.
func TestATownInALargerRepository(t *testing.T) {
	t.Parallel()
	outer := &place{t: t, root: filepath.Join(short(t), "repo")}
	outer.env = environment(filepath.Dir(outer.root))
	if err := os.MkdirAll(outer.root, 0o700); err != nil {
		t.Fatal(err)
	}
	outer.run("git", "init", "-q")
	p := *outer
	p.root = filepath.Join(outer.root, "towns", "town")
	outer.run("gt", "install", p.root, "--name", "town")
	p.run("bd", "create", "dear to us")
	outer.run("git", "add", "-A")
	outer.run("git", "commit", "-qm", "first")
	if out := outer.run("git", "ls-files"); strings.Contains(out, ".gt") || !strings.Contains(out, "towns/town/config/town.yaml") {
		t.Fatalf("tracked:\n%s", out)
	}
	for _, form := range []string{"-xdf", "-ffdx", "-Xdf", "-ffdX"} {
		outer.run("git", "clean", "-q", form)
		if out := p.run("bd", "list"); !strings.Contains(out, "dear to us") {
			t.Errorf("git clean %s: %s", form, out)
		}
	}
	outer.run("cp", "-a", outer.root, outer.root+"-copy")
	c := *outer
	c.root = filepath.Join(outer.root+"-copy", "towns", "town")
	c.run("bd", "create", "of the copy")
	if out := p.run("bd", "list"); strings.Contains(out, "of the copy") {
		t.Errorf("the copy writes into the original: %s", out)
	}
	outer.run("cp", "-a", p.root, p.root+"-copy")
	c.root = p.root + "-copy"
	if out, err := c.try("bd", "list"); err == nil || !strings.Contains(err.Error(), "its databases are those of that directory") {
		t.Errorf("a copy of the Town alone: %v\n%s", err, out)
	}
}

// A Town of a former version, whose databases are in the work tree, is moved over.
func TestDatabasesLeaveTheWorkTree(t *testing.T) {
	t.Parallel()
	for _, by := range [][]string{{"install"}, {"doctor", "--fix", "--offline"}} {
		t.Run(by[0], func(t *testing.T) {
			t.Parallel()
			p := found(t, short(t), "town")
			town := layout.Town{Root: p.root}
			p.run("git", "init", "-q")
			if err := os.WriteFile(filepath.Join(p.root, ".gitignore"), []byte("/.gt/\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			p.run("bd", "create", "dear to us")
			if out, err := p.try("gt", "doctor", "--offline"); err != nil || !strings.Contains(out, "git clean -xdf would delete") {
				t.Errorf("doctor: %v\n%s", err, out)
			}
			args := by
			if by[0] == "install" {
				args = []string{"install", p.root}
			}
			// Not while the Deacon has it open.
			d := p.start()
			_, _ = p.try("gt", args...)
			if info, err := os.Lstat(town.Private()); err != nil || !info.IsDir() {
				t.Errorf("it was moved from under the Deacon: %v", err)
			}
			p.run("gt", "deacon", "stop")
			_ = d
			p.run("gt", args...)
			if info, err := os.Lstat(town.Private()); err != nil || info.Mode().Type() != os.ModeSymlink {
				t.Fatalf("it was not moved: %v, %v", info, err)
			}
			p.run("git", "add", "-A")
			p.run("git", "commit", "-qm", "first")
			p.run("git", "clean", "-ffdxq")
			if out := p.run("bd", "list"); !strings.Contains(out, "dear to us") {
				t.Error(out)
			}
			// Killed between the two steps: the next command completes it.
			if err := os.Remove(town.Private()); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
			if out := p.run("bd", "list"); !strings.Contains(out, "dear to us") {
				t.Error(out)
			}
			p.run("gt", args...) // again: there is nothing to move
		})
	}
}
