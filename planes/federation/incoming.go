package federation

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Limits of what a row that arrives may hold, in bytes.
const (
	maxAuthor  = 255
	maxVersion = 128
)

// maxIssue is the highest number of a template's issue that is accepted; the
// rest of the range leaves room for the issues that follow.
const maxIssue = 1 << 31

// CheckIncoming decides whether a revision that arrived from a remote may be
// merged: it must be this store, have this schema and no other table, and every
// row it changed since base must be one a Town could have written. It changes
// nothing. An error is town.ErrRefused or doltdb.ErrNewerSchema.
func (s *Store) CheckIncoming(ctx context.Context, remote, uuid, base, theirs string) error {
	return s.View(ctx, func(tx *doltdb.Tx) error {
		if err := tx.CheckStore(ctx, theirs, uuid); err != nil {
			return err
		}
		_, err := checkIncoming(ctx, tx, remote, base, theirs)
		return err
	})
}

// checkIncoming also says whether another program than gt wrote some of the
// rows, so that they are to be mended.
func checkIncoming(ctx context.Context, tx *doltdb.Tx, remote, base, theirs string) (foreign bool, err error) {
	foreign, err = checkAll(ctx, tx, remote, base, theirs)
	if err != nil && ctx.Err() == nil && town.Next(err) == "" {
		// Part of it is missing, for instance.
		err = doltdb.Refuse(remote, "it cannot be read: %w", err)
	}
	return foreign, err
}

func checkAll(ctx context.Context, tx *doltdb.Tx, remote, base, theirs string) (foreign bool, err error) {
	done, err := tx.Migrations(ctx, theirs)
	if err != nil {
		return false, doltdb.Refuse(remote, "its schema cannot be read: %w", err)
	}
	if err := doltdb.CheckMigrations("federation", done, migrations); err != nil {
		return false, err
	}
	if base == "" {
		if base, err = first(ctx, tx, theirs); err != nil {
			return false, err
		}
		if err := checkFirst(ctx, tx, remote, base); err != nil {
			return false, err
		}
	}
	changed, err := checkTables(ctx, tx, remote, base, theirs)
	if err != nil {
		return false, err
	}
	if err := checkDefinitions(ctx, tx, remote, theirs); err != nil {
		return false, err
	}
	if err := checkIdentity(ctx, tx, remote, theirs); err != nil {
		return false, err
	}
	for _, c := range changed {
		if err := c.checkRows(ctx, tx, remote, base, theirs, &foreign); err != nil {
			return false, err
		}
	}
	return foreign, nil
}

// changedTable is a table whose rows are to be checked.
type changedTable struct {
	name string
	// whole: it is not in the older revision, so that all of its rows are new.
	// Reading a table costs half of what comparing it with nothing does.
	whole bool
}

// first is the commit a history begins with.
func first(ctx context.Context, tx *doltdb.Tx, revision string) (hash string, err error) {
	err = tx.QueryRow(ctx, "SELECT commit_hash FROM dolt_log(?) ORDER BY commit_order, commit_hash LIMIT 1", revision).Scan(&hash)
	return hash, err
}

// checkFirst refuses a history that begins with rows: they are in no difference
// between two commits, so nothing would look at them.
func checkFirst(ctx context.Context, tx *doltdb.Tx, remote, hash string) error {
	asOf, err := doltdb.AsOf(hash)
	if err != nil {
		return err
	}
	return tx.Each(ctx, func(r *doltdb.Rows) error {
		var table string
		if err := r.Scan(&table); err != nil {
			return err
		}
		return doltdb.Refuse(remote, "its history begins with a table %s instead of with nothing", clip(&table))
	}, "SHOW TABLES"+asOf)
}

// checkTables refuses tables, views, procedures and triggers that the plane
// does not have, and changed definitions of those it has. It returns the tables
// whose rows changed.
func checkTables(ctx context.Context, tx *doltdb.Tx, remote, base, theirs string) (changed []changedTable, err error) {
	err = tx.Each(ctx, func(r *doltdb.Rows) error {
		var from, to *string
		var kind string
		var data, schema bool
		if err := r.Scan(&from, &to, &kind, &data, &schema); err != nil {
			return err
		}
		if to == nil || *to == "" {
			return doltdb.Refuse(remote, "table %s was removed", clip(from))
		}
		if !slices.Contains(tables, *to) {
			return doltdb.Refuse(remote, "it has a table %s, which the federation plane does not have", clip(to))
		}
		if schema && kind != "added" {
			return doltdb.Refuse(remote, "the definition of table %s was changed", clip(to))
		}
		if data {
			changed = append(changed, changedTable{name: *to, whole: kind == "added"})
		}
		return nil
	}, "SELECT from_table_name, to_table_name, diff_type, data_change, schema_change FROM dolt_diff_summary(?, ?)", base, theirs)
	return changed, err
}

