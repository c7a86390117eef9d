package federation

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"gastown/planes/doltdb"
	"gastown/sync/policy"
	"gastown/sync/sign"
	"gastown/town"
)

// Merged says what a merge did.
type Merged struct {
	// Commit is now the branch's tip.
	Commit string
	// FastForward: we had no commit of our own, so no merge was needed.
	FastForward bool
	// Notes are for people, one line for each conflict.
	Notes []string
	// Refused are the rows that were not taken; see sift.go.
	Refused []Refusal
}

// Merge brings the revision theirs, which CheckIncoming has passed, into the
// branch. Conflicts of documents are decided by sync/policy; any other conflict
// stops the merge with doltdb.ErrConflict and nothing changes.
func (s *Store) Merge(ctx context.Context, base, ours, theirs, message string) (Merged, error) {
	return s.merge(ctx, base, ours, theirs, message, false)
}

// MergeLater is Merge for a revision that another Town has not published yet, and
// which therefore counts as published after ours. The rules take it as their own
// side and the plane as the remote's, as they would in that Town.
func (s *Store) MergeLater(ctx context.Context, base, ours, theirs, message string) (Merged, error) {
	return s.merge(ctx, base, ours, theirs, message, true)
}

func (s *Store) merge(ctx context.Context, base, ours, theirs, message string, later bool) (Merged, error) {
	if s.MayMerge != nil {
		if err := s.MayMerge(); err != nil {
			return Merged{}, err
		}
	}
	if base == ours {
		forward, err := s.mayForward(ctx, base, ours, theirs)
		if err != nil {
			return Merged{}, err
		}
		if forward {
			if err := s.db.FastForward(ctx, theirs); err != nil {
				return Merged{}, err
			}
			return Merged{Commit: theirs, FastForward: true}, nil
		}
	}
	m := merger{store: s, base: base, ours: ours, theirs: theirs, later: later, changes: s.newChangeset()}
	commit, err := s.db.Merge(ctx, doltdb.Merge{Theirs: theirs, Message: message, Resolve: m.resolve})
	if err != nil {
		return Merged{}, err
	}
	return Merged{Commit: commit, Notes: m.notes, Refused: m.refused}, nil
}

// mayForward reports whether every row at theirs may be taken as it is.
func (s *Store) mayForward(ctx context.Context, base, ours, theirs string) (may bool, err error) {
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		f, err := s.sifted(ctx, tx, sift{base: base, ours: ours, theirs: theirs, to: theirs})
		may = err == nil && f.clean()
		return err
	})
	return may, err
}

// AdoptEqual moves the plane to the revision theirs if both hold exactly the same
// rows. Commits that only merge what theirs has merged too then need not be
// published. adopted is false, and nothing has changed, if the rows differ.
func (s *Store) AdoptEqual(ctx context.Context, theirs string) (adopted bool, err error) {
	return s.db.AdoptEqual(ctx, theirs)
}

type merger struct {
	store              *Store
	base, ours, theirs string
	// later: theirs counts as published after ours.
	later   bool
	changes *changeset
	notes   []string
	refused []Refusal
	// common are the newest commits that both sides contain; nil before a conflict asks.
	common []string
}

func (m *merger) resolve(ctx context.Context, tx *doltdb.Tx, tables []string) error {
	for _, table := range tables {
		var err error
		decided := table
		if m.store.checksDocuments() && slices.Contains(documentTables, table) {
			decided = "" // judge.go decides
		}
		switch decided {
		case "":
		case "roles":
			err = m.rows(ctx, tx, town.KindRole)
		case "formulas":
			err = m.rows(ctx, tx, town.KindFormula)
		case "templates":
			err = m.templates(ctx, tx)
		case "towns":
			err = m.towns(ctx, tx)
		case "archive":
			err = m.archive(ctx, tx)
		case "town_keys", "signatures", "ranks":
			// The engine left our row in place, which was checked when it came.
		default:
			err = m.noPolicy(ctx, tx, table)
		}
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM dolt_conflicts_"+table); err != nil {
			return err
		}
	}
	if err := m.changes.write(ctx, tx); err != nil {
		return err
	}
	f, err := m.store.sifted(ctx, tx, sift{base: m.base, ours: m.ours, theirs: m.theirs, to: working, later: m.later})
	if err != nil {
		return err
	}
	m.notes, m.refused = append(m.notes, f.notes...), f.refused
	return f.apply(ctx)
}

