package federation

import (
	"context"
	"slices"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Claim makes what another program, such as the stock dolt, wrote into this Town's own
// plane since a commit of it the Town's: rows that no Town has signed become edits by
// this one, on top of what they replaced, and the texts they replaced are archived. So
// other Towns take them. Whoever can write there could have used gt. It returns the
// commit; "" when there was nothing to claim, or where documents need no signature.
func (s *Store) Claim(ctx context.Context, since string) (string, error) {
	if s.Keys == nil || since == "" || !s.checksDocuments() {
		return "", nil
	}
	head, err := s.Head(ctx)
	if err != nil {
		return "", err
	}
	return s.db.Update(ctx, "take rows another program wrote as this Town's", func(tx *doltdb.Tx) error {
		c := s.newChangeset()
		for _, k := range town.Kinds {
			names, err := changedNames(ctx, tx, k, since, head)
			if err != nil && !unlike(ctx, tx, rowTable(k), since, head) {
				return err
			}
			parts, err := byName(ctx, tx, k, "", names)
			if err != nil {
				return err
			}
			for part := range parts {
				if err := s.claimPart(ctx, tx, k, since, part, c); err != nil {
					return err
				}
			}
		}
		return c.write(ctx, tx)
	})
}

func (s *Store) claimPart(ctx context.Context, tx *doltdb.Tx, k town.Kind, since string, names []string, c *changeset) error {
	now, err := editsByName(ctx, tx, k, "", names)
	if err != nil {
		return err
	}
	var rows []signedBy
	for _, list := range now {
		for _, r := range list {
			rows = append(rows, signedBy{statement(r.Edit), r.Town})
		}
	}
	signed, err := signaturesOf(ctx, tx, "", rows)
	if err != nil {
		return err
	}
	own := func(r row) bool {
		_, ok := signed[signedBy{statement(r.Edit), r.Town}]
		return r.intact() && ok
	}
	before, err := editsBeside(ctx, tx, k, since, names, now)
	if err != nil {
		return err
	}
	stood, err := s.levelsOf(ctx, tx, k, "", names)
	if err != nil {
		return err
	}
	for _, name := range names {
		was := plain(before[name])
		c.above[town.Key{Kind: k, Name: name}] = stood[name].top()
		switch {
		case k == town.KindTemplate:
			s.claimIssues(c, name, was, now[name], own)
		case len(now[name]) == 0:
			if len(was) > 0 && stood[name].of(nil).level <= was[0].Revision {
				c.retain(was...)
				c.remove(was[0])
			}
		case !own(now[name][0]) || stood[name].of(&now[name][0].Edit).compare(stood[name].of(first(was))) < 0:
			e := now[name][0].Edit
			e.Town, e.Author, e.Revision = s.Town, s.Author, max(e.Revision, c.after(e.Key, 0))
			if len(was) > 0 {
				e.Revision = max(e.Revision, was[0].Revision+1)
				c.retain(was...)
			}
			c.force(e.Key, &e)
			c.sign(e)
		}
	}
	return nil
}

func first(edits []town.Edit) *town.Edit {
	if len(edits) == 0 {
		return nil
	}
	return &edits[0]
}

// claimIssues takes what another program did to a template as new issues. Issues that a
// Town signed keep their numbers, unless some that were there are gone: those come first.
func (s *Store) claimIssues(c *changeset, name string, was []town.Edit, now []row, own func(row) bool) {
	alike := func(a, b town.Edit) bool { return a.Text == b.Text && a.Deleted == b.Deleted }
	had := statements(was)
	var issues, others []town.Edit
	for _, r := range now {
		if own(r) || had[statement(r.Edit)] {
			issues = append(issues, r.Edit)
		} else {
			others = append(others, r.Edit)
		}
	}
	changed := len(without(was, issues)) > 0
	if changed {
		issues = numbered(was, without(issues, was))
	}
	add := func(e town.Edit) {
		e.Town, e.Author, e.Revision = s.Town, s.Author, 1
		if before := last(issues); before != nil {
			e.Revision = before.Revision + 1
		}
		e.Revision = max(e.Revision, c.after(e.Key, 0))
		issues, changed = numbered(issues, []town.Edit{e}), true
		c.sign(*last(issues))
	}
	for _, e := range others {
		if !slices.ContainsFunc(issues, func(i town.Edit) bool { return alike(i, e) }) {
			add(e)
		}
	}
	switch top := last(plain(now)); {
	case top == nil && shown(issues) != nil:
		add(town.Edit{Key: town.Key{Kind: town.KindTemplate, Name: name}, Deleted: true})
	case top != nil && !alike(*top, *last(issues)):
		add(*top)
	}
	if changed {
		c.issues[name] = issues
	}
}
