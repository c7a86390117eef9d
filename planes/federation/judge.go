package federation

import (
	"context"
	"strings"

	"gastown/planes/doltdb"
	"gastown/sync/policy"
	"gastown/town"
)

// What is in force of a document only rises in the order of places (rank.go). What
// arrives is taken if somebody signed it and it has the higher place. Where it does not
// know what is here, nor what is here it, the rules of a conflict decide, and this Town
// says where the winner stands, which is above both. So what a Town holds after a merge
// has the highest place of what it held and what arrived, and other Towns take it. Whether
// one edit knew another is read from the signatures that lie beside each, and not from
// commits, of which a stranger may have made some.

// difference is a role or a formula that is not the same here and there. The edits lack their
// texts; nil where there is none.
type difference struct {
	name         string
	ours, theirs *town.Edit
	// here and there are their places, and row and its sign say what there is signed.
	here, there place
	row         signedBy
	intact      bool
	// unchangedHere and unchangedThere: the row is that of the merge base.
	unchangedHere, unchangedThere bool
	// signed: a Town stands for what arrives. oursSigned: one does for what is here. far: the
	// number of what arrives is out of reach. weKnew and theyKnew: each side had seen the
	// other's.
	signed, oursSigned, far, weKnew, theyKnew bool
	// denied is why this Town does not let in what arrives, though it is signed.
	denied string

	verdict ruling
	reason  string
	// yields: what was here gives way because nobody signed it.
	yields bool
}

func (d *difference) oursRow() signedBy { return signedBy{d.here.edit, d.ours.Town} }

// ruling is what becomes of a difference.
type ruling int

const (
	// keepOurs leaves in force what is here, and takeTheirs puts in force what arrives.
	keepOurs ruling = iota
	takeTheirs
	// refused is keepOurs, and a person hears of what arrived.
	refused
	// conflicting: policy decides.
	conflicting
)

// revisionOf is the number that the writer gave: an absence has only its level.
func revisionOf(e *town.Edit, p place) uint64 {
	if e == nil {
		return p.level
	}
	return e.Revision
}

// The reasons why documents are not taken.
const (
	putBackAgain  = "it is older than what is in force here, and somebody put it back"
	nobodyRemoved = "it was removed, and no Town has signed that"
	issuesMissing = "an issue of it was changed or removed"
	gaveWay       = "no Town has signed what was here; what arrived is signed"
)

// rule decides about one difference.
func (d *difference) rule() {
	up := d.there.compare(d.here) > 0
	theirNumber, ourNumber := revisionOf(d.theirs, d.there), revisionOf(d.ours, d.here)
	switch {
	case !d.signed && d.unchangedThere:
		// What is here was changed, and what is there never counted.
	case d.far:
		d.verdict, d.reason = refused, outOfReach
	case !d.signed && d.theirs == nil:
		d.verdict, d.reason = refused, nobodyRemoved
	case !d.signed:
		d.verdict, d.reason = refused, notSigned
	case d.denied != "" && d.unchangedThere:
	case d.denied != "":
		d.verdict, d.reason = refused, d.denied
	case up && d.theyKnew, !d.weKnew && d.theyKnew && !d.unchangedHere && theirNumber > ourNumber:
		d.verdict = takeTheirs
	case d.ours != nil && !d.oursSigned && !d.unchangedThere:
		d.verdict, d.reason, d.yields = takeTheirs, gaveWay, true
	case d.theyKnew && d.unchangedHere:
		d.verdict, d.reason = refused, putBackAgain
	case d.weKnew && (d.theyKnew || !up || ourNumber > theirNumber):
	default:
		d.verdict = conflicting
	}
}

// rows judges roles or formulas.
func (f *sift) rows(ctx context.Context, k town.Kind) error {
	list, err := f.differences(ctx, k)
	if err != nil {
		return err
	}
	if err := f.compare(ctx, k, list); err != nil {
		return err
	}
	var conflicts, refusals, yielding []*difference
	for _, d := range list {
		switch d.rule(); d.verdict {
		case conflicting:
			conflicts = append(conflicts, d)
		case refused:
			refusals = append(refusals, d)
		case takeTheirs:
			if d.yields {
				yielding = append(yielding, d)
			}
		}
	}
	if err := f.settle(ctx, k, conflicts); err != nil {
		return err
	}
	for _, d := range list {
		f.write(k, d)
	}
	if err := f.refuseDocuments(ctx, k, f.ours, yielding); err != nil {
		return err
	}
	return f.refuseDocuments(ctx, k, f.theirs, refusals)
}

