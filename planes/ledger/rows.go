package ledger

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gastown/town"
)

// maxEventValue is how many bytes of a value an event keeps.
const maxEventValue = 1024

// rows is what a change is about to write, table by table.
type rows struct {
	at     time.Time
	actor  string
	fresh  []*town.Bead // new: an id that is taken is an error
	beads  []*town.Bead // written over
	labels [][]any
	links  []town.Dependency
	notes  []town.Comment
	events []town.Event
}

func (s *Store) change() *rows { return &rows{at: s.moment(), actor: s.who()} }

func (s *Store) who() string {
	if s.actor.Name == "" {
		return "gt"
	}
	return s.actor.Name
}

// add records a new bead with all that belongs to it.
func (r *rows) add(b *town.Bead) {
	r.fresh = append(r.fresh, b)
	r.belongings(b)
}

// belongings records what stands in other tables.
func (r *rows) belongings(b *town.Bead) {
	for _, l := range b.Labels {
		r.labels = append(r.labels, []any{b.ID, l})
	}
	r.links = append(r.links, b.Dependencies...)
	r.notes = append(r.notes, b.Comments...)
}

// event records what happened to a bead.
func (r *rows) event(bead, kind, field, before, after string) {
	r.events = append(r.events, town.Event{
		ID: r.eventID(), Bead: bead, Actor: r.actor, At: r.at, Kind: kind, Field: field,
		Old: town.Clip(before, maxEventValue), New: town.Clip(after, maxEventValue),
	})
}

// eventID begins with the time and the place in this change, so that the events
// of a bead stand in order; random digits keep two machines apart.
func (r *rows) eventID() string {
	return fmt.Sprintf("%010s%05s", strconv.FormatInt(r.at.UnixMicro(), 36), strconv.FormatInt(int64(len(r.events)), 36)) +
		town.NewBeadID("", 6)
}

// store writes everything. Rows are written in the order of their keys,
// many to a statement: the engine rewrites fewer pages that way.
func (r *rows) store(ctx context.Context, q txn) error {
	err := multi(ctx, q, "INSERT INTO issues ("+names("", columns)+")", byID(r.fresh), beadValues)
	if err == nil {
		err = multi(ctx, q, "REPLACE INTO issues ("+names("", columns)+")", byID(r.beads), beadValues)
	}
	if err == nil {
		slices.SortFunc(r.labels, func(a, b []any) int {
			return strings.Compare(a[0].(string)+" "+a[1].(string), b[0].(string)+" "+b[1].(string))
		})
		err = multi(ctx, q, "REPLACE INTO labels (issue_id, label)", r.labels, func(l []any) []any { return l })
	}
	if err == nil {
		slices.SortFunc(r.links, func(a, b town.Dependency) int { return strings.Compare(linkKey(a), linkKey(b)) })
		err = multi(ctx, q, "REPLACE INTO dependencies (issue_id, depends_on_id, type, created_at, created_by)", r.links,
			func(d town.Dependency) []any {
				return []any{d.Bead, d.Target, string(d.Type), stamp(d.CreatedAt), d.CreatedBy}
			})
	}
	if err == nil {
		slices.SortFunc(r.notes, func(a, b town.Comment) int { return strings.Compare(a.Bead+" "+a.ID, b.Bead+" "+b.ID) })
		err = multi(ctx, q, "REPLACE INTO comments (issue_id, id, author, text, created_at)", r.notes,
			func(c town.Comment) []any { return []any{c.Bead, c.ID, c.Author, c.Text, stamp(c.CreatedAt)} })
	}
	if err == nil {
		slices.SortFunc(r.events, func(a, b town.Event) int {
			return strings.Compare(a.Bead+"\x00"+a.ID, b.Bead+"\x00"+b.ID)
		})
		err = multi(ctx, q, "INSERT INTO events (issue_id, id, actor, created_at, event_type, field, old_value, new_value)", r.events,
			func(e town.Event) []any {
				return []any{e.Bead, e.ID, e.Actor, stamp(e.At), e.Kind, e.Field, e.Old, e.New}
			})
	}
	return err
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

// writeRows is how many rows one statement writes: with ten times as many an
// import of 5,000 beads takes twice the time, and one of 50,000 half as much
// again. maxStatement is how many bytes of values it carries, about: the engine
// takes no message of any length.
const (
	writeRows    = 1000
	maxStatement = 8 << 20
)

// multi runs one statement for many rows.
func multi[T any](ctx context.Context, q txn, insert string, list []T, values func(T) []any) error {
	var args []any
	size, count := 0, 0
	flush := func() error {
		if count == 0 {
			return nil
		}
		one := "(" + marks(len(args)/count) + ")"
		_, err := q.exec(ctx, insert+" VALUES "+strings.TrimSuffix(strings.Repeat(one+",", count), ","), args...)
		args, size, count = args[:0], 0, 0
		return err
	}
	for _, row := range list {
		v := values(row)
		for _, a := range v {
			if text, ok := a.(string); ok {
				size += len(text)
			}
		}
		args = append(args, v...)
		if count++; count == writeRows || size > maxStatement {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
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

// newest is the last moment a bead may be dated with: beyond it there is no
// later one to tell of a change.
var newest = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// later is when a bead is changed that was changed at a time: now, or just after
// that where it is ahead of this machine's clock, for its date says which of two
// versions is the newer one.
func (r *rows) later(was time.Time) time.Time {
	if was.Before(r.at) || was.After(newest) {
		return r.at
	}
	return was.Add(time.Microsecond)
}

// touch dates beads whose links or comments changed, as later does, so that an
// export from before does not pass for as new.
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
