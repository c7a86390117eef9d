package federation

import (
	"context"
	"errors"
	"fmt"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Limits of a store that arrives. They are far above what Towns need, and keep the
// memory and time bounded that a hostile store can cost.
const (
	// maxDocuments bounds the roles and, apart from them, the formulas.
	maxDocuments = 1 << 18
	// maxIssues bounds the issues of one template. A writer adds none beyond
	// lastIssue, so that a merge of two Towns' issues stays within the limit.
	maxIssues = 1 << 17
	lastIssue = 1 << 16
	// maxIssueBytes bounds the texts of the issues of one template that arrive
	// together.
	maxIssueBytes = 256 << 20
	// maxMembers bounds the registry, and maxRows every other table.
	maxMembers = 1 << 14
	maxRows    = 1 << 20
	// maxSignatures bounds the signatures, of which every edit adds one, and maxKeys the
	// keys, which are all checked one after the other.
	maxSignatures = 1 << 22
	maxKeys       = 1 << 17
)

// tableLimits are the most rows that a table may have.
var tableLimits = map[string]int{
	"roles": maxDocuments, "formulas": maxDocuments, "templates": maxRows, "archive": maxRows, "proposals": maxRows, "resolutions": maxRows,
	"towns": maxMembers, "town_keys": maxKeys, "signatures": maxSignatures, "ranks": maxRows,
}

// checkCounts refuses a table with too many rows, and a template with too many
// issues, before any row is read.
func checkCounts(ctx context.Context, tx *doltdb.Tx, table, remote, theirs string) error {
	most := tableLimits[table]
	if most == 0 {
		return nil
	}
	asOf, err := doltdb.AsOf(theirs)
	if err != nil {
		return err
	}
	var rows int
	if err := tx.QueryRow(ctx, "SELECT COUNT(*) FROM "+table+asOf).Scan(&rows); err != nil {
		return err
	}
	if rows > most {
		return doltdb.Refuse(remote, "table %s: it has %d rows; the limit is %d", table, rows, most)
	}
	if table != "templates" || rows <= maxIssues {
		return nil
	}
	var name string
	err = tx.QueryRow(ctx, fmt.Sprintf("SELECT name, COUNT(*) AS n FROM templates%s GROUP BY name HAVING n > %d LIMIT 1", asOf, maxIssues)).Scan(&name, &rows)
	if errors.Is(err, doltdb.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return doltdb.Refuse(remote, "template %q has %d issues; the limit is %d", town.Clip(name, 64), rows, maxIssues)
}

// issueBytes adds up the texts of each template's issues, which arrive in the order
// of names.
type issueBytes struct {
	name  string
	total int
}

func (b *issueBytes) add(e town.Edit) error {
	if e.Name != b.name {
		b.name, b.total = e.Name, 0
	}
	if b.total += len(e.Text); b.total > maxIssueBytes {
		return fmt.Errorf("the issues of %s that arrive have more than %d bytes together", e.Name, maxIssueBytes)
	}
	return nil
}

// full is the error for an edit of a template with too many issues.
func full(key town.Key) error {
	return town.Fail("record "+key.String(), "rename its file: a new template begins with issue 1, and the history of this one stays",
		"%w: it has %d issues, which is the limit", town.ErrRefused, lastIssue)
}
