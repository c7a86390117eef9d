package ledger

import (
	"cmp"
	"slices"
	"strings"

	"gastown/town"
)

// shortIDs finds the ids that a short one may mean. Each search looks only at
// ids that begin with the short one.
type shortIDs struct {
	whole, tails []shortID // in the order of their keys
	// looks counts the ids that were looked at.
	looks int
}

// shortID is an id and a key by which it may be found: the id itself, or the
// part after the rig's prefix.
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

// find returns the ids that a reference may mean, sorted, and not more than a
// few. An exact match is returned alone.
func (s *shortIDs) find(ref string) []string {
	if ref == "" {
		return nil
	}
	var found []string
	for i, list := range [][]shortID{s.whole, s.tails} {
		if exact := s.exact(list, ref); len(exact) == 1 {
			return exact
		}
		whole := i == 0
		if strings.HasSuffix(ref, "-") || strings.HasSuffix(ref, ".") || whole && !strings.Contains(ref, "-") {
			continue // a prefix or a parent alone, as gt-$N without a value for N
		}
		found = append(found, s.begin(list, ref)...)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// exact returns the ids whose key is ref, two at most.
func (s *shortIDs) exact(list []shortID, ref string) (ids []string) {
	for i := first(list, ref); i < len(list) && list[i].key == ref && len(ids) < 2; i++ {
		s.looks++
		ids = append(ids, list[i].id)
	}
	return ids
}

// begin returns the ids whose key begins with ref and that are children of the
// same depth. It returns at most one more than the error about an ambiguous id
// lists.
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
