package backup

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gastown/town"
)

// failing is a store that fails from some Get on.
type failing struct {
	Store
	gets int
}

var errCut = errors.New("the line was cut")

func (f *failing) Get(ctx context.Context, keys []string, dir string) error {
	if f.gets--; f.gets < 0 {
		return errCut
	}
	return f.Store.Get(ctx, keys, dir)
}

// from restores a point by its name from the first destination that serves.
func (h *harness) from(name string) (Destination, Restored, []Passed, error) {
	return h.From(h.t.Context(), h.Destinations, func(to Destination) (Restored, error) {
		e, err := h.Choose(h.t.Context(), to, Databases, name, time.Time{})
		if err != nil {
			return Restored{}, err
		}
		return h.Restore(h.t.Context(), to, e, "")
	})
}

// A point is restored from the next destination that has it, whatever the first one lacks, and
// from that one alone.
func TestRestoreFromTheNextDestination(t *testing.T) {
	for what, c := range map[string]struct {
		harm func(h *harness, p *Point) error
		is   error
		says string
	}{
		"gone":     {func(h *harness, _ *Point) error { return os.RemoveAll(h.dest) }, nil, "there is no such directory"},
		"no point": {func(h *harness, p *Point) error { return os.Remove(filepath.Join(h.dest, pointKey(p.Name))) }, ErrNoPoint, "has no such point"},
		"damaged": {func(h *harness, p *Point) error {
			items := p.Items() // a later one, so that others were read already
			return os.WriteFile(filepath.Join(h.dest, items[len(items)-1].Key), []byte("x"), 0o600)
		}, ErrDamaged, "missing, cut short or altered"},
		"another Town's": {func(h *harness, _ *Point) error {
			return os.WriteFile(filepath.Join(h.dest, ownerKey), []byte(`{"town":"other","name":"elsewhere"}`), 0o600)
		}, town.ErrRefused, "those of the Town elsewhere"},
		"cut off": {func(h *harness, _ *Point) error {
			h.Destinations[0].Store = &failing{h.Destinations[0].Store, 3} // after the owner, the point and the first plane
			return nil
		}, errCut, "the line was cut"},
	} {
		t.Run(what, func(t *testing.T) {
			h := newHarness(t)
			h.put("second")
			p := h.take(Databases).Point
			other := filepath.Join(h.root, "other")
			if err := errors.Join(os.CopyFS(other, os.DirFS(h.dest)), c.harm(h, p)); err != nil {
				t.Fatal(err)
			}
			h.Destinations = append(h.Destinations, Destination{Name: "two", Where: other, Store: Directory{Dir: other, Mount: true}})
			h.Destinations[0].Store = mounted(h.Destinations[0].Store)
			h.put("third")
			to, out, passed, err := h.from(p.Name)
			if err != nil || to.Name != "two" || out.Kept == "" {
				t.Fatalf("from %s, kept %q: %v", to.Name, out.Kept, err)
			}
			equal(t, h.names("ledger"), "first", "second")
			equal(t, h.names("operational"), "first", "second")
			if len(passed) != 1 || passed[0].Destination != "one" || c.is != nil && !errors.Is(passed[0].Err, c.is) || !strings.Contains(passed[0].Err.Error(), c.says) {
				t.Errorf("passed over %v", passed)
			}
		})
	}
}

// mounted has a directory be missed when it is gone.
func mounted(s Store) Store {
	if d, ok := s.(Directory); ok {
		d.Mount = true
		return d
	}
	return s
}

// Where no destination serves, the error says why of each, and nothing is replaced.
func TestRestoreFromNoDestination(t *testing.T) {
	h := newHarness(t)
	p := h.take(Databases).Point
	none := filepath.Join(h.root, "none")
	h.Destinations = append(h.Destinations, Destination{Name: "two", Where: none, Store: Directory{Dir: none, Mount: true}})
	h.put("second")
	_, _, _, err := h.from("20010101T000000.000Z")
	if !errors.Is(err, ErrNoPoint) || !strings.Contains(err.Error(), "one: find the point") || !strings.Contains(err.Error(), "two: look at the backups in "+none) || !strings.Contains(town.Next(err), "mount the disk") {
		t.Errorf("%v; next: %s", err, town.Next(err))
	}
	// What has nothing to do with the destination is not tried with the next one.
	h.Planes[0].Store = "another"
	to, _, passed, err := h.from(p.Name)
	if !errors.Is(err, town.ErrRefused) || to.Name != "one" || len(passed) != 0 {
		t.Errorf("%s, passed over %v: %v", to.Name, passed, err)
	}
	// With one destination its error is as it was.
	h.Destinations = h.Destinations[:1]
	if _, _, _, err := h.from("20010101T000000.000Z"); err == nil || !strings.HasPrefix(err.Error(), "find the point 20010101T000000.000Z: ") {
		t.Error(err)
	}
	// Nothing else is tried once something was replaced.
	h.Destinations = append(h.Destinations, h.Destinations[0])
	calls := 0
	if _, _, _, err := h.From(t.Context(), h.Destinations, func(Destination) (Restored, error) { calls++; return Restored{Kept: "there"}, ErrDamaged }); !errors.Is(err, ErrDamaged) || calls != 1 {
		t.Errorf("%d calls: %v", calls, err)
	}
	equal(t, h.names("ledger"), "first", "second")
}
