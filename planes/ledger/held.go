package ledger

import (
	"fmt"
	"strings"
	"time"

	"gastown/town"
)

// done are the statuses of beads that nothing waits for: closed ones, and standing
// notes.
const done = "('closed', 'pinned')"

// within is a condition on a link d whose target may be a bead: the engine fails when it
// looks for a longer id.
var within = fmt.Sprintf("LENGTH(d.depends_on_id) <= %d AND ", town.MaxBeadID)

// anyGate reports whether a link d waits for one child alone. Text that is not JSON, or
// names no gate, is no gate: false, never NULL.
const anyGate = "COALESCE(JSON_UNQUOTE(JSON_EXTRACT(CASE WHEN JSON_VALID(d.metadata) THEN d.metadata ELSE '{}' END, '$.gate')), '') = 'any-children'"

// children selects the children k of a link's target that meet a condition.
const children = "EXISTS (SELECT 1 FROM dependencies c JOIN issues k ON k.id = c.issue_id" +
	" WHERE c.depends_on_id = d.depends_on_id AND c.type = 'parent-child' AND k.status "

// failed reports whether the bead b was closed because it failed; see town.Failed.
var failed = func() string {
	ways := make([]string, len(town.FailureWords))
	for i, w := range town.FailureWords {
		ways[i] = "LOWER(b.close_reason) LIKE '%" + strings.ReplaceAll(w, "'", "''") + "%'"
	}
	return "(b.status = 'closed' AND (" + strings.Join(ways, " OR ") + "))"
}()

// waits is a condition on a link d and its target b: the bead of the link waits for b
// or for its children, not only through a parent.
var waits = "(d.type = 'blocks' AND b.status NOT IN " + done +
	" OR d.type = 'conditional-blocks' AND b.status <> 'pinned' AND NOT " + failed +
	" OR d.type = 'waits-for' AND " + children + "NOT IN " + done + ") AND NOT (" + anyGate + " AND " + children + "= 'closed')))"

// holding says which beads wait at a time.
type holding struct {
	now time.Time
	// deferral says that children of deferred beads wait too.
	deferral bool
}

// asOf is the time as a literal. Answers are right until the clock passes the next
// grain.
func (h holding) asOf() string { return "'" + stamp(h.now.Truncate(deferGrain)) + "'" }

// direct is a condition on a link d and its target b: the link alone makes its bead
// wait. Those are waits and, with deferral, links to a deferred parent.
func (h holding) direct() string {
	if !h.deferral {
		return waits
	}
	return "(" + waits + " OR d.type = 'parent-child' AND b.status NOT IN " + done +
		" AND (b.defer_until > " + h.asOf() + " OR b.status = 'deferred' AND b.defer_until IS NULL))"
}

// all is a common table expression of the beads that wait: held. Children wait with
// their parent, unless it is done. A blocker in another ledger does not count. The
// column how is "d" where a bead waits because a parent is deferred.
func (h holding) all() string {
	return "WITH RECURSIVE held (id, how) AS (" +
		"SELECT d.issue_id, CASE WHEN d.type = 'parent-child' THEN 'd' ELSE 'w' END FROM dependencies d JOIN issues b ON b.id = d.depends_on_id WHERE " + within + h.direct() +
		" UNION SELECT d.issue_id, held.how FROM held JOIN issues p ON p.id = held.id JOIN dependencies d ON d.depends_on_id = held.id" +
		" WHERE d.type = 'parent-child' AND p.status NOT IN " + done + ") "
}

// among is all for the few beads that the query first selects. It climbs from each of
// them (root) to its parents. held has the roots that wait, or that have such a parent.
func (h holding) among(first string) string {
	return "WITH RECURSIVE up (root, id) AS (SELECT f.id, f.id FROM (" + first + ") f" +
		" UNION SELECT up.root, d.depends_on_id FROM up JOIN dependencies d ON d.issue_id = up.id JOIN issues p ON p.id = d.depends_on_id" +
		" WHERE " + within + "d.type = 'parent-child' AND p.status NOT IN " + done + ")," +
		" held (id) AS (SELECT up.root FROM up JOIN dependencies d ON d.issue_id = up.id JOIN issues b ON b.id = d.depends_on_id" +
		" WHERE " + within + h.direct() + ") "
}

// work is a condition on beads that are work at all.
const work = "COALESCE(i.is_template, 0) = 0 AND COALESCE(i.pinned, 0) = 0"

// due adds the conditions on ready beads that are not about links: they are work, and
// not put aside.
func (w *where) due(f Filter, h holding) {
	w.add(work)
	if f.Ephemeral == nil && !f.IncludeEphemeral {
		w.add("COALESCE(i.ephemeral, 0) = 0")
	}
	if !f.IncludeDeferred {
		w.add("COALESCE(i.defer_until, '1000-01-01') <= " + h.asOf())
	}
}

// awake selects deferred beads whose time has come.
func (h holding) awake() string {
	return fmt.Sprintf("i.status = '%s' AND i.defer_until <= %s", town.StatusDeferred, h.asOf())
}
