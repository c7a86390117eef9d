package federation

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"gastown/planes/doltdb"
	"gastown/sync/sign"
	"gastown/town"
)

// Of the signatures of one row by one Town, the one by the latest key stands, and among
// those the one with the greatest value: the holder of a key can make several. So Towns
// come to the same signature whatever they merge first. One by a former key does not count:
// the key may have been stolen. The Town has signed again what it had signed before.

// accepts reports whether a key is the last one of a Town, as far as this merge knows.
func (f *sift) accepts(id town.ID, p sign.Public) bool {
	return f.next.IsLast(id, p)
}

// outranks reports whether a signature stands above another one of the same row.
func (f *sift) outranks(g, was sign.Signature) bool {
	keys := f.next[g.Town]
	return cmp.Or(slices.Index(keys, g.Signer)-slices.Index(keys, was.Signer), strings.Compare(g.Value, was.Value)) > 0
}

// signatures sifts the signatures.
func (f *sift) signatures(ctx context.Context) error {
	lost, engine, err := f.lostSignatures(ctx)
	if err != nil {
		return err
	}
	if err := f.arrivals(ctx, lost, engine); err != nil {
		return err
	}
	bad := 0
	for by, g := range lost {
		if _, held := f.removed[by]; held && !f.accepts(g.Town, g.Signer) {
			continue // by a former key, and not signed again
		}
		bad++
		f.restore["signatures"] = append(f.restore["signatures"], signatureValues(g))
	}
	if bad > 0 {
		f.refuse(fmt.Sprintf("%d row(s) of signatures", bad), "", "", "they were changed or removed, and are only ever added")
	}
	return nil
}

// lostSignatures are those at ours that the merge changed or removed. added is how many it
// added.
func (f *sift) lostSignatures(ctx context.Context) (lost map[signedBy]sign.Signature, added int, err error) {
	lost, f.removed = map[signedBy]sign.Signature{}, map[signedBy]bool{}
	err = diffEach(ctx, f.tx, "signatures", f.ours, f.to, "diff_type, "+from(signatureColumns), "WHERE diff_type <> 'added' OR "+f.merging(), func(r *doltdb.Rows) error {
		var kind string
		var digest, id, signer, value *string
		if err := r.Scan(&kind, &digest, &id, &signer, &value); err != nil || kind == "added" {
			added++
			return err
		}
		g := sign.Signature{Digest: town.Digest(*digest), Town: town.ID(*id), Signer: sign.Public(*signer), Value: *value}
		by := signedBy{g.Digest, g.Town}
		if lost[by] = g; kind == "removed" {
			f.removed[by] = true
		}
		return nil
	})
	return lost, added, err
}

// arrivals checks the signatures that theirs has and ours has not. It takes those out of
// lost that a later one replaces.
func (f *sift) arrivals(ctx context.Context, lost map[signedBy]sign.Signature, engine int) error {
	merging := f.to != f.theirs
	if merging {
		if signs, err := f.theySign(ctx); err != nil || !signs {
			return err
		}
	}
	bad, added := 0, 0
	var fresh [][]any // what the engine should have added
	var batch, before []sign.Signature
	check := func() {
		for i, ok := range sign.Valid(f.store.uuid, batch, f.accepts) {
			g, was := batch[i], before[i]
			by := signedBy{g.Digest, g.Town}
			switch {
			case !ok && was.Value == "":
				bad++
				f.drop["signatures"] = append(f.drop["signatures"], []any{string(g.Digest), string(g.Town)})
			case !ok || was.Value != "" && !f.outranks(g, was):
				// Ours stays.
			case was.Value == "":
				if f.arrived[by] = true; merging {
					fresh = append(fresh, signatureValues(g))
				}
			default:
				f.arrived[by], f.renewed[by] = true, true
				if merging {
					f.restore["signatures"] = append(f.restore["signatures"], signatureValues(g))
				}
				delete(lost, by)
			}
		}
		batch, before = batch[:0], before[:0]
	}
	columns := prefixed(signatureColumns) + ", COALESCE(from_signer, ''), COALESCE(from_signature, '')"
	err := diffEach(ctx, f.tx, "signatures", f.ours, f.theirs, columns, "WHERE diff_type <> 'removed'", func(r *doltdb.Rows) error {
		var g, was sign.Signature
		err := r.Scan((*string)(&g.Digest), (*string)(&g.Town), (*string)(&g.Signer), &g.Value, (*string)(&was.Signer), &was.Value)
		if was.Value == "" {
			added++
		}
		if batch, before = append(batch, g), append(before, was); len(batch) == verifiedAtOnce {
			check()
		}
		return err
	})
	check()
	if merging && added != engine {
		// The engine compared with a merge base that a stranger may have made.
		f.restore["signatures"] = append(f.restore["signatures"], fresh...)
	}
	if bad > 0 {
		f.refuse(fmt.Sprintf("%d signature(s)", bad), "", "", "they are not by the present key of the Town they name")
	}
	return err
}

// signed reports which rows are signed by a key that counts, and which of them had a
// signature before the merge.
func (f *sift) signed(ctx context.Context, rows []signedBy) (signed, known map[signedBy]bool, err error) {
	signed, known = map[signedBy]bool{}, map[signedBy]bool{}
	var older []signedBy
	for _, r := range rows {
		if !f.arrived[r] || f.renewed[r] {
			older = append(older, r)
		}
	}
	before, err := signaturesOf(ctx, f.tx, f.ours, older)
	for _, r := range rows {
		g, ok := before[r]
		known[r] = ok
		signed[r] = f.arrived[r] || ok && f.accepts(g.Town, g.Signer)
	}
	return signed, known, err
}
