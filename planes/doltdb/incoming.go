package doltdb

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"gastown/town"
)

// Shape is what a store that arrives from a remote must look like.
type Shape struct {
	// Plane is the store's name in messages, Steps its schema.
	Plane string
	Steps []Migration
	// Tables has, for each step, the tables that it makes or alters, with the digest
	// of their definition after it (Tx.Definition).
	Tables []map[string]town.Digest
}

// After are the tables of a store that took so many steps, with the digests of
// their definitions.
func (s Shape) After(steps int) map[string]town.Digest {
	all := map[string]town.Digest{}
	for _, tables := range s.Tables[:steps] {
		maps.Copy(all, tables)
	}
	return all
}

// ChangedTable is a table with rows that differ between two revisions.
type ChangedTable struct {
	Name string
	// Whole: the table does not exist in the older revision, or had another
	// definition there, so all of its rows are to be checked.
	Whole bool
	// Redefined: it had another definition in the older revision.
	Redefined bool
}

// Incoming is a revision that passed CheckShape.
type Incoming struct {
	// From is the revision that changes are counted from.
	From string
	// Steps is how many steps of the shape it took: at least one, and fewer than
	// there are where a former version of gt wrote it.
	Steps int
	// Changed are the tables whose rows the caller must check.
	Changed []ChangedTable
}

// CheckShape refuses a revision that arrived from a remote unless it is the
// store of that UUID, took the first steps of the shape and at least those of base,
// and has the tables of those steps and nothing else. Changes are counted from base.
// Without a base they are counted from the first commit of the history, which then
// must be empty. A table that is not in the shape may be removed, and a definition
// that was not the shape's be corrected: that is how a store is repaired. The caller
// checks the rows. The error wraps town.ErrRefused,
// ErrNewerSchema or ErrOtherStore.
func (tx *Tx) CheckShape(ctx context.Context, remote, uuid, base, theirs string, s Shape) (in Incoming, err error) {
	c := incoming{tx: tx, remote: remote, theirs: theirs, shape: s}
	if err := tx.CheckStore(ctx, theirs, uuid); err != nil {
		return in, err
	}
	if err := c.steps(ctx); err != nil {
		return in, err
	}
	if in.From = base; base == "" {
		if in.From, err = c.first(ctx); err != nil {
			return in, err
		}
	}
	if err := c.stepsSince(ctx, in.From); err != nil {
		return in, err
	}
	if in.Changed, err = c.changed(ctx, in.From); err == nil {
		err = c.redefined(ctx, in.From, in.Changed)
	}
	if err == nil {
		err = c.definitions(ctx)
	}
	if err == nil {
		err = c.identity(ctx)
	}
	in.Steps = c.done
	return in, err
}

// Refuse is the error for a revision of a remote that is not accepted.
func Refuse(remote, format string, args ...any) error {
	return town.Fail("take what "+remote+" holds",
		"nothing was changed here; see what would bring it back to its last good state: gt federation repair "+remote+" --dry-run",
		"%w: "+format, append([]any{town.ErrRefused}, args...)...)
}

// ErrUnfit reports a store of this Town that holds what other Towns would refuse.
var ErrUnfit = errors.New("not fit to be published")

// unfit is an ErrUnfit with its reason.
type unfit struct{ error }

func (e unfit) Is(target error) bool { return target == ErrUnfit }
func (e unfit) Unwrap() error        { return e.error }

// Outgoing is the refusal of a revision that is about to be published, made from that
// of the same revision as incoming. Other errors pass unchanged. what names the store.
func Outgoing(remote, what string, err error) error {
	var told *town.Error
	if !errors.Is(err, town.ErrRefused) && !errors.Is(err, ErrNewerSchema) || !errors.As(err, &told) {
		return err
	}
	return &town.Error{
		Op: "publish to " + remote, Err: unfit{fmt.Errorf("every other Town would refuse what %s holds: %w", what, told.Err)},
		Next: "nothing has left; see what would put it right: gt federation repair --dry-run",
	}
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
	// base and done count the steps that were taken, and defined are the tables
	// that there must be.
	base, done int
	defined    map[string]town.Digest
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

// steps refuses a schema whose steps are not the first ones of the shape. A former
// version of gt knows fewer.
func (c *incoming) steps(ctx context.Context) error {
	done, err := c.tx.Migrations(ctx, c.theirs)
	if err != nil {
		return c.refuse("its schema cannot be read: %w", err)
	}
	if err := checkMigrations(c.shape.Plane, done, c.shape.Steps); err != nil {
		return err
	}
	if len(done) == 0 {
		return c.refuse("it has no schema")
	}
	c.done, c.defined = len(done), c.shape.After(len(done))
	return nil
}

// stepsSince refuses a schema that lost a step since base.
func (c *incoming) stepsSince(ctx context.Context, base string) error {
	from, err := c.tx.Migrations(ctx, base)
	if err == nil {
		err = checkMigrations(c.shape.Plane, from, c.shape.Steps)
	}
	if err != nil && ctx.Err() == nil {
		c.base = c.done // base is not fit itself, and theirs may have repaired it
		return nil
	}
	if c.base = len(from); err == nil && c.done < c.base {
		return c.refuse("its schema went back from version %d to version %d", c.base, c.done)
	}
	return err
}

// changed lists the tables that were changed since base. It refuses tables, views,
// procedures and triggers that the shape does not have, and the removal of those it
// has. redefined and definitions look at definitions.
func (c incoming) changed(ctx context.Context, base string) (changed []ChangedTable, err error) {
	err = c.tx.Each(ctx, func(r *Rows) error {
		var from, to *string
		var kind string
		var data, schema bool
		if err := r.Scan(&from, &to, &kind, &data, &schema); err != nil {
			return err
		}
		if to == nil || *to == "" {
			if from != nil {
				if _, ok := c.shape.After(len(c.shape.Steps))[*from]; !ok {
					return nil
				}
			}
			return c.refuse("table %s was removed", clipped(from))
		}
		if _, ok := c.defined[*to]; !ok {
			return c.refuse("it has a table %s, which the %s plane does not have", clipped(to), c.shape.Plane)
		}
		redefined := schema && kind != "added" && c.base == c.done
		if data || redefined {
			changed = append(changed, ChangedTable{Name: *to, Whole: kind == "added" || redefined, Redefined: redefined})
		}
		return nil
	}, "SELECT from_table_name, to_table_name, diff_type, data_change, schema_change FROM dolt_diff_summary(?, ?)", base, c.theirs)
	return changed, err
}

// redefined refuses tables that had the right definition at base and were defined
// again since: the engine does not merge them, even where the text is equal.
func (c incoming) redefined(ctx context.Context, base string, changed []ChangedTable) error {
	for _, table := range changed {
		if !table.Redefined {
			continue
		}
		before, err := c.tx.Definition(ctx, table.Name, base)
		if err != nil {
			return err
		}
		if before == c.defined[table.Name] {
			return c.refuse("the definition of table %q was changed", table.Name)
		}
	}
	return nil
}

func clipped(s *string) string {
	if s == nil {
		return "?"
	}
	return fmt.Sprintf("%q", town.Clip(*s, 64))
}

// definitions refuses tables that are missing or have another definition.
func (c incoming) definitions(ctx context.Context) error {
	for table, want := range c.defined {
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
	if !town.IsIdentity(uuid) {
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
