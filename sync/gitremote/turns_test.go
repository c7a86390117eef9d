package gitremote

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"gastown/e2e/script"
	"gastown/sync/gitcmd"
	"gastown/town"
)

// crowd opens the mirrors of Towns at one remote, all in step.
func crowd(t *testing.T, url string, ids ...town.ID) []*Mirror {
	t.Helper()
	var towns []*Mirror
	for i, id := range ids {
		m := openMirror(t, filepath.Join(t.TempDir(), "r"), url, func(o *Options) { o.Town = id })
		if i == 0 {
			fetch(t, m)
			write(t, m, "first")
			publish(t, m)
		} else {
			fetch(t, m)
		}
		towns = append(towns, m)
	}
	return towns
}

func leave(t *testing.T, m *Mirror) {
	t.Helper()
	if err := m.Leave(t.Context(), PublishOptions{Message: "turn", AuthorName: "Ada", AuthorEmail: "ada@example.org"}); err != nil {
		t.Fatal(err)
	}
}

// waiting fetches with turns and lists what waits, as Town or Town:ledger.
func waiting(t *testing.T, m *Mirror) (list []Turn) {
	t.Helper()
	if _, err := m.FetchTurns(t.Context()); err != nil {
		t.Fatal(err)
	}
	list, bad, err := m.Turns(t.Context())
	if err != nil || len(bad) > 0 {
		t.Fatal(bad, err)
	}
	return list
}

func guarded(t *testing.T, m *Mirror, absorbed ...Turn) error {
	t.Helper()
	_, err := m.Publish(t.Context(), PublishOptions{Message: "test", AuthorName: "Ada", AuthorEmail: "ada@example.org", Guard: true, Absorbed: absorbed})
	return err
}

func TestTurnIsLeftTakenAndRemoved(t *testing.T) {
	url := bareRepo(t)
	towns := crowd(t, url, "a", "b", "c")
	a, b, c := towns[0], towns[1], towns[2]
	if got := waiting(t, a); len(got) != 0 {
		t.Fatal(got)
	}
	write(t, b, "first", "of b")
	leave(t, b)
	equal(t, read(t, b), "first", "of b")
	if b.Head() != a.Head() {
		t.Fatal("a turn is no publication")
	}
	// Nobody passes the turn without knowing it.
	write(t, a, "first", "of a")
	if err := guarded(t, a); !errors.Is(err, ErrTurnsWait) || !errors.Is(err, ErrRejected) {
		t.Fatalf("a push that did not know the turn: %v", err)
	}
	got := waiting(t, a)
	if len(got) != 1 || got[0].Town != "b" || got[0].Ledger || got[0].Since != a.Commits() || got[0].When.IsZero() {
		t.Fatalf("%+v", got)
	}
	equal(t, read(t, a), "first", "of a")
	if err := guarded(t, a); !errors.Is(err, ErrTurnsWait) {
		t.Fatalf("a push that knew the turn and did not take it: %v", err)
	}
	dir, err := a.TakeTurn(t.Context(), got[0])
	if err != nil {
		t.Fatal(err)
	}
	equal(t, read(t, &Mirror{opts: Options{Dir: filepath.Dir(dir)}}), "first", "of b")
	equal(t, read(t, a), "first", "of a")
	if err := a.DropTurn(); err != nil {
		t.Fatal(err)
	}
	write(t, a, "first", "of a", "of b")
	if err := guarded(t, a, got...); err != nil {
		t.Fatal(err)
	}
	if refs := git(t, url, "for-each-ref", "refs/dolt"); strings.Contains(refs, "turns") {
		t.Errorf("the turn is still there: %s", refs)
	}
	leftovers(t, a)
	// The next push knows that nothing waits, and its own turn does not hold it up.
	write(t, c, "first", "of c")
	leave(t, c)
	if _, err := c.FetchTurns(t.Context()); err != nil {
		t.Fatal(err)
	}
	write(t, c, "first", "of a", "of b", "of c")
	if err := guarded(t, c); err != nil {
		t.Fatal(err)
	}
	if refs := git(t, url, "for-each-ref", "refs/dolt"); strings.Contains(refs, "turns") {
		t.Errorf("its own turn is still there: %s", refs)
	}
}

// A turn that is replaced while another Town merges it is not removed.
func TestTurnThatChangedIsNotRemoved(t *testing.T) {
	url := bareRepo(t)
	towns := crowd(t, url, "a", "b")
	a, b := towns[0], towns[1]
	write(t, b, "first", "of b")
	leave(t, b)
	old := waiting(t, a)
	write(t, b, "first", "of b", "more of b")
	leave(t, b)
	write(t, a, "first", "of b")
	if _, err := a.Publish(t.Context(), PublishOptions{Message: "test", AuthorName: "Ada", AuthorEmail: "a@b", Absorbed: old}); !errors.Is(err, ErrTurnsWait) {
		t.Fatalf("remove a turn that has changed: %v", err)
	}
	now := waiting(t, a)
	if len(now) != 1 || now[0].Commit == old[0].Commit {
		t.Fatalf("%+v", now)
	}
}

