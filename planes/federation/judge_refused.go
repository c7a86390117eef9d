package federation

import (
	"context"
	"slices"

	"gastown/town"
)

// maxVouchedRows bounds for how many edits one merge vouches.
const maxVouchedRows = 1000

// vouch has this Town stand for edits that it keeps in force against others and that
// their Towns signed with a former key, which not every Town accepts.
func (f *sift) vouch(ctx context.Context, k town.Kind, list []*claim) error {
	var kept []*claim
	var rows []signedBy
	for _, c := range list {
		if c.ours != nil && c.signed && c.verdict != takeTheirs && !c.unchangedThere && len(kept) < maxVouchedRows {
			kept, rows = append(kept, c), append(rows, signedBy{c.here.edit, c.ours.Town})
		}
	}
	found, err := signaturesOf(ctx, f.tx, f.ours, rows)
	if err != nil {
		return err
	}
	for i, c := range kept {
		g, ok := found[rows[i]]
		if now, _ := f.next.Current(g.Town); ok && g.Signer != now && f.maySign() {
			f.fix.stand(town.Key{Kind: k, Name: c.name}, c.here.edit, c.here.level)
		}
	}
	return nil
}

// tell refuses documents. Their texts wait for a person.
func (f *sift) tell(ctx context.Context, k town.Kind, list []*claim) error {
	var names []string
	reasons, signed := map[string]string{}, map[string]bool{}
	for _, c := range list {
		names = append(names, c.name)
		reasons[c.name], signed[c.name] = c.reason, c.denied != ""
	}
	slices.Sort(names)
	parts, err := byName(ctx, f.tx, k, f.theirs, names)
	if err != nil {
		return err
	}
	for part := range parts {
		// Towns with other rows make the same proposal.
		agreed, err := editsByName(ctx, f.tx, k, f.base, part)
		if err != nil {
			return err
		}
		there, err := editsByName(ctx, f.tx, k, f.theirs, part)
		if err != nil {
			return err
		}
		for _, name := range part {
			refusal := Refusal{Row: town.Key{Kind: k, Name: name}.String(), Reason: reasons[name]}
			t := first(plain(there[name]))
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
