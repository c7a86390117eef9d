package federation

import (
	"context"
	"errors"
	"fmt"

	"gastown/planes/doltdb"
	"gastown/sync/sign"
	"gastown/town"
)

// Store is an open federation plane. The caller closes it.
type Store struct {
	doltdb.Replica
	db *doltdb.Shared
	// Town and Author are recorded with every edit made through this Store.
	Town   town.ID
	Author string
	// Keys sign what is written through this Store in the Town's name. nil: it stays
	// unsigned, and other Towns do not take it.
	Keys *sign.Keys
	// Unsigned says what becomes of documents that arrive without a valid signature.
	Unsigned Unsigned
	// Admits says why what a Town signed may not come into force here; "" if it may. nil
	// lets everything in. It is not asked about this Town.
	Admits func(Arrival) string
	// MayMerge fails while nobody can say what Admits should answer. Then nothing is merged;
	// an Admits that refused everything would put back, in all Towns, what others wrote. nil
	// never fails.
	MayMerge func() error
	// uuid is the federation; signatures name it. chained: the registry has the Keys.
	uuid    string
	chained bool
	// names and prints are of the other Towns; see introduce.
	names  map[town.ID]string
	prints map[town.ID][]string
	opts   doltdb.Options
}

// Arrival is whose row arrives, of what.
type Arrival struct {
	// Key is the document; it has no kind where the row is of none.
	Key town.Key
	// Town has signed the row. Author is whom it names; the Town vouches for it.
	Town   town.ID
	Author string
	// Name is the Town's name in the registry; "" if another Town has it, too.
	Name string
	// Fingerprints are those of all keys that the Town has had.
	Fingerprints []string
}

// Denies says why what a writer wrote may not come into force here; "" if it may.
func (s *Store) Denies(w Arrival) string {
	if s.Admits == nil || w.Town == s.Town {
		return ""
	}
	w.Name, w.Fingerprints = s.names[w.Town], s.prints[w.Town]
	return s.Admits(w)
}

// Judge gives what Denies says of rows of other Towns by the plane as it is now, and that a
// Town which has revoked its keys may write nothing. What it gives needs no open Store.
func (s *Store) Judge(ctx context.Context) (func(Arrival) string, error) {
	ring, err := s.Ring(ctx, "")
	if err == nil {
		err = s.db.View(ctx, func(tx *doltdb.Tx) error { return s.introduce(ctx, tx, "HEAD", ring) })
	}
	return func(w Arrival) string {
		if ring.Revoked(w.Town) {
			return "its Town has revoked its keys"
		}
		return s.Denies(w)
	}, err
}

// introduce reads what tells apart the Towns that Denies is asked about.
func (s *Store) introduce(ctx context.Context, tx *doltdb.Tx, revision string, ring sign.Ring) error {
	if s.Admits == nil {
		return nil
	}
	members := map[string]int{}
	s.names, s.prints = map[town.ID]string{}, map[town.ID][]string{}
	for id, keys := range ring {
		members[string(id)]++ // a name that is another Town's id is not a name
		for _, k := range keys {
			s.prints[id] = append(s.prints[id], k.Fingerprint())
		}
	}
	err := readEach(ctx, tx, "towns", revision, "id, name", func(r *doltdb.Rows) error {
		var id town.ID
		var name string
		err := r.Scan((*string)(&id), &name)
		s.names[id] = name
		members[name]++
		return err
	})
	for id, name := range s.names {
		if members[name] > 1 {
			delete(s.names, id)
		}
	}
	return err
}

// Unsigned is a setting: what becomes of documents that no Town has signed.
type Unsigned string

// Documents that arrive without a valid signature, or are older than what is here, are
// taken like others, wait for a person, or are refused. "" is UnsignedAccepted. What the
// other tables hold (keys, decisions, the registry) needs a signature in any case.
const (
	UnsignedAccepted Unsigned = "accept"
	UnsignedReviewed Unsigned = "review"
	UnsignedRefused  Unsigned = "refuse"
)

// checksDocuments reports that documents are taken only with a signature.
func (s *Store) checksDocuments() bool {
	return s.Unsigned == UnsignedReviewed || s.Unsigned == UnsignedRefused
}

// Create makes a new, empty plane with its own identity.
func Create(ctx context.Context, opts doltdb.Options, uuid string, id town.ID) (*Store, error) {
	db, err := doltdb.CreateStore(ctx, opts, uuid, migrations)
	if err != nil {
		return nil, err
	}
	return wrap(doltdb.Share(db), opts, uuid, id), nil
}

