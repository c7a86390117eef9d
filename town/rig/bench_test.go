package rig

import (
	"fmt"
	"path/filepath"
	"testing"
)

// BenchmarkPrepare makes a sandbox of a project of 2,000 files: without the pool, with
// it, and again when it is there. Beside it stands what plain git takes for a new tree.
func BenchmarkPrepare(b *testing.B) {
	url := remote(b)
	seed := filepath.Join(filepath.Dir(url), "seed")
	for i := range 2000 {
		write(b, filepath.Join(seed, fmt.Sprintf("d%d", i%40), fmt.Sprintf("f%d.go", i)), fmt.Sprintf("package d\n\n// %d\n", i))
	}
	git(b, seed, "add", "-A")
	git(b, seed, "commit", "-q", "-m", "large")
	git(b, seed, "push", "-q", "origin", "main")
	r := rig(b, url, MergeDirect)
	n := 0
	prepare := func(b *testing.B, pool bool) Sandbox {
		n++
		name := fmt.Sprintf("p%d", n)
		s, err := r.Prepare(b.Context(), Want{Name: name, Branch: "polecat/" + name + "/web-1", UsePool: pool, Fresh: -1})
		if err != nil || s.FromPool != pool {
			b.Fatalf("%+v, %v", s, err)
		}
		return s
	}
	b.Run("git worktree add", func(b *testing.B) {
		for b.Loop() {
			n++
			git(b, r.path("repo.git"), "worktree", "add", "-q", "-b", fmt.Sprintf("plain%d", n), filepath.Join(b.TempDir(), fmt.Sprint(n)), "refs/remotes/origin/main")
		}
	})
	b.Run("without pool", func(b *testing.B) {
		for b.Loop() {
			prepare(b, false)
		}
	})
	b.Run("with pool", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			must(b, r.AddToPool(b.Context()))
			b.StartTimer()
			prepare(b, true)
		}
	})
	b.Run("reused", func(b *testing.B) {
		s := prepare(b, false)
		for b.Loop() {
			n++
			if _, err := r.Prepare(b.Context(), Want{Name: s.Name, Branch: fmt.Sprintf("polecat/%s/web-%d", s.Name, n), Fresh: -1}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("unsaved", func(b *testing.B) {
		s := prepare(b, false)
		for b.Loop() {
			if u, err := r.Unsaved(b.Context(), s); err != nil || !u.Empty() {
				b.Fatal(u, err)
			}
		}
	})
}
