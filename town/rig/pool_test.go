package rig

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A plan, carried out, leaves the pool at its size and fresh, and touches no tree twice.
func TestPlanPool(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := PoolState{Size: rapid.IntRange(0, 6).Draw(rt, "size")}
		for i := range rapid.IntRange(0, 10).Draw(rt, "trees") {
			tree := PoolTree{Dir: fmt.Sprint(i), Head: rapid.SampledFrom([]string{"", "old", "new"}).Draw(rt, "head")}
			tree.Fresh = tree.Head == "new"
			s.Trees = append(s.Trees, tree)
		}
		after := map[string]PoolTree{}
		for _, tree := range s.Trees {
			after[tree.Dir] = tree
		}
		touched := map[string]bool{}
		for i, a := range PlanPool(s) {
			if touched[a.Tree.Dir] && a.Do != "add" {
				rt.Errorf("%+v twice", a)
			}
			touched[a.Tree.Dir] = true
			switch a.Do {
			case "drop":
				delete(after, a.Tree.Dir)
			case "renew":
				after[a.Tree.Dir] = PoolTree{Dir: a.Tree.Dir, Head: "new", Fresh: true}
			case "add":
				after[fmt.Sprint("new", i)] = PoolTree{Head: "new", Fresh: true}
			}
		}
		if len(after) != s.Size {
			rt.Errorf("%d trees", len(after))
		}
		for _, tree := range after {
			if !tree.Fresh {
				rt.Errorf("%+v is left", tree)
			}
		}
		again := PoolState{Size: s.Size}
		for _, tree := range after {
			again.Trees = append(again.Trees, tree)
		}
		if plan := PlanPool(again); len(plan) > 0 {
			rt.Errorf("a second pass does %+v", plan)
		}
	})
}

// The pool is filled, taken from, brought to the newest base, and mended.
func TestPool(t *testing.T) {
	url := remote(t)
	r := rig(t, url, MergeDirect)
	if done, err := r.KeepPool(t.Context(), 2, 0, -1); err != nil || len(done) != 2 {
		t.Fatalf("%v, %v", done, err)
	}
	seed := filepath.Join(filepath.Dir(url), "seed")
	write(t, filepath.Join(seed, "later"), "later\n")
	git(t, seed, "add", "-A")
	git(t, seed, "commit", "-q", "-m", "later")
	git(t, seed, "push", "-q", "origin", "main")
	must(t, r.Fetch(t.Context()))

	// A tree at an old base becomes a sandbox at the newest one.
	s, err := r.Prepare(t.Context(), Want{Name: "nux", Branch: "polecat/nux/web-1", UsePool: true, Fresh: -1})
	if err != nil || !s.FromPool {
		t.Fatalf("%+v, %v", s, err)
	}
	if _, err := os.Stat(filepath.Join(s.Dir, "later")); err != nil {
		t.Errorf("it is at an old base: %v", err)
	}
	if got := git(t, s.Dir, "status", "--porcelain", "--branch"); got != "## polecat/nux/web-1" {
		t.Errorf("status: %s", got)
	}
	// One is damaged, and a process was killed while it made another.
	trees, err := r.PoolTrees(t.Context())
	if err != nil || len(trees) != 1 || trees[0].Fresh {
		t.Fatalf("%+v, %v", trees, err)
	}
	must(t, os.Remove(filepath.Join(trees[0].Dir, ".git")))
	write(t, r.path("pool", "making-1", "tree", "x"), "x")
	write(t, r.path("pool", "removing-1", "tree", "x"), "x")
	if _, err := r.KeepPool(t.Context(), 2, 0, -1); err != nil {
		t.Fatal(err)
	}
	trees, err = r.PoolTrees(t.Context())
	if err != nil || len(trees) != 2 || !trees[0].Fresh || !trees[1].Fresh {
		t.Errorf("%+v, %v", trees, err)
	}
	if _, err := r.KeepPool(t.Context(), 0, 0, -1); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(r.path("pool"))
	if err != nil || len(entries) > 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
	nothingLeft(t, r)
}

// A tree that was renamed by a process that was killed before it told the clone is a
// sandbox all the same, and nothing that is swept is needed.
func TestKilledAfterRename(t *testing.T) {
	r := rig(t, remote(t), MergeDirect)
	must(t, r.AddToPool(t.Context()))
	trees, err := r.PoolTrees(t.Context())
	must(t, err)
	must(t, os.MkdirAll(r.path("polecats"), 0o700))
	must(t, os.Rename(trees[0].Dir, r.path("polecats", "nux")))
	must(t, r.Sweep(t.Context()))
	s, err := r.Sandbox(t.Context(), Polecats, "nux")
	must(t, err)
	write(t, filepath.Join(s.Dir, "new"), "new\n")
	if u, err := r.Unsaved(t.Context(), s); err != nil || len(u.Untracked) != 1 {
		t.Errorf("%v, %v", u, err)
	}
	if out := git(t, r.path("repo.git"), "worktree", "list", "--porcelain"); !strings.Contains(out, s.Dir) {
		t.Errorf("git does not know it:\n%s", out)
	}
}
