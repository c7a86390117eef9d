package doltdb

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"gastown/planes/doltdb/internal/engine"
	"gastown/town"
)

// ErrNewerSchema reports a store written by a later version of gt.
var ErrNewerSchema = errors.New("the store has a newer schema than this gt knows")

// Migration is one step of a plane's schema. Its statements never change once
// released; a checksum in the database proves it.
type Migration struct {
	Name       string
	Statements []string
}

func (m Migration) checksum() string {
	return string(town.DigestOf(append([]string{m.Name}, m.Statements...)...))
}

// migrationBranch is the branch on which a step is taken before it becomes
// visible.
const migrationBranch = "gt-migration"

const createMigrations = `CREATE TABLE IF NOT EXISTS schema_migrations (
	version INT PRIMARY KEY, name VARCHAR(128) NOT NULL, checksum CHAR(64) NOT NULL)`

// Migrate brings the database to the newest schema: step n of the list is
// version n+1, and each step is one commit. A store that has more steps is
// refused with ErrNewerSchema, one whose recorded steps differ with
// town.ErrRefused; both are left untouched. The rows contain no time or place,
// so Towns that migrate independently get the same rows.
func (db *Local) Migrate(ctx context.Context, steps []Migration) error {
	done, err := db.migrations(ctx)
	if err != nil {
		return err
	}
	if err := checkMigrations(db.opts.name(), done, steps); err != nil || len(done) == len(steps) {
		return err
	}
	if len(done) > 0 {
		// A step is taken on a branch, where rows that no commit has would be in its way.
		if _, err := db.CommitOthers(ctx); err != nil {
			return err
		}
	}
	return db.exclusively(ctx, func() error { return db.takeSteps(ctx, steps) })
}

func (db *Local) takeSteps(ctx context.Context, steps []Migration) error {
	// Another process may have taken the steps meanwhile.
	done, err := db.migrations(ctx)
	if err != nil {
		return err
	}
	if err := checkMigrations(db.opts.name(), done, steps); err != nil {
		return err
	}
	for n := len(done); n < len(steps); n++ {
		if err := db.migrate(ctx, n+1, steps[n]); err != nil {
			return fmt.Errorf("migrate the %s database to version %d (%s): %w", db.opts.name(), n+1, steps[n].Name, err)
		}
	}
	return nil
}

// migrate takes one step. In SQL, statements that change tables end a
// transaction. So the step is taken on a branch of its own, which becomes
// visible when it is complete. A branch that a killed process left is dropped
// first.
func (db *Local) migrate(ctx context.Context, version int, step Migration) (err error) {
	defer engine.Recovered("migrate the "+db.opts.name()+" database", &err)
	return db.administer(ctx, func(tx *Tx) (err error) {
		dropBranch := func() error { return tx.call(ctx, "CALL DOLT_BRANCH('-D', '-f', ?)", migrationBranch) }
		if head, err := tx.Revision(ctx, migrationBranch); err != nil {
			return err
		} else if head != "" {
			if err := dropBranch(); err != nil {
				return err
			}
		}
		if err := tx.call(ctx, "CALL DOLT_CHECKOUT('-b', ?)", migrationBranch); err != nil {
			return err
		}
		for _, q := range append([]string{createMigrations, createMeta}, step.Statements...) {
			if _, err := tx.Exec(ctx, q); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, "INSERT INTO schema_migrations (version, name, checksum) VALUES (?, ?, ?)", version, step.Name, step.checksum()); err != nil {
			return err
		}
		message := fmt.Sprintf("migrate: %d %s", version, step.Name)
		if _, err := db.commit(ctx, tx, message); err != nil {
			return err
		}
		if err := tx.call(ctx, "CALL DOLT_CHECKOUT(?)", Branch); err != nil {
			return err
		}
		if err := tx.call(ctx, "CALL DOLT_MERGE('--ff-only', ?)", migrationBranch); err != nil {
			return err
		}
		return dropBranch()
	})
}

// migrations reads the checksums of the steps already taken.
func (db *Local) migrations(ctx context.Context) (done []string, err error) {
	err = db.View(ctx, func(tx *Tx) error {
		done, err = tx.Migrations(ctx, "HEAD")
		return err
	})
	return done, err
}

// Migrations returns the checksums of the steps a revision of the database has
// taken, in order.
func (tx *Tx) Migrations(ctx context.Context, revision string) (done []string, err error) {
	asOf, err := AsOf(revision)
	if err != nil {
		return nil, err
	}
	err = tx.Each(ctx, func(r *Rows) error {
		var version int
		var sum string
		if err := r.Scan(&version, &sum); err != nil {
			return err
		}
		if version != len(done)+1 {
			return fmt.Errorf("schema_migrations has version %d where %d is due", version, len(done)+1)
		}
		done = append(done, sum)
		return nil
	}, "SELECT version, checksum FROM schema_migrations"+asOf+" ORDER BY version")
	if err != nil && strings.Contains(err.Error(), "table not found") {
		return nil, nil
	}
	return done, err
}

func checkMigrations(name string, done []string, steps []Migration) error {
	op := "check the schema of the " + name + " database"
	if len(done) > len(steps) {
		return town.Fail(op, "upgrade gt on this machine", "%w: version %d, this gt knows %d",
			ErrNewerSchema, len(done), len(steps))
	}
	for n, sum := range done {
		if sum != steps[n].checksum() {
			return town.Fail(op, "use the gt that made it",
				"%w: migration %s was made by a different program", town.ErrRefused, strconv.Itoa(n+1))
		}
	}
	return nil
}
