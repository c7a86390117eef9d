package exchange

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Member is a Town that shares records.
type Member struct {
	ID   town.ID `json:"id"`
	Name string  `json:"name"`
	// Records is how many.
	Records int `json:"records"`
}

// Record is a bead another Town shares. Only Fields of it have a meaning; it
// cannot be edited here.
type Record struct {
	Town   Member
	Bead   town.Bead
	Fields []string
}

// Filter selects records; the zero Filter selects all. Conditions on different
// fields must all hold, values of one field are alternatives, but all Labels
// must be there. A field that the Town does not share matches no condition.
type Filter struct {
	Statuses   []town.Status
	Not        []town.Status
	Types      []town.BeadType
	Priorities []int
	Assignees  []string
	Labels     []string
	// Text is sought in id, title and description, in any case.
	Text string
	// Limit bounds the answer; 0 means all.
	Limit int
}

// ErrTown reports a name that is no Town's here, or several Towns'.
var ErrTown = fmt.Errorf("no such Town: %w", town.ErrUsage)

// ParseRef reads TOWN/ID, as bd show takes it.
func ParseRef(s string) (name, id string, ok bool) {
	name, id, ok = strings.Cut(s, "/")
	return name, id, ok && name != "" && town.CheckBeadID(id) == nil
}

// Towns lists the Towns that share records, by name.
func (s *Store) Towns(ctx context.Context) (all []Member, err error) {
	err = s.View(ctx, func(tx *doltdb.Tx) error {
		all, err = towns(ctx, tx)
		return err
	})
	return all, err
}

func towns(ctx context.Context, tx *doltdb.Tx) (all []Member, err error) {
	err = tx.Each(ctx, func(r *doltdb.Rows) error {
		var m Member
		err := r.Scan((*string)(&m.ID), &m.Name, &m.Records)
		all = append(all, m)
		return err
	}, "SELECT t.id, t.name, (SELECT COUNT(*) FROM beads b WHERE b.town = t.id) FROM towns t ORDER BY t.name, t.id")
	return all, err
}

// Past counts the records, as they once were, that only the history holds: what
// was changed or removed, of all Towns. Whoever gets the history can read them.
func (s *Store) Past(ctx context.Context) (n int, err error) {
	err = s.View(ctx, func(tx *doltdb.Tx) error {
		return tx.QueryRow(ctx, `SELECT COUNT(*) FROM (
			SELECT DISTINCT from_town, from_id, from_digest FROM dolt_diff_beads
			WHERE diff_type <> 'added' AND to_commit <> 'WORKING') d
			LEFT JOIN beads b ON b.town = d.from_town AND b.id = d.from_id AND b.digest = d.from_digest
			WHERE b.id IS NULL`).Scan(&n)
	})
	return n, err
}

// Former calls yield for each record of this Town as it was before a commit that
// the revision since does not contain changed or removed it; since "" means any
// commit. It stops at yield's error.
func (s *Store) Former(ctx context.Context, since string, yield func(id string, digest town.Digest) error) error {
	return s.View(ctx, func(tx *doltdb.Tx) error {
		older, err := history(ctx, tx, since)
		if err != nil {
			return err
		}
		return tx.Each(ctx, func(r *doltdb.Rows) error {
			var commit, id, digest string
			if err := r.Scan(&commit, &id, &digest); err != nil || older[commit] {
				return err
			}
			return yield(id, town.Digest(digest))
		}, "SELECT to_commit, from_id, from_digest FROM dolt_diff_beads WHERE diff_type <> 'added' AND to_commit <> 'WORKING' AND from_town = ?", string(s.Town))
	})
}

// Changed lists the commits that changed records of this Town and that the
// revision since does not contain; since "" means all.
func (s *Store) Changed(ctx context.Context, since string) (commits []string, err error) {
	err = s.View(ctx, func(tx *doltdb.Tx) error {
		older, err := history(ctx, tx, since)
		if err != nil {
			return err
		}
		commits = nil
		return tx.Each(ctx, func(r *doltdb.Rows) error {
			var commit string
			err := r.Scan(&commit)
			if err == nil && !older[commit] {
				commits = append(commits, commit)
			}
			return err
		}, "SELECT DISTINCT to_commit FROM dolt_diff_beads WHERE to_commit <> 'WORKING' AND (from_town = ? OR to_town = ?)", string(s.Town), string(s.Town))
	})
	return commits, err
}