// write has the outcome written, where the engine has not come to it by itself.
func (f *sift) write(k town.Kind, d *difference) {
	winner, loser := d.here, d.there
	if d.verdict == takeTheirs {
		if winner, loser = d.there, d.here; !d.unchangedHere {
			f.take[k] = append(f.take[k], d.name)
		}
	} else if !d.unchangedThere {
		f.keep[k] = append(f.keep[k], d.name)
	}
	if d.signed {
		f.lift(town.Key{Kind: k, Name: d.name}, winner, loser)
	}
}

// lift has this Town say that one edit stands above another, if it does not.
func (f *sift) lift(key town.Key, winner, loser place) {
	if winner.compare(loser) <= 0 && f.maySign() {
		f.fix.stand(key, winner.edit, loser.level+1)
	}
}

// denies says why this Town does not let in an edit, or the rank that it needs; "" if it
// does. own: the Town that the edit names has signed it. Otherwise it is here by the word of
// who ranked it.
func (f *sift) denies(key town.Key, e *town.Edit, own bool, by Rank) string {
	if e != nil {
		if reason := f.store.Denies(Arrival{Key: key, Town: e.Town, Author: e.Author}); reason != "" {
			return reason
		}
		if own && by.Level <= e.Revision {
			return ""
		}
	}
	return f.store.Denies(Arrival{Key: key, Town: by.Town, Author: by.Author})
}

// maySign reports that this Town has a key that others accept.
func (f *sift) maySign() bool {
	if f.store.Keys == nil {
		return false
	}
	id := f.store.Town
	return len(f.next[id]) == 0 || f.next.IsCurrent(id, f.store.Keys.Public())
}

// differences reads the roles or formulas that differ.
func (f *sift) differences(ctx context.Context, k town.Kind) (list []*difference, err error) {
	n := 1 + strings.Count(columns(k), ",")
	err = diffEach(ctx, f.tx, rowTable(k), f.ours, f.theirs, prefixed(columns(k))+", "+from(columns(k)), "", func(r *doltdb.Rows) error {
		cells, err := scanCells(r, 2*n)
		if err != nil {
			return err
		}
		var d difference
		for i, edit := range []**town.Edit{&d.theirs, &d.ours} {
			part := cells[i*n : (i+1)*n]
			if !part[0].Valid {
				continue
			}
			read, err := scanEdit(part, k)
			if err != nil {
				return err
			}
			// Not all texts are held at once.
			d.name, *edit = read.Name, &read.Edit
			at, intact := place{edit: statement(read.Edit)}, read.intact()
			read.Text = ""
			if i == 0 {
				d.there, d.row, d.intact = at, signedBy{at.edit, read.Town}, intact
			} else {
				d.here = at
			}
		}
		list = append(list, &d)
		return nil
	})
	return list, err
}

// compare finds out what each side knew, and the places.
func (f *sift) compare(ctx context.Context, k town.Kind, list []*difference) error {
	names := make([]string, len(list))
	var rows []signedBy
	for i, d := range list {
		if names[i] = d.name; d.theirs != nil {
			rows = append(rows, d.row)
		}
		if d.ours != nil {
			rows = append(rows, d.oursRow())
		}
	}
	signed, known, err := f.signed(ctx, rows)
	if err != nil {
		return err
	}
	before, err := f.store.levelsOf(ctx, f.tx, k, f.ours, names)
	if err != nil {
		return err
	}
	here, there, err := f.sinceBase(ctx, k)
	if err != nil {
		return err
	}
	var unsure []*difference
	for _, d := range list {
		was := before[d.name][""].Level
		for _, v := range f.stand[k][d.name] {
			f.store.raise(before, v)
		}
		now := before[d.name]
		f.fix.above[town.Key{Kind: k, Name: d.name}] = now.top()
		d.oursSigned = d.ours == nil || signed[d.oursRow()] || now[d.here.edit].Level > 0
		d.here.level = now.at(revisionOf(d.ours, place{}), d.here.edit).level
		d.there.level = now.at(revisionOf(d.theirs, place{}), d.there.edit).level
		d.unchangedHere, d.unchangedThere = !here[d.name], there != nil && !there[d.name]
		if d.theirs == nil {
			d.signed, d.weKnew = now[""].Level > 0, now[""].Level == was
		} else {
			d.signed = d.intact && (signed[d.row] || now[d.there.edit].Level > 0)
			d.far = d.signed && !reach(now.top(), d.theirs.Revision)
			d.signed = d.signed && !d.far
			d.weKnew = d.unchangedThere || known[d.row]
		}
		if d.signed {
			d.denied = f.denies(town.Key{Kind: k, Name: d.name}, d.theirs, d.theirs != nil && signed[d.row], now[d.there.edit])
		}
		if d.theyKnew = d.unchangedHere; !d.theyKnew {
			unsure = append(unsure, d)
		}
	}
	return f.theyKnew(ctx, k, unsure)
}

