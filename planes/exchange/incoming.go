package exchange

import (
	"context"
	"fmt"
	"strings"

	"gastown/planes/doltdb"
	"gastown/sync/share"
	"gastown/town"
)

// maxRows bounds the records of all Towns together, maxTowns the Towns that
// share records.
const (
	maxRows  = 1 << 20
	maxTowns = 1 << 14
)

// Arrival says what a revision that passed the checks brings.
type Arrival struct {
	// Records is how many records of other Towns it adds, changes or removes.
	Records int
	// Names: it changes names of Towns.
	Names bool
	// Ours are ids of this Town's records that somebody else changed or
	// removed, sorted, at most maxNamed; OursTotal counts all.
	Ours      []string
	OursTotal int
	// Mine are ids of this Town's records that this Town itself published and this
	// store does not know, or no longer.
	Mine []string
	// Refused are other rows that are not taken, at most maxNamed; RefusedTotal counts all.
	Refused      []Refusal
	RefusedTotal int

	// fates are of the rows that do not become what they are in the revision. former:
	// none does, because a version of gt wrote it that signs nothing. revoked: it has rows
	// of Towns that have revoked their keys.
	fates           map[cell]fate
	former, revoked bool
}

// clean reports that every row may be taken as it is.
func (a Arrival) clean() bool { return len(a.fates) == 0 && !a.former && !a.revoked }

// maxNamed is how many records of ours, and others, an Arrival names.
const maxNamed = 20

// CheckIncoming decides whether a revision that arrived from a remote may be
// merged into the tip. It must be this store and have this schema and no other table, and
// every row that it changed since base must be one that its Town could have
// written. Then it decides about each row that differs from the tip's; without a base it
// does not. It changes nothing. An error is town.ErrRefused or doltdb.ErrNewerSchema.
func (s *Store) CheckIncoming(ctx context.Context, remote, uuid, base, theirs string) (a Arrival, err error) {
	return s.check(ctx, remote, uuid, base, theirs, base != "")
}

// check is CheckIncoming. With sift it decides about rows.
func (s *Store) check(ctx context.Context, remote, uuid, base, theirs string, sift bool) (a Arrival, err error) {
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		a = Arrival{}
		steps, err := s.checkAll(ctx, tx, remote, uuid, base, theirs)
		if a.former = steps < stepSigned; err == nil && sift && !a.former {
			var ours string
			if ours, err = tx.Head(ctx); err == nil {
				err = s.sift(ctx, tx, ours, base, theirs, &a)
			}
		}
		if err != nil && ctx.Err() == nil && town.Next(err) == "" {
			return doltdb.Refuse(remote, "it cannot be read: %w", err)
		}
		return err
	})
	return a, err
}

// CheckOutgoing decides, by the same rules, whether other Towns may merge the plane's
// tip. base is the last commit of the plane that the remote is known to hold; "" for
// none.
func (s *Store) CheckOutgoing(ctx context.Context, remote, uuid, base string) error {
	_, err := s.check(ctx, remote, uuid, base, "HEAD", false)
	return doltdb.Outgoing(remote, "this Town's shared records", err)
}

// checkAll refuses a revision that other Towns would not merge. It returns how many steps
// of the schema the revision has taken.
func (s *Store) checkAll(ctx context.Context, tx *doltdb.Tx, remote, uuid, base, theirs string) (steps int, err error) {
	in, err := tx.CheckShape(ctx, remote, uuid, base, theirs, shape)
	if err != nil {
		return 0, err
	}
	asOf, err := doltdb.AsOf(theirs)
	if err != nil {
		return 0, err
	}
	for _, limit := range []struct {
		table, what string
		most        int
	}{{"beads", "records", maxRows}, {"towns", "Towns", maxTowns}} {
		var rows int
		if err := tx.QueryRow(ctx, "SELECT COUNT(*) FROM "+limit.table+asOf).Scan(&rows); err != nil {
			return 0, err
		}
		if rows > limit.most {
			return 0, doltdb.Refuse(remote, "it holds %d %s; the limit is %d", rows, limit.what, limit.most)
		}
	}
	for _, c := range in.Changed {
		d := difference{tx: tx, remote: remote, from: in.From, to: theirs}
		switch c.Name {
		case "beads":
			err = s.checkBeads(ctx, d, in.Steps >= stepSigned)
		case "towns":
			err = d.checkTowns(ctx, in.Steps >= stepSigned)
		}
		if err != nil {
			return 0, err
		}
	}
	return in.Steps, nil
}