// history is the commits a revision contains; those of "" are none.
func history(ctx context.Context, tx *doltdb.Tx, revision string) (map[string]bool, error) {
	all := map[string]bool{}
	if revision == "" {
		return all, nil
	}
	return all, tx.Each(ctx, func(r *doltdb.Rows) error {
		var commit string
		err := r.Scan(&commit)
		all[commit] = true
		return err
	}, "SELECT commit_hash FROM dolt_log(?)", revision)
}

// find is the Town of a name or an id.
func find(ctx context.Context, tx *doltdb.Tx, name string) (Member, error) {
	all, err := towns(ctx, tx)
	if err != nil {
		return Member{}, err
	}
	var found []Member
	var names []string
	for _, m := range all {
		if string(m.ID) == name {
			return m, nil
		}
		if m.Name == name {
			found = append(found, m)
		}
		names = append(names, m.Name)
	}
	op := "find Town " + town.Clip(name, 64)
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		next := "gt federation pull brings what other Towns share"
		if near := town.Nearest(name, names, 3); len(near) > 0 {
			next = "did you mean " + strings.Join(near, " or ") + "?"
		}
		return Member{}, town.Fail(op, next, "%w: none of that name shares records", ErrTown)
	}
	var ids []string
	for _, m := range found {
		ids = append(ids, string(m.ID))
	}
	return Member{}, town.Fail(op, "name one by its id: "+strings.Join(ids, ", "), "%w: %d Towns have that name", ErrTown, len(found))
}

// List calls yield for the records of a Town, by its name or id, that the
// filter selects: the most urgent first, then the newest. yield must not use
// the Store; an error of it ends the list.
func (s *Store) List(ctx context.Context, name string, f Filter, yield func(Record) error) error {
	return s.View(ctx, func(tx *doltdb.Tx) error {
		m, err := find(ctx, tx, name)
		if err != nil {
			return err
		}
		n := 0
		err = tx.Each(ctx, func(rows *doltdb.Rows) error {
			r, err := scanRow(rows)
			if err != nil || !f.matches(r) {
				return err
			}
			if err := yield(r.record(m)); err != nil {
				return err
			}
			if n++; n == f.Limit {
				return errEnough
			}
			return nil
		}, "SELECT "+columns("")+" FROM beads WHERE town = ? ORDER BY COALESCE(priority, '9'), COALESCE(updated_at, '') DESC, id", string(m.ID))
		if err == errEnough {
			return nil
		}
		return err
	})
}

var errEnough = fmt.Errorf("enough")

// Get reads one record of a Town; doltdb.ErrNoRows when it shares none of that id.
func (s *Store) Get(ctx context.Context, name, id string) (found Record, err error) {
	err = s.View(ctx, func(tx *doltdb.Tx) error {
		m, err := find(ctx, tx, name)
		if err != nil {
			return err
		}
		n := 0
		err = tx.Each(ctx, func(rows *doltdb.Rows) error {
			r, err := scanRow(rows)
			found = r.record(m)
			n++
			return err
		}, "SELECT "+columns("")+" FROM beads WHERE town = ? AND id = ?", string(m.ID), id)
		if err == nil && n == 0 {
			return town.Fail("show "+m.Name+"/"+town.Clip(id, 64), "bd list --town "+m.Name+" shows what it shares",
				"%w: Town %s shares no such record", doltdb.ErrNoRows, m.Name)
		}
		return err
	})
	return found, err
}

func (r row) record(m Member) Record {
	b, fields := r.Bead()
	return Record{Town: m, Bead: b, Fields: fields}
}

func (f Filter) matches(r row) bool {
	b, _ := r.Bead()
	return among(f.Statuses, town.Status(r.Values["status"])) && (len(f.Not) == 0 || !slices.Contains(f.Not, b.Status)) &&
		among(f.Types, town.BeadType(r.Values["issue_type"])) && among(words(f.Priorities), r.Values["priority"]) &&
		among(f.Assignees, r.Values["assignee"]) &&
		!slices.ContainsFunc(f.Labels, func(l string) bool { return !slices.Contains(b.Labels, l) }) &&
		(f.Text == "" || strings.Contains(strings.ToLower(r.ID+"\n"+b.Title+"\n"+b.Description), strings.ToLower(f.Text)))
}

func among[T ~string](list []T, v T) bool {
	return len(list) == 0 || v != "" && slices.Contains(list, v)
}

func words(list []int) []string {
	all := make([]string, len(list))
	for i, n := range list {
		all[i] = strconv.Itoa(n)
	}
	return all
}
