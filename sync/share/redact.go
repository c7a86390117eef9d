package share

import (
	"cmp"
	"slices"
	"strings"

	"gastown/town"
)

// Cut is a text that rules cut something out of.
type Cut struct {
	Field string
	// Text is all of it; Ranges, in order and apart, what is cut out: from the
	// first byte to before the second.
	Text   string
	Ranges [][2]int
}

// redact is the field's value without what the rules cut out of it, and the
// texts they cut.
func (f Field) redact(b town.Bead, rules []Rule) (value string, cuts []Cut) {
	apply := func(s string) string {
		ranges := f.ranges(s, rules)
		if len(ranges) > 0 {
			cuts = append(cuts, Cut{f.Name, s, ranges})
		}
		return without(s, ranges)
	}
	if f.Name != "labels" {
		return apply(f.get(b)), cuts
	}
	labels := slices.Clone(b.Labels)
	for i, l := range labels {
		labels[i] = apply(l)
	}
	return labelsText(labels), cuts
}

// ranges is what any of the rules cuts out of s. Every pattern sees the text as
// it is: what one cuts out does not hide from another what it would match.
func (f Field) ranges(s string, rules []Rule) (merged [][2]int) {
	var found [][]int
	for _, r := range rules {
		for _, red := range r.Redact {
			if red.Field == f.Name {
				found = append(found, red.compiled.FindAllStringIndex(s, -1)...)
			}
		}
	}
	slices.SortFunc(found, func(a, b []int) int { return cmp.Compare(a[0], b[0]) })
	for _, at := range found {
		last := len(merged) - 1
		switch {
		case at[0] == at[1]: // a place between two characters
		case last >= 0 && at[0] <= merged[last][1]:
			merged[last][1] = max(merged[last][1], at[1])
		default:
			merged = append(merged, [2]int{at[0], at[1]})
		}
	}
	return merged
}

func without(s string, ranges [][2]int) string {
	var b strings.Builder
	from := 0
	for _, r := range ranges {
		b.WriteString(s[from:r[0]])
		b.WriteString(Redacted)
		from = r[1]
	}
	b.WriteString(s[from:])
	return b.String()
}
