package ledger

import (
	"context"
	"maps"
	"slices"

	"gastown/planes/doltdb"
	"gastown/town"
)

// check warns of links to beads that do not exist, and then checks for cycles.
func (in *importing) check(ctx context.Context, q txn, here map[string]*Detail) error {
	nowhere := map[string]bool{}
	for _, d := range in.links {
		if in.lines[d.Target] == 0 && here[d.Target] == nil && !External(d.Target) {
			nowhere[d.Target] = true
		}
	}
	if !in.empty {
		if err := q.removeExisting(ctx, nowhere); err != nil {
			return err
		}
	}
	for _, d := range in.links {
		if nowhere[d.Target] {
			in.result.warn("line %d: %s %s %s, which does not exist", in.lines[d.Bead], d.Bead, d.Type, d.Target)
		}
	}
	return in.checkCycles(ctx, q)
}

// relink brings back the links that led to revived beads, from beads that exist. It
// leaves alone those of beads whose lines say which links they have, and of children that
// have another parent by now.
func (in *importing) relink(ctx context.Context, q txn) error {
	absent := map[string]bool{}
	for _, d := range in.lost {
		absent[d.Bead] = true
	}
	for _, b := range in.fresh {
		delete(absent, b.ID)
	}
	if err := q.removeExisting(ctx, absent); err != nil {
		return err
	}
	var children []string
	for _, d := range in.lost {
		if d.Type == town.DepParent {
			children = append(children, d.Bead)
		}
	}
	parents, err := q.parents(ctx, children)
	if err != nil {
		return err
	}
	parents.add(in.links)
	there := map[string]bool{}
	for _, d := range in.links {
		there[linkKey(d)] = true
	}
	for _, d := range in.lost {
		if !absent[d.Bead] && !in.decided[d.Bead] && !there[linkKey(d)] && !parents.moved(d) {
			in.links = append(in.links, d)
		}
	}
	return nil
}

// lineOf is the line that brought a link: its bead's, or that of the revived bead to
// which it leads.
func (in *importing) lineOf(d town.Dependency) int {
	if line := in.lines[d.Bead]; line > 0 {
		return line
	}
	return in.lines[d.Target]
}

// removeExisting removes from a set the ids that beads have, in one query. For
// many ids it reads all ids of the ledger, because that is faster than planning
// a long list.
func (q txn) removeExisting(ctx context.Context, ids map[string]bool) error {
	if len(ids) == 0 {
		return nil
	}
	query, args := "SELECT id FROM issues", []any(nil)
	if len(ids) <= batchRows {
		args = anys(slices.Sorted(maps.Keys(ids)))
		query += " WHERE id IN (" + marks(len(args)) + ")"
	}
	return q.each(ctx, func(rows *doltdb.Rows) error {
		var id string
		err := rows.Scan(&id)
		delete(ids, id)
		return err
	}, query, args...)
}

// checkCycles leaves out the links that close a cycle, or refuses them with Strict, each
// by its line. Of a parent and its child that wait for each other the family remains.
func (in *importing) checkCycles(ctx context.Context, q txn) error {
	if !anyBlocking(in.links) {
		return nil
	}
	if err := q.markLinks(ctx); err != nil {
		return err
	}
	old, err := q.reach(ctx, in.links)
	if err != nil {
		return err
	}
	gone, there := map[string]bool{}, map[string]bool{}
	for _, d := range in.drop {
		gone[linkKey(d)] = true
	}
	for _, d := range old {
		there[linkKey(d)] = true
	}
	fresh := slices.DeleteFunc(slices.Clone(in.links), func(d town.Dependency) bool { return there[linkKey(d)] })
	family := func(d town.Dependency) int {
		if d.Type == town.DepParent {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(fresh, func(a, b town.Dependency) int { return family(a) - family(b) }) // the last one of a cycle goes
	found := closings(fresh, old, gone)
	slices.SortStableFunc(found, func(a, b closing) int { return in.lineOf(a.link) - in.lineOf(b.link) })
	var bad batch
	leave := map[string]bool{}
	for _, c := range found {
		line := in.lineOf(c.link)
		if in.opts.Strict {
			bad.add(line-1, line, c.link.Bead, c.err())
			continue
		}
		leave[linkKey(c.link)] = true
		in.result.warn("line %d: %s: its link %s %s is left out, because it closes a cycle: %s", line, c.link.Bead, c.link.Type, c.link.Target, cyclePath(c.path))
	}
	in.links = slices.DeleteFunc(in.links, func(d town.Dependency) bool { return leave[linkKey(d)] })
	return bad.err()
}
