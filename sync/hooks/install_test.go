package hooks

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gastown/sync/gitcmd"
	"gastown/town"
)

func did(changes []Change) (all []Did) {
	for _, c := range changes {
		all = append(all, c.Did)
	}
	return all
}

func TestInstallAndRemove(t *testing.T) {
	for _, kind := range []string{"plain", "linked", "bare", "missing directory", "in the tree", "link"} {
		t.Run(kind, func(t *testing.T) {
			r := newRepo(t)
			names := Watched
			switch kind {
			case "linked":
				r.git("commit", "-q", "--allow-empty", "-m", "1")
				tree := r.dir + "-linked"
				r.git("worktree", "add", "-q", "-b", "linked", tree)
				r.dir = tree
			case "bare":
				r, names = newRepo(t, "--bare"), []string{PostReceive}
			case "missing directory":
				if err := os.RemoveAll(filepath.Join(r.dir, ".git/hooks")); err != nil {
					t.Fatal(err)
				}
			case "in the tree":
				r.git("config", "core.hooksPath", ".githooks/x")
			case "link":
				r.write(r.dir+"/.git/shared/README", 0o600, "")
				if err := errors.Join(os.RemoveAll(r.dir+"/.git/hooks"), os.Symlink("shared", r.dir+"/.git/hooks")); err != nil {
					t.Fatal(err)
				}
			}
			d := r.hooks()
			if d.InTree != (kind == "in the tree") || d.Bare != (kind == "bare") {
				t.Errorf("%+v", d)
			}
			// A hook that is there, of an unusual mode, a link at that.
			old := filepath.Join(d.Path, names[0])
			r.write(filepath.Join(d.Path, "tool"), 0o750, "#!/bin/sh\nexit 0\n")
			if err := os.Symlink("tool", old); err != nil {
				t.Fatal(err)
			}
			before, err := os.Lstat(old)
			if err != nil {
				t.Fatal(err)
			}
			first := did(r.install(names...))
			if first[0] != DidChain || len(first) > 1 && first[1] != DidInstall {
				t.Errorf("first: %v", first)
			}
			if again := did(r.install(names...)); slices.ContainsFunc(again, func(d Did) bool { return d != DidNothing }) {
				t.Errorf("again: %v", again)
			}
			list, err := d.List()
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range list {
				want := Absent
				if slices.Contains(names, h.Name) {
					want = Installed
				}
				if h.State != want || want == Installed && (h.Program != r.gt || h.Missing) || h.Chained != (h.Name == names[0]) {
					t.Errorf("%+v", h)
				}
			}
			if configured := r.place().HooksPath; (configured != "") != (kind == "in the tree") {
				t.Errorf("core.hooksPath is %q", configured)
			}
			gone, err := d.Remove(t.Context(), names)
			if err != nil || gone[0].Did != DidRestore || len(gone) > 1 && gone[1].Did != DidRemove {
				t.Errorf("%v, %v", gone, err)
			}
			after, err := os.Lstat(old)
			if err != nil || !os.SameFile(before, after) || after.Mode() != before.Mode() || !after.ModTime().Equal(before.ModTime()) {
				t.Errorf("the former hook is not back as it was: %v, %v", after, err)
			}
			left, err := filepath.Glob(filepath.Join(d.Path, "*gt-chained"))
			if err != nil || len(left) != 0 {
				t.Errorf("left: %v, %v", left, err)
			}
			if none, err := d.Remove(t.Context(), names); err != nil || none[0].Did != DidNothing {
				t.Errorf("%v, %v", none, err)
			}
		})
	}
}

