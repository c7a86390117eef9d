package federation

import (
	"context"
	"strconv"

	"gastown/town"
)

// templates sifts the issues of templates. A merge adds issues, and may number them
// again; it never removes one, changes one, or puts an old one on top.
func (f *sift) templates(ctx context.Context) error {
	names, err := changedNames(ctx, f.tx, town.KindTemplate, f.ours, f.to)
	if err != nil {
		return err
	}
	parts, err := byName(ctx, f.tx, town.KindTemplate, f.at(), names)
	if err != nil {
		return err
	}
	for part := range parts {
		here, err := editsByName(ctx, f.tx, town.KindTemplate, f.ours, part)
		if err != nil {
			return err
		}
		there, err := editsBeside(ctx, f.tx, town.KindTemplate, f.at(), part, here)
		if err != nil {
			return err
		}
		agreed, err := newestByName(ctx, f.tx, town.KindTemplate, f.base, part)
		if err != nil {
			return err
		}
		var rows []signedBy
		for _, issues := range there {
			for _, e := range issues {
				rows = append(rows, signedBy{statement(e.Edit), e.Town})
			}
		}
		signed, known, err := f.signed(ctx, rows)
		if err != nil {
			return err
		}
		for _, name := range part {
			f.template(name, shown(plain(agreed[name])), plain(here[name]), there[name], signed, known)
		}
	}
	return nil
}

// said is what makes issues alike.
type said struct {
	text    string
	deleted bool
}

func (f *sift) template(name string, agreed *town.Edit, here []town.Edit, there []row, signed, known map[signedBy]bool) {
	had, says := map[signedBy]bool{}, map[said]bool{}
	for _, e := range here {
		had[signedBy{statement(e), e.Town}] = true
	}
	var added, bad []town.Edit
	for _, r := range there {
		at := signedBy{statement(r.Edit), r.Town}
		says[said{r.Text, r.Deleted}] = true
		switch {
		case had[at]:
		case !r.intact() || !signed[at]:
			bad = append(bad, r.Edit)
		case !known[at]:
			added = append(added, r.Edit)
		}
	}
	reason := ""
	switch top := last(plain(there)); {
	case len(bad) > 0:
		reason = notSigned
	case top != nil && len(here) > 0 && had[signedBy{statement(*top), top.Town}] && said{top.Text, top.Deleted} != said{last(here).Text, last(here).Deleted}:
		reason = putBackAgain
	}
	for _, e := range here {
		if reason == "" && !says[said{e.Text, e.Deleted}] {
			reason = "an issue of it was changed or removed"
		}
	}
	if reason == "" {
		return
	}
	issues := here
	for _, e := range added {
		n := 1
		if before := last(issues); before != nil {
			n = number(*before) + 1
			if before.Text == e.Text && before.Deleted == e.Deleted {
				continue
			}
		}
		e.Version = strconv.Itoa(n)
		issues = append(issues[:len(issues):len(issues)], e)
	}
	key := town.Key{Kind: town.KindTemplate, Name: name}
	f.fix.issues[name] = issues
	refusal := Refusal{Row: key.String(), Reason: reason}
	if newest := last(bad); newest != nil {
		refusal.Town, refusal.Author = newest.Town, newest.Author
		if newest.Deleted {
			newest = nil
		}
		refusal.Review = f.propose(key, agreed, newest)
	}
	f.refused = append(f.refused, refusal)
}