// difference is the difference between two revisions.
type difference struct {
	tx       *doltdb.Tx
	remote   string
	from, to string
}

// each reads rows that differ. The engine accepts no placeholder for revisions
// here, so their names are checked.
func (d difference) each(ctx context.Context, table, list, where string, scan func(*doltdb.Rows) error) error {
	for _, revision := range []string{d.from, d.to} {
		if _, err := doltdb.AsOf(revision); err != nil {
			return err
		}
	}
	return d.tx.Each(ctx, scan, fmt.Sprintf("SELECT %s FROM dolt_diff('%s', '%s', '%s') %s", list, d.from, d.to, table, where))
}

// longSeal is a condition on rows with a seal that is over its limits.
var longSeal = fmt.Sprintf("OCTET_LENGTH(to_signer) > 64 OR OCTET_LENGTH(to_signature) > %d", maxSignature)

// tooLong selects rows with a value over its limit.
func tooLong(sealed bool) string {
	var list []string
	for _, f := range share.Fields {
		list = append(list, fmt.Sprintf("OCTET_LENGTH(to_%s) > %d", f.Name, f.Max))
	}
	if sealed {
		list = append(list, longSeal)
	}
	return "WHERE diff_type <> 'removed' AND (" + strings.Join(list, " OR ") + ") LIMIT 1"
}

func (s *Store) checkBeads(ctx context.Context, d difference, sealed bool) error {
	// Sizes before contents.
	err := d.each(ctx, "beads", "to_town, to_id", tooLong(sealed), func(r *doltdb.Rows) error {
		var owner, id string
		if err := r.Scan(&owner, &id); err != nil {
			return err
		}
		return doltdb.Refuse(d.remote, "record %q of Town %q has a value that is too long", town.Clip(id, 64), town.Clip(owner, 64))
	})
	if err != nil {
		return err
	}
	counted, list := s.opts.CountChecked(), columns("to_")
	if !sealed {
		list = formerColumns("to_")
	}
	return d.each(ctx, "beads", list, "WHERE diff_type <> 'removed'", func(rows *doltdb.Rows) error {
		counted()
		r, err := scanRow(rows)
		if err != nil {
			return err
		}
		if err := r.check(); err != nil {
			return doltdb.Refuse(d.remote, "record %q of Town %q: %w", town.Clip(r.ID, 64), town.Clip(string(r.town), 64), err)
		}
		return nil
	})
}

func (r row) check() error {
	if !town.IsIdentity(string(r.town)) {
		return fmt.Errorf("its owner is not a Town")
	}
	if err := r.Record.Check(); err != nil {
		return err
	}
	if string(r.stored) != r.register().value {
		return fmt.Errorf("it does not hash to its digest")
	}
	if r.odd {
		return fmt.Errorf("it has a value that is empty instead of NULL")
	}
	return r.seal.check()
}

func (d difference) checkTowns(ctx context.Context, sealed bool) error {
	list := "to_id, to_name, NULL, NULL, NULL"
	if sealed {
		list = "to_id, to_name, to_revision, to_signer, to_signature"
		err := d.each(ctx, "towns", "to_id", "WHERE diff_type <> 'removed' AND ("+longSeal+") LIMIT 1", func(*doltdb.Rows) error {
			return doltdb.Refuse(d.remote, "table towns has a signature that is too long")
		})
		if err != nil {
			return err
		}
	}
	return d.each(ctx, "towns", list, "WHERE diff_type <> 'removed'", func(r *doltdb.Rows) error {
		if err := checkMember(r); err != nil {
			return doltdb.Refuse(d.remote, "table towns: %w", err)
		}
		return nil
	})
}

// checkMember checks a row of towns.
func checkMember(r doltdb.Scanner) error {
	var id, name string
	var revision, signer, signature *string
	if err := r.Scan(&id, &name, &revision, &signer, &signature); err != nil {
		return err
	}
	if !town.IsIdentity(id) {
		return fmt.Errorf("%q is not a Town", town.Clip(id, 64))
	}
	if err := town.CheckName(name); err != nil {
		return err
	}
	return scanSeal(revision, signer, signature).check()
}