// A hooks directory for all of a person's repositories is left alone.
func TestSharedHooksAreLeftAlone(t *testing.T) {
	r := newRepo(t)
	shared := r.dir + "-shared"
	if err := os.Mkdir(shared, 0o700); err != nil {
		t.Fatal(err)
	}
	r.git("config", "core.hooksPath", shared)
	if _, err := Find(r.place()); !errors.Is(err, town.ErrRefused) || !strings.Contains(err.Error(), shared) {
		t.Errorf("got %v", err)
	}
	r.git("config", "--unset", "core.hooksPath")
	if err := errors.Join(os.RemoveAll(r.dir+"/.git/hooks"), os.Symlink(shared, r.dir+"/.git/hooks")); err != nil {
		t.Fatal(err)
	}
	if _, err := Find(r.place()); !errors.Is(err, town.ErrRefused) || !strings.Contains(town.Next(err), "the link") {
		t.Errorf("through a link: %v [next: %s]", err, town.Next(err))
	}
}

// A hook that a person changed stays, whatever else is installed or removed.
// The advice where hooks lie elsewhere gives the repository hooks of its own, in its
// linked working trees too.
func TestAdviceOnSharedHooks(t *testing.T) {
	r := newRepo(t)
	r.git("commit", "-q", "--allow-empty", "-m", "first")
	linked := filepath.Join(filepath.Dir(r.dir), "linked")
	r.git("worktree", "add", "-q", linked, "-b", "linked")
	shared := t.TempDir()
	r.git("config", "core.hooksPath", shared)
	for _, dir := range []string{r.dir, linked} {
		p, err := gitcmd.Locate(t.Context(), dir, gitcmd.Options{Env: os.Environ()})
		if err != nil {
			t.Fatal(err)
		}
		_, err = Find(p)
		_, command, ok := strings.Cut(town.Next(err), ": ")
		if !errors.Is(err, town.ErrRefused) || !ok {
			t.Fatalf("%v [next: %s]", err, town.Next(err))
		}
		if out, err := exec.Command("sh", "-c", command).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", command, err, out)
		}
		for _, dir := range []string{r.dir, linked} {
			p, err := gitcmd.Locate(t.Context(), dir, gitcmd.Options{Env: os.Environ()})
			if err != nil {
				t.Fatal(err)
			}
			if d, err := Find(p); err != nil || d.Path != filepath.Join(r.dir, ".git", "hooks") {
				t.Errorf("after %s, the hooks of %s are in %s, %v", command, dir, d.Path, err)
			}
		}
		r.git("config", "core.hooksPath", shared)
	}
}

func TestEditedHookIsKept(t *testing.T) {
	r := newRepo(t)
	r.install(Watched...)
	d := r.hooks()
	path := filepath.Join(d.Path, PostMerge)
	for _, edited := range []string{
		r.read(path) + "echo more\n", "#!/bin/sh\necho more\n" + strings.TrimPrefix(r.read(path), "#!/bin/sh\n"),
		strings.Replace(r.read(path), "exit", "exit 1; exit", 1),
	} {
		r.write(path, 0o700, edited)
		changes, err := d.Install(t.Context(), r.scripts(Watched...))
		if !errors.Is(err, town.ErrRefused) || len(changes) != 4 || changes[1].Did != DidKeep || changes[3].Did != DidNothing {
			t.Errorf("install: %v, %v", did(changes), err)
		}
		if _, err := d.Remove(t.Context(), []string{PostMerge}); !errors.Is(err, town.ErrRefused) || !strings.Contains(err.Error(), path) {
			t.Errorf("remove: %v", err)
		}
		if r.read(path) != edited {
			t.Error("an edited hook was changed")
		}
	}
	if changes, err := d.Remove(t.Context(), Watched); !errors.Is(err, town.ErrRefused) || changes[3].Did != DidRemove {
		t.Errorf("remove: %v, %v", did(changes), err)
	}
}

