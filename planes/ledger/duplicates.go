package ledger

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"

	"gastown/town"
)

// Twin is a bead that says the same as another one.
type Twin struct {
	ID       string      `json:"id"`
	Title    string      `json:"title"`
	Status   town.Status `json:"status"`
	Priority int         `json:"priority"`
	// References is how often texts of beads name it.
	References   int `json:"references"`
	Dependents   int `json:"dependents"`
	Dependencies int `json:"dependencies"`
	// Weight says how much would be lost with it: dependents count three times.
	Weight int  `json:"weight"`
	Target bool `json:"is_merge_target"`
}

// Twins are beads that say the same. The Target is the one to keep, the Sources are the
// others.
type Twins struct {
	Title   string   `json:"title"`
	Issues  []Twin   `json:"issues"`
	Target  string   `json:"suggested_target"`
	Sources []string `json:"suggested_sources"`
}

// Duplicates returns the beads that are not closed and have the same texts and status, in
// groups. It reads every open bead once and, if some are alike, every bead once more to
// count who names those.
func (s *Store) Duplicates(ctx context.Context) ([]Twins, error) {
	byText := map[[sha256.Size]byte][]Twin{}
	open := Filter{
		Not:    []town.Status{town.StatusClosed},
		Fields: Fields{"title", "description", "design", "acceptance_criteria", "status", "priority", "dependency_count", "dependent_count"},
	}
	err := s.List(ctx, open, func(i Item) error {
		key := sha256.Sum256(fmt.Appendf(nil, "%q", []string{i.Title, i.Description, i.Design, i.AcceptanceCriteria, string(i.Status)}))
		byText[key] = append(byText[key], Twin{
			ID: i.ID, Title: i.Title, Status: i.Status, Priority: i.Priority, Dependents: i.DependentCount, Dependencies: i.DependencyCount,
			Weight: 3*i.DependentCount + i.DependencyCount,
		})
		return nil
	})
	if err != nil {
		return nil, err
	}
	mentions := map[string]int{}
	for key, group := range byText {
		if len(group) < 2 {
			delete(byText, key)
			continue
		}
		for _, t := range group {
			mentions[t.ID] = 0
		}
	}
	if len(byText) > 0 {
		if err := s.countMentions(ctx, mentions); err != nil {
			return nil, err
		}
	}
	groups := []Twins{}
	for _, group := range byText {
		groups = append(groups, suggest(group, mentions))
	}
	slices.SortFunc(groups, func(a, b Twins) int { return cmp.Compare(a.Target, b.Target) })
	return groups, nil
}

// countMentions counts how often the texts of beads name each of some ids.
func (s *Store) countMentions(ctx context.Context, mentions map[string]int) error {
	texts := Filter{Fields: Fields{"description", "design", "acceptance_criteria", "notes"}}
	return s.List(ctx, texts, func(i Item) error {
		for _, text := range []string{i.Description, i.Design, i.AcceptanceCriteria, i.Notes} {
			for _, id := range IDsIn(text) {
				if _, asked := mentions[id]; asked {
					mentions[id]++
				}
			}
		}
		return nil
	})
}

// suggest chooses which bead to keep: the one with most links, then the one that is named
// most often, then the first by id.
func suggest(group []Twin, mentions map[string]int) Twins {
	for i := range group {
		group[i].References = mentions[group[i].ID]
	}
	slices.SortFunc(group, func(a, b Twin) int {
		return cmp.Or(cmp.Compare(b.Weight, a.Weight), cmp.Compare(b.References, a.References), cmp.Compare(a.ID, b.ID))
	})
	group[0].Target = true
	t := Twins{Title: group[0].Title, Issues: group, Target: group[0].ID}
	for _, source := range group[1:] {
		t.Sources = append(t.Sources, source.ID)
	}
	return t
}

// Merged is what became of beads that say the same. Children are the beads that the
// target got from the sources.
type Merged struct {
	Target   string   `json:"target"`
	Sources  []string `json:"sources"`
	Children []string `json:"reparented"`
}

// MergeTwins merges every group into the bead to keep.
func (c *Change) MergeTwins(ctx context.Context, groups []Twins) (merged []Merged, err error) {
	for _, t := range groups {
		children, err := c.Merge(ctx, t.Target, t.Sources)
		if err != nil {
			return nil, err
		}
		merged = append(merged, Merged{t.Target, t.Sources, append([]string{}, children...)})
	}
	return merged, nil
}
