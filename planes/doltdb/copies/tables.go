package copies

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dolthub/dolt/go/libraries/doltcore/doltdb"
	"github.com/dolthub/dolt/go/libraries/doltcore/ref"
	"github.com/dolthub/dolt/go/libraries/doltcore/schema"

	"gastown/planes/doltdb/internal/engine"
)

// branch is the one branch of a database.
const branch = "main"

// Table is one table of a database as it was: with rows that nobody has committed.
type Table struct {
	Name string `json:"name"`
	// Rows is the number of rows.
	Rows uint64 `json:"rows"`
	// Digest is the engine's digest of schema and rows. Equal content has equal digests.
	Digest string `json:"digest"`
}

// Tables lists the tables by name, and the commit at the tip.
func (d *Database) Tables(ctx context.Context) (tables []Table, head string, err error) {
	defer engine.Recovered("read the copy of the "+d.Name+" database", &err)
	main := ref.NewBranchRef(branch)
	commit, err := d.db.ResolveCommitRef(ctx, main)
	if err != nil {
		return nil, "", err
	}
	hash, err := commit.HashOf()
	if err != nil {
		return nil, "", err
	}
	root, err := d.working(ctx, main, commit)
	if err != nil {
		return nil, "", err
	}
	err = root.IterTables(ctx, func(name doltdb.TableName, table *doltdb.Table, _ schema.Schema) (stop bool, err error) {
		digest, err := table.HashOf()
		if err != nil {
			return true, err
		}
		rows, err := table.GetRowData(ctx)
		if err != nil {
			return true, err
		}
		n, err := rows.Count()
		if err != nil {
			return true, fmt.Errorf("count the rows of %s: %w", name.Name, err)
		}
		tables = append(tables, Table{Name: name.Name, Rows: n, Digest: digest.String()})
		return false, nil
	})
	slices.SortFunc(tables, func(a, b Table) int { return strings.Compare(a.Name, b.Name) })
	return tables, hash.String(), err
}

// working is the state with rows that nobody has committed.
func (d *Database) working(ctx context.Context, main ref.DoltRef, commit *doltdb.Commit) (doltdb.RootValue, error) {
	at, err := ref.WorkingSetRefForHead(main)
	if err != nil {
		return nil, err
	}
	set, err := d.db.ResolveWorkingSet(ctx, at)
	if errors.Is(err, doltdb.ErrWorkingSetNotFound) {
		return commit.GetRootValue(ctx)
	}
	if err != nil {
		return nil, err
	}
	return set.WorkingRoot(), nil
}
