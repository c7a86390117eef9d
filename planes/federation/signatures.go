package federation

import (
	"context"
	"fmt"
	"slices"

	"gastown/planes/doltdb"
	"gastown/sync/sign"
	"gastown/town"
)

// The columns of the tables of signatures, in the order of their scans.
const (
	keyChainColumns  = "town, number, public, signature"
	signatureColumns = "digest, town, signer, signature"
)

// statement is what the Town of an edit signs. The number of a template's issue is not
// part of it, because a merge may give an issue another number.
func statement(e town.Edit) town.Digest {
	if e.Kind == town.KindTemplate {
		e.Version = ""
	}
	return e.Digest()
}

// statement is what a Town signs about its entry.
func (m Member) statement() town.Digest {
	parts := []string{"town"}
	for _, v := range m.values() {
		parts = append(parts, fmt.Sprint(v))
	}
	return town.DigestOf(parts...)
}

// signAll signs rows with the Town's present key. The registry gets its keys with the
// first of them.
func (s *Store) signAll(ctx context.Context, tx *doltdb.Tx, statements ...town.Digest) error {
	if s.Keys == nil || len(statements) == 0 {
		return nil
	}
	if err := s.chain(ctx, tx); err != nil {
		return err
	}
	slices.Sort(statements)
	var rows [][]any
	for _, d := range slices.Compact(statements) {
		rows = append(rows, signatureValues(s.Keys.Sign(s.uuid, d)))
	}
	return write(ctx, tx, doltdb.InsertNew, "signatures", signatureColumns, rows)
}

// chain enters the Town's keys in the registry. What a former key has signed the present
// one signs again: other Towns take nothing more by the former one.
func (s *Store) chain(ctx context.Context, tx *doltdb.Tx) error {
	if s.chained {
		return nil
	}
	known, err := s.ownKeys(ctx, tx)
	if err != nil {
		return err
	}
	var rows [][]any
	for _, l := range s.Keys.Chain(s.uuid) {
		rows = append(rows, linkValues(l))
	}
	err = write(ctx, tx, doltdb.InsertNew, "town_keys", keyChainColumns, rows)
	if err == nil && 0 < known && known < len(rows) {
		err = s.signAgain(ctx, tx)
	}
	s.chained = err == nil
	return err
}

// signAgain replaces the signatures by this Town's former keys.
func (s *Store) signAgain(ctx context.Context, tx *doltdb.Tx) error {
	var rows [][]any
	err := tx.Each(ctx, func(r *doltdb.Rows) error {
		var d town.Digest
		err := r.Scan(&d)
		rows = append(rows, signatureValues(s.Keys.Sign(s.uuid, d)))
		return err
	}, "SELECT digest FROM signatures WHERE town = ? AND signer <> ?", string(s.Town), string(s.Keys.Public()))
	if err != nil {
		return err
	}
	return write(ctx, tx, doltdb.Replace, "signatures", signatureColumns, rows)
}

func signatureValues(g sign.Signature) []any {
	return []any{string(g.Digest), string(g.Town), string(g.Signer), g.Value}
}

// CheckKeys fails when the registry has other keys for this Town than it signs with, or when
// it signs with none.
func (s *Store) CheckKeys(ctx context.Context) error {
	if s.Keys == nil { // its file could not be read
		return town.Fail("sign as this Town", "see that this user may read .gt/keys", "%w: there is no key to sign with", town.ErrRefused)
	}
	return s.db.View(ctx, func(tx *doltdb.Tx) error {
		_, err := s.ownKeys(ctx, tx)
		return err
	})
}

// KnownKeys is how many keys the registry has for this Town.
func (s *Store) KnownKeys(ctx context.Context) (n int, err error) {
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		return tx.QueryRow(ctx, "SELECT COUNT(*) FROM town_keys WHERE town = ?", string(s.Town)).Scan(&n)
	})
	return n, err
}

// EnterKeys enters this Town's keys in the registry, after a rotation for instance.
func (s *Store) EnterKeys(ctx context.Context) error {
	s.chained = false
	_, err := s.db.Update(ctx, "enter the keys of this Town", func(tx *doltdb.Tx) error { return s.chain(ctx, tx) })
	return err
}

// Revoke ends this Town's keys: with this commit it signs for the last time, by a key that
// nobody has afterwards. So what it signed before stays signed, and whoever has a copy of
// its keys signs nothing that counts where this is known.
func (s *Store) Revoke(ctx context.Context) error {
	present := s.Keys
	defer func() { s.Keys, s.chained = present, false }()
	last, err := present.Closing()
	if err != nil {
		return err
	}
	_, err = s.db.Update(ctx, "this Town revokes its keys", func(tx *doltdb.Tx) error {
		for _, s.Keys = range []*sign.Keys{present, last} {
			s.chained = false
			if err := s.chain(ctx, tx); err != nil {
				return err
			}
		}
		return write(ctx, tx, doltdb.Insert, "town_keys", keyChainColumns, [][]any{linkValues(last.End(s.uuid))})
	})
	return err
}

// Revoked reports whether this Town has revoked its keys.
func (s *Store) Revoked(ctx context.Context) (revoked bool, err error) {
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		revoked, err = s.revoked(ctx, tx)
		return err
	})
	return revoked, err
}

func (s *Store) revoked(ctx context.Context, tx *doltdb.Tx) (bool, error) {
	var n int
	err := tx.QueryRow(ctx, "SELECT COUNT(*) FROM town_keys WHERE town = ? AND public = ''", string(s.Town)).Scan(&n)
	return n > 0, err
}

func linkValues(l sign.Link) []any {
	return []any{string(l.Town), l.Number, string(l.Public), l.Signature}
}

