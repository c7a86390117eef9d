package ledger

import (
	"cmp"
	"slices"
	"strings"

	"gastown/town"
)

// shortIDs finds the ids that a short one may mean. Each search looks at no more
// ids than begin like it.
type shortIDs struct {
	whole, tails []shortID // in the order of their keys
	// looks counts the ids that were looked at.
	looks int
}

// shortID is an id under what it may begin with: itself, or what follows the
// rig's prefix.
type shortID struct{ key, id string }

func newShortIDs(ids []string) *shortIDs {
	s := &shortIDs{whole: make([]shortID, len(ids)), tails: make([]shortID, len(ids))}
	for i, id := range ids {
		s.whole[i] = shortID{id, id}
		s.tails[i] = shortID{strings.TrimPrefix(id, town.PrefixOf(id)+"-"), id}
	}
	for _, list := range [][]shortID{s.whole, s.tails} {
		slices.SortFunc(list, func(a, b shortID) int {
			return cmp.Or(strings.Compare(a.key, b.key), strings.Compare(a.id, b.id))
		})
	}
	return s
}

// find gives the ids a reference may mean, in order and no more than some; an
// exact one alone if there is one.
func (s *shortIDs) find(ref string) []string {
	if ref == "" {
		return nil
	}
	var found []string
	for _, list := range [][]shortID{s.whole, s.tails} {
		if exact := s.exact(list, ref); len(exact) == 1 {
			return exact
		}
		found = append(found, s.begin(list, ref)...)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// exact are the ids whose key is ref, two at most.
func (s *shortIDs) exact(list []shortID, ref string) (ids []string) {
	for i := first(list, ref); i < len(list) && list[i].key == ref && len(ids) < 2; i++ {
		s.looks++
		ids = append(ids, list[i].id)
	}
	return ids
}

// begin are the ids whose key begins with ref: children of the same depth, and
// one more than an ambiguous id names at most.
func (s *shortIDs) begin(list []shortID, ref string) (ids []string) {
	depth := strings.Count(ref, ".")
	for i := first(list, ref); i < len(list) && strings.HasPrefix(list[i].key, ref) && len(ids) <= maxMatches; i++ {
		s.looks++
		if strings.Count(list[i].id, ".") == depth {
			ids = append(ids, list[i].id)
		}
	}
	return ids
}

func first(list []shortID, key string) int {
	i, _ := slices.BinarySearchFunc(list, key, func(e shortID, key string) int { return strings.Compare(e.key, key) })
	return i
}