func clip(s *string) string {
	if s == nil {
		return "?"
	}
	return fmt.Sprintf("%q", town.Clip(*s, 64))
}

// textColumns are the columns whose size is checked before they are read.
var textColumns = map[string][]string{
	"roles": {"text"}, "formulas": {"text"}, "templates": {"text"}, "archive": {"text"}, "proposals": {"text", "base"},
}

// checkRows reads the changed rows of a table once. A text that is too long is
// not read: its NULL fails the check, and then the sizes are looked at.
func (c changedTable) checkRows(ctx context.Context, tx *doltdb.Tx, remote, base, theirs string, foreign *bool) error {
	table := c.name
	if slices.Contains(kept, table) && !c.whole {
		err := diffEach(ctx, tx, table, base, theirs, "COUNT(*)", "WHERE diff_type = 'removed'", func(r *doltdb.Rows) error {
			var n int
			if err := r.Scan(&n); err != nil || n == 0 {
				return err
			}
			return doltdb.Refuse(remote, "table %s: %d row(s) were removed, but its rows are only ever added", table, n)
		})
		if err != nil {
			return err
		}
	}
	columns, check := rowCheck(table, foreign)
	if check == nil {
		return nil
	}
	for _, column := range textColumns[table] {
		columns = strings.Replace(columns, "to_"+column,
			fmt.Sprintf("IF(OCTET_LENGTH(to_%[1]s) > %[2]d, NULL, to_%[1]s)", column, town.MaxDocumentBytes), 1)
	}
	refused := func(err error) error { return doltdb.Refuse(remote, "table %s: %w", table, err) }
	err := apart(func(judge func(verdict)) error {
		take := func(r *doltdb.Rows) error {
			v, err := check(r)
			if err != nil {
				return refused(err)
			}
			judge(func() error {
				if err := v(); err != nil {
					return refused(err)
				}
				return nil
			})
			return nil
		}
		if c.whole {
			return readEach(ctx, tx, table, theirs, strings.ReplaceAll(columns, "to_", ""), take)
		}
		return diffEach(ctx, tx, table, base, theirs, columns, "WHERE diff_type <> 'removed'", take)
	})
	if err != nil {
		return cmp.Or(checkSizes(ctx, tx, remote, table, base, theirs), err)
	}
	return nil
}

// verdict says what is wrong with a row that was read.
type verdict func() error

// judgeAhead is how many rows are read ahead of what is judged.
const judgeAhead = 32

// apart runs read and, beside it, the verdicts it hands on, in order. It returns
// the first error of a verdict, or read's.
func apart(read func(judge func(verdict)) error) error {
	verdicts, done := make(chan verdict, judgeAhead), make(chan error, 1)
	go func() {
		var bad error
		for v := range verdicts {
			if bad == nil {
				bad = v()
			}
		}
		done <- bad
	}()
	err := read(func(v verdict) { verdicts <- v })
	close(verdicts)
	return cmp.Or(<-done, err)
}

