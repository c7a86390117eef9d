package doltdb

import (
	"context"
	"fmt"
	"strings"

	"gastown/planes/doltdb/internal/engine"
)

// repairBranch is where a repair is made before it becomes visible.
const repairBranch = "gt-repair"

// Repair makes one commit on top of the database's tip, which must be the Salvage's,
// with the last good state and what is to stay of the changes since. The branch moves
// to it only if the plane accepts the outcome. It returns the commit.
func (db *Shared) Repair(ctx context.Context, base string, s *Salvage, message string, p Salvaging) (commit string, err error) {
	defer engine.Recovered("repair the "+db.opts.name()+" database", &err)
	err = db.exclusively(ctx, func() error {
		return db.administer(ctx, func(tx *Tx) error {
			if err := tx.onlyCommitted(ctx); err != nil {
				return err
			}
			if head, err := tx.Revision(ctx, repairBranch); err != nil {
				return err
			} else if head != "" {
				if err := tx.call(ctx, "CALL DOLT_BRANCH('-D', '-f', ?)", repairBranch); err != nil {
					return err
				}
			}
			if commit, err = db.repair(ctx, tx, base, s, message, p); err != nil {
				return err
			}
			if err := tx.call(ctx, "CALL DOLT_CHECKOUT(?)", Branch); err != nil {
				return err
			}
			if err := tx.call(ctx, "CALL DOLT_MERGE('--ff-only', ?)", repairBranch); err != nil {
				return err
			}
			return tx.call(ctx, "CALL DOLT_BRANCH('-D', '-f', ?)", repairBranch)
		})
	})
	return commit, err
}

func (db *Shared) repair(ctx context.Context, tx *Tx, base string, s *Salvage, message string, p Salvaging) (commit string, err error) {
	if err := tx.call(ctx, "CALL DOLT_CHECKOUT('-b', ?, ?)", repairBranch, s.Tip); err != nil {
		return "", err
	}
	// The content becomes that of Good, and then the branch goes back to Tip.
	for _, step := range []struct{ how, to string }{{"--hard", s.Good}, {"--soft", s.Tip}} {
		if err := tx.call(ctx, "CALL DOLT_RESET(?, ?)", step.how, step.to); err != nil {
			return "", err
		}
	}
	for _, plan := range s.plans {
		if err := tx.takeOver(ctx, s, plan); err != nil {
			return "", fmt.Errorf("take over the rows of %s: %w", plan.table.Name, err)
		}
	}
	if commit, err = db.commitMerge(ctx, tx, message); err != nil {
		return "", err
	}
	// Towns at base, and those that are at the tip, must both be able to take it.
	for _, from := range []string{base, s.Tip} {
		if err := p.Accepts(ctx, tx, from, commit); err != nil {
			return "", fmt.Errorf("the outcome would not be accepted either: %w", err)
		}
	}
	return commit, nil
}

// takeOver brings the rows of one table that are to stay into the session's state,
// within the database, however many they are.
func (tx *Tx) takeOver(ctx context.Context, s *Salvage, plan tablePlan) error {
	t := plan.table
	from := fmt.Sprintf("dolt_diff('%s', '%s', '%s')", s.Good, s.Tip, t.Name)
	columns := strings.Join(t.Columns, ", ")
	where, args := "diff_type <> 'removed'", []any(nil)
	for _, key := range plan.bad {
		where += " AND NOT (" + equals("to_", t.Keys) + ")"
		args = append(args, key...)
	}
	_, err := tx.Exec(ctx, "REPLACE INTO "+t.Name+" ("+columns+") SELECT to_"+strings.Join(t.Columns, ", to_")+
		" FROM "+from+" WHERE "+where, args...)
	if err != nil {
		return err
	}
	for _, key := range plan.removed {
		if _, err := tx.Exec(ctx, "DELETE FROM "+t.Name+" WHERE "+equals("", t.Keys), key...); err != nil {
			return err
		}
	}
	return nil
}

func equals(prefix string, keys []string) string {
	list := make([]string, len(keys))
	for i, k := range keys {
		list[i] = prefix + k + " = ?"
	}
	return strings.Join(list, " AND ")
}
