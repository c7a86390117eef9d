package exchange

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Member is a Town that shares records.
type Member struct {
	ID   town.ID
	Name string
}

// Record is a bead that another Town shares. Only the fields in Fields have a
// meaning. It cannot be edited here.
type Record struct {
	Town   Member
	Bead   town.Bead
	Fields []string
}

// Filter selects records; the zero Filter selects all. A record must meet the
// conditions on all fields, and have all Labels; the values of any other field
// are alternatives. A field that the Town does not share meets no condition.
type Filter struct {
	Statuses   []town.Status
	Not        []town.Status
	Types      []town.BeadType
	Priorities []int
	Assignees  []string
	Labels     []string
	// Text is searched for in id, title and description, ignoring case.
	Text string
	// Title is searched for in the title, ignoring case.
	Title string
	// Limit bounds the answer; 0 means all.
	Limit int
}

// members lists the Towns that share records here, by name.
func (s *Store) members(ctx context.Context) (all []Member, err error) {
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		return tx.Each(ctx, func(r *doltdb.Rows) error {
			var m Member
			err := r.Scan((*string)(&m.ID), &m.Name)
			all = append(all, m)
			return err
		}, "SELECT id, name FROM towns WHERE EXISTS (SELECT 1 FROM beads WHERE town = towns.id AND "+live+") ORDER BY name, id")
	})
	return all, err
}

// Others counts the records of other Towns.
func (s *Store) Others(ctx context.Context) (n int, err error) {
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		return tx.QueryRow(ctx, "SELECT COUNT(*) FROM beads WHERE town <> ? AND "+live, string(s.Town)).Scan(&n)
	})
	return n, err
}

// list reads a Town's records that the filter selects and shown accepts, in the
// order of row.before.
func (s *Store) list(ctx context.Context, id town.ID, f Filter, shown func(row) bool, yield func(row) error) error {
	n := 0
	err := s.db.View(ctx, func(tx *doltdb.Tx) error {
		return tx.Each(ctx, func(rows *doltdb.Rows) error {
			r, err := scanRow(rows)
			if err != nil || !shown(r) || !f.matches(r) || s.denied(r) != "" {
				return err
			}
			if err := yield(r); err != nil {
				return err
			}
			if n++; n == f.Limit {
				return errEnough
			}
			return nil
		}, "SELECT "+columns("")+" FROM beads WHERE town = ? AND "+live+" ORDER BY COALESCE(priority, '9'), COALESCE(updated_at, '') DESC, id", string(id))
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// denied says why a record may not enter this Town; "" if it may.
func (s *Store) denied(r row) string {
	if s.denies == nil || r.town == s.Town {
		return ""
	}
	return s.denies(r.town, r.ID, cmp.Or(r.Values["created_by"], r.Values["owner"]))
}

var errEnough = errors.New("enough")

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
		strings.Contains(strings.ToLower(b.Title), strings.ToLower(f.Title)) &&
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
