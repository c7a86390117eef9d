package rig

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What an agent writes into the rig's clone decides nothing about the target: where it
// is, what it has, and how changes merge with it.
func TestPlantedRefs(t *testing.T) {
	for name, plant := range map[string]func(t *testing.T, clone, head, tip string){
		"a moved ref": func(t *testing.T, clone, head, _ string) {
			git(t, clone, "update-ref", "refs/remotes/origin/main", head)
		},
		"a symbolic ref": func(t *testing.T, clone, _, _ string) {
			git(t, clone, "symbolic-ref", "refs/remotes/origin/main", "refs/heads/polecat/nux/web-1")
		},
		"no ref": func(t *testing.T, clone, _, _ string) { git(t, clone, "update-ref", "-d", "refs/remotes/origin/main") },
		"a packed ref": func(t *testing.T, clone, head, _ string) {
			_ = os.Remove(filepath.Join(clone, "refs", "remotes", "origin", "main"))
			write(t, filepath.Join(clone, "packed-refs"), head+" refs/remotes/origin/main\n")
		},
		"a branch called as the target": func(t *testing.T, clone, head, _ string) { git(t, clone, "update-ref", "refs/heads/main", head) },
		"a tag":                         func(t *testing.T, clone, head, _ string) { git(t, clone, "update-ref", "refs/tags/main", head) },
		"a graft": func(t *testing.T, clone, head, tip string) {
			write(t, filepath.Join(clone, "info", "grafts"), tip+" "+head+"\n")
		},
		"a replacement": func(t *testing.T, clone, head, tip string) { git(t, clone, "replace", "-f", tip, head) },
		"attributes": func(t *testing.T, clone, _, _ string) {
			write(t, filepath.Join(clone, "info", "attributes"), "* merge=union\n")
		},
		"attributes in gt's directory": func(t *testing.T, clone, _, _ string) {
			write(t, filepath.Join(clone, "gt-common", "info", "attributes"), "* merge=union\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			url := remote(t)
			seed := filepath.Join(filepath.Dir(url), "seed")
			r := rig(t, url, MergeDirect)
			_, head := pushed(t, r, "nux", "dir/a.txt", "mine\n")
			base := git(t, seed, "rev-parse", "HEAD")
			write(t, filepath.Join(seed, "dir", "a.txt"), "theirs\n")
			git(t, seed, "commit", "-q", "-a", "-m", "theirs")
			git(t, seed, "push", "-q", "origin", "main")
			tip := git(t, seed, "rev-parse", "HEAD")
			must(t, r.Fetch(t.Context()))
			plant(t, r.path("repo.git"), head, tip)
			at, err := r.Latest(t.Context(), head, strings.Repeat("1", 40))
			if err != nil || at.Tip != tip || at.Tree != git(t, seed, "rev-parse", "HEAD^{tree}") || !slices.Equal(at.Missing, []string{strings.Repeat("1", 40)}) {
				t.Fatalf("%+v, %v; the target is at %s", at, err, tip)
			}
			if landed, err := r.Landed(t.Context(), at.Tip, []string{head}); err != nil || len(landed) != 0 {
				t.Errorf("landed: %v, %v", landed, err)
			}
			if left, err := r.Left(t.Context(), head); err != nil || left != base {
				t.Errorf("it left the target at %s, %v; want %s", left, err, base)
			}
			if merged, err := r.Merge(t.Context(), at.Tip, head, message); err != nil || merged.Commit != "" || len(merged.Files) != 1 {
				t.Errorf("merged: %+v, %v", merged, err)
			}
		})
	}
}

// A change is found on the target also as other commits, after others went on from there.
func TestApplied(t *testing.T) {
	url := remote(t)
	seed := filepath.Join(filepath.Dir(url), "seed")
	r := rig(t, url, MergeDirect)
	s := prepare(t, r, "nux", "polecat/nux/web-1")
	commit := func(dir, file, text string) string {
		t.Helper()
		write(t, filepath.Join(dir, file), text)
		git(t, dir, "add", "-A")
		git(t, dir, "commit", "-q", "-m", "change "+file)
		return git(t, dir, "rev-parse", "HEAD")
	}
	first := commit(s.Dir, "one.py", "if a:\n    b()\n")
	head := commit(s.Dir, "two.bin", "\x00\x01\x02two")
	if _, err := r.Push(t.Context(), s, s.Branch, ""); err != nil {
		t.Fatal(err)
	}
	start := git(t, seed, "rev-parse", "HEAD")
	git(t, seed, "fetch", "-q", "origin", s.Branch)
	for name, c := range map[string]struct {
		do    func() string // returns the commit that brought it
		found bool
	}{
		"squashed": {func() string {
			git(t, seed, "merge", "-q", "--squash", head)
			git(t, seed, "commit", "-q", "-m", "squashed")
			return git(t, seed, "rev-parse", "HEAD")
		}, true},
		"rebased": {func() string {
			git(t, seed, "cherry-pick", first, head)
			return git(t, seed, "rev-parse", "HEAD")
		}, true},
		"a part of it": {func() string { git(t, seed, "cherry-pick", first); return "" }, false},
		"other whitespace": {func() string {
			git(t, seed, "cherry-pick", head)
			return commit(seed, "one.py", "if a:\n  b()\n")
		}, false},
		"another binary": {func() string {
			git(t, seed, "cherry-pick", first)
			return commit(seed, "two.bin", "\x00\x01\x03two")
		}, false},
		"other line ends": {func() string {
			git(t, seed, "cherry-pick", head)
			return commit(seed, "one.py", "if a:\r\n    b()\r\n")
		}, false},
		"nothing": {func() string { return "" }, false},
	} {
		git(t, seed, "reset", "-q", "--hard", start)
		commit(seed, "before", name)
		brought := c.do()
		commit(seed, "one.py", "gone on\n")
		commit(seed, "two.bin", "gone on\n")
		git(t, seed, "push", "-q", "-f", "origin", "main")
		at, err := r.Latest(t.Context())
		must(t, err)
		got, err := r.Applied(t.Context(), at.Tip, head, "")
		if err != nil || c.found != (got != "") || c.found && got != brought {
			t.Errorf("%s: found %q, want %q (%v): %v", name, got, brought, c.found, err)
		}
		if got, err := r.Applied(t.Context(), at.Tip, head, at.Tip); err != nil || got != "" {
			t.Errorf("%s: found %q after the newest commit, %v", name, got, err)
		}
		if got, err := r.Applied(t.Context(), at.Tip, head, strings.Repeat("2", 40)); err != nil || c.found != (got != "") {
			t.Errorf("%s: since a commit that is not known: %q, %v", name, got, err)
		}
	}
}
