package ledger

import (
	"context"
	"reflect"
	"slices"
	"time"

	"gastown/town"
)

// compareRows is how many beads one query reads to compare lines with. The
// engine plans the list of ids for each table of the query: reading 5,000 beads
// takes 1.0 s in lists of 50 to 250, 2.2 s in lists of 1,000 and 1.9 s in lists
// of 10.
const compareRows = 100

// importing is the state of an import in its transaction.
type importing struct {
	*rows
	opts    ImportOptions
	result  *ImportResult
	lines   map[string]int
	undated map[string]bool // beads whose lines have no dates
	drop    []town.Dependency
	renewed []string // beads whose labels are written anew
	revived []string
	decided map[string]bool   // beads whose lines say which links they have
	lost    []town.Dependency // links that led to revived beads
	empty   bool              // no bead was there before
}

// run compares the lines with the ledger, and checks the links.
func (in *importing) run(ctx context.Context, q txn, beads []town.Bead) error {
	ids := make([]string, len(beads))
	for i := range beads {
		ids[i] = beads[i].ID
	}
	slices.Sort(ids)
	here, gone, err := in.load(ctx, q, ids)
	if err != nil {
		return err
	}
	for i := range beads {
		b := &beads[i]
		switch old := here[b.ID]; {
		case gone[b.ID] != nil && !in.opts.Revive:
			in.result.Deleted++
		case old == nil:
			if grave := gone[b.ID]; grave != nil {
				in.revive(grave, b)
			} else {
				in.decide(b.ID)
			}
			in.result.Created++
			if in.undated[b.ID] {
				in.date(b, town.Bead{CreatedAt: in.at, UpdatedAt: in.at})
			}
			in.add(b)
			in.event(b.ID, "imported", "", "", "")
		default:
			in.replace(old, b)
		}
	}
	if err := in.adoptWords(ctx, q, beads); err != nil {
		return err
	}
	if err := in.relink(ctx, q); err != nil {
		return err
	}
	return in.check(ctx, q, here)
}

// load reads the beads that exist, and those that were deleted.
func (in *importing) load(ctx context.Context, q txn, ids []string) (map[string]*Detail, map[string]*buried, error) {
	here := map[string]*Detail{}
	beads, err := q.count(ctx, "issues")
	if err != nil {
		return nil, nil, err
	}
	in.empty = beads == 0
	if !in.empty {
		fields := append(slices.Clone(touched), "comments")
		for part := range slices.Chunk(ids, compareRows) {
			if err := q.details(ctx, part, fields, here); err != nil {
				return nil, nil, err
			}
		}
	}
	if dead, err := q.count(ctx, "tombstones"); err != nil || dead == 0 {
		return here, nil, err
	}
	gone, err := q.tombstones(ctx, ids)
	return here, gone, err
}

// replace applies a line to an existing bead.
func (in *importing) replace(old *Detail, b *town.Bead) {
	was := old.Bead
	was.Dependencies = links(was.ID, old.Dependencies, false)
	undated := in.undated[b.ID]
	if undated {
		in.date(b, was)
	}
	// Comments are added to, whether the line is older or newer: an import
	// neither removes nor drops what somebody wrote.
	merged := *b
	merged.Comments = mergeComments(was.Comments, b.Comments)
	said := slices.Clone(merged.Comments[len(was.Comments):])
	if was.UpdatedAt.Equal(merged.UpdatedAt) && !undated && !in.opts.Force {
		// Neither is newer, and other programs do not date links.
		merged.Dependencies = slices.Concat(b.Dependencies, was.Dependencies)
	}
	arrange(&was)
	arrange(&merged)
	if sameBead(was, merged) {
		in.result.Unchanged++
		return
	}
	if (undated || was.UpdatedAt.After(merged.UpdatedAt)) && !in.opts.Force {
		in.result.Older++
		in.notes = append(in.notes, said...)
		return
	}
	in.result.Updated++
	if in.opts.Force || merged.UpdatedAt.After(was.UpdatedAt) {
		in.decide(b.ID)
	}
	if undated {
		merged.UpdatedAt = in.later(was.UpdatedAt)
	}
	kept := make(map[string]bool, len(merged.Dependencies))
	for _, d := range merged.Dependencies {
		kept[linkKey(d)] = true
	}
	for _, d := range was.Dependencies {
		if !kept[linkKey(d)] {
			in.drop = append(in.drop, d)
		}
	}
	e := newEditing(in.rows)
	e.diff(&was, &merged)
	in.event(b.ID, "imported", "", "", "")
	*b = merged
	in.beads = append(in.beads, b)
	in.renewed = append(in.renewed, b.ID)
	in.belongings(b)
}

// decide records that the line of a bead says which links it has.
func (in *importing) decide(id string) {
	if in.decided == nil {
		in.decided = map[string]bool{}
	}
	in.decided[id] = true
}

// revive brings back a deleted bead with all its comments. What was deleted stays as
// it was, unless the line is newer.
func (in *importing) revive(grave *buried, b *town.Bead) {
	in.revived = append(in.revived, b.ID)
	grave.restoreExtra()
	undated := in.undated[b.ID]
	if undated {
		in.date(b, grave.Bead)
		delete(in.undated, b.ID)
	}
	comments := mergeComments(grave.Comments, b.Comments)
	switch {
	case in.opts.Force, b.UpdatedAt.After(grave.UpdatedAt) && !undated:
		in.decide(b.ID)
	case undated, grave.UpdatedAt.After(b.UpdatedAt):
		*b = grave.Bead
	default: // neither is newer
		b.Dependencies = slices.Concat(b.Dependencies, grave.Bead.Dependencies)
		arrange(b)
	}
	b.Comments = comments
	in.lost = append(in.lost, grave.Dependents...)
}

// date gives a bead without dates those of another, and its links those that the
// other's have.
func (in *importing) date(b *town.Bead, like town.Bead) {
	dated := map[string]town.Dependency{}
	for _, d := range like.Dependencies {
		dated[linkKey(d)] = d
	}
	fill := func(t *time.Time, at time.Time) {
		if t != nil && t.Equal(undatedAt) {
			*t = at
		}
	}
	for i := range b.Dependencies {
		d := &b.Dependencies[i]
		if old, ok := dated[linkKey(*d)]; ok && d.CreatedAt.Equal(undatedAt) {
			*d = old
		}
		fill(&d.CreatedAt, in.at)
	}
	for i := range b.Comments {
		fill(&b.Comments[i].CreatedAt, in.at)
	}
	closed := in.at
	if like.ClosedAt != nil {
		closed = *like.ClosedAt
	}
	fill(b.ClosedAt, closed)
	b.CreatedAt, b.UpdatedAt = like.CreatedAt, like.UpdatedAt
}

// sameBead compares two beads as they are stored; nil equals an empty list.
func sameBead(a, b town.Bead) bool {
	for _, c := range columns {
		if c.get(&a) != c.get(&b) {
			return false
		}
	}
	return slices.Equal(a.Labels, b.Labels) && slices.Equal(a.Dependencies, b.Dependencies) &&
		(len(a.Comments) == 0 && len(b.Comments) == 0 || reflect.DeepEqual(a.Comments, b.Comments))
}

func (in *importing) store(ctx context.Context, q txn) error {
	for _, d := range in.drop {
		if err := q.unlink(ctx, d); err != nil {
			return err
		}
	}
	if err := remove(ctx, q, "labels", "issue_id", in.renewed); err != nil {
		return err
	}
	if err := remove(ctx, q, "tombstones", "id", in.revived); err != nil {
		return err
	}
	return in.rows.store(ctx, q)
}
