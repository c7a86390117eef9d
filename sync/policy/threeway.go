package policy

import (
	"strings"

	"github.com/epiclabs-io/diff3"
)

// maxMergeLines bounds the lines of a text that is compared line by line. The time
// this takes grows with lines times changes, so a hostile megabyte of short lines
// could take hours.
const maxMergeLines = 5_000

// The marks around a conflict are those of git.
const (
	markOurs   = "<<<<<<< ours\n"
	markBase   = "||||||| base\n"
	markMiddle = "=======\n"
	markTheirs = ">>>>>>> theirs\n"
)

// ThreeWay merges two texts that come from one base, for a person to check and
// finish. Where both changed the same place, merged shows ours, the base and
// theirs between labelled marks, and conflicts is true. Every line that either
// side wrote is in merged; a line of the base is absent only where one side
// removed it and the other left it alone. Bytes stay as they are, except that a
// line end is added before a mark where a text lacks its last one.
//
// A text of more than 5,000 lines becomes one conflict as a whole.
func ThreeWay(base, ours, theirs string) (merged string, conflicts bool) {
	switch {
	case ours == theirs, theirs == base:
		return ours, false
	case ours == base:
		return theirs, false
	}
	o, a, b := lines(base), lines(ours), lines(theirs)

	var out strings.Builder
	if max(len(o), len(a), len(b)) > maxMergeLines {
		writeConflict(&out, a, o, b)
		return out.String(), true
	}
	blocks := diff3.Diff3MergeWithOptions(a, o, b, diff3.MergeOptions{
		Algorithm:             diff3.DiffAlgorithmMyers,
		ExcludeFalseConflicts: true,
	})
	for _, block := range blocks {
		if c := block.Conflict; c != nil {
			conflicts = true
			writeConflict(&out, c.A, c.O, c.B)
			continue
		}
		write(&out, block.Ok)
	}
	return out.String(), conflicts
}

// lines cuts a text after each line end. The last line may lack one.
func lines(text string) []string {
	all := strings.SplitAfter(text, "\n")
	if all[len(all)-1] == "" {
		all = all[:len(all)-1]
	}
	return all
}

func writeConflict(out *strings.Builder, ours, base, theirs []string) {
	out.WriteString(markOurs)
	writeWhole(out, ours)
	out.WriteString(markBase)
	writeWhole(out, base)
	out.WriteString(markMiddle)
	writeWhole(out, theirs)
	out.WriteString(markTheirs)
}

func write(out *strings.Builder, lines []string) {
	for _, l := range lines {
		out.WriteString(l)
	}
}

// writeWhole adds a missing last line end, so that a mark begins on a line of its
// own.
func writeWhole(out *strings.Builder, lines []string) {
	write(out, lines)
	if n := len(lines); n > 0 && !strings.HasSuffix(lines[n-1], "\n") {
		out.WriteByte('\n')
	}
}
