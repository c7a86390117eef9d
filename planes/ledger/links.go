package ledger

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gastown/planes/doltdb"
	"gastown/town"
)

// blocking are the types of links that make one bead wait for another. They may not
// form a cycle, see waitGraph.
var blocking = []town.DepType{town.DepBlocks, town.DepParent, town.DepConditional, town.DepWaitsFor}

// DepAdd makes links, all or none, in one commit, and returns how many it changed. A
// link that exists is left as it is, but gets the metadata that is given. Errors are a
// BatchError: UnknownError for either end, ErrCycle.
func (s *Store) DepAdd(ctx context.Context, list []town.Dependency) (added int, err error) {
	if len(list) == 0 {
		return 0, nil
	}
	message := fmt.Sprintf("link %s to %s", list[0].Bead, list[0].Target)
	if len(list) > 1 {
		message = fmt.Sprintf("link %d pairs of beads", len(list))
	}
	err = s.write(ctx, message, func(q txn) error {
		added, err = s.depAdd(ctx, q, list)
		return err
	})
	return added, s.withNearest(ctx, err)
}

// depAdd makes links in a transaction.
func (s *Store) depAdd(ctx context.Context, q txn, list []town.Dependency) (added int, err error) {
	r := s.change()
	fresh, described, err := s.newLinks(ctx, q, list, r)
	if err != nil {
		return 0, err
	}
	var changed []string
	at := map[string]int{}
	for i, d := range list {
		at[linkKey(town.Dependency{Bead: d.Bead, Target: d.Target, Type: or(d.Type, town.DepBlocks)})] = i
	}
	for _, d := range fresh {
		r.links = append(r.links, d)
		r.event(d.Bead, "linked", string(d.Type), "", d.Target)
		changed = append(changed, d.Bead)
	}
	for _, d := range described {
		if _, err := q.exec(ctx, "UPDATE dependencies SET metadata = ? WHERE issue_id = ? AND depends_on_id = ? AND type = ?",
			d.Metadata, d.Bead, d.Target, string(d.Type)); err != nil {
			return 0, err
		}
		r.event(d.Bead, "linked", string(d.Type), "", d.Target)
		changed = append(changed, d.Bead)
	}
	if err := q.touch(ctx, r.at, changed); err != nil {
		return 0, err
	}
	if err := q.link(ctx, r.links, func(c closing) (int, int) { return at[linkKey(c.link)], 0 }); err != nil {
		return 0, err
	}
	return len(changed), r.store(ctx, q)
}

// newLinks completes and checks links. It returns those that are new, and those that
// exist and get other metadata.
func (s *Store) newLinks(ctx context.Context, q txn, list []town.Dependency, r *rows) (fresh, described []town.Dependency, err error) {
	var ids []string
	for _, d := range list {
		ids = append(ids, d.Bead, d.Target)
	}
	live, there, err := q.ends(ctx, ids)
	if err != nil {
		return nil, nil, err
	}
	var bad batch
	for i, d := range list {
		d.Type, d.CreatedBy = or(d.Type, town.DepBlocks), or(d.CreatedBy, r.actor)
		d.CreatedAt = orTime(d.CreatedAt, r.at)
		if err := d.Validate(); err != nil {
			bad.add(i, 0, d.Bead, err)
			continue
		}
		for _, id := range []string{d.Bead, d.Target} {
			if !live[id] && !External(id) {
				bad.add(i, 0, d.Bead, &UnknownError{ID: id})
			}
		}
		switch metadata, exists := there[linkKey(d)]; {
		case !exists:
			fresh = append(fresh, d)
		case d.Metadata != "" && d.Metadata != metadata:
			described = append(described, d)
		default:
			continue
		}
		there[linkKey(d)] = d.Metadata
	}
	return fresh, described, bad.err()
}

func linkKey(d town.Dependency) string { return d.Bead + " " + d.Target + " " + string(d.Type) }

// ends reads which beads exist, and the metadata of their outgoing links.
func (q txn) ends(ctx context.Context, ids []string) (live map[string]bool, links map[string]string, err error) {
	live, links = map[string]bool{}, map[string]string{}
	slices.Sort(ids)
	for part := range slices.Chunk(slices.Compact(ids), batchRows) {
		in := " IN (" + marks(len(part)) + ")"
		err := q.each(ctx, func(rows *doltdb.Rows) error {
			var d town.Dependency
			if err := rows.Scan(&d.Bead, &d.Target, &d.Type, textTo{&d.Metadata}); err != nil {
				return err
			}
			if d.Target == "" {
				live[d.Bead] = true
			} else {
				links[linkKey(d)] = d.Metadata
			}
			return nil
		}, "SELECT id AS o, '' AS t, '' AS w, '' AS m FROM issues WHERE id"+in+
			" UNION ALL SELECT issue_id AS o, depends_on_id AS t, type AS w, CAST(COALESCE(metadata, '') AS CHAR) AS m FROM dependencies WHERE issue_id"+in,
			append(anys(part), anys(part)...)...)
		if err != nil {
			return nil, nil, err
		}
	}
	return live, links, nil
}