// Open opens the plane, checks that it is the store of that UUID, and brings
// its schema up to date.
func Open(ctx context.Context, opts doltdb.Options, uuid string, id town.ID) (*Store, error) {
	db, err := doltdb.OpenShared(ctx, opts)
	if err == nil {
		err = db.Accept(ctx, uuid, migrations)
	}
	if err != nil {
		return nil, err
	}
	return wrap(db, opts, uuid, id), nil
}

// Origin says what a Clone was made of: the store, and the remote's commit.
type Origin struct{ UUID, Commit string }

// Clone makes the plane at opts.Dir a copy of a mirror, after the same checks as a
// merge, brings its schema up to date, and mends rows another program wrote. When a
// check fails the copy is closed; the caller owns the directory.
func Clone(ctx context.Context, opts doltdb.Options, remote, mirror string, id town.ID) (_ *Store, from Origin, err error) {
	db, err := doltdb.Clone(ctx, opts, remote, mirror)
	if err != nil {
		return nil, from, err
	}
	s := wrap(db, opts, "", id)
	foreign := false
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		if from.Commit, err = tx.Head(ctx); err != nil {
			return err
		}
		if from.UUID, err = tx.StoreUUID(ctx, "HEAD"); err != nil {
			return err
		}
		if from.UUID == "" {
			return town.Fail("adopt "+remote, "check the URL", "%w: it is not a federation store", doltdb.ErrOtherStore)
		}
		s.uuid = from.UUID
		foreign, err = checkIncoming(ctx, tx, opts.CountChecked(), remote, from.UUID, "", "HEAD")
		return err
	})
	if err == nil {
		err = s.db.Migrate(ctx, migrations)
	}
	if err == nil {
		err = s.dropUnsigned(ctx)
	}
	if err == nil && foreign {
		_, err = s.Mend(ctx, "", "HEAD")
	}
	if err != nil {
		return nil, from, errors.Join(err, db.Close())
	}
	return s, from, nil
}

func wrap(db *doltdb.Shared, opts doltdb.Options, uuid string, id town.ID) *Store {
	return &Store{Replica: db.Replica(), db: db, Town: id, Author: opts.Actor.String(), uuid: uuid, opts: opts}
}

// rowTable is the table of the edits in force of a kind.
func rowTable(k town.Kind) string { return k.Dir() }

// columns are the columns of an edit in its kind's table, in the order of values
// and scanEdit.
func columns(k town.Kind) string {
	switch k {
	case town.KindRole:
		return "name, text, digest, revision, town, author"
	case town.KindFormula:
		return "name, version, text, digest, revision, town, author"
	default:
		return "name, version, text, deleted, digest, revision, town, author"
	}
}

// values are an edit's columns as arguments.
func values(e town.Edit) []any {
	digest := string(e.Digest())
	switch e.Kind {
	case town.KindRole:
		return []any{e.Name, e.Text, digest, e.Revision, string(e.Town), e.Author}
	case town.KindFormula:
		return []any{e.Name, e.Version, e.Text, digest, e.Revision, string(e.Town), e.Author}
	default:
		return []any{e.Name, e.Version, e.Text, e.Deleted, digest, e.Revision, string(e.Town), e.Author}
	}
}

// row is an edit as stored: its digest column may be wrong when another
// program wrote the row.
type row struct {
	town.Edit
	stored town.Digest
}

func (r row) intact() bool { return r.stored == r.Digest() }

// scanner is a row to read from: one of doltdb's, or cells of a conflict.
type scanner interface{ Scan(...any) error }

func scanEdit(s scanner, k town.Kind) (r row, err error) {
	r.Kind = k
	switch k {
	case town.KindRole:
		err = s.Scan(&r.Name, &r.Text, &r.stored, &r.Revision, &r.Town, &r.Author)
	case town.KindFormula:
		err = s.Scan(&r.Name, &r.Version, &r.Text, &r.stored, &r.Revision, &r.Town, &r.Author)
	default:
		err = s.Scan(&r.Name, &r.Version, &r.Text, &r.Deleted, &r.stored, &r.Revision, &r.Town, &r.Author)
	}
	if err != nil {
		return row{}, fmt.Errorf("read a row of %s: %w", rowTable(k), err)
	}
	return r, nil
}
