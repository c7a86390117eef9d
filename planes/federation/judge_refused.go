package federation

import (
	"context"
	"slices"

	"gastown/town"
)

// refuseDocuments notes that documents, as they are at a revision, were not taken. Their texts
// wait for a person.
func (f *sift) refuseDocuments(ctx context.Context, k town.Kind, revision string, list []*difference) error {
	var names []string
	reasons, signed := map[string]string{}, map[string]bool{}
	for _, d := range list {
		names = append(names, d.name)
		reasons[d.name], signed[d.name] = d.reason, d.denied != "" || d.yields
	}
	slices.Sort(names)
	parts, err := byName(ctx, f.tx, k, revision, names)
	if err != nil {
		return err
	}
	for part := range parts {
		// Towns with other rows make the same proposal.
		agreed, err := editsByName(ctx, f.tx, k, f.base, part)
		if err != nil {
			return err
		}
		refused, err := editsByName(ctx, f.tx, k, revision, part)
		if err != nil {
			return err
		}
		for _, name := range part {
			refusal := Refusal{Row: town.Key{Kind: k, Name: name}.String(), Reason: reasons[name]}
			t := first(plain(refused[name]))
			if t != nil {
				refusal.Town, refusal.Author = t.Town, t.Author
			}
			if t != nil && signed[name] {
				f.fix.retain(*t) // also where no review has it
			}
			refusal.Review = f.propose(town.Key{Kind: k, Name: name}, first(plain(agreed[name])), t)
			f.refused = append(f.refused, refusal)
		}
	}
	return nil
}
