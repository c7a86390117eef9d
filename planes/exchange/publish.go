package exchange

import (
	"context"
	"slices"
	"strings"

	"gastown/planes/doltdb"
	"gastown/sync/share"
	"gastown/town"
)

// batchRows is how many rows one statement deletes or copies at most.
const batchRows = 500

// Own returns the digest of each record of this Town in the exchange, by id.
// The digest is "" for a record whose content does not match it. revision "" is
// the tip.
func (s *Store) Own(ctx context.Context, revision string) (map[string]town.Digest, error) {
	digests := map[string]town.Digest{}
	err := s.db.View(ctx, func(tx *doltdb.Tx) error {
		clear(digests)
		return own(ctx, tx, revision, s.Town, func(r row) {
			digests[r.ID] = ""
			if r.stored == r.Digest(s.Town) {
				digests[r.ID] = r.stored
			}
		})
	})
	return digests, err
}

// Publish writes records of this Town and withdraws others, signed, in one commit. name
// is the Town's; other Towns see it as long as the Town shares anything. Every
// record must pass its Check. Records that the Town's present key has not signed are signed
// again. It returns "" when there was nothing to do.
func (s *Store) Publish(ctx context.Context, name string, put []share.Record, remove []string) (commit string, err error) {
	if s.Keys.Count() == 0 {
		return "", town.Fail("share records", "make .gt/keys readable and writable", "%w: this Town has no key to sign them with", town.ErrRefused)
	}
	for _, r := range put {
		if err := r.Check(); err != nil {
			return "", err
		}
	}
	return s.db.Update(ctx, "records of Town "+name, func(tx *doltdb.Tx) error {
		here, err := s.ownRegisters(ctx, tx)
		if err != nil {
			return err
		}
		var rows []row
		for _, r := range put {
			rows = append(rows, row{town: s.Town, Record: r})
		}
		for _, id := range remove {
			rows = append(rows, row{town: s.Town, Record: share.Record{ID: id}, withdrawn: true})
		}
		if err := s.write(ctx, tx, rows, here); err != nil {
			return err
		}
		for _, r := range rows {
			delete(here, r.ID)
		}
		if err := s.signAgain(ctx, tx, here); err != nil {
			return err
		}
		return s.register(ctx, tx, name)
	})
}

// ownRegisters reads this Town's rows without their values.
func (s *Store) ownRegisters(ctx context.Context, tx *doltdb.Tx) (map[string]register, error) {
	here := map[string]register{}
	err := tx.Each(ctx, func(r *doltdb.Rows) error {
		list, err := scanRegisters(r, 1)
		if err == nil {
			here[list[0].id] = *list[0]
		}
		return err
	}, "SELECT "+beads.list("")+" FROM beads WHERE town = ?", string(s.Town))
	return here, err
}

// signAgain signs the records among these rows that the Town's present key has not signed.
func (s *Store) signAgain(ctx context.Context, tx *doltdb.Tx, here map[string]register) error {
	var stale []cell
	for id, r := range here {
		if r.value != "" && r.signer != s.Keys.Public() {
			stale = append(stale, cell{beads.name, s.Town, id})
		}
	}
	return beads.groups(stale, func(where string, args []any) error {
		var rows []row
		err := tx.Each(ctx, func(r *doltdb.Rows) error {
			found, err := scanRow(r)
			rows = append(rows, found)
			return err
		}, "SELECT "+columns("")+" FROM beads"+where, args...)
		if err != nil {
			return err
		}
		return s.write(ctx, tx, rows, here)
	})
}

// MaySign reports whether other Towns take what this Town signs: whether its present key is
// the one that the federation knows.
func (s *Store) MaySign() bool { return s.accepts(s.Town, s.Keys.Public()) }

// Settled reports whether the present key of this Town has signed all its records, and
// that name for it if it shares any or has a name here.
func (s *Store) Settled(ctx context.Context, name string) (settled bool, err error) {
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		var records, signed, names, named int
		id, signer := string(s.Town), string(s.Keys.Public())
		err := tx.QueryRow(ctx, "SELECT (SELECT COUNT(*) FROM beads WHERE town = ? AND "+live+"), (SELECT COUNT(*) FROM beads WHERE town = ? AND "+live+
			" AND signer = ?), (SELECT COUNT(*) FROM towns WHERE id = ?), (SELECT COUNT(*) FROM towns WHERE id = ? AND name = ? AND signer = ?)",
			id, id, signer, id, id, name, signer).Scan(&records, &signed, &names, &named)
		settled = records == signed && (records+names == 0 || named == 1)
		return err
	})
	return settled, err
}

// register signs the Town's name, once it shares records. The name stays when it shares
// none any more, and is signed by a new key as records are.
func (s *Store) register(ctx context.Context, tx *doltdb.Tx, name string) error {
	r := register{town: s.Town, value: name}
	var here register
	err := tx.Each(ctx, func(rows *doltdb.Rows) error {
		list, err := scanRegisters(rows, 1)
		if err == nil {
			here = *list[0]
		}
		return err
	}, "SELECT "+members.list("")+" FROM towns WHERE id = ?", string(s.Town))
	if err != nil || here.value == name && here.signer == s.Keys.Public() {
		return err
	}
	if here.town == "" {
		var n int
		if err := tx.QueryRow(ctx, "SELECT COUNT(*) FROM beads WHERE town = ? AND "+live, string(s.Town)).Scan(&n); err != nil || n == 0 {
			return err
		}
	}
	if r.seal, err = s.next(members.name, r, here); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "REPLACE INTO towns ("+commas(members.columns)+") VALUES (?, ?, ?, ?, ?)", append([]any{string(s.Town), name}, r.seal.values()...)...)
	return err
}

func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

// write puts rows of this Town in the order of their key, each signed with a higher
// revision than the one that is here. A row that is here already stays.
func (s *Store) write(ctx context.Context, tx *doltdb.Tx, rows []row, here map[string]register) (err error) {
	var changed []row
	for _, r := range rows {
		was, known := here[r.ID]
		want := r.register()
		if r.withdrawn && (!known || was.value == "") || known && was.value == want.value && was.signer == s.Keys.Public() {
			continue
		}
		if r.seal, err = s.next(beads.name, want, was); err != nil {
			return err
		}
		changed = append(changed, r)
	}
	slices.SortFunc(changed, func(a, b row) int { return strings.Compare(a.ID, b.ID) })
	into := doltdb.Into{Mode: doltdb.Replace, Table: beads.name, Columns: columns("")}
	_, err = tx.WriteRows(ctx, into, func(yield func([]any) bool) {
		for _, r := range changed {
			if !yield(r.columnValues()) {
				return
			}
		}
	})
	return err
}
