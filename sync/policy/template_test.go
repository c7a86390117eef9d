package policy

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"gastown/town"
)

var template = town.Key{Kind: town.KindTemplate, Name: "handoff.md"}

// issuesOf reads "A B - C" as issues 1, 2, ..., where "-" removes the file. "7:A" is
// issue 7.
func issuesOf(s string) []town.Edit {
	var list []town.Edit
	for i, word := range strings.Fields(s) {
		version, text, ok := strings.Cut(word, ":")
		if !ok {
			version, text = strconv.Itoa(i+1), word
		}
		e := town.Edit{Key: template, Text: text, Version: version}
		if text == "-" {
			e.Text, e.Deleted = "", true
		}
		list = append(list, e)
	}
	return list
}

// words is the inverse of issuesOf. It prints a number only where it is not the
// next one.
func words(list []town.Edit) string {
	var out []string
	for i, e := range list {
		text := e.Text
		if e.Deleted {
			text = "-"
		}
		if e.Version != strconv.Itoa(i+1) {
			text = e.Version + ":" + text
		}
		out = append(out, text)
	}
	return strings.Join(out, " ")
}

func TestTemplates(t *testing.T) {
	tests := []struct {
		name, base, ours, theirs, want string
		notes                          int
	}{
		{"nothing at all", "", "", "", "", 0},
		{"only theirs", "A", "A", "A B", "A B", 0},
		{"only ours", "A", "A B C", "A", "A B C", 0},
		{"both", "A", "A X Y", "A B C", "A B C X Y", 2},
		{"both created", "", "X", "B", "B X", 1},
		{"the same work twice", "A", "A B", "A B", "A B", 0},
		{"the same, and theirs went on", "A", "A B", "A B C", "A B C", 0},
		{"the same, later in theirs", "A", "A B", "A C B", "A C B", 0},
		{"the same, and ours went on", "A", "A B X", "A B C", "A B C X", 1},
		{"ours ends as theirs does", "A", "A X B", "A B", "A B X B", 2},
		{"ours returns to an old text", "A", "A X A", "A B", "A B X A", 2},

		{"our removal, nothing of theirs", "A", "A -", "A", "A -", 0},
		{"both removed", "A", "A -", "A -", "A -", 0},
		{"our removal against their edit", "A", "A -", "A B", "A B", 1},
		{"our edit against their removal", "A", "A X", "A -", "A - X", 1},
		{"our edit and removal against their edit", "A", "A X -", "A B", "A B X B", 3},
		{"our removal and edit against their edit", "A", "A - X", "A B", "A B X", 1},
		{"our edit, which theirs had and removed", "A", "A B", "A B -", "A B - B", 1},
		{"both edited and removed", "A", "A X -", "A B -", "A B - X -", 2},

		{"theirs left an issue out", "A B", "A B X", "A", "A B X", 1},
		{"theirs left all out", "A B", "A B", "", "A B", 2},
		{"theirs rewrote an issue", "A B", "A B", "A C", "A B C", 1},
		{"theirs rewrote an issue, ours went on", "A", "A X", "Z", "A Z X", 2},
		{"gap", "A", "A X", "A 5:B", "A 5:B 6:X", 1},
		{"two with one number", "A", "A X", "A 2:B 2:C", "A B C X", 2},
		{"unusable numbers", "A", "A X", "A 0:B -1:C 02:D x:E 99999999999999999999:F", "A B E C D F X", 6},
		{"the last number there is", "", "X", "2147483648:B", "2147483648:B 2147483649:X", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, notes := Templates(issuesOf(tt.base), issuesOf(tt.ours), issuesOf(tt.theirs))
			if words(got) != tt.want {
				t.Errorf("got %q, want %q", words(got), tt.want)
			}
			if len(notes) != tt.notes {
				t.Errorf("%d notes, want %d: %q", len(notes), tt.notes, notes)
			}
		})
	}
}

func TestTemplatesKeepsFieldsAndTellsPeople(t *testing.T) {
	ours := []town.Edit{{Key: template, Text: "X", Version: "1", Revision: 7, Town: "here", Author: "ann"}}
	theirs := []town.Edit{{Key: template, Text: "B", Version: "1", Revision: 3, Town: "there", Author: "bob"}}
	got, notes := Templates(nil, ours, theirs)
	want := []town.Edit{theirs[0], ours[0]}
	want[1].Version = "2"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if want := []string{"template/handoff.md: our issue 1 is now issue 2"}; !slices.Equal(notes, want) {
		t.Errorf("notes %q, want %q", notes, want)
	}
	if ours[0].Version != "1" {
		t.Error("the input was changed")
	}
}

