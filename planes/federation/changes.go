package federation

import (
	"context"
	"fmt"
	"slices"

	"gastown/planes/doltdb"
	"gastown/town"
)

// State is what a document's file should be.
type State struct {
	town.Key
	// Absent: there is no such document.
	Absent bool
	Text   string
	// Digest is that of the row in force.
	Digest town.Digest
}

// Changed calls yield for every document whose row in force differs between
// two commits. An empty from means all documents. It stops at yield's error.
func (s *Store) Changed(ctx context.Context, from, to string, yield func(State) error) error {
	return s.db.View(ctx, func(tx *doltdb.Tx) error {
		if from == "" {
			return all(ctx, tx, to, yield)
		}
		for _, k := range town.Kinds {
			names, err := changedNames(ctx, tx, k, from, to)
			if err != nil {
				return err
			}
			parts, err := byName(ctx, tx, k, to, names)
			if err != nil {
				return err
			}
			for part := range parts {
				rows, err := newestByName(ctx, tx, k, to, part)
				if err != nil {
					return err
				}
				for _, name := range part {
					if err := yield(state(town.Key{Kind: k, Name: name}, rows[name])); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
}

// Both lists the documents whose rows differ from base's in both other commits: a
// merge must decide about them.
func (s *Store) Both(ctx context.Context, base, ours, theirs string) (keys []town.Key, err error) {
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		for _, k := range town.Kinds {
			here, err := changedNames(ctx, tx, k, base, ours)
			if err != nil {
				return err
			}
			there, err := changedNames(ctx, tx, k, base, theirs)
			if err != nil {
				return err
			}
			slices.Sort(there)
			for _, name := range here {
				if _, found := slices.BinarySearch(there, name); found {
					keys = append(keys, town.Key{Kind: k, Name: name})
				}
			}
		}
		return nil
	})
	return keys, err
}

// Current gives the states of some documents.
func (s *Store) Current(ctx context.Context, keys []town.Key) (map[town.Key]State, error) {
	names := map[town.Kind][]string{}
	for _, key := range keys {
		names[key.Kind] = append(names[key.Kind], key.Name)
	}
	states := make(map[town.Key]State, len(keys))
	err := s.db.View(ctx, func(tx *doltdb.Tx) error {
		for k, list := range names {
			rows, err := editsByName(ctx, tx, k, "", list)
			if err != nil {
				return err
			}
			for _, name := range list {
				key := town.Key{Kind: k, Name: name}
				states[key] = state(key, rows[name])
			}
		}
		return nil
	})
	return states, err
}

func state(key town.Key, rows []row) State {
	if len(rows) == 0 || rows[len(rows)-1].Deleted {
		return State{Key: key, Absent: true}
	}
	e := rows[len(rows)-1].Edit
	return State{Key: key, Text: e.Text, Digest: e.Digest()}
}

// all streams every document in force at a revision.
func all(ctx context.Context, tx *doltdb.Tx, revision string, yield func(State) error) error {
	asOf, err := doltdb.AsOf(revision)
	if err != nil {
		return err
	}
	for _, k := range town.Kinds {
		var pending *row // a template's newest issue so far
		flush := func() error {
			if pending == nil {
				return nil
			}
			r := *pending
			pending = nil
			return yield(state(r.Key, []row{r}))
		}
		order := " ORDER BY name"
		if k == town.KindTemplate {
			order += ", version"
		}
		err := tx.Each(ctx, func(rows *doltdb.Rows) error {
			r, err := scanEdit(rows, k)
			if err != nil {
				return err
			}
			if pending != nil && pending.Name != r.Name {
				if err := flush(); err != nil {
					return err
				}
			}
			pending = &r
			return nil
		}, "SELECT "+columns(k)+" FROM "+rowTable(k)+asOf+order)
		if err == nil {
			err = flush()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Documents lists every document in force, in the order of kinds and names,
// without reading its text.
func (s *Store) Documents(ctx context.Context) (keys []town.Key, err error) {
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		for _, k := range town.Kinds {
			if err := eachName(ctx, tx, k, func(name string) { keys = append(keys, town.Key{Kind: k, Name: name}) }); err != nil {
				return err
			}
		}
		return nil
	})
	return keys, err
}

// Count is the number of documents in force.
func (s *Store) Count(ctx context.Context) (n int, err error) {
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		for _, k := range town.Kinds {
			if k == town.KindTemplate {
				if err := eachName(ctx, tx, k, func(string) { n++ }); err != nil {
					return err
				}
				continue
			}
			var rows int
			if err := tx.QueryRow(ctx, "SELECT COUNT(*) FROM "+rowTable(k)).Scan(&rows); err != nil {
				return err
			}
			n += rows
		}
		return nil
	})
	return n, err
}

// eachName calls back for every document in force of a kind, by name.
func eachName(ctx context.Context, tx *doltdb.Tx, k town.Kind, call func(name string)) error {
	query := "SELECT name, FALSE FROM " + rowTable(k) + " ORDER BY name"
	if k == town.KindTemplate {
		query = "SELECT name, deleted FROM templates ORDER BY name, version"
	}
	var name string
	deleted := true // nothing so far
	flush := func() {
		if !deleted {
			call(name)
		}
	}
	err := tx.Each(ctx, func(r *doltdb.Rows) error {
		var next string
		var gone bool
		if err := r.Scan(&next, &gone); err != nil {
			return err
		}
		if next != name {
			flush()
		}
		name, deleted = next, gone
		return nil
	}, query)
	if err != nil {
		return err
	}
	flush()
	return nil
}

// changedNames lists the documents of a kind with a row that differs between
// two commits, once each.
func changedNames(ctx context.Context, tx *doltdb.Tx, k town.Kind, from, to string) (names []string, err error) {
	seen := map[string]bool{}
	err = diffEach(ctx, tx, rowTable(k), from, to, "COALESCE(to_name, from_name)", "", func(r *doltdb.Rows) error {
		var name string
		if err := r.Scan(&name); err != nil {
			return err
		}
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
		return nil
	})
	return names, err
}

// readEach reads the rows of a table at a revision.
func readEach(ctx context.Context, tx *doltdb.Tx, table, revision, columns string, scan func(*doltdb.Rows) error) error {
	asOf, err := doltdb.AsOf(revision)
	if err != nil {
		return err
	}
	return tx.Each(ctx, scan, "SELECT "+columns+" FROM "+table+asOf)
}

// diffEach reads the rows of a table that differ between two commits.
func diffEach(ctx context.Context, tx *doltdb.Tx, table, from, to, columns, where string, scan func(*doltdb.Rows) error) error {
	// The revisions are literals, which lets the database plan the scan; it takes no
	// placeholder for the table's name. So they are checked here.
	if _, err := doltdb.AsOf(from); err != nil {
		return err
	}
	if _, err := doltdb.AsOf(to); err != nil {
		return err
	}
	query := fmt.Sprintf("SELECT %s FROM dolt_diff('%s', '%s', '%s') %s", columns, from, to, table, where)
	return tx.Each(ctx, scan, query)
}