// side is one third of a conflict row: an absent side has a NULL key.
func side(name sql.NullString, cells []sql.NullString, k town.Kind) (*town.Edit, error) {
	if !name.Valid {
		return nil, nil
	}
	r, err := scanEdit(cellScanner(append([]sql.NullString{name}, cells...)), k)
	return &r.Edit, err
}

// cellScanner lets cells that were scanned as text be scanned again.
type cellScanner []sql.NullString

// scanCells scans a row of so many cells as text.
func scanCells(r scanner, n int) (cellScanner, error) {
	cells, dest := make(cellScanner, n), make([]any, n)
	for i := range cells {
		dest[i] = &cells[i]
	}
	return cells, r.Scan(dest...)
}

// texts are the cells as a row to write.
func (c cellScanner) texts() []any {
	row := make([]any, len(c))
	for i := range c {
		row[i] = c[i].String
	}
	return row
}

func (c cellScanner) Scan(dest ...any) error {
	for i, d := range dest {
		switch d := d.(type) {
		case *string:
			*d = c[i].String
		case *town.ID:
			*d = town.ID(c[i].String)
		case *town.Digest:
			*d = town.Digest(c[i].String)
		case *bool:
			*d = c[i].String == "1"
		case *int:
			if _, err := fmt.Sscan(c[i].String, d); err != nil {
				return err
			}
		case *sign.Public:
			*d = sign.Public(c[i].String)
		case *Outcome:
			*d = Outcome(c[i].String)
		case *town.Kind:
			*d = town.Kind(c[i].String)
		case *uint64:
			if _, err := fmt.Sscan(c[i].String, d); err != nil {
				return err
			}
		default:
			return fmt.Errorf("no conversion to %T", d)
		}
	}
	return nil
}

// rows decides the conflicts of roles or formulas.
func (m *merger) rows(ctx context.Context, tx *doltdb.Tx, k town.Kind) error {
	known, err := m.known(ctx, tx, k)
	if err != nil {
		return err
	}
	names := strings.Split(columns(k), ", ")
	var list []string
	for _, prefix := range []string{"base_", "our_", "their_"} {
		for _, n := range names {
			list = append(list, prefix+n)
		}
	}
	return tx.Each(ctx, func(r *doltdb.Rows) error {
		cells, err := scanCells(r, len(list))
		if err != nil {
			return err
		}
		var sides [3]*town.Edit
		var key town.Key
		for i := range sides {
			part := cells[i*len(names) : (i+1)*len(names)]
			e, err := side(part[0], part[1:], k)
			if err != nil {
				return err
			}
			if sides[i] = e; e != nil {
				key = e.Key
			}
		}
		if seen, ok := known[key.Name]; ok && (sides[0] == nil || sides[0].Revision < seen.Revision) {
			sides[0] = &seen
		}
		if m.later {
			sides[1], sides[2] = sides[2], sides[1]
		}
		res, err := policy.Resolve(policy.Conflict{Key: key, Base: sides[0], Ours: sides[1], Theirs: sides[2]})
		if err != nil {
			return err
		}
		m.store.apply(m.changes, key, nil, res)
		// Dolt left our row in place, so the outcome is always written.
		m.changes.force(key, res.InForce)
		if res.Note != "" {
			m.notes = append(m.notes, res.Note)
		}
		return nil
	}, "SELECT "+strings.Join(list, ", ")+" FROM dolt_conflicts_"+rowTable(k))
}

