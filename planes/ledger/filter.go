package ledger

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"gastown/town"
)

// deferGrain is the precision with which DeferUntil and Overdue are compared
// with the clock. A cached answer is right until the clock passes the next
// grain.
const deferGrain = 15 * time.Second

// Filter selects beads; the zero Filter selects all. A bead must meet the
// conditions on all fields; the values of one field are alternatives.
type Filter struct {
	IDs      []string
	Statuses []town.Status
	Not      []town.Status
	Types    []town.BeadType
	NotTypes []town.BeadType
	// "" among the Assignees selects beads without an assignee.
	Assignees  []string
	Owners     []string
	CreatedBy  []string
	Priorities []int
	// A bead must have all Labels, one of AnyLabels, and none of NotLabels.
	Labels, AnyLabels, NotLabels []string
	// Prefixes are prefixes of rigs: the part of an id before its last dash.
	Prefixes []string
	// Parent selects the children of a bead.
	Parent string
	// Metadata are values that keys of the metadata must have, as text; MetadataKeys are
	// keys that must be there.
	Metadata     map[string]string
	MetadataKeys []string
	// Spec is how spec_id begins.
	Spec string
	// IncludeDeferred makes Ready yield deferred beads and their children too. Hybrid
	// makes it order the beads of the last two days by priority, then the others by age.
	IncludeDeferred, Hybrid bool
	// Ephemeral selects ephemeral beads, or those that are not. IncludeEphemeral makes
	// Ready yield both. NoTemplates leaves templates out.
	Ephemeral                     *bool
	IncludeEphemeral, NoTemplates bool
	// Text is searched for in id, title and description, ignoring case.
	Text string
	// Spans of time; the zero time is no bound. From is included, To is not.
	Created, Updated, Closed, Due Span
	// Overdue selects beads that are not closed and were due before now.
	Overdue bool
	Details
	// All, Any and None combine filters: a bead must be selected by every filter
	// of All, by one of Any, and by none of None. Their Sort, Limit, Offset and
	// Fields are ignored.
	All, Any, None []Filter
	// Sort orders the answer. Ties, and answers without Sort, are ordered by
	// priority, then newest first.
	Sort []Order
	// Limit bounds the answer; 0 means all. Offset skips the first beads.
	Limit, Offset int
	// Fields restricts what is read; other fields stay empty.
	Fields Fields

	// every are all statuses of the ledger; see known.
	every []town.Status
	// bounded adds a condition that every priority meets; see urgent.
	bounded bool
}

// Span is a span of time.
type Span struct{ From, To time.Time }

// Order is one criterion of a sort: the JSON key of a field that is not a list.
type Order struct {
	Field string
	Desc  bool
}

// ParseOrder reads fields separated by commas; a dash before one reverses it. The names
// created, updated and closed mean the newest first, as the public bd has them.
func ParseOrder(list string) ([]Order, error) {
	var orders []Order
	for name := range strings.SplitSeq(list, ",") {
		name, desc := strings.CutPrefix(strings.TrimSpace(name), "-")
		o := Order{Field: alias(name), Desc: desc != newestFirst(name)}
		if _, err := o.sql(); err != nil {
			return nil, err
		}
		orders = append(orders, o)
	}
	return orders, nil
}

// newestFirst reports whether a name means the latest time first.
func newestFirst(name string) bool { return name == "created" || name == "updated" || name == "closed" }

// alias accepts the short names people use for a field.
func alias(name string) string {
	switch name {
	case "created", "updated", "closed":
		return name + "_at"
	case "due":
		return "due_at"
	case "type":
		return "issue_type"
	}
	return name
}

func (o Order) sql() (string, error) {
	var known []string
	for _, c := range columns {
		if c.name != "extra" {
			known = append(known, c.name)
		}
	}
	if !slices.Contains(known, o.Field) {
		return "", unknownField(o.Field, known)
	}
	if o.Desc {
		return "i." + o.Field + " DESC", nil
	}
	return "i." + o.Field, nil
}

// where collects conditions and their arguments.
type where struct {
	conds []string
	args  []any
}

func (w *where) add(cond string, args ...any) {
	w.conds = append(w.conds, cond)
	w.args = append(w.args, args...)
}

func in[T any](w *where, format string, values []T) {
	if len(values) > 0 {
		w.conds = append(w.conds, fmt.Sprintf(format, marks(len(values))))
		for _, v := range values {
			w.args = append(w.args, v)
		}
	}
}

func (w *where) String() string {
	if len(w.conds) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conds, " AND ")
}

// marks returns n placeholders.
func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?,", n), ",") }

// like escapes the characters that LIKE interprets.
func like(s string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s)
}

