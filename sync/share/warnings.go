package share

import (
	"fmt"
	"slices"

	"gastown/town"
)

// Warning is something about a rule that its writer may not have meant. It keeps no
// rule from being used.
type Warning struct {
	Rule string `json:"rule"`
	What string `json:"what"`
}

func (w Warning) String() string { return "rule " + w.Rule + ": " + w.What }

// Everything reports whether the rule has no condition, so that it selects every bead.
func (r Rule) Everything() bool {
	return r.Rig == "" && len(r.Types)+len(r.Statuses)+len(r.Labels) == 0
}

// Seen is what the beads of a ledger have, for Warnings. The zero value has seen none.
type Seen struct {
	types              map[town.BeadType]bool
	statuses           map[town.Status]bool
	labels, idPrefixes map[string]bool
}

// Add notes what a bead has.
func (s *Seen) Add(b town.Bead) {
	if s.types == nil {
		*s = Seen{map[town.BeadType]bool{}, map[town.Status]bool{}, map[string]bool{}, map[string]bool{}}
	}
	s.types[b.Type], s.statuses[b.Status], s.idPrefixes[town.PrefixOf(b.ID)] = true, true, true
	for _, l := range b.Labels {
		s.labels[l] = true
	}
}

// Warnings are the rules that select every bead, and the rigs, types, statuses and
// labels of rules that no bead has. prefixes are as in Select. Beads must have been
// read with the fields that Names lists.
func (rules Rules) Warnings(seen Seen, prefixes map[string]string) (all []Warning) {
	for _, r := range rules {
		add := func(format string, args ...any) { all = append(all, Warning{r.Name, fmt.Sprintf(format, args...)}) }
		if r.Everything() {
			add("it has no condition, so it shares every bead of this Town")
		}
		if r.Rig != "" && !seen.idPrefixes[r.prefix(prefixes)] {
			if _, known := prefixes[r.Rig]; known {
				add("no bead is of the rig %s", r.Rig)
			} else {
				add("no rig is called %s, and no bead's id begins with %s-", r.Rig, r.Rig)
			}
		}
		warnUnseen(add, "type", r.Types, seen.types)
		warnUnseen(add, "status", r.Statuses, seen.statuses)
		warnUnseen(add, "label", r.Labels, seen.labels)
	}
	return all
}

func warnUnseen[T ~string](add func(string, ...any), what string, wanted []T, seen map[T]bool) {
	for _, w := range slices.Sorted(slices.Values(wanted)) {
		if !seen[w] {
			add("no bead has the %s %s", what, w)
		}
	}
}
