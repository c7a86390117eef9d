package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gastown/planes/doltdb"
	"gastown/town"
)

// blocking are the types of links that make one bead wait for another. Neither
// the links of one type nor those of all of them together may form a cycle.
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

// reach returns the old blocking links that are reachable from new ones, in one
// query.
func (q txn) reach(ctx context.Context, fresh []town.Dependency) (old []town.Dependency, err error) {
	var from []string
	for _, d := range fresh {
		if slices.Contains(blocking, d.Type) {
			from = append(from, d.Target)
		}
	}
	kinds := "(" + marks(len(blocking)) + ")"
	query := "SELECT issue_id, depends_on_id, type FROM dependencies WHERE type IN " + kinds
	args := anys(words(blocking))
	if len(from) <= maxSeeds {
		query = "WITH RECURSIVE r (id) AS (SELECT issue_id FROM dependencies WHERE issue_id IN (" + marks(len(from)) + ") AND type IN " + kinds +
			" UNION SELECT d.depends_on_id FROM r JOIN dependencies d ON d.issue_id = r.id WHERE d.type IN " + kinds + ")" +
			" SELECT d.issue_id, d.depends_on_id, d.type FROM r JOIN dependencies d ON d.issue_id = r.id WHERE d.type IN " + kinds
		args = slices.Concat(anys(from), args, args, args)
	}
	err = q.each(ctx, func(rows *doltdb.Rows) error {
		var d town.Dependency
		err := rows.Scan(&d.Bead, &d.Target, &d.Type)
		old = append(old, d)
		return err
	}, query, args...)
	return old, err
}

// External reports whether the target of a link is something outside of ledgers.
func External(target string) bool { return strings.HasPrefix(target, "external:") }
