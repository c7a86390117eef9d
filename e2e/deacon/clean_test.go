package deacon

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gastown/e2e/internal/scratch"
	"gastown/town/layout"
)

// git clean, in every form, leaves the databases of a Town that is the work tree of a
// repository, with and without a Deacon, and the Town works on by itself.
func TestGitCleanLeavesTheLedger(t *testing.T) {
	t.Parallel()
	p := at(t, scratch.Dir(t), "town")
	p.Must("gt", "install", p.Root, "--name", "town", "--git")
	p.Must("gt", "config", "deacon.http_address", "127.0.0.1:0")
	p.Must("git", "init", "-q")
	p.Must("git", "add", "-A")
	p.Must("git", "commit", "-qm", "first")
	if out := p.Must("git", "ls-files"); strings.Contains(out, ".gt") {
		t.Fatalf("the private directory is tracked:\n%s", out)
	}
	p.Must("bd", "create", "dear to us")
	survives := func(when string) {
		t.Helper()
		for _, form := range []string{"-xdf", "-ffdx", "-Xdf", "-ffdX"} {
			p.Must("git", "clean", "-q", form)
			if out := p.Must("bd", "list"); !strings.Contains(out, "dear to us") {
				t.Errorf("%s, git clean %s: %s", when, form, out)
			}
		}
	}
	survives("alone")
	d := p.start()
	survives("with a Deacon")
	scratch.Await(t, "the Deacon can be reached", func() bool { _, err := p.Try("gt", "deacon", "status"); return err == nil })
	before := d.ran()
	scratch.Await(t, "it runs commands again", func() bool { p.Must("bd", "list"); return d.ran() > before })
}

// Before the first commit git clean removes what people edit, so gt install and gt
// doctor name the commit. The command that they name does it.
func TestTheFirstCommitIsNamed(t *testing.T) {
	t.Parallel()
	p := at(t, scratch.Dir(t), "town")
	out := p.Must("gt", "install", p.Root, "--name", "town", "--git")
	_, advice, ok := strings.Cut(out, "git clean -xdf would remove them:\n")
	if !ok {
		t.Fatalf("install: %s", out)
	}
	p.Must("git", "init", "-q")
	if out := p.Must("gt", "doctor", "--offline"); !strings.Contains(out, "config/ and federation/ are not in the Git repository") {
		t.Errorf("doctor: %s", out)
	}
	command, _, _ := strings.Cut(strings.TrimSpace(advice), "\n")
	p.Must("sh", "-c", command)
	p.Must("git", "clean", "-q", "-ffdx")
	if out := p.Must("gt", "doctor", "--offline"); strings.Contains(out, "are not in the Git repository") || strings.Contains(out, "is missing") {
		t.Errorf("doctor after %q: %s", command, out)
	}
	if out := p.Must("gt", "install", p.Root); !strings.Contains(out, "nothing is missing") {
		t.Errorf("install: %s", out)
	}
}

// git clean in a larger repository leaves the databases of a Town in a subdirectory. A
// copy of the repository has a Town of its own, with the same identity.
func TestATownInALargerRepository(t *testing.T) {
	t.Parallel()
	outer := at(t, scratch.Dir(t), "repo")
	if err := os.MkdirAll(outer.Root, 0o700); err != nil {
		t.Fatal(err)
	}
	outer.Must("git", "init", "-q")
	p := at(t, outer.Root, "towns/town")
	outer.Must("gt", "install", p.Root, "--name", "town")
	p.Must("bd", "create", "dear to us")
	outer.Must("git", "add", "-A")
	outer.Must("git", "commit", "-qm", "first")
	if out := outer.Must("git", "ls-files"); strings.Contains(out, ".gt") || !strings.Contains(out, "towns/town/config/town.yaml") {
		t.Fatalf("tracked:\n%s", out)
	}
	for _, form := range []string{"-xdf", "-ffdx", "-Xdf", "-ffdX"} {
		outer.Must("git", "clean", "-q", form)
		if out := p.Must("bd", "list"); !strings.Contains(out, "dear to us") {
			t.Errorf("git clean %s: %s", form, out)
		}
	}
	outer.Must("cp", "-a", outer.Root, outer.Root+"-copy")
	c := at(t, outer.Root+"-copy", "towns/town")
	c.Must("bd", "create", "of the copy")
	if out := p.Must("bd", "list"); strings.Contains(out, "of the copy") {
		t.Errorf("the copy writes into the original: %s", out)
	}
	outer.Must("cp", "-a", p.Root, p.Root+"-copy")
	c = at(t, filepath.Dir(p.Root), "town-copy")
	if out, err := c.Try("bd", "list"); err == nil || !strings.Contains(err.Error(), "its databases are those of that directory") {
		t.Errorf("a copy of the Town alone: %v\n%s", err, out)
	}
}

// A Town of a former version, whose databases are in the work tree, is moved over.
func TestDatabasesLeaveTheWorkTree(t *testing.T) {
	t.Parallel()
	for _, by := range [][]string{{"install"}, {"doctor", "--fix", "--offline"}} {
		t.Run(by[0], func(t *testing.T) {
			t.Parallel()
			p := found(t, scratch.Dir(t), "town")
			town := layout.Town{Root: p.Root}
			p.Must("git", "init", "-q")
			if err := os.WriteFile(filepath.Join(p.Root, ".gitignore"), []byte("/.gt/\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			p.Must("bd", "create", "dear to us")
			if out, err := p.Try("gt", "doctor", "--offline"); err != nil || !strings.Contains(out, "git clean -xdf would delete") {
				t.Errorf("doctor: %v\n%s", err, out)
			}
			args := by
			if by[0] == "install" {
				args = []string{"install", p.Root}
			}
			// Not while the Deacon has it open.
			d := p.start()
			_, _ = p.Try("gt", args...)
			if info, err := os.Lstat(town.Private()); err != nil || !info.IsDir() {
				t.Errorf("it was moved from under the Deacon: %v", err)
			}
			p.Must("gt", "deacon", "stop")
			_ = d
			p.Must("gt", args...)
			if info, err := os.Lstat(town.Private()); err != nil || info.Mode().Type() != os.ModeSymlink {
				t.Fatalf("it was not moved: %v, %v", info, err)
			}
			p.Must("git", "add", "-A")
			p.Must("git", "commit", "-qm", "first")
			p.Must("git", "clean", "-ffdxq")
			if out := p.Must("bd", "list"); !strings.Contains(out, "dear to us") {
				t.Error(out)
			}
			// Killed between the two steps: the next command completes it.
			if err := os.Remove(town.Private()); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
			if out := p.Must("bd", "list"); !strings.Contains(out, "dear to us") {
				t.Error(out)
			}
			p.Must("gt", args...) // again: there is nothing to move
		})
	}
}
