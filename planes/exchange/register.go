package exchange

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gastown/planes/doltdb"
	"gastown/sync/sign"
	"gastown/town"
)

// A row of beads or towns is a register: one Town writes it, with a higher revision each
// time, and signs that with its present key. A record that was withdrawn stays as a row
// without a digest and without values, because a row that is missing proves nothing.
//
// A merge takes the higher one of two registers. The order is the same in all Towns:
//
//	an unsigned row  <  no row  <  a row signed by its Town's present key, by (revision, value, signature)
//
// A row with another signature counts as unsigned. Of two different unsigned rows neither
// is higher, so the row goes: else each side would put its own one back for ever. Nothing
// is lost by that, as the Town of the row has the record, and publishes it again signed.

// maxRevision bounds revisions, and maxSignature the bytes of a signature.
const (
	maxRevision  = 1 << 53
	maxSignature = 128
)

// seal is what a Town says of a row of its own; the zero seal is that of an unsigned row.
type seal struct {
	revision  uint64
	signer    sign.Public
	signature string
}

// register is a row without its values.
type register struct {
	town town.ID
	id   string
	// value is the digest of a record, "" for a withdrawn one; in towns, the name.
	value string
	seal
}

// statement is what the Town signs.
func (r register) statement(table string) town.Digest {
	return town.DigestOf("shared row", table, r.id, r.value, strconv.FormatUint(r.revision, 10))
}

func (r register) signed(table string) sign.Signature {
	return sign.Signature{Digest: r.statement(table), Town: r.town, Signer: r.signer, Value: r.signature}
}

// above reports whether r is higher than o, both signed by their Town's present key.
func (r register) above(o register) bool {
	return cmp.Or(cmp.Compare(r.revision, o.revision), cmp.Compare(r.value, o.value), cmp.Compare(r.signature, o.signature)) > 0
}

// check refuses a seal that no Town could have made, whoever did.
func (s seal) check() error {
	if s.revision > maxRevision {
		return fmt.Errorf("its revision is over %d", uint64(maxRevision))
	}
	if len(s.signature) > maxSignature {
		return fmt.Errorf("its signature is too long")
	}
	return s.signer.Check()
}

func (s seal) values() []any {
	if s.signer == "" {
		return []any{nil, nil, nil}
	}
	return []any{s.revision, string(s.signer), s.signature}
}

// scanSeal reads the columns of a seal. A revision that is no number is over the limit.
func scanSeal(revision, signer, signature *string) (s seal) {
	var err error
	if revision != nil {
		if s.revision, err = strconv.ParseUint(*revision, 10, 64); err != nil {
			s.revision = maxRevision + 1
		}
	}
	if signer != nil {
		s.signer = sign.Public(*signer)
	}
	if signature != nil {
		s.signature = *signature
	}
	return s
}

// next seals a row in place of the one that is here, if any.
func (s *Store) next(table string, r, here register) (seal, error) {
	r.revision = 1
	if here.signer == s.Keys.Public() {
		r.revision = here.revision + 1
	}
	if r.revision > maxRevision {
		return seal{}, town.Fail("sign a record", "gt federation key --rotate", "%w: revision %d is the last one of a key", town.ErrRefused, uint64(maxRevision))
	}
	return seal{r.revision, s.Keys.Public(), s.Keys.Sign(s.uuid, r.statement(table)).Value}, nil
}

// accepts reports whether a key is the present one of a Town.
func (s *Store) accepts(id town.ID, p sign.Public) bool {
	return s.Ring.IsCurrent(id, p)
}

// fault says why a register counts as unsigned although it is whole.
func (s *Store) fault(r register) string {
	_, ok := s.Ring.Current(r.town)
	switch {
	case s.Ring.Revoked(r.town):
		return "its Town has revoked its keys"
	case r.signer == "":
		return "nobody has signed it"
	case !ok:
		return "no key of its Town is known"
	case !s.accepts(r.town, r.signer):
		return "it is not signed by the present key of its Town"
	}
	return "its signature is not that of its content"
}

// table is a table of registers.
type table struct {
	name string
	// owner and value are columns. key is the column of the id; "" for none.
	owner, key, value string
	columns           []string
}

var (
	sealColumns = []string{"revision", "signer", "signature"}
	beads       = table{"beads", "town", "id", "digest", rowColumns}
	members     = table{"towns", "id", "", "name", slices.Concat([]string{"id", "name"}, sealColumns)}
	tables      = []table{beads, members}
)

// list are the columns of a register, each with a prefix.
func (t table) list(prefix string) string {
	list := []string{prefix + t.owner, "''", prefix + t.value}
	if t.key != "" {
		list[1] = prefix + t.key
	}
	for _, c := range sealColumns {
		list = append(list, prefix+c)
	}
	return strings.Join(list, ", ")
}

// scanRegisters reads n registers, one after the other; one that is not there is nil.
func scanRegisters(rows doltdb.Scanner, n int) (list []*register, err error) {
	cells := make([]*string, 6*n)
	dest := make([]any, len(cells))
	for i := range cells {
		dest[i] = &cells[i]
	}
	if err := rows.Scan(dest...); err != nil {
		return nil, fmt.Errorf("read the signature of a row: %w", err)
	}
	for c := range slices.Chunk(cells, 6) {
		if c[0] == nil {
			list = append(list, nil)
			continue
		}
		r := &register{town: town.ID(*c[0]), seal: scanSeal(c[3], c[4], c[5])}
		if c[1] != nil {
			r.id = *c[1]
		}
		if c[2] != nil {
			r.value = *c[2]
		}
		list = append(list, r)
	}
	return list, nil
}

// cell names a row.
type cell struct {
	table string
	town  town.ID
	id    string
}

// groups calls do with conditions that together select those rows, which are of t.
func (t table) groups(cells []cell, do func(where string, args []any) error) error {
	owned := map[town.ID][]any{}
	for _, c := range cells {
		id := any(c.id)
		owner := c.town
		if t.key == "" {
			id, owner = string(c.town), ""
		}
		owned[owner] = append(owned[owner], id)
	}
	for owner, ids := range owned {
		for part := range slices.Chunk(ids, batchRows) {
			where, args := t.owner+" IN ("+marks(len(part))+")", part
			if t.key != "" {
				where, args = t.owner+" = ? AND "+t.key+" IN ("+marks(len(part))+")", slices.Concat([]any{string(owner)}, part)
			}
			if err := do(" WHERE "+where, args); err != nil {
				return err
			}
		}
	}
	return nil
}
