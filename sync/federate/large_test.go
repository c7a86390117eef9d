package federate

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"gastown/planes/federation"
	"gastown/sync/files"
	"gastown/town"
)

// More text than is held in memory at once is recorded too. A file that is edited
// between the scan and the read is left for the next call, and so is one that is
// no longer a document. The other files are recorded.
func TestMoreEditsThanAreHeld(t *testing.T) {
	t.Parallel()
	const documents = 50
	tt := newTown(t, tempDir(t), "alpha")
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
		if step != "scan" || !once {
			return
		}
		once = false
		for i := range documents {
			switch i % 4 {
			case 0:
				tt.write(path(i), text(i, "other"))
			case 1:
				tt.write(path(i), text(i, "grown")+text(i, "grown"))
			case 2:
				tt.remove(path(i))
				if err := os.Symlink("bug.md", tt.path(path(i))); err != nil {
					t.Error(err)
				}
			case 3:
				tt.remove(path(i))
			}
		}
	}
	tt.Engine = New(tt.opts)
	first := tt.commit()
	if len(first.Changing) == 0 || len(first.Kept) > 0 || first.Edits+len(first.Changing) != documents {
		t.Fatalf("%d recorded, %d left and %d kept of %d", first.Edits, len(first.Changing), len(first.Kept), documents)
	}
	// Nothing is written over them: they are edits and faults now.
	status, err := tt.Status(t.Context(), nil)
	if err != nil || status.Pending || len(status.Invalid) != 25 {
		t.Fatalf("pending: %v, %d invalid, %v", status.Pending, len(status.Invalid), err)
	}
	for i := range documents {
		if i%4 == 2 {
			tt.remove(path(i))
		}
	}
	write("other")
	// All are edits now: those that were left, and those that were read before. A file
	// is left once more while a process that another test starts still has it open.
	next := tt.commit()
	edits := next.Edits
	for len(next.Changing) > 0 {
		next = tt.commit()
		edits += next.Edits
	}
	if edits != documents || len(next.Kept)+len(next.Invalid) > 0 {
		t.Fatalf("%d recorded of %d, kept %v, invalid %v", edits, documents, next.Kept, next.Invalid)
	}
	for i := range documents {
		tt.want(path(i), text(i, "other"))
	}
	if status, err = tt.Status(t.Context(), nil); err != nil || len(status.Edited) > 0 || status.Pending {
		t.Fatalf("%d edits are left, %v", len(status.Edited), err)
	}
}

// A file that another program has open for writing is left for the next call, and is
// no fault of the file. The other edits are recorded.
func TestAFileThatIsBeingWrittenIsLeft(t *testing.T) {
	t.Parallel()
	tt := newTown(t, tempDir(t), "alpha")
	tt.write("roles/other.md", role("other", "done"))
	tt.write("roles/open.md", role("open", "not done"))
	f, err := os.OpenFile(tt.path("roles/open.md"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if status, err := tt.Status(t.Context(), nil); err != nil || !slices.Equal(status.Changing, []town.Key{key("roles/open.md")}) || len(status.Invalid) > 0 {
		t.Errorf("the status is %+v, %v", status, err)
	}
	out := tt.commit()
	if out.Edits != 1 || !slices.Equal(out.Changing, []town.Key{key("roles/open.md")}) || len(out.Invalid) > 0 {
		t.Errorf("%d recorded, %v left, %v invalid", out.Edits, out.Changing, out.Invalid)
	}
	if out := tt.commit(); out.Commit != "" || len(out.Changing) != 1 {
		t.Errorf("the second time: %+v", out)
	}
	_, err = f.WriteString("Now it is.\n")
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	for out = tt.commit(); len(out.Changing) > 0; out = tt.commit() { // another test may have started a process meanwhile
	}
	kept := map[string]bool{}
	err = tt.Read(t.Context(), func(s *federation.Store) error {
		past, err := s.History(t.Context(), key("roles/open.md"))
		for _, p := range past {
			kept[p.Text] = true
		}
		return err
	})
	if err != nil || !kept[role("open", "not done")+"Now it is.\n"] || kept[role("open", "not done")] {
		t.Errorf("kept %v, %v", kept, err)
	}
}

// A file that is changed, removed or made invalid while the edits are shown is
// reported as such, beside the others.
func TestDiffOfWhatChangesMeanwhile(t *testing.T) {
	t.Parallel()
	const documents = 40 // more text than is kept
	tt := newTown(t, tempDir(t), "alpha")
	path := func(i int) string { return fmt.Sprintf("templates/large%02d.txt", i) }
	text := func(i int) string {
		line := fmt.Sprintf("%02d\n", i)
		return strings.Repeat(line, town.MaxDocumentBytes/len(line))
	}
	for i := range documents {
		tt.write(path(i), text(i))
	}
	tt.opts.Trace = func(step string, _ time.Duration) {
		if step == "scan" {
			for i := range documents {
				switch i % 4 {
				case 0:
					tt.write(path(i), "other\n")
				case 1:
					tt.remove(path(i))
				}
			}
		}
	}
	tt.Engine = New(tt.opts)
	edited, err := tt.Diff(t.Context())
	if err != nil || len(edited) != documents {
		t.Fatalf("%d shown, %v", len(edited), err)
	}
	changing := 0
	for i, f := range edited {
		switch {
		case f.Path() != path(i):
			t.Fatalf("%d is %s", i, f.Path())
		case f.Changing != nil:
			changing++
			if i%4 > 1 || f.Text != "" || !errors.Is(f.Changing, files.ErrEdited) {
				t.Errorf("%s: %v", f.Path(), f.Changing)
			}
		case f.Text != text(i):
			t.Errorf("%s has another text", f.Path())
		}
	}
	if changing == 0 {
		t.Error("nothing was read again: this proves nothing")
	}
}
