package gitremote

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gastown/sync/gitcmd"
)

func TestTwoMirrorsExchange(t *testing.T) {
	url := bareRepo(t)
	a, b := openMirror(t, t.TempDir(), url), openMirror(t, t.TempDir(), url)
	if r := fetch(t, a); !r.Empty || !r.NoBranches || r.Head != "" {
		t.Fatalf("fetch of an empty repository: %+v", r)
	}
	write(t, a, "one", "two")
	r, err := a.Publish(t.Context(), PublishOptions{Message: "first", CreateInfoBranch: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := git(t, url, "ls-tree", "--name-only", "refs/heads/__dolt_remote_info__"); got != "DOLT_REMOTE.md" {
		t.Fatalf("branch holds %q", got)
	}
	if got := git(t, url, "rev-parse", testRef); got != r.Head || a.Head() != got {
		t.Fatalf("ref is %s, result says %s, mirror %s", got, r.Head, a.Head())
	}
	f := fetch(t, b)
	if !f.Changed || f.NewTables != 2 || f.NewBytes != 6 || f.Head != r.Head {
		t.Fatalf("fetch: %+v", f)
	}
	equal(t, read(t, b), "one", "two")

	write(t, b, "one", "two", "three")
	publish(t, b)
	if f := fetch(t, a); !f.Changed || f.NewTables != 1 {
		t.Fatalf("second fetch: %+v", f)
	}
	equal(t, read(t, a), "one", "two", "three")
	tree := strings.Fields(git(t, url, "ls-tree", "--name-only", testRef))
	if len(tree) != 4 {
		t.Fatalf("tree is not manifest and three tables: %v", tree)
	}
	for _, m := range []*Mirror{a, b} {
		leftovers(t, m)
		if info, err := os.Stat(m.statePath()); err != nil || info.Mode().Perm() != 0o600 {
			t.Fatalf("state file: %v %v", info, err)
		}
	}
	git(t, url, "fsck", "--strict")
}

// These counts are requirements: they bound time and connections.
func TestProcessCounts(t *testing.T) {
	url := bareRepo(t)
	a, b := openMirror(t, t.TempDir(), url), openMirror(t, t.TempDir(), url)
	count := func(what string, want int64, do func()) {
		t.Helper()
		before := gitcmd.Processes()
		do()
		if got := gitcmd.Processes() - before; got != want {
			t.Errorf("%s: %d git processes, want %d", what, got, want)
		}
	}
	write(t, a, "one")
	count("first publish", 2, func() { publish(t, a) })
	count("join", 2, func() { fetch(t, b) })
	count("nothing to fetch", 1, func() {
		if fetch(t, b).Changed {
			t.Error("a second fetch changed something")
		}
	})
	write(t, a, "one", "two")
	count("publish", 2, func() { publish(t, a) })
	count("nothing to publish", 0, func() {
		if !publish(t, a).Unchanged {
			t.Error("published the same content twice")
		}
	})
	count("fetch", 2, func() { fetch(t, b) })
	count("open", 0, func() { b = openMirror(t, b.opts.Dir, url) })
	count("nothing to fetch after open", 1, func() { fetch(t, b) })
	write(t, b, "one", "three")
	count("publish after open", 2, func() { publish(t, b) })
}

func TestRejectedThenRetried(t *testing.T) {
	url := bareRepo(t)
	a, b := openMirror(t, t.TempDir(), url), openMirror(t, t.TempDir(), url)
	write(t, a, "base")
	publish(t, a)
	fetch(t, b)
	write(t, a, "base", "from a")
	publish(t, a)
	write(t, b, "base", "from b")
	if _, err := b.Publish(t.Context(), PublishOptions{Message: "late"}); !errors.Is(err, ErrRejected) {
		t.Fatalf("want ErrRejected, got %v", err)
	}
	leftovers(t, b)
	if err := b.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	equal(t, read(t, b), "base")
	fetch(t, b)
	equal(t, read(t, b), "base", "from a")
	write(t, b, "base", "from a", "from b")
	publish(t, b)
	fetch(t, a)
	equal(t, read(t, a), "base", "from a", "from b")
}

func TestTwoFirstPublishesDoNotOverwrite(t *testing.T) {
	url := bareRepo(t)
	a, b := openMirror(t, t.TempDir(), url), openMirror(t, t.TempDir(), url)
	fetch(t, a)
	fetch(t, b)
	write(t, a, "a")
	write(t, b, "b")
	publish(t, a)
	if _, err := b.Publish(t.Context(), PublishOptions{CreateInfoBranch: true}); !errors.Is(err, ErrRejected) {
		t.Fatalf("want ErrRejected, got %v", err)
	}
	if heads := git(t, url, "for-each-ref", "refs/heads"); heads != "" {
		t.Fatalf("the refused push left %s", heads)
	}
	fetch(t, b)
	equal(t, read(t, b), "a")
}

func TestResetRebuildsMirror(t *testing.T) {
	url := bareRepo(t)
	a := openMirror(t, t.TempDir(), url)
	write(t, a, "kept", "other")
	publish(t, a)
	for _, damage := range []func() error{
		func() error { return os.RemoveAll(a.Dir()) },
		func() error { return os.Remove(filepath.Join(a.Dir(), nameOf([]byte("kept")))) },
		func() error { return os.Remove(filepath.Join(a.Dir(), manifestName)) },
		func() error { return os.Remove(a.statePath()) },
		func() error { return os.WriteFile(a.statePath(), []byte("{"), 0o600) },
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		a = openMirror(t, a.opts.Dir, url)
		if err := a.Reset(t.Context()); err != nil {
			t.Fatal(err)
		}
		equal(t, read(t, a), "kept", "other")
	}
	// A manifest that is gone is also restored by a fetch that finds nothing new.
	if err := os.RemoveAll(a.Dir()); err != nil {
		t.Fatal(err)
	}
	a = openMirror(t, a.opts.Dir, url)
	fetch(t, a)
	equal(t, read(t, a), "kept", "other")
	// Before anything was fetched, Reset leaves an empty remote.
	e := openMirror(t, t.TempDir(), url)
	write(t, e, "never sent")
	if err := e.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	equal(t, read(t, e))
}

func TestPruneKeepsWhatIsNamed(t *testing.T) {
	url := bareRepo(t)
	a := openMirror(t, t.TempDir(), url)
	for i := range 5 {
		write(t, a, "stays", fmt.Sprint("round ", i))
		publish(t, a)
	}
	write(t, a, "stays", "ahead")
	if err := a.Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(a.Dir())
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 4 { // manifest, stays, round 4 (at the remote), ahead
		t.Fatalf("mirror has %d entries: %v", len(entries), entries)
	}
	equal(t, read(t, a), "ahead", "stays")
	if err := a.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	equal(t, read(t, a), "round 4", "stays")
	write(t, a, "stays", "ahead")
	publish(t, a)
}

func TestTidyWaitsUntilItMatters(t *testing.T) {
	url := bareRepo(t)
	a := openMirror(t, t.TempDir(), url)
	write(t, a, "stays")
	publish(t, a)
	count := func() int {
		entries, err := os.ReadDir(a.Dir())
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	litter := func(n int) {
		for i := range n {
			name := fmt.Sprintf("%032d", i)
			if err := os.WriteFile(filepath.Join(a.Dir(), name), []byte("unnamed"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	sound := count()
	litter(tidyTables)
	if err := a.Tidy(); err != nil || count() != sound+tidyTables {
		t.Errorf("a few were removed: %d entries, %v", count(), err)
	}
	litter(tidyTables + 1)
	if err := a.Tidy(); err != nil || count() != sound {
		t.Errorf("many stay: %d entries, %v", count(), err)
	}
	equal(t, read(t, a), "stays")
}

func TestGoneAndRecreated(t *testing.T) {
	url := bareRepo(t)
	a := openMirror(t, t.TempDir(), url)
	write(t, a, "precious")
	publish(t, a)
	git(t, url, "update-ref", "-d", testRef)
	if got, err := a.Fetch(t.Context()); !errors.Is(err, ErrGone) || !got.NoBranches {
		t.Fatalf("want ErrGone and no branches, got %v and %+v", err, got)
	}
	equal(t, read(t, a), "precious")
	if _, err := a.Publish(t.Context(), PublishOptions{Recreate: true}); err != nil {
		t.Fatal(err)
	}
	b := openMirror(t, t.TempDir(), url)
	fetch(t, b)
	equal(t, read(t, b), "precious")
	fetch(t, a)
	if _, err := a.Publish(t.Context(), PublishOptions{Recreate: true}); !errors.Is(err, ErrRejected) {
		t.Fatalf("recreated a ref that is there: %v", err)
	}
}

func TestIncompleteMirrorIsNotPublished(t *testing.T) {
	url := bareRepo(t)
	a := openMirror(t, t.TempDir(), url)
	if _, err := a.Publish(t.Context(), PublishOptions{}); err == nil {
		t.Fatal("published an empty mirror")
	}
	write(t, a, "one", "two")
	if err := os.Remove(filepath.Join(a.Dir(), nameOf([]byte("two")))); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Publish(t.Context(), PublishOptions{}); err == nil {
		t.Fatal("published a manifest that names a missing table file")
	}
	if refs := git(t, url, "for-each-ref"); refs != "" {
		t.Fatalf("remote has %s", refs)
	}
}
