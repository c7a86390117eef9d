package federation

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Member is a Town in the federation's registry.
type Member struct {
	ID       town.ID `json:"id"`
	Name     string  `json:"name"`
	Revision uint64  `json:"revision"`
	// Instance is the directory that speaks for the Town; empty when a former
	// version of gt entered the Town.
	Instance string `json:"instance"`
	// Left: the Town left the federation. It may join again.
	Left bool `json:"left"`
	// Epoch grows with each change of Instance, so no two directories speak in one.
	Epoch uint64 `json:"epoch"`
}

// memberColumns are the columns of a Member, in the order of scanMember.
const memberColumns = "id, name, revision, instance, departed, epoch"

// values are the columns of a Member, in the order of memberColumns. The Town signs all of
// them.
func (m Member) values() []any {
	return []any{string(m.ID), m.Name, m.Revision, m.Instance, m.Left, m.Epoch}
}

func scanMember(r scanner) (m Member, err error) {
	err = r.Scan(&m.ID, &m.Name, &m.Revision, &m.Instance, &m.Left, &m.Epoch)
	return m, err
}

// prefixedMember lists memberColumns with a prefix, for a store that took so many steps:
// constants stand for columns that it lacks.
func prefixedMember(prefix string, steps int) string {
	instance, departed, epoch := prefix+"instance", prefix+"departed", prefix+"epoch"
	if steps < stepInstances {
		instance, departed = "''", "0"
	}
	if steps < stepEpochs {
		epoch = "0"
	}
	return strings.Join([]string{prefix + "id", prefix + "name", prefix + "revision", instance, departed, epoch}, ", ")
}

// Towns lists the registry by name.
func (s *Store) Towns(ctx context.Context) (members []Member, err error) {
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		return tx.Each(ctx, func(r *doltdb.Rows) error {
			m, err := scanMember(r)
			members = append(members, m)
			return err
		}, "SELECT "+memberColumns+" FROM towns ORDER BY name, id")
	})
	return members, err
}

// Self is this Town's entry in the registry; it has no ID when there is none.
func (s *Store) Self(ctx context.Context) (m Member, err error) {
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		m, err = s.self(ctx, tx)
		return err
	})
	return m, err
}

func (s *Store) self(ctx context.Context, tx *doltdb.Tx) (Member, error) {
	m, err := scanMember(tx.QueryRow(ctx, "SELECT "+memberColumns+" FROM towns WHERE id = ?", string(s.Town)))
	if errors.Is(err, doltdb.ErrNoRows) {
		return Member{}, nil
	}
	return m, err
}

// Entry is what a Town writes about itself into the registry.
type Entry struct {
	Name string
	// Instance is the directory that speaks. It may take the place of an instance of a
	// lower epoch than Epoch. Any: it takes the place of every other one.
	Instance string
	Epoch    uint64
	Any      bool
}

// in reports whether m is the entry.
func (e Entry) in(m Member) bool {
	return m.ID != "" && m.Name == e.Name && m.Instance == e.Instance && !m.Left
}

// MayReplace reports whether the entry may stand where the registry has m. An instance
// of the same epoch does not give way: of two directories that were promoted at once, the
// one that published first stays. An entry that names no instance is free, unless a
// directory that stepped down left it; see StepDown.
func (e Entry) MayReplace(m Member) bool {
	return e.Any || m.Left || m.Instance == e.Instance || m.Epoch < e.Epoch || m.Instance == "" && m.Epoch == 0
}

// after is the epoch of the entry where the registry has m.
func (e Entry) after(m Member) uint64 {
	switch {
	case m.Instance == e.Instance:
		return m.Epoch
	case m.ID == "":
		return max(e.Epoch, 1)
	}
	return max(e.Epoch, m.Epoch+1)
}

// InstanceError reports that another directory speaks for this Town. It is a
// town.ErrRefused.
type InstanceError struct {
	// Member is the Town's entry, which names the other instance.
	Member Member
	// Since is when the entry was written; zero when that is not known.
	Since time.Time
}

func (e *InstanceError) Error() string {
	return fmt.Sprintf("another directory speaks for Town %s (instance %s)", e.Member.Name, e.Member.Instance)
}

func (e *InstanceError) Unwrap() error { return town.ErrRefused }

// Register enters this Town in the registry, or brings its entry there up to date.
// The commit is empty when the entry was right already. It fails with an
// *InstanceError, and changes nothing, when the entry names an instance that e may
// not replace.
func (s *Store) Register(ctx context.Context, e Entry) (commit string, err error) {
	// Nearly always the entry is right, and reading it takes no transaction that writes.
	right := false
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		known, err := s.self(ctx, tx)
		if err == nil && e.in(known) {
			right, err = s.entered(ctx, tx, known)
		}
		if err == nil && !right && s.Keys != nil {
			right, err = s.revoked(ctx, tx) // what it has is published, and its entry stays
		}
		return err
	})
	if err != nil || right {
		return "", err
	}
	return s.db.Update(ctx, "register Town "+e.Name, func(tx *doltdb.Tx) error { return s.register(ctx, tx, e) })
}

