package federate

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gastown/town"
	"gastown/town/instance"
	"gastown/town/layout"
)

// in is the Town in another directory, to which it was copied or moved.
func (tt *testTown) in(dir string) *testTown {
	moved := &testTown{t: tt.t, dir: dir, stores: &memoryStores{}}
	moved.stores.uuid, moved.stores.previous = tt.stores.Federation()
	opts := tt.opts
	opts.Layout, opts.Stores = layout.Town{Root: dir}, moved.stores
	moved.Engine = New(opts)
	return moved
}

func (s *sharer) in(dir string) *sharer { return ledgerOf(s.testTown.in(dir)) }

// copied is a copy of the Town's directory, which is removed with the test.
func (tt *testTown) copied(dir string) *testTown {
	tt.t.Helper()
	shell(tt.t, "cp", "-a", tt.dir, dir)
	tt.t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return tt.in(dir)
}

// named is the Town's directory with another identity.
func (tt *testTown) named(name string) *testTown {
	tt.opts.ID, tt.opts.Name = town.ID("id-"+name), name
	return tt
}

func shell(t testing.TB, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v: %s", name, args, err, out)
	}
}

// stopped fails unless a push and a sync publish nothing, for this reason.
func (tt *testTown) stopped(url string) {
	tt.t.Helper()
	// A turn that was left before the other directory's publication was known is as if
	// it had been published before that.
	refs := func() string { return gitOut(tt.t, url, "for-each-ref", dataRef, ledgerRef) }
	before := refs()
	r := Remote{Name: "origin", URL: url}
	for range 2 {
		_, err := tt.Push(tt.t.Context(), r, false)
		_, serr := tt.Sync(tt.t.Context(), r, false)
		for _, err := range []error{err, serr} {
			if !errors.Is(err, ErrInstance) || !errors.Is(err, town.ErrRefused) || !strings.Contains(town.Next(err), "gt federation instance") {
				tt.t.Errorf("%s in %s: %v (%s), want to be stopped", tt.opts.Name, tt.dir, err, town.Next(err))
			}
		}
	}
	if after := refs(); after != before {
		tt.t.Errorf("%s published: %s, then %s", tt.dir, before, after)
	}
	if st, err := tt.Instance(tt.t.Context()); err != nil || st.Other == "" {
		tt.t.Errorf("%s in %s: instance %+v, %v", tt.opts.Name, tt.dir, st, err)
	}
	tt.pull(url)
}

func (tt *testTown) continues() {
	tt.t.Helper()
	if _, err := tt.ContinueHere(tt.t.Context()); err != nil {
		tt.t.Fatal(err)
	}
}

func (tt *testTown) instance() Instance {
	tt.t.Helper()
	out, err := tt.Instance(tt.t.Context())
	if err != nil {
		tt.t.Fatal(err)
	}
	return out
}

// Of two directories with one identity one publishes. A person says which, at any
// time; what the other one wrote stays, and arrives when it is its turn.
func TestACopiedTownStopsUntilAPersonDecides(t *testing.T) {
	t.Parallel()
	root, url := tempDir(t), bare(t)
	a := newTown(t, filepath.Join(root, "a"), "alpha")
	b := newTown(t, filepath.Join(root, "b"), "beta")
	a.init(url)
	b.join(url)
	c := a.copied(filepath.Join(root, "copy"))
	if got := c.instance(); got.Verdict != instance.Copied || got.Other != a.instance().Instance {
		t.Errorf("the copy before it speaks: %+v", got)
	}

	c.write("roles/copy.md", role("copy", "of the copy"))
	_, err := c.Push(t.Context(), Remote{Name: "origin", URL: url}, false)
	if !errors.Is(err, ErrInstance) || !strings.Contains(err.Error(), a.dir) || !strings.Contains(err.Error(), "since 20") {
		t.Errorf("the first push of the copy: %v", err)
	}
	c.stopped(url)
	a.write("roles/original.md", role("original", "of the original"))
	a.push(url)
	c.pull(url)
	c.want("roles/original.md", role("original", "of the original"))
	c.stopped(url)

	// The copy goes on. The original stops at its next publication, and can go on
	// later: no decision counts twice.
	c.continues()
	a.write("roles/late.md", role("late", "of the original"))
	a.push(url) // nothing was published in between
	c.push(url)
	a.write("roles/later.md", role("later", "of the original"))
	a.stopped(url)
	for n := range 2 {
		c.write("roles/turn.md", role("turn", fmt.Sprint(n)))
		c.sync(url)
		a.stopped(url)
	}
	a.continues()
	a.sync(url)
	c.write("roles/turn.md", role("turn", "after the original went on"))
	c.stopped(url)
	c.continues()
	c.sync(url)
	a.stopped(url)
	if st := c.instance(); st.Other != "" || st.Entry.Instance != st.Instance {
		t.Errorf("the one that goes on: %+v", st)
	}
	b.sync(url)
	for path, text := range map[string]string{
		"roles/copy.md": role("copy", "of the copy"), "roles/later.md": role("later", "of the original"),
		"roles/turn.md": role("turn", "after the original went on"),
	} {
		b.want(path, text)
	}
}

