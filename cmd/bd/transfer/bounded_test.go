package transfer

import (
	"errors"
	"io"
	"strings"
	"testing"

	"gastown/cmd/internal/shell"
	"gastown/town"
)

// Another user's import ends with an error where it is too large, and not with half of it.
func TestAnotherUsersImportIsBounded(t *testing.T) {
	for _, c := range []struct {
		foreign bool
		size    int
		refused bool
	}{{true, maxForeign, false}, {true, maxForeign + 1, true}, {false, maxForeign + 1, false}} {
		o := &importOptions{call: &shell.Call{Invocation: &shell.Invocation{Foreign: c.foreign}}}
		text, err := io.ReadAll(o.bounded(strings.NewReader(strings.Repeat("x", c.size))))
		if errors.Is(err, town.ErrRefused) != c.refused || !c.refused && (err != nil || len(text) != c.size) {
			t.Errorf("%+v: %d bytes, %v", c, len(text), err)
		}
	}
}
