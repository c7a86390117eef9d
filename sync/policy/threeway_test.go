package policy

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestThreeWay(t *testing.T) {
	const base = "one\ntwo\nthree\nfour\nfive\n"
	tests := []struct {
		name               string
		base, ours, theirs string
		want               string
		conflicts          bool
	}{
		{"nobody changed it", base, base, base, base, false},
		{"only ours", base, "one\nTWO\nthree\nfour\nfive\n", base, "one\nTWO\nthree\nfour\nfive\n", false},
		{"only theirs", base, base, "", "", false},
		{"both alike", base, "new\n", "new\n", "new\n", false},
		{"apart", base, "ONE\ntwo\nthree\nfour\nfive\n", "one\ntwo\nthree\nfour\nFIVE", "ONE\ntwo\nthree\nfour\nFIVE", false},
		{
			"one place", "one\ntwo\nthree\n", "one\nours\nthree\n", "one\ntheirs\nthree\n",
			"one\n<<<<<<< ours\nours\n||||||| base\ntwo\n=======\ntheirs\n>>>>>>> theirs\nthree\n", true,
		},
		{
			"no base and no last line end", "", "ours", "theirs",
			"<<<<<<< ours\nours\n||||||| base\n=======\ntheirs\n>>>>>>> theirs\n", true,
		},
		{
			"deleted against edited", "one\n", "", "uno\n",
			"<<<<<<< ours\n||||||| base\none\n=======\nuno\n>>>>>>> theirs\n", true,
		},
		{"bytes that are no text", "\x00\r\n", "\x00\r\n", "\xff\r\n", "\xff\r\n", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, conflicts := ThreeWay(tt.base, tt.ours, tt.theirs)
			if got != tt.want || conflicts != tt.conflicts {
				t.Errorf("got conflicts=%v\n%s\nwant conflicts=%v\n%s", conflicts, got, tt.conflicts, tt.want)
			}
		})
	}
}

// The test tries every base, ours and theirs of up to three lines (two in short
// mode), each line one of three.
func TestThreeWayExhaustively(t *testing.T) {
	longest := 3
	if testing.Short() {
		longest = 2
	}
	texts := []string{""}
	for from, n := 0, 0; n < longest; n++ {
		to := len(texts)
		for _, s := range texts[from:to] {
			texts = append(texts, s+"a\n", s+"b\n", s+"c\n")
		}
		from = to
	}
	for _, base := range texts {
		for _, ours := range texts {
			for _, theirs := range texts {
				checkThreeWay(t, base, ours, theirs)
			}
		}
	}
}

func TestThreeWayLosesNoLine(t *testing.T) {
	text := rapid.Custom(func(t *rapid.T) string {
		end := rapid.SampledFrom([]string{"", "\n"}).Draw(t, "end")
		lines := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "", "dd\r", "=======", "<<<<<<< ours"}), 0, 40).Draw(t, "lines")
		return strings.Join(lines, "\n") + end
	})
	rapid.Check(t, func(t *rapid.T) {
		checkThreeWay(t, text.Draw(t, "base"), text.Draw(t, "ours"), text.Draw(t, "theirs"))
	})
}

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

func checkThreeWay(t fataler, base, ours, theirs string) {
	t.Helper()
	merged, conflicts := ThreeWay(base, ours, theirs)
	again, _ := ThreeWay(base, ours, theirs)
	if merged != again {
		t.Fatalf("not deterministic: %q then %q", merged, again)
	}
	// Every copy of every line that either side wrote is there. (A line of the base
	// may go: one side deletes its first copy, the other its last.)
	old, m := count(base), count(merged)
	for _, side := range []string{ours, theirs} {
		for line, n := range count(side) {
			if old[line] == 0 && m[line] < n {
				t.Fatalf("line %q: %d left of %d\nbase %q\nours %q\ntheirs %q\nmerged %q", line, m[line], n, base, ours, theirs, merged)
			}
		}
	}
	_, swapped := ThreeWay(base, theirs, ours)
	if conflicts != swapped {
		t.Fatalf("conflict depends on the side: base %q ours %q theirs %q", base, ours, theirs)
	}
}

func count(text string) map[string]int {
	n := map[string]int{}
	for _, l := range lines(text) {
		n[strings.TrimSuffix(l, "\n")]++
	}
	return n
}

// Merging a hostile text ends soon, and no line is lost.
func TestThreeWayBoundsWork(t *testing.T) {
	many := func(line string, n int) string { return strings.Repeat(line, n) }
	tests := []struct{ name, base, ours, theirs string }{
		{"a megabyte of line ends", many("\n", 1<<20), many("\n", 1<<20-1), "x\n" + many("\n", 1<<20-2)},
		{"many short lines, all changed", many("a\n", maxMergeLines), many("b\n", maxMergeLines), many("c\n", maxMergeLines)},
		{"one long line", many("a", 1<<20), many("b", 1<<20), many("c", 1<<20)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			merged, conflicts := ThreeWay(tt.base, tt.ours, tt.theirs)
			if !conflicts || !strings.Contains(merged, tt.ours) || !strings.Contains(merged, tt.theirs) {
				t.Errorf("conflicts=%v, %d bytes: want a conflict that shows both texts", conflicts, len(merged))
			}
		})
	}
}

func TestLinesJoinToText(t *testing.T) {
	for _, s := range []string{"", "\n", "a", "a\n", "a\n\nb", "\r\n"} {
		if got := strings.Join(lines(s), ""); got != s {
			t.Errorf("lines(%q) = %q", s, lines(s))
		}
	}
	if got := lines("a\nb"); !slices.Equal(got, []string{"a\n", "b"}) {
		t.Errorf("lines = %q", got)
	}
}