// checkSizes refuses the first text that is too long.
func checkSizes(ctx context.Context, tx *doltdb.Tx, remote, table, base, theirs string) error {
	for _, column := range textColumns[table] {
		where := fmt.Sprintf("WHERE diff_type <> 'removed' AND OCTET_LENGTH(to_%s) > %d LIMIT 1", column, town.MaxDocumentBytes)
		err := diffEach(ctx, tx, table, base, theirs, "to_name, OCTET_LENGTH(to_"+column+")", where, func(r *doltdb.Rows) error {
			var name string
			var size int64
			if err := r.Scan(&name, &size); err != nil {
				return err
			}
			return doltdb.Refuse(remote, "table %s: the text of %q has %d bytes; the limit is %d", table, town.Clip(name, 64), size, town.MaxDocumentBytes)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// rowCheck gives the columns to read of a table's changed rows and what must
// hold for them. meta and schema_migrations are checkIdentity's.
// The check notes rows without the digest their content calls for.
func rowCheck(table string, foreign *bool) (list string, check func(*doltdb.Rows) (verdict, error)) {
	switch table {
	case "roles", "formulas", "templates":
		k, _ := town.ParseKind(table)
		return prefixed(columns(k)), func(r *doltdb.Rows) (verdict, error) {
			e, err := scanEdit(r, k)
			return func() error {
				*foreign = *foreign || !e.intact()
				return checkEdit(e.Edit)
			}, err
		}
	case "archive":
		return "to_kind, to_name, to_digest, to_version, to_text", checkArchived
	case "proposals":
		return prefixed(proposalColumns), func(r *doltdb.Rows) (verdict, error) {
			p, id, err := scanProposal(r)
			return func() error {
				if p.ID() != id {
					return fmt.Errorf("proposal %q does not hash to its id", town.Clip(string(id), 64))
				}
				if p.Kind != town.KindRole {
					return fmt.Errorf("proposal %s is for a %q", id.Short(), town.Clip(string(p.Kind), 16))
				}
				return checkEdit(town.Edit{Key: p.Key, Text: p.Text, Revision: p.Revision, Town: p.Town, Author: p.Author})
			}, err
		}
	case "resolutions":
		return "to_id, to_proposal, to_outcome, to_result, to_town, to_author", checkResolution
	case "towns":
		return "to_id, to_name, to_revision", func(r *doltdb.Rows) (verdict, error) {
			var m Member
			err := r.Scan(&m.ID, &m.Name, &m.Revision)
			return func() error {
				if err := checkWriter(m.ID, "", m.Revision); err != nil {
					return err
				}
				return town.CheckName(m.Name)
			}, err
		}
	}
	return "", nil
}

func prefixed(columns string) string { return "to_" + strings.ReplaceAll(columns, ", ", ", to_") }

func checkEdit(e town.Edit) error {
	if err := town.CheckName(e.Name); err != nil {
		return err
	}
	if !utf8.ValidString(e.Text) || strings.ContainsRune(e.Text, 0) {
		return fmt.Errorf("the text of %s is not UTF-8 text", e.Name)
	}
	if err := checkWriter(e.Town, e.Author, e.Revision); err != nil {
		return fmt.Errorf("%s: %w", e.Name, err)
	}
	if len(e.Version) > maxVersion || !printable(e.Version) {
		return fmt.Errorf("the version of %s is too long or has control characters", e.Name)
	}
	if n := number(e); e.Kind == town.KindTemplate && (n == 0 || n > maxIssue) {
		return fmt.Errorf("template %s has an issue numbered %q", e.Name, town.Clip(e.Version, 20))
	}
	return nil
}

func checkArchived(r *doltdb.Rows) (verdict, error) {
	var e town.Edit
	var content town.Digest
	err := r.Scan(&e.Kind, &e.Name, &content, &e.Version, &e.Text)
	return func() error {
		if !slices.Contains(town.Kinds, e.Kind) {
			return fmt.Errorf("an archived text of %q is of unknown kind %q", town.Clip(e.Name, 64), town.Clip(string(e.Kind), 16))
		}
		if e.Content() != content {
			return fmt.Errorf("an archived text of %q does not hash to its digest", town.Clip(e.Name, 64))
		}
		if e.Kind == town.KindTemplate {
			e.Version = "1"
		}
		return checkEdit(e)
	}, err
}

func checkResolution(r *doltdb.Rows) (verdict, error) {
	var id town.Digest
	var v Resolution
	err := r.Scan(&id, &v.Proposal, &v.Outcome, &v.Result, &v.Town, &v.Author)
	return func() error {
		if v.ID() != id {
			return fmt.Errorf("resolution %q does not hash to its id", town.Clip(string(id), 64))
		}
		if !printable(string(v.Proposal) + string(v.Outcome) + string(v.Result)) {
			return fmt.Errorf("resolution %s has control characters", id.Short())
		}
		return checkWriter(v.Town, v.Author, 0)
	}, err
}

// printable reports whether text may be shown on a terminal as it is.
func printable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return r < ' ' || (r >= 0x7f && r < 0xa0) || r == utf8.RuneError || (r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069)
	})
}
