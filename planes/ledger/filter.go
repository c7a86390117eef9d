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

// deferGrain is how exactly DeferUntil and Overdue look at the clock, so that a
// cached answer is right for as long as its key lasts.
const deferGrain = 15 * time.Second

// Filter selects beads; the zero Filter selects all. Conditions on different
// fields must all hold, values of one field are alternatives.
type Filter struct {
	IDs      []string
	Statuses []town.Status
	Not      []town.Status
	Types    []town.BeadType
	NotTypes []town.BeadType
	// Assignees may hold "", which is nobody.
	Assignees  []string
	Owners     []string
	CreatedBy  []string
	Priorities []int
	// Labels must all be there, of AnyLabels one, of NotLabels none.
	Labels, AnyLabels, NotLabels []string
	// Prefixes are those of rigs: what stands before the last dash of an id.
	Prefixes []string
	// Parent selects the children of a bead.
	Parent string
	// Text is sought in id, title and description, in any case.
	Text string
	// Spans of time; the zero time is no bound, From is included, To is not.
	Created, Updated, Closed, Due Span
	// Overdue selects open beads that were due before now.
	Overdue bool
	// Sort orders the answer; then, and by default, by priority, newest first.
	Sort []Order
	// Limit bounds the answer; 0 means all. Offset skips.
	Limit, Offset int
	// Fields restricts what is read; the rest of the beads stays empty.
	Fields Fields

	// bounded bounds the priority by all there may be; see urgent.
	bounded bool
}

// Span is a span of time.
type Span struct{ From, To time.Time }

// Order is one criterion of a sort: the JSON key of a field that is no list.
type Order struct {
	Field string
	Desc  bool
}

// ParseOrder reads fields separated by commas; a dash before one reverses it.
func ParseOrder(list string) ([]Order, error) {
	var orders []Order
	for name := range strings.SplitSeq(list, ",") {
		name, desc := strings.CutPrefix(strings.TrimSpace(name), "-")
		o := Order{Field: alias(name), Desc: desc}
		if _, err := o.sql(); err != nil {
			return nil, err
		}
		orders = append(orders, o)
	}
	return orders, nil
}

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

// marks is n placeholders.
func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?,", n), ",") }

// like quotes what LIKE would interpret.
func like(s string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s)
}

// conditions is the filter as SQL about the table issues under the name i.
func (f Filter) conditions(now time.Time) *where {
	w := f.own(now)
	for _, l := range f.Labels {
		w.add("i.id IN (SELECT issue_id FROM labels WHERE label = ?)", l)
	}
	in(w, "i.id IN (SELECT issue_id FROM labels WHERE label IN (%s))", f.AnyLabels)
	in(w, "i.id NOT IN (SELECT issue_id FROM labels WHERE label IN (%s))", f.NotLabels)
	if f.Parent != "" {
		w.add("i.id IN (SELECT issue_id FROM dependencies WHERE depends_on_id = ? AND type = ?)", f.Parent, string(town.DepParent))
	}
	return w
}

// own are the conditions on what stands in the bead itself.
func (f Filter) own(now time.Time) *where {
	w := &where{}
	in(w, "i.id IN (%s)", f.IDs)
	in(w, "i.status IN (%s)", words(f.Statuses))
	in(w, "i.status NOT IN (%s)", words(f.Not))
	// Within a function: idx_urgency would be read once for each type else.
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
		// What stands before the last dash: another rig's prefix may begin alike.
		in(w, "SUBSTRING(i.id, 1, LENGTH(i.id) - LENGTH(SUBSTRING_INDEX(i.id, '-', -1)) - 1) IN (%s)", f.Prefixes)
	}
	if f.Text != "" {
		// A third of what LIKE takes, which compares letter by letter.
		p := strings.ToLower(f.Text)
		w.add("(INSTR(LOWER(i.title), ?) > 0 OR INSTR(LOWER(i.description), ?) > 0 OR INSTR(LOWER(i.id), ?) > 0)", p, p, p)
	}
	w.span("i.created_at", f.Created)
	w.span("i.updated_at", f.Updated)
	w.span("i.closed_at", f.Closed)
	w.span("i.due_at", f.Due)
	if f.Overdue {
		w.add("i.due_at < ? AND i.status <> ?", stamp(now.Truncate(deferGrain)), string(town.StatusClosed))
	}
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

// bounds is the LIMIT of a query that cut need not end.
func (f Filter) bounds() string {
	if !f.limited() {
		return ""
	}
	return fmt.Sprintf(" LIMIT %d OFFSET %d", f.Limit, max(f.Offset, 0))
}

// maxLimit is up to how many rows the database is told a limit: it makes room
// for all of them before it reads one. Beyond that the answer is cut here.
const maxLimit = 10_000

func (f Filter) limited() bool {
	return f.Limit > 0 && f.Limit <= maxLimit && max(f.Offset, 0) <= maxLimit
}

// errEnough ends a query whose other rows nobody wants.
var errEnough = errors.New("enough")

// cut is yield for the rows between Offset and Limit, where the database does
// not see to that.
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