// templates decides the conflicts of templates: for each name with one, the
// whole list of issues is merged again from its three versions.
func (m *merger) templates(ctx context.Context, tx *doltdb.Tx) error {
	var names []string
	err := tx.Each(ctx, func(r *doltdb.Rows) error {
		var name string
		err := r.Scan(&name)
		names = append(names, name)
		return err
	}, "SELECT DISTINCT COALESCE(our_name, their_name, base_name) FROM dolt_conflicts_templates")
	if err != nil {
		return err
	}
	var sides [3]map[string][]row
	revisions := []string{m.base, m.ours, m.theirs}
	if m.later {
		revisions[1], revisions[2] = m.theirs, m.ours
	}
	for i, revision := range revisions {
		if sides[i], err = editsBeside(ctx, tx, town.KindTemplate, revision, names, sides[0]); err != nil {
			return err
		}
	}
	for _, name := range names {
		merged, notes := policy.Templates(plain(sides[0][name]), plain(sides[1][name]), plain(sides[2][name]))
		m.changes.issues[name] = merged
		m.notes = append(m.notes, notes...)
	}
	return nil
}

// towns decides the registry: each Town writes only its own row, so a conflict means
// that one identity wrote from two places. The row of the higher epoch stands, whole, and
// in one epoch that of the later revision. Of two instances in one epoch, however, the
// published one stands: this Town's own copy of its row, and the rows of a turn, are not
// published yet.
func (m *merger) towns(ctx context.Context, tx *doltdb.Tx) error {
	steps, err := tx.Migrations(ctx, m.theirs)
	if err != nil {
		return err
	}
	theirs := strings.Split(prefixedMember("their_", len(steps)), ", ")
	ours := strings.Split(prefixedMember("our_", len(migrations)), ", ")
	const name, revision, instance, departed, epoch = 1, 2, 3, 4, 5
	order := func(of []string) string {
		return "(" + strings.Join([]string{of[revision], of[name], of[instance], of[departed]}, ", ") + ")"
	}
	published := fmt.Sprintf("WHEN %s = %s THEN %s > %s", theirs[instance], ours[instance], order(theirs), order(ours))
	if m.later {
		published += " ELSE FALSE"
	} else {
		published += " WHEN our_id = ? THEN TRUE ELSE " + order(theirs) + " > " + order(ours)
	}
	theirsStands := fmt.Sprintf("(our_id IS NULL OR their_id IS NOT NULL AND CASE WHEN %[1]s <> %[2]s THEN %[1]s > %[2]s %[3]s END)",
		theirs[epoch], ours[epoch], published)
	var args []any
	list := []string{"COALESCE(their_id, our_id)"}
	for i := name; i <= epoch; i++ {
		if i == revision {
			list = append(list, "GREATEST(COALESCE(our_revision, 0), COALESCE(their_revision, 0))")
			continue
		}
		list = append(list, "IF("+theirsStands+", "+theirs[i]+", "+ours[i]+")")
		if !m.later {
			args = append(args, string(m.store.Town))
		}
	}
	_, err = tx.Exec(ctx, "REPLACE INTO towns ("+memberColumns+") SELECT "+strings.Join(list, ", ")+" FROM dolt_conflicts_towns", args...)
	return err
}

// archive decides between two rows of one text with different versions. The key is
// the text's digest, so the text is the same on both sides.
func (m *merger) archive(ctx context.Context, tx *doltdb.Tx) error {
	_, err := tx.Exec(ctx, `REPLACE INTO archive (kind, name, digest, version, text)
		SELECT COALESCE(our_kind, their_kind), COALESCE(our_name, their_name), COALESCE(our_digest, their_digest),
			GREATEST(COALESCE(our_version, ''), COALESCE(their_version, '')), COALESCE(our_text, their_text)
		FROM dolt_conflicts_archive`)
	return err
}

// noPolicy names the first conflict of a table that no rule covers.
func (m *merger) noPolicy(ctx context.Context, tx *doltdb.Tx, table string) error {
	key := map[string]string{"meta": "k", "schema_migrations": "version"}[table]
	if key == "" {
		key = "id"
	}
	var name string
	query := fmt.Sprintf("SELECT COALESCE(our_%[1]s, their_%[1]s, base_%[1]s) FROM dolt_conflicts_%[2]s LIMIT 1", key, table)
	if err := tx.QueryRow(ctx, query).Scan(&name); err != nil {
		return err
	}
	return town.Fail("merge the federation", "nothing was changed; settle it with the Town that wrote the other side",
		"%w: table %s, row %q", doltdb.ErrConflict, table, town.Clip(name, 80))
}