// conditions is the filter as SQL about the table issues, named i.
func (f Filter) conditions(now time.Time) *where {
	w := f.own(now)
	w.combine(f, func(part Filter) *where { return part.conditions(now) })
	for _, l := range f.Labels {
		w.add("i.id IN (SELECT issue_id FROM labels WHERE label = ?)", l)
	}
	in(w, "i.id IN (SELECT issue_id FROM labels WHERE label IN (%s))", f.AnyLabels)
	in(w, "i.id NOT IN (SELECT issue_id FROM labels WHERE label IN (%s))", f.NotLabels)
	for _, pattern := range []string{globPattern(f.LabelGlob), f.LabelRegexp} {
		if pattern != "" {
			w.add("i.id IN (SELECT issue_id FROM labels WHERE label REGEXP ?)", pattern)
		}
	}
	if f.Parent != "" {
		w.add("i.id IN (SELECT issue_id FROM dependencies WHERE depends_on_id = ? AND type = ?)", f.Parent, string(town.DepParent))
	}
	if f.NoLabels {
		w.add("i.id NOT IN (SELECT issue_id FROM labels)")
	}
	if f.NoParent {
		w.add("i.id NOT IN (SELECT issue_id FROM dependencies WHERE type = ?)", string(town.DepParent))
	}
	return w
}

// own are the conditions on the bead's own columns.
func (f Filter) own(now time.Time) *where {
	w := &where{}
	in(w, "i.id IN (%s)", f.IDs)
	in(w, "i.status IN (%s)", words(f.Statuses))
	in(w, "i.status NOT IN (%s)", words(f.Not))
	// Within a function, because idx_urgency would otherwise be read once for
	// each type.
	in(w, "COALESCE(i.issue_type) IN (%s)", words(f.Types))
	in(w, "COALESCE(i.issue_type) NOT IN (%s)", words(f.NotTypes))
	in(w, "i.assignee IN (%s)", f.Assignees)
	in(w, "i.owner IN (%s)", f.Owners)
	in(w, "i.created_by IN (%s)", f.CreatedBy)
	in(w, "i.priority IN (%s)", f.Priorities)
	if f.bounded && len(f.Priorities) == 0 {
		w.add("i.priority >= ? AND i.priority <= ?", math.MinInt32, math.MaxInt32)
	}
	if len(f.Prefixes) > 0 {
		// What stands before the last dash, because another rig's prefix may
		// begin with this one.
		in(w, "SUBSTRING(i.id, 1, LENGTH(i.id) - LENGTH(SUBSTRING_INDEX(i.id, '-', -1)) - 1) IN (%s)", f.Prefixes)
	}
	if f.Text != "" {
		// INSTR takes a third of the time of LIKE, which compares letter by
		// letter.
		p := strings.ToLower(f.Text)
		w.add("(INSTR(LOWER(i.title), ?) > 0 OR INSTR(LOWER(i.description), ?) > 0 OR INSTR(LOWER(i.id), ?) > 0)", p, p, p)
	}
	f.metadata(w)
	w.span("i.created_at", f.Created)
	w.span("i.updated_at", f.Updated)
	w.span("i.closed_at", f.Closed)
	w.span("i.due_at", f.Due)
	if f.Overdue {
		w.add("i.due_at < ? AND i.status <> ?", stamp(now.Truncate(deferGrain)), string(town.StatusClosed))
	}
	f.Details.own(w)
	return w
}

func (w *where) span(name string, s Span) {
	if !s.From.IsZero() {
		w.add(name+" >= ?", stamp(s.From))
	}
	if !s.To.IsZero() {
		w.add(name+" < ?", stamp(s.To))
	}
}

func words[T ~string](list []T) []string {
	all := make([]string, len(list))
	for i, w := range list {
		all[i] = string(w)
	}
	return all
}

// order is the ORDER BY of the filter.
func (f Filter) order(fallback ...Order) (string, error) {
	orders := slices.Concat(f.Sort, fallback, []Order{{Field: "id"}})
	seen := map[string]bool{}
	var list []string
	for _, o := range orders {
		sql, err := o.sql()
		if err != nil {
			return "", err
		}
		if !seen[o.Field] {
			seen[o.Field] = true
			list = append(list, sql)
		}
	}
	return " ORDER BY " + strings.Join(list, ", "), nil
}

// bounds is the LIMIT clause; "" where cut applies the limit instead.
func (f Filter) bounds() string {
	if !f.limited() {
		return ""
	}
	return fmt.Sprintf(" LIMIT %d OFFSET %d", f.Limit, max(f.Offset, 0))
}

// maxLimit is the largest limit that is passed to the database, which allocates
// room for all rows before it reads one. Larger limits are applied here.
const maxLimit = 10_000

func (f Filter) limited() bool {
	return f.Limit > 0 && f.Limit <= maxLimit && max(f.Offset, 0) <= maxLimit
}

// errEnough ends a query whose remaining rows are not wanted.
var errEnough = errors.New("enough")

// cut wraps yield to pass on only the rows between Offset and Limit, where the
// database does not do that.
func cut[T any](f Filter, yield func(T) error) func(T) error {
	if f.limited() {
		return yield
	}
	n := 0
	return func(row T) error {
		switch n++; {
		case n <= f.Offset:
			return nil
		case f.Limit > 0 && n-max(f.Offset, 0) > f.Limit:
			return errEnough
		}
		return yield(row)
	}
}
