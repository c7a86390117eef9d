package federation

import (
	"context"
	"fmt"
	"slices"

	"gastown/planes/doltdb"
	"gastown/sync/policy"
	"gastown/town"
)

// Holdings is everything a plane holds that a person may have written: what a
// Town brings when it joins a federation whose history is not its own.
type Holdings struct {
	// Rows are the edits in force, by document; a template has all its issues.
	Rows map[town.Key][]town.Edit
	// Archive, Proposals and Resolutions are copied as they are.
	Archive     []town.Edit
	Proposals   []town.Proposal
	Resolutions []Resolution
}

// Holdings reads them at the branch's tip.
func (s *Store) Holdings(ctx context.Context) (h Holdings, err error) {
	h.Rows = map[town.Key][]town.Edit{}
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		for _, k := range town.Kinds {
			order := " ORDER BY name"
			if k == town.KindTemplate {
				order += ", version"
			}
			err := tx.Each(ctx, func(r *doltdb.Rows) error {
				e, err := scanEdit(r, k)
				h.Rows[e.Key] = append(h.Rows[e.Key], e.Edit)
				return err
			}, "SELECT "+columns(k)+" FROM "+rowTable(k)+order)
			if err != nil {
				return err
			}
		}
		return h.readRest(ctx, tx)
	})
	return h, err
}

func (h *Holdings) readRest(ctx context.Context, tx *doltdb.Tx) error {
	err := tx.Each(ctx, func(r *doltdb.Rows) error {
		var e town.Edit
		err := r.Scan(&e.Kind, &e.Name, &e.Version, &e.Text)
		h.Archive = append(h.Archive, e)
		return err
	}, "SELECT kind, name, version, text FROM archive")
	if err != nil {
		return err
	}
	err = tx.Each(ctx, func(r *doltdb.Rows) error {
		p, _, err := scanProposal(r)
		h.Proposals = append(h.Proposals, p)
		return err
	}, "SELECT "+proposalColumns+" FROM proposals")
	if err != nil {
		return err
	}
	return tx.Each(ctx, func(r *doltdb.Rows) error {
		var v Resolution
		err := r.Scan(&v.Proposal, &v.Outcome, &v.Result, &v.Town, &v.Author)
		h.Resolutions = append(h.Resolutions, v)
		return err
	}, "SELECT proposal, outcome, result, town, author FROM resolutions")
}

// Former counts, by document, the texts among the holdings that are not in force.
// A join publishes them too.
func (h Holdings) Former() map[town.Key]int {
	former := map[town.Key]int{}
	for _, e := range h.Archive {
		former[e.Key]++
	}
	for _, p := range h.Proposals {
		if !p.Delete {
			former[p.Key]++
		}
	}
	for key, rows := range h.Rows {
		for _, e := range rows[:len(rows)-1] {
			if !e.Deleted {
				former[key]++
			}
		}
	}
	return former
}

// Adoption is what joining would do with, or did with, a Town's own holdings.
type Adoption struct {
	// Offered are documents of ours that will be in force or proposed for all.
	Offered []town.Key
	Notes   []string
	Commit  string
}

// Adopt merges what a Town held before it joined into the store it joined, in one
// commit with the Town's entry in the registry. starter has the texts that a
// Town began with, the newest first; a document that still has one is not offered. With
// dry set nothing is written, and the result says what would be.
func (s *Store) Adopt(ctx context.Context, h Holdings, starter map[town.Key][]string, self Entry, dry bool) (Adoption, error) {
	var out Adoption
	h = s.inOwnName(h)
	work := func(tx *doltdb.Tx) error {
		c := s.newChangeset()
		for _, k := range town.Kinds {
			if err := s.adoptKind(ctx, tx, k, h, starter, c, &out); err != nil {
				return err
			}
		}
		if dry {
			return nil
		}
		c.retain(h.Archive...)
		c.offer(h.Proposals...)
		known, err := decided(ctx, tx)
		if err != nil {
			return err
		}
		var rows [][]any
		for _, v := range h.Resolutions {
			if known[v.ID()] {
				continue
			}
			if v.Town != s.Town {
				v.Town, v.Author = s.Town, s.Author // see inOwnName
			}
			c.statements = append(c.statements, v.ID())
			rows = append(rows, []any{string(v.ID()), string(v.Proposal), string(v.Outcome), string(v.Result), string(v.Town), v.Author})
		}
		if err := c.write(ctx, tx); err != nil {
			return err
		}
		if err := write(ctx, tx, doltdb.InsertNew, "resolutions", "id, proposal, outcome, result, town, author", rows); err != nil {
			return err
		}
		return s.register(ctx, tx, self)
	}
	if dry {
		return out, s.db.View(ctx, work)
	}
	commit, err := s.db.Update(ctx, fmt.Sprintf("Town %s joins", self.Name), work)
	out.Commit = commit
	return out, err
}