// Of two rows that say the same the remote's stands, so that Towns agree on its
// author too.
func TestTemplatesTakesTheirRow(t *testing.T) {
	row := func(author string) []town.Edit {
		return []town.Edit{{Key: template, Text: "A", Version: "1", Author: author}}
	}
	for _, base := range [][]town.Edit{nil, row("ann"), row("zoe")} {
		got, notes := Templates(base, row("ann"), row("bob"))
		if diff := cmp.Diff(row("bob"), got); diff != "" || len(notes) > 0 {
			t.Errorf("base %v (-want +got):\n%s%q", base, diff, notes)
		}
	}
}

func drawIssues(t *rapid.T, name string, numbers []string) []town.Edit {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) town.Edit {
		e := town.Edit{
			Key:      template,
			Text:     rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}).Draw(t, "text"),
			Version:  rapid.SampledFrom(numbers).Draw(t, "number"),
			Revision: rapid.Uint64Range(0, 2).Draw(t, "revision"),
		}
		if rapid.IntRange(0, 4).Draw(t, "removal") == 0 {
			e.Text, e.Deleted = "", true
		}
		return e
	}), 0, 6).Draw(t, name)
}

// The guarantees hold for any lists, also for those no honest Town writes.
func TestTemplatesProperties(t *testing.T) {
	numbers := []string{"1", "2", "3", "4", "9", "", "x", "0", "-3", "007", "2147483648", "2147483649", "18446744073709551615", "1e3"}
	rapid.Check(t, func(t *rapid.T) {
		base, ours, theirs := drawIssues(t, "base", numbers), drawIssues(t, "ours", numbers), drawIssues(t, "theirs", numbers)
		before := [][]town.Edit{slices.Clone(base), slices.Clone(ours), slices.Clone(theirs)}
		got, notes := Templates(base, ours, theirs)
		if diff := cmp.Diff(before, [][]town.Edit{base, ours, theirs}); diff != "" && len(base)+len(ours)+len(theirs) > 0 {
			t.Fatalf("input changed: %s", diff)
		}
		// The order of rows in a query does not matter.
		slices.Reverse(base)
		slices.Reverse(ours)
		slices.Reverse(theirs)
		again, notesAgain := Templates(base, ours, theirs)
		if diff := cmp.Diff(got, again); diff != "" || !slices.Equal(notes, notesAgain) {
			t.Fatalf("not deterministic: %s\n%q\n%q", diff, notes, notesAgain)
		}
		// No text is lost.
		have := contents(got)
		for _, list := range before {
			for _, e := range list {
				if !e.Deleted && !have[contentOf(e)] {
					t.Fatalf("text %q is lost: %s", e.Text, words(got))
				}
			}
		}
		// Issues have increasing numbers.
		last := uint64(0)
		for _, e := range got {
			n, err := strconv.ParseUint(e.Version, 10, 64)
			if err != nil || n <= last {
				t.Fatalf("number %q after %d", e.Version, last)
			}
			last = n
		}
		// Agreement is stable.
		stable, notes := Templates(base, got, got)
		if diff := cmp.Diff(got, stable); diff != "" {
			t.Fatalf("merging the result again: %s\n%q", diff, notes)
		}
		fresh, _ := Templates(got, got, got)
		if diff := cmp.Diff(got, fresh); diff != "" {
			t.Fatalf("a no-op merge: %s", diff)
		}
	})
}

// The guarantees hold where both sides append to the base.
func TestTemplatesAppendOnly(t *testing.T) {
	any := []string{"1"}
	rapid.Check(t, func(t *rapid.T) {
		base := renumbered(drawIssues(t, "base", any))
		ours := renumbered(append(slices.Clone(base), drawIssues(t, "our issues", any)...))
		theirs := renumbered(append(slices.Clone(base), drawIssues(t, "their issues", any)...))
		got, _ := Templates(base, ours, theirs)
		if len(got) < len(theirs) || len(theirs) > 0 && !cmp.Equal(got[:len(theirs)], theirs) {
			t.Fatalf("their numbers changed: %s, was %s", words(got), words(theirs))
		}
		if len(theirs) > len(base) && len(ours) > len(base) {
			edited := !theirs[len(theirs)-1].Deleted || !ours[len(ours)-1].Deleted
			if edited && got[len(got)-1].Deleted {
				t.Fatalf("an edit did not survive: %s and %s give %s", words(ours), words(theirs), words(got))
			}
		}
	})
}

func renumbered(list []town.Edit) []town.Edit {
	for i := range list {
		list[i].Version = strconv.Itoa(i + 1)
	}
	return list
}