// sinceBase names the documents that were changed here and there since the merge base.
// Nothing was changed here in a fast-forward, for which there is nil.
func (f *sift) sinceBase(ctx context.Context, k town.Kind) (here, there map[string]bool, err error) {
	if f.base == f.ours {
		return nil, nil, nil
	}
	here, there = map[string]bool{}, map[string]bool{}
	for revision, set := range map[string]map[string]bool{f.ours: here, f.theirs: there} {
		names, err := changedNames(ctx, f.tx, k, f.base, revision)
		if err != nil {
			return nil, nil, err
		}
		for _, name := range names {
			set[name] = true
		}
	}
	return here, there, nil
}

// theyKnew finds out which of our edits theirs has seen.
func (f *sift) theyKnew(ctx context.Context, k town.Kind, list []*difference) error {
	if signs, err := f.theySign(ctx); err != nil || !signs || len(list) == 0 {
		return err
	}
	var rows []signedBy
	var absent []string
	for _, d := range list {
		if d.ours != nil {
			rows = append(rows, d.oursRow())
		} else {
			absent = append(absent, d.name)
		}
	}
	known, err := signaturesOf(ctx, f.tx, f.theirs, rows)
	if err != nil {
		return err
	}
	gone, err := f.store.levelsOf(ctx, f.tx, k, f.theirs, absent)
	if err != nil {
		return err
	}
	for _, d := range list {
		if d.ours != nil {
			_, d.theyKnew = known[d.oursRow()]
		} else {
			d.theyKnew = gone[d.name][""].Level >= d.here.level
		}
	}
	return nil
}

// theySign reports that theirs has tables of signatures.
func (f *sift) theySign(ctx context.Context) (bool, error) {
	steps, err := f.tx.Migrations(ctx, f.theirs)
	return len(steps) >= stepSigned, err
}

// settle decides conflicts by policy.
func (f *sift) settle(ctx context.Context, k town.Kind, list []*difference) error {
	named := map[string]*difference{}
	var names []string
	for _, d := range list {
		named[d.name], names = d, append(names, d.name)
	}
	parts, err := byName(ctx, f.tx, k, f.theirs, names)
	if err != nil {
		return err
	}
	for part := range parts {
		var sides [3]map[string][]row
		for i, revision := range []string{f.base, f.ours, f.theirs} {
			if sides[i], err = editsByName(ctx, f.tx, k, revision, part); err != nil {
				return err
			}
		}
		for _, name := range part {
			conflict := policy.Conflict{
				Key: town.Key{Kind: k, Name: name}, Base: first(plain(sides[0][name])), Ours: first(plain(sides[1][name])), Theirs: first(plain(sides[2][name])),
			}
			theirs := conflict.Theirs
			if f.later {
				conflict.Ours, conflict.Theirs = conflict.Theirs, conflict.Ours
			}
			res, err := policy.Resolve(conflict)
			if err != nil {
				return err
			}
			f.fix.retain(res.Archive...)
			f.fix.offer(res.Propose...)
			if res.Note != "" {
				f.notes = append(f.notes, res.Note)
			}
			if d := named[name]; digest(res.InForce) == digest(theirs) {
				d.verdict = takeTheirs
			} else {
				d.verdict = keepOurs
			}
		}
	}
	return nil
}
