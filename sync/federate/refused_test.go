package federate

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A push that the server refuses although the ref has not moved is repeated a few
// times, and then the server's own reason is reported. This holds for the first
// push and for every other one, and nothing is lost.
func TestServerRefusesForAReasonOfItsOwn(t *testing.T) {
	t.Parallel()
	url := bare(t)
	lock := filepath.Join(url, "refs", "dolt", "data.lock")
	if err := os.MkdirAll(filepath.Dir(lock), 0o700); err != nil {
		t.Fatal(err)
	}
	a := newTown(t, filepath.Join(tempDir(t), "a"), "alpha")
	remote := Remote{Name: "origin", URL: url}
	refused := func(what string, call func() (Pushed, error)) {
		t.Helper()
		if err := os.WriteFile(lock, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := call()
		if err == nil || !strings.Contains(err.Error(), "lock") || !strings.Contains(err.Error(), "no other Town published") || out.Attempts != 1+maxRefused {
			t.Errorf("%s: %d attempts, %v", what, out.Attempts, err)
		}
		if err := os.Remove(lock); err != nil {
			t.Fatal(err)
		}
	}
	refused("init", func() (Pushed, error) { return a.Init(t.Context(), remote, yes) })
	a.init(url)
	if branches, err := exec.Command("git", "-C", url, "branch", "--list").Output(); err != nil || len(branches) == 0 {
		t.Errorf("the explanatory branch is missing: %q, %v", branches, err)
	}
	a.write("roles/mayor.md", role("mayor", "alpha"))
	refused("push", func() (Pushed, error) { return a.Push(t.Context(), remote, false) })
	a.push(url)
	b := newTown(t, filepath.Join(tempDir(t), "b"), "beta")
	b.join(url)
	b.want("roles/mayor.md", role("mayor", "alpha"))
	settle(t, url, a, b)
}

// A damaged mirror is made again, which is reported and changes nothing else.
func TestDamagedMirrorIsNoted(t *testing.T) {
	t.Parallel()
	a, b, url := pair(t)
	damage := func(tt *testTown) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(tt.opts.Layout.Remote("origin"), "mirror", "manifest"), []byte("5:__DOLT__:"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a.write("roles/mayor.md", role("mayor", "alpha"))
	damage(a)
	if out := a.push(url); !contains(out.Recorded.Notes, "made anew") {
		t.Errorf("push told %v", out.Recorded.Notes)
	}
	damage(b)
	if out := b.pull(url); !contains(out.Notes, "made anew") {
		t.Errorf("pull told %v", out.Notes)
	}
	b.want("roles/mayor.md", role("mayor", "alpha"))
	damage(b)
	out, err := b.Join(t.Context(), Remote{Name: "origin", URL: url}, yes)
	if err != nil || !contains(out.Notes, "made anew") {
		t.Errorf("join told %v, %v", out.Notes, err)
	}
	settle(t, url, a, b)
}