// Turns that are not what they should be are told apart and hold nobody up.
func TestBadTurns(t *testing.T) {
	url := bareRepo(t)
	a := crowd(t, url, "a")[0]
	empty := git(t, url, "commit-tree", "-m", "x", git(t, url, "hash-object", "-t", "tree", "-w", "/dev/null"))
	blob := gitIn(t, url, "hello", "hash-object", "-w", "--stdin")
	for name, id := range map[string]string{"empty": empty, "blob": blob, "nested/name": empty, "a.b": empty} {
		git(t, url, "update-ref", "refs/dolt/turns/"+name, id)
	}
	if _, err := a.FetchTurns(t.Context()); err != nil {
		t.Fatal(err)
	}
	list, bad, err := a.Turns(t.Context())
	if err != nil || len(list) != 1 || len(bad) != 3 {
		t.Fatal(list, bad, err)
	}
	if _, err := a.TakeTurn(t.Context(), list[0]); !errors.Is(err, ErrNotDolt) {
		t.Errorf("take a commit without a manifest: %v", err)
	}
	write(t, a, "first", "second")
	if err := guarded(t, a); !errors.Is(err, ErrTurnsWait) {
		t.Fatal(err)
	}
	for ref := range bad {
		if err := a.Ignore(ref); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Ignore(list[0].Ref); err != nil {
		t.Fatal(err)
	}
	if err := guarded(t, a); err != nil {
		t.Fatalf("turns that are ignored hold a push up: %v", err)
	}
	if list := waiting(t, a); len(list) != 0 {
		t.Errorf("%+v", list)
	}
	// Another value counts again.
	write(t, a, "first", "third")
	git(t, url, "update-ref", "refs/dolt/turns/empty", git(t, url, "rev-parse", testRef))
	if err := guarded(t, a); !errors.Is(err, ErrTurnsWait) {
		t.Fatal(err)
	}
	if list := waiting(t, a); len(list) != 1 {
		t.Errorf("%+v", list)
	}
}

// A turn that makes every fetch fail does not keep anybody from the federation.
func TestTurnThatCannotBeFetched(t *testing.T) {
	url := bareRepo(t)
	towns := crowd(t, url, "a", "b")
	a, b := towns[0], towns[1]
	write(t, a, "first", "second")
	publish(t, a)
	// fsck refuses a tree with an entry called .git.
	tree := gitIn(t, url, "040000 tree "+git(t, url, "hash-object", "-t", "tree", "-w", "/dev/null")+"\t.git\n", "mktree")
	git(t, url, "update-ref", "refs/dolt/turns/c", git(t, url, "commit-tree", "-m", "x", tree))
	for range 2 {
		if got, err := b.FetchTurns(t.Context()); err != nil || got.Head != a.Head() {
			t.Fatal(got, err)
		}
	}
	equal(t, read(t, b), "first", "second")
	if list, bad, err := b.Turns(t.Context()); len(list)+len(bad) != 0 || err != nil {
		t.Fatal(list, bad, err)
	}
	write(t, b, "first", "third")
	if err := guarded(t, b); err != nil {
		t.Fatal(err)
	}
}

// Hosts without other refs, without removals, and without atomic pushes.
func TestHostsWithoutTurns(t *testing.T) {
	hook := func(rule string) func(t *testing.T, url string) {
		return func(t *testing.T, url string) {
			if err := script.Write(filepath.Join(url, "hooks", "update"), "#!/bin/sh\n"+rule+"\n"); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, test := range map[string]struct {
		host          func(t *testing.T, url string)
		leaves, known bool
	}{
		"refuses other refs": {host: hook(`case $1 in */turns/*) exit 1;; esac`), known: true},
		"refuses removals":   {host: hook(`case $3 in *[1-9a-f]*) ;; *) exit 1;; esac`), leaves: true, known: true},
		"not atomic": {host: func(t *testing.T, url string) { git(t, url, "config", "receive.advertiseAtomic", "false") },
			leaves: true},
	} {
		t.Run(name, func(t *testing.T) {
			url := bareRepo(t)
			towns := crowd(t, url, "a", "b")
			a, b := towns[0], towns[1]
			test.host(t, url)
			write(t, b, "first", "of b")
			err := b.Leave(t.Context(), PublishOptions{Message: "turn", AuthorName: "Ada", AuthorEmail: "a@b"})
			if test.leaves != (err == nil) || err != nil && !errors.Is(err, ErrNoTurns) {
				t.Fatal(err)
			}
			absorbed := waiting(t, a)
			if test.leaves != (len(absorbed) == 1) {
				t.Fatalf("%+v", absorbed)
			}
			for _, text := range []string{"second", "third"} {
				write(t, a, "first", text)
				if err := guarded(t, a, absorbed...); err != nil {
					t.Fatal(err)
				}
				absorbed = nil
			}
			if test.leaves && test.known != a.NoTurns() {
				t.Error("what the host accepts is not remembered")
			}
			refs := git(t, url, "for-each-ref", "refs/dolt/turns")
			if waits := refs != ""; waits != (test.leaves && test.known) {
				t.Errorf("turns: %q", refs)
			}
			again := openMirror(t, a.opts.Dir, url, func(o *Options) { o.Town = "a" })
			if again.NoTurns() != a.NoTurns() || again.host.Apart != a.host.Apart {
				t.Error("what was found out is lost")
			}
			processes := gitcmd.Processes()
			write(t, again, "first", "fourth")
			if err := guarded(t, again); err != nil {
				t.Fatal(err)
			}
			if n := gitcmd.Processes() - processes; n != 2 {
				t.Errorf("%d git processes for a publication, want 2", n)
			}
		})
	}
}
