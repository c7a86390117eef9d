package doltdb

import (
	"context"
	"fmt"
	"regexp"

	"gastown/town"
)

// Shape is what a store that arrives from a remote must look like.
type Shape struct {
	// Plane is the store's name in messages, Steps its schema.
	Plane string
	Steps []Migration
	// Tables maps every table to the digest of its definition after all steps
	// (Tx.Definition).
	Tables map[string]town.Digest
}

// ChangedTable is a table with rows that differ between two revisions.
type ChangedTable struct {
	Name string
	// Whole: the table does not exist in the older revision, so all of its rows
	// are new.
	Whole bool
}

// uuidPattern matches the identity of a store.
var uuidPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)

// CheckShape refuses a revision that arrived from a remote unless it is the
// store of that UUID, took exactly the steps of the shape, and has its tables
// and nothing else. Changes are counted from base. Without a base they are
// counted from the first commit of the history, which then must be empty. from
// is the one used. The caller checks the rows. The error wraps town.ErrRefused,
// ErrNewerSchema or ErrOtherStore.
func (tx *Tx) CheckShape(ctx context.Context, remote, uuid, base, theirs string, s Shape) (from string, changed []ChangedTable, err error) {
	c := incoming{tx: tx, remote: remote, theirs: theirs, shape: s}
	if err := tx.CheckStore(ctx, theirs, uuid); err != nil {
		return "", nil, err
	}
	done, err := tx.Migrations(ctx, theirs)
	if err != nil {
		return "", nil, c.refuse("its schema cannot be read: %w", err)
	}
	if err := CheckMigrations(s.Plane, done, s.Steps); err != nil {
		return "", nil, err
	}
	if base == "" {
		if base, err = c.first(ctx); err != nil {
			return "", nil, err
		}
	}
	if changed, err = c.tables(ctx, base); err == nil {
		err = c.definitions(ctx)
	}
	if err == nil {
		err = c.identity(ctx)
	}
	return base, changed, err
}

// Refuse is the error for a revision of a remote that is not accepted.
func Refuse(remote, format string, args ...any) error {
	return town.Fail("take what "+remote+" holds",
		"nothing was changed here; tell its author, or restore the remote from a Town that has it right",
		"%w: "+format, append([]any{town.ErrRefused}, args...)...)
}

// Definition is a digest of the engine's definition of a table at a revision.
func (tx *Tx) Definition(ctx context.Context, table, revision string) (town.Digest, error) {
	asOf, err := AsOf(revision)
	if err != nil {
		return "", err
	}
	var name, text string
	if err := tx.QueryRow(ctx, "SHOW CREATE TABLE "+table+asOf).Scan(&name, &text); err != nil {
		return "", err
	}
	return town.ContentDigest(text), nil
}

// First is the first commit in a revision's history.
func (tx *Tx) First(ctx context.Context, revision string) (hash string, err error) {
	err = tx.QueryRow(ctx, "SELECT commit_hash FROM dolt_log(?) ORDER BY commit_order, commit_hash LIMIT 1", revision).Scan(&hash)
	return hash, err
}

type incoming struct {
	tx             *Tx
	remote, theirs string
	shape          Shape
}

func (c incoming) refuse(format string, args ...any) error { return Refuse(c.remote, format, args...) }

// first finds the first commit of the history, and refuses one that has tables,
// because no difference between commits would show their rows.
func (c incoming) first(ctx context.Context) (hash string, err error) {
	if hash, err = c.tx.First(ctx, c.theirs); err != nil {
		return "", err
	}
	asOf, err := AsOf(hash)
	if err != nil {
		return "", err
	}
	return hash, c.tx.Each(ctx, func(r *Rows) error {
		var table string
		if err := r.Scan(&table); err != nil {
			return err
		}
		return c.refuse("its history begins with a table %q instead of with nothing", town.Clip(table, 64))
	}, "SHOW TABLES"+asOf)
}

// tables refuses tables, views, procedures and triggers that the shape does not
// have, and changed definitions of those it has.
func (c incoming) tables(ctx context.Context, base string) (changed []ChangedTable, err error) {
	err = c.tx.Each(ctx, func(r *Rows) error {
		var from, to *string
		var kind string
		var data, schema bool
		if err := r.Scan(&from, &to, &kind, &data, &schema); err != nil {
			return err
		}
		if to == nil || *to == "" {
			return c.refuse("table %s was removed", clipped(from))
		}
		if _, ok := c.shape.Tables[*to]; !ok {
			return c.refuse("it has a table %s, which the %s plane does not have", clipped(to), c.shape.Plane)
		}
		if schema && kind != "added" {
			return c.refuse("the definition of table %s was changed", clipped(to))
		}
		if data {
			changed = append(changed, ChangedTable{Name: *to, Whole: kind == "added"})
		}
		return nil
	}, "SELECT from_table_name, to_table_name, diff_type, data_change, schema_change FROM dolt_diff_summary(?, ?)", base, c.theirs)
	return changed, err
}

func clipped(s *string) string {
	if s == nil {
		return "?"
	}
	return fmt.Sprintf("%q", town.Clip(*s, 64))
}

// definitions refuses tables that are missing or have another definition.
func (c incoming) definitions(ctx context.Context) error {
	for table, want := range c.shape.Tables {
		got, err := c.tx.Definition(ctx, table, c.theirs)
		if err != nil && ctx.Err() != nil {
			return err
		}
		if err != nil {
			return c.refuse("table %q cannot be read: %w", table, err)
		}
		if got != want {
			return c.refuse("the definition of table %q was changed", table)
		}
	}
	return nil
}

// identity refuses rows of meta other than the store's UUID, and steps under
// another name, because no rule could decide a later conflict over such a row.
func (c incoming) identity(ctx context.Context) error {
	asOf, err := AsOf(c.theirs)
	if err != nil {
		return err
	}
	uuid, err := c.tx.StoreUUID(ctx, c.theirs)
	if err != nil {
		return err
	}
	if !uuidPattern.MatchString(uuid) {
		return c.refuse("its identity is %q, which is no identity of a store", town.Clip(uuid, 64))
	}
	var rows int
	if err := c.tx.QueryRow(ctx, "SELECT COUNT(*) FROM meta"+asOf).Scan(&rows); err != nil {
		return err
	}
	if rows != 1 {
		return c.refuse("table \"meta\" has %d rows instead of the one with the store's identity", rows)
	}
	step := 0
	return c.tx.Each(ctx, func(r *Rows) error {
		var name string
		if err := r.Scan(&name); err != nil {
			return err
		}
		if step++; step > len(c.shape.Steps) || c.shape.Steps[step-1].Name != name {
			return c.refuse("it calls step %d of its schema %q", step, town.Clip(name, 64))
		}
		return nil
	}, "SELECT name FROM schema_migrations"+asOf+" ORDER BY version")
}