// ownKeys fails when the registry has other keys for this Town than it signs with. It
// returns how many the registry has.
func (s *Store) ownKeys(ctx context.Context, tx *doltdb.Tx) (known int, err error) {
	chain := s.Keys.Chain(s.uuid)
	links, err := readLinks(ctx, tx, "", " WHERE town = ?", string(s.Town))
	if err != nil {
		return 0, err
	}
	if n := len(links); n > 0 && links[n-1].Public == sign.Revoked {
		return 0, town.Fail("sign as this Town", "to go on as another Town: gt federation instance new --name NAME",
			"%w: this Town has revoked its keys", town.ErrRefused)
	}
	for i, l := range links {
		if i >= len(chain) || l.Public != chain[i].Public {
			return 0, town.Fail("sign as this Town",
				"put .gt/keys back from a backup; to go on as another Town: gt federation instance new --name NAME",
				"%w: the federation knows this Town by another key (%s, not %s)", town.ErrRefused, l.Public.Fingerprint(), s.Keys.Public().Fingerprint())
		}
	}
	return len(links), nil
}

// Ring reads the keys of all Towns at a revision; "" is the tip.
func (s *Store) Ring(ctx context.Context, revision string) (ring sign.Ring, err error) {
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		ring = sign.Ring{}
		if revision != "" {
			if steps, err := tx.Migrations(ctx, revision); err != nil || len(steps) < stepSigned {
				return err
			}
		}
		ring, err = readRing(ctx, tx, revision)
		return err
	})
	return ring, err
}

// readRing reads the keys of all Towns, which were checked when they came.
func readRing(ctx context.Context, tx *doltdb.Tx, revision string) (sign.Ring, error) {
	links, err := readLinks(ctx, tx, revision, "")
	ring := sign.Ring{}
	for _, l := range links {
		ring[l.Town] = append(ring[l.Town], l.Public)
	}
	return ring, err
}

// at makes a table reference read a revision; "" is the session's own state.
func at(revision string) (string, error) {
	if revision == "" {
		return "", nil
	}
	return doltdb.AsOf(revision)
}

// readLinks reads the keys of Towns in their order. Revision "" reads the session's own
// state.
func readLinks(ctx context.Context, tx *doltdb.Tx, revision, where string, args ...any) (links []sign.Link, err error) {
	asOf, err := at(revision)
	if err != nil {
		return nil, err
	}
	err = tx.Each(ctx, func(r *doltdb.Rows) error {
		l, err := scanLink(r)
		links = append(links, l)
		return err
	}, "SELECT "+keyChainColumns+" FROM town_keys"+asOf+where+" ORDER BY town, number", args...)
	return links, err
}

func scanLink(r scanner) (l sign.Link, err error) {
	err = r.Scan((*string)(&l.Town), &l.Number, (*string)(&l.Public), &l.Signature)
	return l, err
}

func scanSignature(r scanner) (g sign.Signature, err error) {
	err = r.Scan((*string)(&g.Digest), (*string)(&g.Town), (*string)(&g.Signer), &g.Value)
	return g, err
}

// signedAt reports whether this Town signed an entry that is at an unchecked revision,
// with its present key here or with one that follows it there.
func (s *Store) signedAt(ctx context.Context, tx *doltdb.Tx, revision string, m Member) (bool, error) {
	ring := sign.Ring{}
	for _, at := range []string{"", revision} {
		links, err := readLinks(ctx, tx, at, " WHERE town = ?", string(s.Town))
		if err != nil {
			return false, err
		}
		for _, l := range links {
			_ = ring.Add(s.uuid, l) // one that does not follow counts for nothing
		}
	}
	by := signedBy{m.statement(), m.ID}
	found, err := signaturesOf(ctx, tx, revision, []signedBy{by})
	g := found[by]
	return err == nil && ring.IsCurrent(s.Town, g.Signer) && g.Holds(s.uuid), err
}

// eachSignature yields every signature of the session's own state, and whether it holds and is
// by a key that accepts allows for its Town.
func eachSignature(
	ctx context.Context, tx *doltdb.Tx, uuid string, accepts func(town.ID, sign.Public) bool, yield func(g sign.Signature, valid bool),
) error {
	var batch []sign.Signature
	check := func() {
		for i, valid := range sign.Valid(uuid, batch, accepts) {
			yield(batch[i], valid)
		}
		batch = batch[:0]
	}
	err := tx.Each(ctx, func(r *doltdb.Rows) error {
		g, err := scanSignature(r)
		if batch = append(batch, g); len(batch) == verifiedAtOnce {
			check()
		}
		return err
	}, "SELECT "+signatureColumns+" FROM signatures")
	check()
	return err
}

// verifiedAtOnce is how many signatures are in memory.
const verifiedAtOnce = 10_000

// signedBy is a row that a Town signed.
type signedBy struct {
	statement town.Digest
	town      town.ID
}

// signaturesOf reads the signatures of rows at a revision.
func signaturesOf(ctx context.Context, tx *doltdb.Tx, revision string, rows []signedBy) (map[signedBy]sign.Signature, error) {
	asOf, err := at(revision)
	if err != nil {
		return nil, err
	}
	found := map[signedBy]sign.Signature{}
	for part := range slices.Chunk(rows, batchSize) {
		args := make([]any, len(part))
		for i, r := range part {
			args[i] = string(r.statement)
		}
		err := tx.Each(ctx, func(r *doltdb.Rows) error {
			g, err := scanSignature(r)
			found[signedBy{g.Digest, g.Town}] = g
			return err
		}, "SELECT "+signatureColumns+" FROM signatures"+asOf+" WHERE digest IN "+placeholders(len(part)), args...)
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}