// Somebody replaced gt's hook while the former one was still aside. Both are kept.
func TestTwoFormerHooks(t *testing.T) {
	r := newRepo(t)
	d := r.hooks()
	path := filepath.Join(d.Path, PrePush)
	r.write(path, 0o700, "one")
	r.install(PrePush)
	r.write(path, 0o700, "two")
	_, err := d.Install(t.Context(), r.scripts(PrePush))
	_, rerr := d.Remove(t.Context(), []string{PrePush})
	if !errors.Is(err, town.ErrRefused) || !errors.Is(rerr, town.ErrRefused) || r.read(path) != "two" || r.read(path+chainedSuffix) != "one" {
		t.Errorf("%v, %v", err, rerr)
	}
	for _, odd := range []string{"directory"} {
		if err := errors.Join(os.Remove(path), os.Remove(path+chainedSuffix), os.Mkdir(path, 0o700)); err != nil {
			t.Fatal(odd, err)
		}
		if _, err := d.Install(t.Context(), r.scripts(PrePush)); !errors.Is(err, town.ErrRefused) {
			t.Errorf("a directory: %v", err)
		}
	}
}

// After an interruption at any step, the next installation completes it and a
// removal undoes it.
func TestInterruptedInstallation(t *testing.T) {
	for name, interrupt := range map[string]func(path string) error{
		"both names": func(path string) error { return os.Link(path, path+chainedSuffix) },
		"moved":      func(path string) error { return os.Rename(path, path+chainedSuffix) },
	} {
		for _, then := range []string{"install", "remove"} {
			r := newRepo(t)
			d := r.hooks()
			path := filepath.Join(d.Path, PostCommit)
			r.write(path, 0o755, "#!/bin/sh\nexit 0\n")
			before, err := os.Lstat(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := interrupt(path); err != nil {
				t.Fatal(err)
			}
			if then == "install" {
				r.install(PostCommit)
				if h, err := d.look(PostCommit); err != nil || h.State != Installed || !h.Chained {
					t.Errorf("%s: %+v, %v", name, h, err)
				}
			}
			if _, err := d.Remove(t.Context(), []string{PostCommit}); err != nil {
				t.Errorf("%s, %s: %v", name, then, err)
			}
			after, err := os.Lstat(path)
			if err != nil || !os.SameFile(before, after) {
				t.Errorf("%s, %s: %v", name, then, err)
			}
			if _, err := os.Lstat(path + chainedSuffix); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s, %s: it still has its second name", name, then)
			}
		}
	}
}

// An installation by another gt, or for another Town, is updated, and a hook that
// is not executable is made executable.
func TestUpdate(t *testing.T) {
	r := newRepo(t)
	r.install(PostCommit)
	other := r.scripts(PostCommit)
	other[0].Args = []string{"--town", "elsewhere"}
	d := r.hooks()
	path := filepath.Join(d.Path, PostCommit)
	if c, err := d.Install(t.Context(), other); err != nil || c[0].Did != DidUpdate || !strings.Contains(r.read(path), "'elsewhere'") {
		t.Errorf("%v, %v", c, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := d.Install(t.Context(), other); err != nil || c[0].Did != DidUpdate {
		t.Errorf("%v, %v", c, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&0o100 == 0 {
		t.Errorf("%v, %v", info, err)
	}
	for _, bad := range []Script{{Name: PostCommit, Program: "gt"}, {Name: PostCommit, Program: "/a\nb"},
		{Name: PostCommit, Program: "/gt", Args: []string{"a\x00"}}} {
		if _, err := d.Install(t.Context(), []Script{bad}); err == nil {
			t.Errorf("%+v was installed", bad)
		}
	}
}

func TestQuote(t *testing.T) {
	for _, word := range []string{"", "plain", awkward, `\`, "''", "a\tb", "ü"} {
		if back, ok := unquote(quote(word)); !ok || back != word {
			t.Errorf("%q became %q", word, back)
		}
	}
	if _, ok := unquote("'"); ok {
		t.Error("half a word was taken for one")
	}
}

// The arguments that a hook passes to gt can be read back from it.
func TestArguments(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.StringMatching(`[ -~]*`)).Draw(t, "words")
		h := Hook{State: Installed, text: Script{Name: PrePush, Program: "/gt", Args: words}.Text()}
		if got := h.Args(); !slices.Equal(got, words) {
			t.Errorf("%q became %q", words, got)
		}
	})
	if got := (Hook{State: Installed, text: `exec nohup "$gt" 'half`}).Args(); len(got) != 0 {
		t.Errorf("got %q", got)
	}
}
