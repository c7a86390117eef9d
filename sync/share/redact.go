package share

import (
	"cmp"
	"slices"
	"strings"

	"gastown/town"
)

// Cut is an original text that rules cut something out of.
type Cut struct {
	Field string
	// Text is the whole text. Ranges are what is cut out, as offsets [from, to) in
	// bytes, in order and without overlap.
	Text   string
	Ranges [][2]int
}

// redact returns the field's value with everything cut out that the rules redact,
// and the original texts.
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

// ranges are what the rules together cut out of s. Every pattern sees the whole
// text, so that one cut does not hide a match from another pattern.
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
		case at[0] == at[1]: // an empty match
		case last >= 0 && at[0] <= merged[last][1]:
			merged[last][1] = max(merged[last][1], at[1])
		default:
			merged = append(merged, [2]int{at[0], at[1]})
		}
	}
	return merged
}

// without replaces ranges of s by Redacted.
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
