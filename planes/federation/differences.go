package federation

import (
	"context"
	"slices"
	"strings"

	"gastown/planes/doltdb"
	"gastown/town"
)

// The ways in which a document differs between two commits.
const (
	Added   = "added"
	Changed = "changed"
	Removed = "removed"
)

// Difference is one document that differs between two commits.
type Difference struct {
	town.Key
	// State is Added, Changed or Removed.
	State string
	// Author wrote or removed it, in the Town Town. Both may be empty for a document
	// that was removed.
	Author string
	Town   town.ID
}

// Differences tell which documents differ between two commits.
type Differences struct {
	// List names them by kind and name, at most as many as were asked for.
	List                    []Difference
	Added, Changed, Removed int
}

// Total counts all documents that differ.
func (d Differences) Total() int { return d.Added + d.Changed + d.Removed }

// add adds a document; List has at most so many.
func (d *Differences) add(f Difference, most int) {
	switch f.State {
	case Added:
		d.Added++
	case Changed:
		d.Changed++
	default:
		d.Removed++
	}
	if len(d.List) < most {
		d.List = append(d.List, f)
	}
}

// Differences names the documents whose text in force may differ between two commits,
// the first most of them, without reading a text.
func (s *Store) Differences(ctx context.Context, from, to string, most int) (d Differences, err error) {
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		for _, k := range town.Kinds {
			var found []Difference
			if k == town.KindTemplate {
				found, err = templateDifferences(ctx, tx, from, to)
			} else {
				found, err = rowDifferences(ctx, tx, k, from, to)
			}
			if err != nil {
				return err
			}
			slices.SortFunc(found, func(a, b Difference) int { return strings.Compare(a.Name, b.Name) })
			for _, f := range found {
				d.add(f, most)
			}
		}
		return findRemovers(ctx, tx, from, to, d.List)
	})
	return d, err
}

// rowDifferences are those of a kind with one row for each document.
func rowDifferences(ctx context.Context, tx *doltdb.Tx, k town.Kind, from, to string) (found []Difference, err error) {
	err = diffEach(ctx, tx, rowTable(k), from, to,
		"diff_type, COALESCE(to_name, from_name), COALESCE(to_author, ''), COALESCE(to_town, '')", "", func(r *doltdb.Rows) error {
			d := Difference{Key: town.Key{Kind: k}}
			var how string
			err := r.Scan(&how, &d.Name, &d.Author, &d.Town)
			d.State = map[string]string{"added": Added, "removed": Removed}[how]
			if d.State == "" {
				d.State = Changed
			}
			found = append(found, d)
			return err
		})
	return found, err
}

// templateDifferences are those of the templates, of which the newest issue counts.
func templateDifferences(ctx context.Context, tx *doltdb.Tx, from, to string) (found []Difference, err error) {
	newest := map[string]int{}
	at := map[string]int{} // index in found
	err = diffEach(ctx, tx, "templates", from, to,
		"COALESCE(to_name, from_name), COALESCE(to_version, 0), COALESCE(to_deleted, 0), COALESCE(to_author, ''), COALESCE(to_town, '')", "",
		func(r *doltdb.Rows) error {
			d := Difference{Key: town.Key{Kind: town.KindTemplate}, State: Changed}
			var version int
			var deleted bool
			if err := r.Scan(&d.Name, &version, &deleted, &d.Author, &d.Town); err != nil {
				return err
			}
			if deleted {
				d.State = Removed
			}
			i, known := at[d.Name]
			switch {
			case !known:
				at[d.Name] = len(found)
				found = append(found, d)
			case version > newest[d.Name]:
				found[i] = d
			}
			newest[d.Name] = max(newest[d.Name], version)
			return nil
		})
	if err != nil {
		return nil, err
	}
	names := make([]string, len(found))
	for i, d := range found {
		names[i] = d.Name
	}
	before, err := templatesInForce(ctx, tx, from, names)
	if err != nil {
		return nil, err
	}
	for i, d := range found {
		if d.State == Changed && !before[d.Name] {
			found[i].State = Added
		}
	}
	// A template that came and went in between is the same at both ends: none.
	return slices.DeleteFunc(found, func(d Difference) bool { return d.State == Removed && !before[d.Name] }), nil
}

// templatesInForce reports which templates had a text in force at a commit.
func templatesInForce(ctx context.Context, tx *doltdb.Tx, revision string, names []string) (map[string]bool, error) {
	from, err := tableAt(town.KindTemplate, revision)
	if err != nil {
		return nil, err
	}
	there := map[string]bool{}
	for batch := range slices.Chunk(names, batchSize) {
		err := tx.Each(ctx, func(r *doltdb.Rows) error {
			var name string
			var deleted bool
			err := r.Scan(&name, &deleted)
			there[name] = !deleted
			return err
		}, "SELECT name, deleted FROM "+from+" WHERE name IN "+placeholders(len(batch))+" ORDER BY name, version", anys(batch)...)
		if err != nil {
			return nil, err
		}
	}
	return there, nil
}

// maxRemovers is how many commits are searched for who removed a document. A row that
// is gone names nobody.
const maxRemovers = 100

// findRemovers completes the documents that were removed with who committed that, if
// the commits between are few.
func findRemovers(ctx context.Context, tx *doltdb.Tx, from, to string, list []Difference) error {
	missing := map[town.Key]int{}
	for i, d := range list {
		if d.State == Removed && d.Author == "" {
			missing[d.Key] = i
		}
	}
	if len(missing) == 0 {
		return nil
	}
	commits, err := commitsBetween(ctx, tx, from, to)
	if err != nil || len(commits) > maxRemovers {
		return err
	}
	for _, c := range commits {
		for _, k := range []town.Kind{town.KindRole, town.KindFormula} {
			err := diffEach(ctx, tx, rowTable(k), c.parent, c.hash, "from_name", "WHERE diff_type = 'removed'", func(r *doltdb.Rows) error {
				key := town.Key{Kind: k}
				err := r.Scan(&key.Name)
				if i, ok := missing[key]; ok && list[i].Author == "" {
					list[i].Author = c.author
				}
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// between is a commit with its only parent.
type between struct{ hash, parent, author string }

// commitsBetween lists the commits of to's history that from's does not have, the
// newest first, without merges.
func commitsBetween(ctx context.Context, tx *doltdb.Tx, from, to string) (list []between, err error) {
	for _, revision := range []string{from, to} {
		if _, err := doltdb.AsOf(revision); err != nil {
			return nil, err
		}
	}
	err = tx.Each(ctx, func(r *doltdb.Rows) error {
		var c between
		var who town.Actor
		var parents string
		err := r.Scan(&c.hash, &who.Name, &who.Email, &parents)
		c.parent, c.author = parents, who.String()
		if parents != "" && !strings.Contains(parents, ",") {
			list = append(list, c)
		}
		return err
	}, "SELECT commit_hash, committer, email, parents FROM dolt_log('"+from+".."+to+"', '--parents')")
	return list, err
}