// The copy becomes a Town of its own. Both publish, each under its own name, and
// neither takes anything from the other: no document and no record of the ledger.
func TestACopyBecomesATownOfItsOwn(t *testing.T) {
	t.Parallel()
	a, url := sharingAll(t)
	b := newSharer(t, "beta")
	b.join(url)
	c := ledgerOf(a.copied(a.dir + "-copy"))
	c.beads(town.Bead{ID: "gt-8", Title: "of the copy"})
	a.beads(town.Bead{ID: "gt-2", Title: "of the original"})
	a.sync(url)
	c.write("roles/copy.md", role("copy", "of the copy"))
	c.stopped(url)
	a.sync(url)

	if err := c.StartOver(t.Context(), []Remote{{Name: "origin", URL: url}}); err != nil {
		t.Fatal(err)
	}
	c.named("gamma")
	for n := range 2 {
		a.beads(town.Bead{ID: fmt.Sprint("gt-", 3+n), Title: "more"})
		a.sync(url)
		c.sync(url)
	}
	a.sync(url)
	b.sync(url)
	if got := b.seen("alpha"); !slices.Equal(got, []string{"gt-1 one", "gt-2 of the original", "gt-3 more", "gt-4 more"}) {
		t.Errorf("records of the original: %q", got)
	}
	if got := b.seen("gamma"); !slices.Equal(got, []string{"gt-1 one", "gt-8 of the copy"}) {
		t.Errorf("records of the copy: %q", got)
	}
	b.want("roles/copy.md", role("copy", "of the copy"))
	if got := b.rows()["towns"]; len(got) != 3 || !strings.Contains(fmt.Sprint(got), "id-gamma|gamma|1|") {
		t.Errorf("registry: %q", got)
	}
}

// Records alone are not published by two directories either, whatever each of them
// knows of the registry.
func TestCopiesShareRecordsOneAtATime(t *testing.T) {
	t.Parallel()
	a, url := sharingAll(t)
	b := newSharer(t, "beta")
	b.join(url)
	c := ledgerOf(a.copied(a.dir + "-copy"))
	only := func(s *sharer) *sharer {
		o := s.in(s.dir)
		o.opts.OnlyLedger = true
		return o
	}
	a.beads(town.Bead{ID: "gt-2", Title: "of the original"})
	only(a).sync(url)
	c.beads(town.Bead{ID: "gt-8", Title: "of the copy"})
	only(c).stopped(url)
	b.sync(url)
	if got := b.seen("alpha"); !slices.Equal(got, []string{"gt-1 one", "gt-2 of the original"}) {
		t.Errorf("records: %q", got)
	}
	// The copy goes on, and the original has not merged the registry that says so.
	c.continues()
	c.write("roles/copy.md", role("copy", "of the copy"))
	c.push(url)
	a.beads(town.Bead{ID: "gt-3", Title: "of the original"})
	only(a).stopped(url)
	only(a).stopped(url)
	a.stopped(url)
}

// A Town that was moved, or restored in its place, publishes as before.
func TestAMovedTownGoesOn(t *testing.T) {
	t.Parallel()
	root, url := tempDir(t), bare(t)
	a := newTown(t, filepath.Join(root, "a"), "alpha")
	a.init(url)
	was := a.instance().Instance
	shell(t, "mv", a.dir, filepath.Join(root, "moved"))
	a = a.in(filepath.Join(root, "moved"))
	a.write("roles/one.md", role("one", "after the move"))
	a.push(url)
	shell(t, "cp", "-a", a.dir, a.dir+".backup")
	a.write("roles/two.md", role("two", "lost with the disk"))
	shell(t, "rm", "-r", a.dir)
	shell(t, "mv", a.dir+".backup", a.dir)
	a.write("roles/three.md", role("three", "after the restore"))
	a.sync(url)
	if st := a.instance(); st.Instance != was || st.Entry.Instance != was || st.Verdict != instance.Same || st.Other != "" {
		t.Errorf("instance %s became %+v", was, st)
	}
}

