package find

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gastown/cmd/internal/shell"
	"gastown/planes/doltdb"
	"gastown/planes/ledger"
	"gastown/town"
)

// A tree shows every bead once, also when the parents form a cycle.
func TestGrow(t *testing.T) {
	node := func(id, parent string) leaf {
		return leaf{Item: ledger.Item{Bead: town.Bead{ID: id}}, Parent: parent}
	}
	var got []string
	for _, b := range grow([]leaf{node("c", "b"), node("a", ""), node("b", "a"), node("x", "y"), node("y", "x"), node("o", "elsewhere")}) {
		got = append(got, strings.Repeat("-", b.depth)+b.ID)
	}
	if want := "a -b --c o x y"; strings.Join(got, " ") != want {
		t.Errorf("got %q, want %s", got, want)
	}
}

// deleting deletes a bead between the two reads of a tree.
type deleting struct {
	*ledger.Store
	id string
}

func (d *deleting) Get(ctx context.Context, ids []string, fields ledger.Fields) ([]ledger.Detail, error) {
	if d.id != "" {
		if err := d.Delete(ctx, []string{d.id}, ""); err != nil {
			return nil, err
		}
		d.id = ""
	}
	return d.Store.Get(ctx, ids, fields)
}

// A bead that is deleted while its tree is read is not printed.
func TestATreeWithoutWhatWasDeleted(t *testing.T) {
	store := newLedger(t)
	made, err := store.Create(t.Context(), []ledger.NewBead{{Bead: town.Bead{Title: "stays"}}, {Bead: town.Bead{Title: "goes"}}})
	if err != nil {
		t.Fatal(err)
	}
	parent, gone := made[0].ID, made[1].ID
	below, err := store.Create(t.Context(), []ledger.NewBead{{Bead: town.Bead{Title: "below"}, Parent: parent}})
	if err != nil {
		t.Fatal(err)
	}
	child := below[0].ID
	var out strings.Builder
	o := &listOptions{call: &shell.Call{Invocation: &shell.Invocation{Stdout: &out, Stderr: &out}}}
	if err := o.listTree(t.Context(), &deleting{store, gone}, ledger.Filter{Limit: 10}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	if len(lines) < 2 || !strings.Contains(lines[0], parent) || !strings.HasPrefix(lines[1], "  ") || !strings.Contains(lines[1], child) ||
		strings.Contains(out.String(), gone) {
		t.Errorf("%s", out.String())
	}
}

// newLedger is an empty ledger, open until the test ends.
func newLedger(t *testing.T) *ledger.Store {
	t.Helper()
	s, err := ledger.Create(t.Context(), doltdb.Options{
		Dir: filepath.Join(t.TempDir(), "ledger"), Actor: town.Actor{Name: "Ada", Email: "ada@example.com"}, Wait: time.Minute, Command: "test",
	}, "3f8d3c1e-6a55-4c7c-9d1c-0c2f5b8f3a13")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
