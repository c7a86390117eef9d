package federation

import (
	"context"
	"slices"
	"strings"

	"gastown/planes/doltdb"
	"gastown/sync/sign"
	"gastown/town"
)

// Verification says how many rows of the plane are signed by the Town that they name.
type Verification struct {
	Signed int `json:"signed"`
	// Vouched counts edits that their own Town did not sign, but a Town gave a rank.
	Vouched int `json:"vouched"`
	// Unsigned are the others: from before Towns signed, or not checked by a merge here.
	Unsigned []Unverified `json:"unsigned"`
	// UnsignedTotal counts them all; Unsigned has at most MaxUnverified.
	UnsignedTotal int `json:"unsigned_total"`
}

// MaxUnverified is how many rows a Verification names.
const MaxUnverified = 1000

// Unverified is a row that the Town which it names has not signed.
type Unverified struct {
	Row    string  `json:"row"`
	Town   town.ID `json:"town"`
	Author string  `json:"author"`
	Reason string  `json:"reason"`
}

// verification is one pass over the plane.
type verification struct {
	tx  *doltdb.Tx
	out Verification
	// vouched are the statements of edits that a valid rank names.
	vouched map[town.Digest]bool
}

// Verify checks the keys of all Towns and every signature, and that there is one for every
// document in force, every issue, every decision and every entry of the registry. It reads
// every row.
func (s *Store) Verify(ctx context.Context) (out Verification, err error) {
	out.Unsigned = []Unverified{}
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		v := verification{tx: tx}
		v.out.Unsigned = []Unverified{}
		if err := v.all(ctx, s.uuid); err != nil {
			return err
		}
		out = v.out
		return nil
	})
	return out, err
}

func (v *verification) all(ctx context.Context, uuid string) error {
	valid, err := v.signatures(ctx, uuid)
	if err != nil {
		return err
	}
	if err := v.ranks(ctx, valid); err != nil {
		return err
	}
	take := func(row Unverified, by signedBy, intact bool) {
		switch {
		case !intact:
			row.Reason = "its digest is not that of its content"
		case valid[by]:
			v.out.Signed++
			return
		case v.vouched[by.statement]:
			v.out.Vouched++
			return
		case by.town == "":
			row.Reason = "it names no Town"
		default:
			row.Reason = notSigned
		}
		v.add(row)
	}
	for _, k := range town.Kinds {
		err := v.tx.Each(ctx, func(r *doltdb.Rows) error {
			e, err := scanEdit(r, k)
			if err == nil {
				name := e.Key.String()
				if k == town.KindTemplate {
					name += " issue " + e.Version
				}
				take(Unverified{Row: name, Town: e.Town, Author: e.Author}, signedBy{statement(e.Edit), e.Town}, e.intact())
			}
			return err
		}, "SELECT "+columns(k)+" FROM "+rowTable(k))
		if err != nil {
			return err
		}
	}
	err = v.tx.Each(ctx, func(r *doltdb.Rows) error {
		var d Resolution
		err := r.Scan(&d.Proposal, &d.Outcome, &d.Result, &d.Town, &d.Author)
		take(Unverified{Row: "decision about review " + d.Proposal.Short(), Town: d.Town, Author: d.Author}, signedBy{d.ID(), d.Town}, true)
		return err
	}, "SELECT proposal, outcome, result, town, author FROM resolutions")
	if err != nil {
		return err
	}
	return v.tx.Each(ctx, func(r *doltdb.Rows) error {
		m, err := scanMember(r)
		take(Unverified{Row: "entry of Town " + m.Name, Town: m.ID}, signedBy{m.statement(), m.ID}, true)
		return err
	}, "SELECT "+memberColumns+" FROM towns")
}

// ranks reads which edits Towns vouch for.
func (v *verification) ranks(ctx context.Context, valid map[signedBy]bool) error {
	v.vouched = map[town.Digest]bool{}
	return v.tx.Each(ctx, func(r *doltdb.Rows) error {
		n, err := scanRank(r)
		if valid[signedBy{n.statement(), n.Town}] {
			v.vouched[n.Edit] = n.Edit != ""
		} else {
			v.add(Unverified{Row: "rank of " + n.Key.String(), Town: n.Town, Author: n.Author, Reason: notSigned})
		}
		return err
	}, "SELECT "+rankColumns+" FROM ranks")
}

func (v *verification) add(row Unverified) { v.out.Add(row) }

// Add adds a row that its Town has not signed.
func (v *Verification) Add(row Unverified) {
	if v.UnsignedTotal++; len(v.Unsigned) < MaxUnverified {
		v.Unsigned = append(v.Unsigned, row)
	}
}

// signatures checks the keys and all signatures, and returns the rows that are signed. A
// signature by a former key counts here, though no merge takes it.
func (v *verification) signatures(ctx context.Context, uuid string) (map[signedBy]bool, error) {
	links, err := readLinks(ctx, v.tx, "", "")
	if err != nil {
		return nil, err
	}
	ring := sign.Ring{}
	for _, l := range links {
		if err := ring.Add(uuid, l); err != nil {
			v.add(Unverified{Row: "key " + l.Public.Fingerprint(), Town: l.Town, Reason: err.Error()})
		}
	}
	valid := map[signedBy]bool{}
	accepts := func(id town.ID, p sign.Public) bool { return slices.Contains(ring[id], p) }
	err = eachSignature(ctx, v.tx, uuid, accepts, func(g sign.Signature, ok bool) {
		if valid[signedBy{g.Digest, g.Town}] = ok; !ok {
			v.add(Unverified{Row: "signature of row " + g.Digest.Short(), Town: g.Town, Reason: "it is not by a key of the Town it names"})
		}
	})
	return valid, err
}

// Fingerprints gives the fingerprint of each Town's present key: what tells apart Towns
// of one name. A Town without a key has none.
func (s *Store) Fingerprints(ctx context.Context) (prints map[town.ID]string, err error) {
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		links, err := readLinks(ctx, tx, "", "")
		prints = make(map[town.ID]string, len(links))
		for _, l := range links {
			prints[l.Town] = l.Public.Fingerprint() // the last one counts
		}
		return err
	})
	return prints, err
}

// ShortFingerprint is the beginning of a fingerprint, which people are shown beside a
// Town's name; "unsigned" where the Town has no key.
func ShortFingerprint(print string) string {
	if print == "" {
		return "unsigned"
	}
	parts := strings.SplitN(print, "-", 3)
	return strings.Join(parts[:min(len(parts), 2)], "-")
}