// On another machine the same path is another directory.
func TestACopyOnAnotherMachineStops(t *testing.T) {
	t.Parallel()
	root, url := tempDir(t), bare(t)
	a := newTown(t, filepath.Join(root, "a"), "alpha")
	a.init(url)
	a.opts.Machine = func() (string, string, error) { return "m2", "second.example", nil }
	a.write("roles/one.md", role("one", "on the second machine"))
	a.stopped(url)
	a.continues()
	a.push(url)
}

// An entry that a former version made has no instance. Whoever publishes first gets
// it, also when two directories try at once.
func TestAnEntryWithoutInstanceIsClaimed(t *testing.T) {
	t.Parallel()
	root, url := tempDir(t), bare(t)
	a := newTown(t, filepath.Join(root, "a"), "alpha")
	a.init(url)
	a.sql("UPDATE towns SET instance = '', epoch = 0, revision = revision + 1")
	if err := os.Remove(a.opts.Layout.Instance()); err != nil {
		t.Fatal(err)
	}
	c := a.copied(filepath.Join(root, "copy"))
	// Both claim it before either publishes.
	for _, tt := range []*testTown{a, c} {
		self, err := tt.here().Ensure(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		commit := ""
		err = tt.with(t.Context(), func(w *workspace) error {
			commit, err = w.store.Register(t.Context(), (&session{Engine: tt.Engine, self: self}).entry())
			return err
		})
		if err != nil || commit == "" {
			t.Fatalf("claim: %v", err)
		}
	}
	a.push(url)
	r := Remote{Name: "origin", URL: url}
	_, err := c.Sync(t.Context(), r, false)
	won, lost := a, c
	if err == nil {
		won, lost = c, a
	}
	lost.stopped(url)
	won.write("roles/one.md", role("one", "by the one that won"))
	won.sync(url)
	lost.stopped(url)
}

// A copy that joins does not enter the registry in its Town's place unasked.
func TestACopyDoesNotJoinAsItsTown(t *testing.T) {
	t.Parallel()
	root, url := tempDir(t), bare(t)
	founder := newTown(t, filepath.Join(root, "f"), "founder")
	founder.init(url)
	a := newTown(t, filepath.Join(root, "a"), "alpha")
	c := a.copied(filepath.Join(root, "copy"))
	a.join(url)
	if _, err := c.Join(t.Context(), Remote{Name: "origin", URL: url}, yes); !errors.Is(err, ErrInstance) {
		t.Fatalf("the copy joined: %v", err)
	}
	if uuid, previous := c.stores.Federation(); uuid != "uuid-of-alpha" || previous != "" {
		t.Errorf("the copy's store is %s, %s", uuid, previous)
	}
	c.continues()
	c.join(url)
	a.stopped(url)
}

// A directory whose note was damaged does not know what it was. A person lets the Town go on
// there, with a registry that names the former instance and with one that names none.
func TestADamagedNoteAsksAPerson(t *testing.T) {
	t.Parallel()
	root, url := tempDir(t), bare(t)
	a := newTown(t, filepath.Join(root, "a"), "alpha")
	damage := func() {
		t.Helper()
		if err := os.WriteFile(a.opts.Layout.Instance(), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
		if in, err := a.Instance(t.Context()); err != nil || in.Role() != instance.Fenced {
			t.Errorf("%+v, %v", in, err)
		}
	}
	active := func() {
		t.Helper()
		if in, err := a.Instance(t.Context()); err != nil || in.Role() != instance.Active || in.Other != "" {
			t.Errorf("%+v, %v", in, err)
		}
	}
	if _, err := a.here().Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	damage()
	a.continues()
	active()
	damage()
	a.init(url) // the registry names nobody, so it may publish
	active()
	damage()
	a.write("roles/one.md", role("one", "written since"))
	a.stopped(url)
	a.continues()
	active()
	a.push(url)
}