// inOwnName makes what others wrote this Town's own: the Towns of the former federation
// have no keys in this one.
func (s *Store) inOwnName(h Holdings) Holdings {
	own := h
	own.Rows = map[town.Key][]town.Edit{}
	for key, rows := range h.Rows {
		for _, e := range rows {
			if e.Town != s.Town {
				e.Town, e.Author = s.Town, s.Author
			}
			own.Rows[key] = append(own.Rows[key], e)
		}
	}
	return own
}

// decided are the ids of the decisions that the plane has.
func decided(ctx context.Context, tx *doltdb.Tx) (map[town.Digest]bool, error) {
	ids := map[town.Digest]bool{}
	err := tx.Each(ctx, func(r *doltdb.Rows) error {
		var id town.Digest
		err := r.Scan(&id)
		ids[id] = true
		return err
	}, "SELECT id FROM resolutions")
	return ids, err
}

func (s *Store) adoptKind(ctx context.Context, tx *doltdb.Tx, k town.Kind, h Holdings, starter map[town.Key][]string, c *changeset, out *Adoption) error {
	var names []string
	for key, rows := range h.Rows {
		untouched := len(rows) == 1 && slices.Contains(starter[key], rows[0].Text) && !rows[0].Deleted
		if key.Kind == k && !untouched {
			names = append(names, key.Name)
		}
	}
	slices.Sort(names)
	theirs, err := editsByName(ctx, tx, k, "", names)
	if err != nil {
		return err
	}
	if err := c.rise(ctx, tx, k, names); err != nil {
		return err
	}
	for _, name := range names {
		key := town.Key{Kind: k, Name: name}
		ours := h.Rows[key]
		if k == town.KindTemplate {
			merged, notes := policy.Templates(common(ours, plain(theirs[name])), ours, plain(theirs[name]))
			if len(merged) > len(theirs[name]) {
				top := last(merged)
				if before := last(plain(theirs[name])); before != nil {
					top.Revision = max(top.Revision, c.after(key, before.Revision))
				}
				c.issues[name] = merged
				c.sign(append(ours, *top)...)
				out.Offered = append(out.Offered, key)
			}
			out.Notes = append(out.Notes, notes...)
			continue
		}
		if err := s.adoptRow(key, ours[0], theirs[name], starter, c, out); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) adoptRow(key town.Key, ours town.Edit, theirs []row, starter map[town.Key][]string, c *changeset, out *Adoption) error {
	conflict := policy.Conflict{Key: key, Ours: &ours}
	if len(theirs) > 0 {
		conflict.Theirs = &theirs[0].Edit
		if theirs[0].Text == ours.Text {
			return nil
		}
	}
	if texts := starter[key]; len(texts) > 0 {
		base := texts[0]
		if conflict.Theirs != nil && slices.Contains(texts, conflict.Theirs.Text) {
			base = conflict.Theirs.Text // they have not changed it
		}
		conflict.Base = &town.Edit{Key: key, Text: base}
	}
	res, err := policy.Resolve(conflict)
	if err != nil {
		return err
	}
	if res.InForce == conflict.Ours && conflict.Theirs != nil {
		ours.Revision = max(ours.Revision, c.after(key, conflict.Theirs.Revision))
	}
	s.apply(c, key, conflict.Theirs, res)
	c.sign(ours)
	if digest(res.InForce) != digest(conflict.Theirs) || len(res.Propose) > 0 {
		out.Offered = append(out.Offered, key)
	}
	if res.Note != "" {
		out.Notes = append(out.Notes, res.Note)
	}
	return nil
}

// common are the leading issues of b that say the same as those of a.
func common(a, b []town.Edit) []town.Edit {
	n := 0
	for n < len(a) && n < len(b) && a[n].Text == b[n].Text && a[n].Deleted == b[n].Deleted {
		n++
	}
	return b[:n]
}