// entered reports whether the registry has this Town's keys, and its entry is signed.
func (s *Store) entered(ctx context.Context, tx *doltdb.Tx, m Member) (bool, error) {
	if s.Keys == nil {
		return true, nil
	}
	var keys, signed int
	err := tx.QueryRow(ctx, "SELECT (SELECT COUNT(*) FROM town_keys WHERE town = ?), (SELECT COUNT(*) FROM signatures WHERE digest = ? AND town = ?)",
		string(m.ID), string(m.statement()), string(m.ID)).Scan(&keys, &signed)
	if err != nil || keys != s.Keys.Count() {
		return false, err
	}
	_, err = s.ownKeys(ctx, tx)
	return signed > 0, err
}

// MayRegister fails as Register would, and changes nothing.
func (s *Store) MayRegister(ctx context.Context, e Entry) error {
	return s.db.View(ctx, func(tx *doltdb.Tx) error {
		known, err := s.self(ctx, tx)
		if err == nil && !e.MayReplace(known) {
			err = &InstanceError{Member: known, Since: since(ctx, tx, known)}
		}
		return err
	})
}

// MayRegisterAt is MayRegister for the registry at a revision that was fetched and
// not checked. A registry that cannot be read there says nothing, nor does an entry that
// this Town has not signed: a stranger would stop the Town with it.
func (s *Store) MayRegisterAt(ctx context.Context, e Entry, revision string) error {
	asOf, err := doltdb.AsOf(revision)
	if err != nil {
		return err
	}
	return s.db.View(ctx, func(tx *doltdb.Tx) error {
		steps, err := tx.Migrations(ctx, revision)
		if err != nil {
			return ctx.Err()
		}
		known, err := scanMember(tx.QueryRow(ctx, "SELECT "+prefixedMember("", len(steps))+" FROM towns"+asOf+" WHERE id = ?", string(s.Town)))
		sound := err == nil && (known.Instance == "" || town.IsIdentity(known.Instance)) && town.CheckName(known.Name) == nil && known.Epoch <= maxRevision
		if !sound || e.MayReplace(known) || len(steps) < stepSigned {
			return ctx.Err()
		}
		if signed, err := s.signedAt(ctx, tx, revision, known); err != nil || !signed {
			return ctx.Err()
		}
		return &InstanceError{Member: known}
	})
}

// since is when an entry came to name its instance. It is for people: an error means
// that nobody knows.
func since(ctx context.Context, tx *doltdb.Tx, m Member) (when time.Time) {
	err := tx.QueryRow(ctx, "SELECT MIN(to_commit_date) FROM dolt_diff_towns WHERE to_id = ? AND to_instance = ?", string(m.ID), m.Instance).Scan(&when)
	if err != nil {
		return time.Time{}
	}
	return when
}

func (s *Store) register(ctx context.Context, tx *doltdb.Tx, e Entry) error {
	known, err := s.self(ctx, tx)
	if err != nil {
		return err
	}
	if !e.MayReplace(known) {
		return &InstanceError{Member: known, Since: since(ctx, tx, known)}
	}
	if s.Keys != nil {
		s.chained = false // after a rotation
		if err := s.chain(ctx, tx); err != nil {
			return err
		}
	}
	if e.in(known) {
		return s.signAll(ctx, tx, known.statement())
	}
	return s.writeMember(ctx, tx, Member{ID: s.Town, Name: e.Name, Revision: known.Revision + 1, Instance: e.Instance, Epoch: e.after(known)})
}

// writeMember writes this Town's entry.
func (s *Store) writeMember(ctx context.Context, tx *doltdb.Tx, m Member) error {
	if err := write(ctx, tx, doltdb.Replace, "towns", memberColumns, [][]any{m.values()}); err != nil {
		return err
	}
	return s.signAll(ctx, tx, m.statement())
}

// Leave notes in the registry that this Town left the federation. Register takes it
// back. The commit is empty when the registry says so already, or has no such Town.
func (s *Store) Leave(ctx context.Context) (commit string, err error) {
	return s.db.Update(ctx, "this Town leaves the federation", func(tx *doltdb.Tx) error {
		m, err := s.self(ctx, tx)
		if err != nil || m.ID == "" || m.Left {
			return err
		}
		m.Left = true
		m.Revision++
		return s.writeMember(ctx, tx, m)
	})
}

// StepDown notes in the registry that no directory speaks for this Town: instance does
// not any more, and one that is promoted will. The commit is empty when the registry does
// not name that instance.
func (s *Store) StepDown(ctx context.Context, instance string) (commit string, err error) {
	return s.db.Update(ctx, "a directory of this Town stands by", func(tx *doltdb.Tx) error {
		m, err := s.self(ctx, tx)
		if err != nil || m.ID == "" || m.Instance != instance {
			return err
		}
		m.Instance = ""
		m.Epoch++
		m.Revision++
		return s.writeMember(ctx, tx, m)
	})
}
