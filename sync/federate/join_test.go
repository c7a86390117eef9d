package federate

import (
	"path/filepath"
	"testing"
)

// What people write while a join waits to be confirmed is previewed again, and
// is neither left behind nor sent unseen.
func TestEditsWhileAJoinIsConfirmed(t *testing.T) {
	root := t.TempDir()
	url := bare(t)
	a := newTown(t, filepath.Join(root, "a"), "alpha")
	a.init(url)
	b := newTown(t, filepath.Join(root, "b"), "beta")
	asked := 0
	var last Preview
	_, err := b.Join(t.Context(), Remote{"origin", url}, func(p Preview) error {
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

// A command that waited for a join goes on in the store it joined.
func TestCommandWaitsForAJoin(t *testing.T) {
	root := t.TempDir()
	url := bare(t)
	a := newTown(t, filepath.Join(root, "a"), "alpha")
	a.init(url)
	b := newTown(t, filepath.Join(root, "b"), "beta")
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

// staleStores answers once as it was before a join.
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
