package federate

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gastown/town"
)

// More text than is held at once is recorded all the same. What is edited between
// the look at the files and the reading is left for the next time, whole.
func TestMoreEditsThanAreHeld(t *testing.T) {
	const documents = 50
	tt := newTown(t, t.TempDir(), "alpha")
	path := func(i int) string { return fmt.Sprintf("templates/large%02d.txt", i) }
	text := func(i int, word string) string {
		line := fmt.Sprintf("%02d %s\n", i, word)
		return strings.Repeat(line, town.MaxDocumentBytes/len(line))
	}
	write := func(word string) {
		for i := range documents {
			tt.write(path(i), text(i, word))
		}
	}
	write("first")
	once := true
	tt.opts.Trace = func(step string, _ time.Duration) {
		if step == "scan" && once {
			once = false
			write("other")
		}
	}
	tt.Engine = New(tt.opts)
	first := tt.commit()
	if len(first.Kept) == 0 || first.Edits+len(first.Kept) != documents {
		t.Fatalf("%d recorded, %d left of %d", first.Edits, len(first.Kept), documents)
	}
	// All are edits by now: those that were left, and those that were read before.
	if next := tt.commit(); next.Edits != documents || len(next.Kept) > 0 {
		t.Fatalf("%d recorded, %d left of %d", next.Edits, len(next.Kept), documents)
	}
	for i := range documents {
		tt.want(path(i), text(i, "other"))
	}
	if status, err := tt.Status(t.Context(), nil); err != nil || len(status.Edited) > 0 || status.Pending {
		t.Fatalf("%d edits are left, %v", len(status.Edited), err)
	}
}
