package federate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"gastown/town/layout"
)

// founded is a federation that alpha has published and beta may join; the Towns
// are below root.
func founded(t testing.TB) (root, url string, a, b *testTown) {
	t.Helper()
	root, url = tempDir(t), bare(t)
	a = newTown(t, filepath.Join(root, "a"), "alpha")
	a.init(url)
	return root, url, a, newTown(t, filepath.Join(root, "b"), "beta")
}

// An edit made while a join waits to be confirmed is previewed again. It is neither
// lost nor sent unseen.
func TestEditsWhileAJoinIsConfirmed(t *testing.T) {
	t.Parallel()
	_, url, a, b := founded(t)
	asked := 0
	var last Preview
	_, err := b.Join(t.Context(), Remote{Name: "origin", URL: url}, func(p Preview) error {
		last = p
		switch asked++; asked {
		case 1: // recorded by another process
			b.write("roles/late.md", role("late", "recorded late"))
			b.commit()
		case 2: // not recorded
			b.write("templates/bug.md", "written late\n")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if asked != 3 || len(last.Documents) != 2 {
		t.Errorf("asked %d times, at last about %v", asked, last.Documents)
	}
	a.pull(url)
	a.want("roles/late.md", role("late", "recorded late"))
	a.want("templates/bug.md", "written late\n")
	settle(t, url, a, b)
}

// A command that waited for a join uses the store that the join put in place.
func TestCommandWaitsForAJoin(t *testing.T) {
	t.Parallel()
	_, url, _, b := founded(t)
	stale := &staleStores{memoryStores: b.stores, stale: true}
	opts := b.opts
	opts.Stores = stale
	waiting := New(opts)
	b.join(url)
	if _, err := waiting.Status(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if stale.stale {
		t.Error("the stale name was not used")
	}
}

// staleStores answers once with the store before a join.
type staleStores struct {
	*memoryStores
	stale bool
}

func (s *staleStores) Federation() (string, string) {
	if s.stale {
		s.stale = false
		return "uuid-of-beta", ""
	}
	return s.memoryStores.Federation()
}

// retired lists the retired stores.
func (tt *testTown) retired() []string {
	tt.t.Helper()
	kept, err := filepath.Glob(filepath.Join(tt.opts.Layout.Retired(), "*"))
	if err != nil {
		tt.t.Fatal(err)
	}
	return kept
}

// A join that was killed before the exchange leaves a copy of the remote's store,
// which is removed. One that was killed after it leaves the Town's former store,
// which is retired.
func TestCopyOfAKilledJoinIsNotKept(t *testing.T) {
	t.Parallel()
	root, url, _, b := founded(t)
	b.write("roles/own.md", role("own", "beta's own"))
	adopt, killed := filepath.Join(b.opts.Layout.Remote("origin"), "adopt"), filepath.Join(root, "killed")
	no := errors.New("no")
	if _, err := b.Join(t.Context(), Remote{Name: "origin", URL: url}, func(Preview) error {
		shell(t, "cp", "-a", adopt, killed)
		return no
	}); !errors.Is(err, no) {
		t.Fatal(err)
	}
	if err := os.Rename(killed, adopt); err != nil {
		t.Fatal(err)
	}
	out := b.join(url)
	if kept := b.retired(); len(kept) != 1 || kept[0] != out.Retired {
		t.Errorf("kept %v, the Town's own is %s", kept, out.Retired)
	}
	// This is the state after a kill that follows the exchange.
	c := newTown(t, filepath.Join(root, "c"), "gamma")
	out = c.join(url)
	if err := os.MkdirAll(filepath.Join(c.opts.Layout.Remote("again"), "adopt"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(out.Retired, filepath.Join(c.opts.Layout.Remote("again"), "adopt", layout.Federation)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Join(t.Context(), Remote{Name: "again", URL: url}, yes); err != nil {
		t.Fatal(err)
	}
	if kept := c.retired(); len(kept) != 1 {
		t.Errorf("kept %v", kept)
	}
}

// Where the file system cannot exchange directories, a join takes more steps. The
// next command recognises a join that was killed after any of them.
func TestJoinWithoutAnExchange(t *testing.T) {
	t.Parallel()
	root := tempDir(t)
	url := bare(t)
	a := newTown(t, filepath.Join(root, "a"), "alpha")
	a.init(url)
	for i, errno := range []syscall.Errno{syscall.EINVAL, syscall.ENOSYS, syscall.EOPNOTSUPP} {
		b := newTown(t, filepath.Join(root, errno.Error()), fmt.Sprint("beta-", i))
		b.write("roles/own.md", role("own", "beta's own"))
		b.exchange = func(_, _ string) error { return fmt.Errorf("%w: %w", errors.ErrUnsupported, errno) }
		out := b.join(url)
		if kept := b.retired(); len(kept) != 1 || kept[0] != out.Retired || b.stores.uuid != "uuid-of-alpha" || b.stores.previous != "" {
			t.Errorf("kept %v, the store is %s", kept, b.stores.uuid)
		}
		b.want("roles/own.md", role("own", "beta's own"))
		a.pull(url)
		a.want("roles/own.md", role("own", "beta's own"))
	}

	c := newTown(t, filepath.Join(root, "c"), "gamma")
	current := c.opts.Layout.Data(layout.Federation)
	// After a kill behind the first step, the former store is in use again.
	if err := c.stores.SetFederation("uuid-of-alpha", "uuid-of-gamma"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(current, c.aside()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Status(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if uuid, previous := c.stores.Federation(); uuid != "uuid-of-gamma" || previous != "" {
		t.Errorf("the store is %s, replacing %s", uuid, previous)
	}
	// After a kill behind the second, the new store is in use and the former one is
	// retired.
	out := c.join(url)
	if err := os.Rename(out.Retired, c.aside()); err != nil {
		t.Fatal(err)
	}
	if err := c.stores.SetFederation("uuid-of-alpha", "uuid-of-gamma"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Status(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if uuid, previous := c.stores.Federation(); uuid != "uuid-of-alpha" || previous != "" || len(c.retired()) != 1 {
		t.Errorf("the store is %s, replacing %s; kept %v", uuid, previous, c.retired())
	}
}

// hookedStores calls a function once, when a join has exchanged the stores.
type hookedStores struct {
	*memoryStores
	then func()
}

func (s *hookedStores) SetFederation(uuid, previous string) error {
	if then := s.then; previous == "" && then != nil {
		s.then = nil
		then()
	}
	return s.memoryStores.SetFederation(uuid, previous)
}

// An edit that is recorded between a join's exchange and its publication is shown
// before it leaves, and stays if the person refuses. An edit that is not recorded
// waits for the next push.
func TestEditsAfterTheExchangeAreShown(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ recorded, agreed bool }{{true, true}, {true, false}, {false, true}} {
		_, url, a, b := founded(t)
		b.write("roles/own.md", role("own", "beta's own"))
		other, exchanged := New(b.opts), false
		b.opts.Stores = &hookedStores{b.stores, func() { exchanged = true }}
		b.opts.Trace = func(step string, _ time.Duration) {
			if step != "close" || !exchanged {
				return
			}
			// Until the push opens the plane, others may use it.
			exchanged = false
			b.write("roles/late.md", role("late", "after the exchange"))
			if !test.recorded {
				return
			}
			if out, err := other.Commit(t.Context(), ""); err != nil || out.Edits != 1 {
				t.Error(out, err)
			}
		}
		b.Engine = New(b.opts)
		asked, no := 0, errors.New("no")
		remote := Remote{Name: "origin", URL: url}
		out, err := b.Join(t.Context(), remote, func(p Preview) error {
			if asked++; asked == 2 {
				if !slices.Contains(p.Documents, key("roles/late.md")) {
					t.Errorf("the second preview is of %v", p.Documents)
				}
				if !test.agreed {
					return no
				}
			}
			return nil
		})
		if (asked == 2) != test.recorded || test.agreed != (err == nil) || !out.Done || out.Retired == "" {
			t.Errorf("%+v: asked %d times, %v, %+v", test, asked, err, out)
		}
		left := func() bool { a.pull(url); return a.read("roles/late.md") != "" }
		if got := left(); got != (test.agreed && test.recorded) {
			t.Errorf("%+v, and it left: %v", test, got)
		}
		if confirmed := b.confirmed(remote) == nil; confirmed != test.agreed {
			t.Errorf("%+v, and the remote is confirmed: %v", test, confirmed)
		}
		if !test.recorded {
			if out := b.push(url); out.Recorded.Edits != 1 || !left() {
				t.Errorf("the next push: %+v", out)
			}
		}
	}
}

// A document that nobody edited since the Town was made is not offered to the others,
// also when the Town was made by a former version, with another text. And who edited
// that text edited it, and not the others.
func TestJoinWithFormerStarterTexts(t *testing.T) {
	t.Parallel()
	_, url, a, b := founded(t)
	mayor, bug := key("roles/mayor.md"), key("templates/bug.md")
	former := role("mayor", "as it was once")
	b.opts.Starter[mayor] = []string{b.opts.Starter[mayor][0], former}
	b.opts.Starter[bug] = []string{b.opts.Starter[bug][0], "as it was once\n"}
	b.write("roles/mayor.md", former)
	b.commit()
	var shown Preview
	if _, err := b.Join(t.Context(), Remote{Name: "origin", URL: url}, func(p Preview) error {
		shown = p
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(shown.Documents) != 0 {
		t.Errorf("offered %v", shown.Documents)
	}
	b.want("roles/mayor.md", role("mayor", "starter"))
	settle(t, url, a, b)
}
