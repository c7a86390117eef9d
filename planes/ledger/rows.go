package ledger

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

// maxEventValue is how many bytes of a value the audit trail stores.
const maxEventValue = 1024

// rows is what a change is about to write, table by table.
type rows struct {
	at     time.Time
	actor  string
	fresh  []*town.Bead // new: an id that is taken is an error
	beads  []*town.Bead // written over
	labels [][2]string  // bead and label
	links  []town.Dependency
	notes  []town.Comment
	events []town.AuditEntry
}

func (s *Store) change() *rows { return &rows{at: s.moment(), actor: s.who()} }

func (s *Store) who() string {
	if s.actor.Name == "" {
		return "gt"
	}
	return s.actor.Name
}

// add records a new bead with everything that belongs to it.
func (r *rows) add(b *town.Bead) {
	r.fresh = append(r.fresh, b)
	r.belongings(b)
}

// belongings records the rows of a bead in other tables.
func (r *rows) belongings(b *town.Bead) {
	for _, l := range b.Labels {
		r.labels = append(r.labels, [2]string{b.ID, l})
	}
	r.links = append(r.links, b.Dependencies...)
	r.notes = append(r.notes, b.Comments...)
}

// event records an entry of the audit trail.
func (r *rows) event(bead, kind, field, before, after string) {
	r.events = append(r.events, town.AuditEntry{
		ID: r.eventID(), Bead: bead, Actor: r.actor, At: r.at, Kind: kind, Field: field,
		Old: town.Clip(before, maxEventValue), New: town.Clip(after, maxEventValue),
	})
}

// eventID begins with the time and the position in this change, so that the
// entries of a bead are in order. Random characters keep those of two machines
// apart.
func (r *rows) eventID() string {
	return fmt.Sprintf("%010s%05s", strconv.FormatInt(r.at.UnixMicro(), 36), strconv.FormatInt(int64(len(r.events)), 36)) +
		town.NewBeadID("", 6)
}

// store writes everything, each table in the order of its keys.
func (r *rows) store(ctx context.Context, q txn) error {
	if err := q.ask(ctx, r); err != nil {
		return err
	}
	slices.SortFunc(r.labels, func(a, b [2]string) int { return strings.Compare(a[0]+" "+a[1], b[0]+" "+b[1]) })
	slices.SortFunc(r.links, func(a, b town.Dependency) int { return strings.Compare(linkKey(a), linkKey(b)) })
	slices.SortFunc(r.notes, func(a, b town.Comment) int { return strings.Compare(a.Bead+" "+a.ID, b.Bead+" "+b.ID) })
	slices.SortFunc(r.events, func(a, b town.AuditEntry) int { return strings.Compare(a.Bead+"\x00"+a.ID, b.Bead+"\x00"+b.ID) })
	for _, write := range []func() error{
		func() error {
			return writeRows(ctx, q, doltdb.Insert, "issues", names("", columns), byID(r.fresh), beadValues)
		},
		func() error {
			return writeRows(ctx, q, doltdb.Replace, "issues", names("", columns), byID(r.beads), beadValues)
		},
		func() error {
			return writeRows(ctx, q, doltdb.Replace, "labels", "issue_id, label", r.labels, func(l [2]string) []any { return []any{l[0], l[1]} })
		},
		func() error {
			return writeRows(ctx, q, doltdb.Replace, "dependencies", "issue_id, depends_on_id, type, created_at, created_by, metadata, thread_id", r.links,
				func(d town.Dependency) []any {
					return []any{d.Bead, d.Target, string(d.Type), stamp(d.CreatedAt), d.CreatedBy, textOrNull(d.Metadata), textOrNull(d.Thread)}
				})
		},
		func() error {
			return writeRows(ctx, q, doltdb.Replace, "comments", "issue_id, id, author, text, created_at", r.notes,
				func(c town.Comment) []any { return []any{c.Bead, c.ID, c.Author, c.Text, stamp(c.CreatedAt)} })
		},
		func() error {
			return writeRows(ctx, q, doltdb.Insert, "events", "issue_id, id, actor, created_at, event_type, field, old_value, new_value", r.events,
				func(e town.AuditEntry) []any {
					return []any{e.Bead, e.ID, e.Actor, stamp(e.At), e.Kind, e.Field, e.Old, e.New}
				})
		},
	} {
		if err := write(); err != nil {
			return err
		}
	}
	return nil
}

// textOrNull is nil for an empty text.
func textOrNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func byID(list []*town.Bead) []*town.Bead {
	slices.SortFunc(list, func(a, b *town.Bead) int { return strings.Compare(a.ID, b.ID) })
	return list
}

func beadValues(b *town.Bead) []any {
	values := make([]any, len(columns))
	for i, c := range columns {
		values[i] = c.get(b)
	}
	return values
}

// writeRows writes the values of a list as rows. It counts the statements, and refuses
// text that is not UTF-8.
func writeRows[T any](ctx context.Context, q txn, mode doltdb.WriteMode, table, columns string, list []T, values func(T) []any) error {
	var bad error
	rows := func(yield func([]any) bool) {
		for _, v := range list {
			row := values(v)
			if bad = bound(row); bad != nil || !yield(row) {
				return
			}
		}
	}
	n, err := q.tx.WriteRows(ctx, doltdb.Into{Mode: mode, Table: table, Columns: columns}, rows)
	q.n.Add(int64(n))
	if bad != nil {
		return bad
	}
	return err
}

// remove deletes rows by a key of one column.
func remove(ctx context.Context, q txn, table, key string, ids []string) error {
	for part := range slices.Chunk(ids, batchRows) {
		if _, err := q.exec(ctx, "DELETE FROM "+table+" WHERE "+key+" IN ("+marks(len(part))+")", anys(part)...); err != nil {
			return err
		}
	}
	return nil
}

func anys[T any](list []T) []any {
	all := make([]any, len(list))
	for i, v := range list {
		all[i] = v
	}
	return all
}

// newest is the latest time that a bead may be dated with. Beyond it there
// would be no later time to date the next change with.
var newest = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// later is the time of a change to a bead that was last changed at a time. It
// is now, or just after the last change if that is ahead of this machine's
// clock, because of two versions the one with the later date is the newer.
func (r *rows) later(was time.Time) time.Time {
	if was.Before(r.at) || was.After(newest) {
		return r.at
	}
	return was.Add(time.Microsecond)
}

// touch dates beads whose links or comments changed, as later does, so that an
// earlier export does not count as newer.
func (q txn) touch(ctx context.Context, at time.Time, ids []string) error {
	slices.Sort(ids)
	const later = "CASE WHEN updated_at < ? OR updated_at > ? THEN ? ELSE DATE_ADD(updated_at, INTERVAL 1 MICROSECOND) END"
	for part := range slices.Chunk(slices.Compact(ids), batchRows) {
		args := append([]any{stamp(at), stamp(newest), stamp(at)}, anys(part)...)
		if _, err := q.exec(ctx, "UPDATE issues SET updated_at = "+later+" WHERE id IN ("+marks(len(part))+")", args...); err != nil {
			return err
		}
	}
	return nil
}
