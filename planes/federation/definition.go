package federation

import (
	"context"
	"fmt"
	"regexp"

	"gastown/planes/doltdb"
	"gastown/town"
)

// definitions addresses what the engine says of each table when it has taken
// every migration. A store that arrives must say the same: its own record of
// migrations is only a claim, and a difference between two commits shows no
// definition that a history begins with.
var definitions = map[string]town.Digest{
	"archive":           "a5bfb93f89a03c57b5e0ffece52ab284c2620f5b2f78648920aae5d4456afcef",
	"formulas":          "c307ad4c7333dc2cc7d7e38ac2a9048c6ab1e4b9218e6d8ccd660fc40b7222f3",
	"meta":              "9e8c044a6dc79016acd581674a43b92c2d250c3b1e198ac95c31778faabb77f2",
	"proposals":         "432ced6948c7158a1ba67ab6b4d9b38b59464e1921ee9fae76d109f71aa422c8",
	"resolutions":       "3ec0fd1c2edde85564317ce450819669496f094531a823d20fba572e18f32ac8",
	"roles":             "e6c4e2ccccdade62aaff0903a590ffdd2a83d54ee11b9c170436bab402088e7a",
	"schema_migrations": "8743370880ac67bbc104af54fbcf5c7651af6dc76f4176691b360a346ad6b16c",
	"templates":         "ea2160aeb73dc57f2bf7126a872ea09327aba1bc07a594e8fba4d162c98c2283",
	"towns":             "126fa50d58595046d3e160a8ca1f3be438239754d19030a2f4f0f3573733c7c3",
}

// uuidPattern is what a store may be called. The name of one that is joined is
// shown to people and written into the configuration.
var uuidPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)

// definition addresses a table's definition at a revision.
func definition(ctx context.Context, tx *doltdb.Tx, table, revision string) (town.Digest, error) {
	asOf, err := doltdb.AsOf(revision)
	if err != nil {
		return "", err
	}
	var name, text string
	if err := tx.QueryRow(ctx, "SHOW CREATE TABLE "+table+asOf).Scan(&name, &text); err != nil {
		return "", err
	}
	return town.ContentDigest(text), nil
}

// checkDefinitions refuses a revision in which a table of the plane is missing
// or is not the table it should be.
func checkDefinitions(ctx context.Context, tx *doltdb.Tx, remote, revision string) error {
	for _, table := range tables {
		got, err := definition(ctx, tx, table, revision)
		if err != nil && ctx.Err() != nil {
			return err
		}
		if err != nil {
			return doltdb.Refuse(remote, "table %q cannot be read: %w", table, err)
		}
		if got != definitions[table] {
			return doltdb.Refuse(remote, "the definition of table %q was changed", table)
		}
	}
	return nil
}

// checkIdentity refuses a revision whose meta holds anything but the store's
// UUID, or whose record of migrations names them otherwise. No rule could
// decide a conflict over such a row later.
func checkIdentity(ctx context.Context, tx *doltdb.Tx, remote, revision string) error {
	asOf, err := doltdb.AsOf(revision)
	if err != nil {
		return err
	}
	uuid, err := tx.StoreUUID(ctx, revision)
	if err != nil {
		return err
	}
	if !uuidPattern.MatchString(uuid) {
		return doltdb.Refuse(remote, "its identity is %q, which is no identity of a store", town.Clip(uuid, 64))
	}
	var rows int
	if err := tx.QueryRow(ctx, "SELECT COUNT(*) FROM meta"+asOf).Scan(&rows); err != nil {
		return err
	}
	if rows != 1 {
		return doltdb.Refuse(remote, "table \"meta\" has %d rows instead of the one with the store's identity", rows)
	}
	step := 0
	return tx.Each(ctx, func(r *doltdb.Rows) error {
		var name string
		if err := r.Scan(&name); err != nil {
			return err
		}
		if step++; step > len(migrations) || migrations[step-1].Name != name {
			return doltdb.Refuse(remote, "it calls step %d of its schema %q", step, town.Clip(name, 64))
		}
		return nil
	}, "SELECT name FROM schema_migrations"+asOf+" ORDER BY version")
}

// maxRevision is the highest revision that is accepted. It leaves room for all
// the edits that follow, and for signed arithmetic.
const maxRevision = 1 << 60

// checkWriter checks what a row says of its writer and of its place in the
// order of edits.
func checkWriter(id town.ID, author string, revision uint64) error {
	if len(author) > maxAuthor || len(id) > 64 || !printable(author) || !printable(string(id)) {
		return fmt.Errorf("the writer %q %q is too long or has control characters", town.Clip(string(id), 64), town.Clip(author, 64))
	}
	if revision > maxRevision {
		return fmt.Errorf("revision %d is beyond the last one that is accepted", revision)
	}
	return nil
}
