package find

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"gastown/cmd/bd/internal/session"
	"gastown/cmd/bd/internal/view"
	"gastown/cmd/internal/shell"
	"gastown/planes/ledger"
	"gastown/town"
)

// failing lists some beads and then fails.
type failing struct {
	session.Reader
	beads int
}

var errRead = errors.New("the ledger cannot be read")

func (f failing) List(_ context.Context, _ ledger.Filter, yield func(ledger.Item) error) error {
	for n := range f.beads {
		if err := yield(ledger.Item{Bead: town.Bead{ID: fmt.Sprintf("gt-%d", n), Title: "x", Status: town.StatusOpen}}); err != nil {
			return err
		}
	}
	return errRead
}

// A long list is printed while it is read, as lines and as a table.
func TestALongListIsNotHeldInMemory(t *testing.T) {
	for _, fields := range []ledger.Fields{nil, {"title"}} {
		for beads, want := range map[int]int{view.BlockRows - 1: 0, 2*view.BlockRows + 1: 2 * view.BlockRows} {
			var out strings.Builder
			o := &listOptions{call: &shell.Call{Invocation: &shell.Invocation{Stdout: &out, Stderr: &out}}}
			err := o.stream(t.Context(), failing{beads: beads}, ledger.Filter{Fields: fields})
			if got := strings.Count(out.String(), "gt-"); !errors.Is(err, errRead) || got != want {
				t.Errorf("fields %q: %d of %d beads were printed, want %d (%v)", fields, got, beads, want, err)
			}
		}
	}
}
