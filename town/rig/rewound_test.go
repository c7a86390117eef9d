package rig

import (
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The target is pushed backwards: what it lost has names, and the heads that lead to some
// of it are found, whether they were begun on it, merged it or are part of it.
func TestARewoundTarget(t *testing.T) {
	url := remote(t)
	seed := filepath.Join(filepath.Dir(url), "seed")
	r := rig(t, url, MergeDirect)
	before := git(t, seed, "rev-parse", "HEAD")
	commit := func(branch, from, file string) string {
		git(t, seed, "checkout", "-q", "-B", branch, from)
		write(t, filepath.Join(seed, file), "text\n")
		git(t, seed, "add", "-A")
		git(t, seed, "commit", "-q", "-m", "add "+file)
		git(t, seed, "push", "-q", "-f", "origin", branch)
		return git(t, seed, "rev-parse", "HEAD")
	}
	one := commit("main", before, "one")
	two := commit("main", one, "two")
	clean := commit("clean", before, "clean")
	begun := commit("begun", one, "begun")
	git(t, seed, "checkout", "-q", "-b", "merged", clean)
	git(t, seed, "merge", "-q", "--no-edit", two)
	git(t, seed, "push", "-q", "origin", "merged")
	merged := git(t, seed, "rev-parse", "HEAD")
	must(t, r.Fetch(t.Context()))
	if some, back, err := r.Lost(t.Context(), one, two); err != nil || back || len(some) > 0 {
		t.Errorf("a target that went on: %v, %v, %v", some, back, err)
	}
	three := commit("main", before, "three") // beside what it had
	must(t, r.Fetch(t.Context()))
	some, back, err := r.Lost(t.Context(), two, three)
	if err != nil || !back || len(some) != 2 || !strings.HasSuffix(some[0], "add two") || !strings.HasSuffix(some[1], "add one") {
		t.Fatalf("%v, %v, %v", some, back, err)
	}
	// The clone keeps what was removed.
	git(t, r.path("repo.git"), "reflog", "expire", "--expire=now", "--all")
	git(t, r.path("repo.git"), "update-ref", "-d", "refs/remotes/origin/begun")
	git(t, r.path("repo.git"), "update-ref", "-d", "refs/remotes/origin/merged")
	git(t, r.path("repo.git"), "prune", "--expire=now")
	must(t, r.Fetch(t.Context()))
	none := strings.Repeat("1", 40)
	carried, err := r.Carried(t.Context(), three, []string{none, two}, []string{none, clean, begun, merged, one, three})
	if got := slices.Sorted(maps.Keys(carried)); err != nil || !slices.Equal(got, slices.Sorted(slices.Values([]string{begun, merged, one}))) || !slices.Equal(carried[begun], []string{two}) {
		t.Errorf("%v, %v", carried, err)
	}
	// Back on the target, it is carried by nobody.
	if carried, err := r.Carried(t.Context(), merged, []string{two}, []string{begun, one}); err != nil || len(carried) != 0 {
		t.Errorf("%v, %v", carried, err)
	}
	if some, back, err := r.Lost(t.Context(), none, three); err != nil || !back || len(some) > 0 {
		t.Errorf("a tip that nobody has: %v, %v, %v", some, back, err)
	}
	git(t, url, "update-ref", "-d", "refs/heads/main")
	if _, err := r.Latest(t.Context()); !errors.Is(err, ErrNoTarget) {
		t.Errorf("a target that is gone: %v", err)
	}
}