// DepRemove removes the links from a bead to a target, of one type or, when
// kind is empty, of any, and returns how many there were.
func (s *Store) DepRemove(ctx context.Context, bead, target string, kind town.DepType) (removed int, err error) {
	err = s.write(ctx, fmt.Sprintf("unlink %s from %s", bead, target), func(q txn) error {
		removed, err = s.depRemove(ctx, q, bead, target, kind)
		return err
	})
	return removed, err
}

// depRemove removes links in a transaction.
func (s *Store) depRemove(ctx context.Context, q txn, bead, target string, kind town.DepType) (removed int, err error) {
	_, links, err := q.ends(ctx, []string{bead})
	if err != nil {
		return 0, err
	}
	r := s.change()
	for key := range links {
		part := strings.Split(key, " ")
		if part[1] != target || kind != "" && part[2] != string(kind) {
			continue
		}
		removed++
		r.event(bead, "unlinked", part[2], target, "")
		if err := q.unlink(ctx, town.Dependency{Bead: bead, Target: target, Type: town.DepType(part[2])}); err != nil {
			return 0, err
		}
	}
	if removed > 0 {
		if err := q.touch(ctx, r.at, []string{bead}); err != nil {
			return 0, err
		}
	}
	return removed, r.store(ctx, q)
}

func (q txn) unlink(ctx context.Context, d town.Dependency) error {
	_, err := q.exec(ctx, "DELETE FROM dependencies WHERE issue_id = ? AND depends_on_id = ? AND type = ?", d.Bead, d.Target, string(d.Type))
	return err
}

// anyBlocking reports whether any of the links makes a bead wait.
func anyBlocking(list []town.Dependency) bool {
	return slices.ContainsFunc(list, func(d town.Dependency) bool { return slices.Contains(blocking, d.Type) })
}

// markLinks writes one row in every transaction that adds links. When two
// writers each add half of a cycle at the same time, their transactions
// conflict, and one is run again.
func (q txn) markLinks(ctx context.Context) error {
	_, err := q.exec(ctx, "REPLACE INTO guards (name, value) VALUES ('links', ?)", town.NewBeadID("g", 20))
	return err
}

// maxSeeds is for how many new links only the old links reachable from them are
// read. For more, all links are read.
const maxSeeds = 20

// reach returns the old links that new ones may form cycles with, in one query. From a
// bead that must be closed it goes on to what that waits for, and to its children; from
// one that must be startable only to what that waits for.
func (q txn) reach(ctx context.Context, fresh []town.Dependency) (old []town.Dependency, err error) {
	closes, starts := map[string]bool{}, map[string]bool{}
	n := 0
	for _, d := range fresh {
		switch {
		case !slices.Contains(blocking, d.Type):
			continue
		case d.Type == town.DepParent:
			closes[d.Bead], starts[d.Target] = true, true
		default:
			closes[d.Target] = true
		}
		n++
	}
	if n > maxSeeds {
		return q.blockingLinks(ctx)
	}
	kinds := anys(words(blocking))
	in := func(ids map[string]bool) (string, []any) {
		return " IN (" + marks(len(ids)) + ")", anys(slices.Sorted(maps.Keys(ids)))
	}
	some, list := in(closes)
	ofKind := "d.type IN (" + marks(len(blocking)) + ")"
	first := "SELECT issue_id, 1 FROM dependencies WHERE issue_id" + some +
		" UNION SELECT depends_on_id, 1 FROM dependencies WHERE type = 'parent-child' AND depends_on_id" + some
	args := slices.Concat(list, list)
	if len(starts) > 0 {
		some, list = in(starts)
		first += " UNION SELECT issue_id, 0 FROM dependencies WHERE issue_id" + some
		args = append(args, list...)
	}
	return q.scanLinks(ctx, "WITH RECURSIVE r (id, ends) AS ("+first+
		" UNION SELECT d.depends_on_id, CASE WHEN d.type = 'parent-child' THEN 0 ELSE 1 END FROM r JOIN dependencies d ON d.issue_id = r.id WHERE "+within+ofKind+
		" UNION SELECT d.issue_id, 1 FROM r JOIN dependencies d ON d.depends_on_id = r.id WHERE r.ends = 1 AND d.type = 'parent-child')"+
		" SELECT DISTINCT d.issue_id, d.depends_on_id, d.type FROM r JOIN dependencies d ON d.issue_id = r.id WHERE "+ofKind,
		slices.Concat(args, kinds, kinds)...)
}

// blockingLinks returns all links that hold work up.
func (q txn) blockingLinks(ctx context.Context) ([]town.Dependency, error) {
	return q.scanLinks(ctx, "SELECT issue_id, depends_on_id, type FROM dependencies WHERE type IN ("+marks(len(blocking))+")", anys(words(blocking))...)
}

func (q txn) scanLinks(ctx context.Context, query string, args ...any) (list []town.Dependency, err error) {
	err = q.each(ctx, func(rows *doltdb.Rows) error {
		var d town.Dependency
		err := rows.Scan(&d.Bead, &d.Target, &d.Type)
		list = append(list, d)
		return err
	}, query, args...)
	return list, err
}

// External reports whether the target of a link is something outside of ledgers.
func External(target string) bool { return strings.HasPrefix(target, "external:") }
