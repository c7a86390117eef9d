package federation

import (
	"context"
	"database/sql"
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

// claim is a role or a formula that is not the same here and there. The edits lack their
// texts; nil where there is none.
type claim struct {
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

func (c *claim) oursRow() signedBy { return signedBy{c.here.edit, c.ours.Town} }

// ruling is what becomes of a claim.
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

// rule decides about one claim.
func (c *claim) rule() {
	up := c.there.compare(c.here) > 0
	theirNumber, ourNumber := revisionOf(c.theirs, c.there), revisionOf(c.ours, c.here)
	switch {
	case !c.signed && c.unchangedThere:
		// What is here was changed, and what is there never counted.
	case c.far:
		c.verdict, c.reason = refused, outOfReach
	case !c.signed && c.theirs == nil:
		c.verdict, c.reason = refused, nobodyRemoved
	case !c.signed:
		c.verdict, c.reason = refused, notSigned
	case c.denied != "" && c.unchangedThere:
	case c.denied != "":
		c.verdict, c.reason = refused, c.denied
	case up && c.theyKnew, !c.weKnew && c.theyKnew && !c.unchangedHere && theirNumber > ourNumber:
		c.verdict = takeTheirs
	case c.ours != nil && !c.oursSigned && !c.unchangedThere:
		c.verdict, c.reason, c.yields = takeTheirs, gaveWay, true
	case c.theyKnew && c.unchangedHere:
		c.verdict, c.reason = refused, putBackAgain
	case c.weKnew && (c.theyKnew || !up || ourNumber > theirNumber):
	default:
		c.verdict = conflicting
	}
}

// rows judges roles or formulas.
func (f *sift) rows(ctx context.Context, k town.Kind) error {
	list, err := f.claims(ctx, k)
	if err != nil {
		return err
	}
	if err := f.compare(ctx, k, list); err != nil {
		return err
	}
	var conflicts, refusals, yielding []*claim
	for _, c := range list {
		switch c.rule(); c.verdict {
		case conflicting:
			conflicts = append(conflicts, c)
		case refused:
			refusals = append(refusals, c)
		case takeTheirs:
			if c.yields {
				yielding = append(yielding, c)
			}
		}
	}
	if err := f.settle(ctx, k, conflicts); err != nil {
		return err
	}
	for _, c := range list {
		f.write(k, c)
	}
	if err := f.tell(ctx, k, f.ours, yielding); err != nil {
		return err
	}
	return f.tell(ctx, k, f.theirs, refusals)
}

// write has the outcome written, where the engine has not come to it by itself.
func (f *sift) write(k town.Kind, c *claim) {
	winner, loser := c.here, c.there
	if c.verdict == takeTheirs {
		if winner, loser = c.there, c.here; !c.unchangedHere {
			f.take[k] = append(f.take[k], c.name)
		}
	} else if !c.unchangedThere {
		f.keep[k] = append(f.keep[k], c.name)
	}
	if c.signed {
		f.lift(town.Key{Kind: k, Name: c.name}, winner, loser)
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
	now, ok := f.next.Current(f.store.Town)
	return len(f.next[f.store.Town]) == 0 || ok && now == f.store.Keys.Public()
}

// claims reads the roles or formulas that differ.
func (f *sift) claims(ctx context.Context, k town.Kind) (list []*claim, err error) {
	n := 1 + strings.Count(columns(k), ",")
	err = diffEach(ctx, f.tx, rowTable(k), f.ours, f.theirs, prefixed(columns(k))+", "+from(columns(k)), "", func(r *doltdb.Rows) error {
		cells, dest := make([]sql.NullString, 2*n), make([]any, 2*n)
		for i := range cells {
			dest[i] = &cells[i]
		}
		if err := r.Scan(dest...); err != nil {
			return err
		}
		var c claim
		for i, edit := range []**town.Edit{&c.theirs, &c.ours} {
			part := cells[i*n : (i+1)*n]
			if !part[0].Valid {
				continue
			}
			read, err := scanEdit(cellScanner(part), k)
			if err != nil {
				return err
			}
			// Not all texts are held at once.
			c.name, *edit = read.Name, &read.Edit
			at, intact := place{edit: statement(read.Edit)}, read.intact()
			read.Text = ""
			if i == 0 {
				c.there, c.row, c.intact = at, signedBy{at.edit, read.Town}, intact
			} else {
				c.here = at
			}
		}
		list = append(list, &c)
		return nil
	})
	return list, err
}

// compare finds out what each side knew, and the places.
func (f *sift) compare(ctx context.Context, k town.Kind, list []*claim) error {
	names := make([]string, len(list))
	var rows []signedBy
	for i, c := range list {
		if names[i] = c.name; c.theirs != nil {
			rows = append(rows, c.row)
		}
		if c.ours != nil {
			rows = append(rows, c.oursRow())
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
	var unsure []*claim
	for _, c := range list {
		was := before[c.name][""].Level
		for _, v := range f.stand[k][c.name] {
			f.store.raise(before, v)
		}
		now := before[c.name]
		f.fix.above[town.Key{Kind: k, Name: c.name}] = now.top()
		c.oursSigned = c.ours == nil || signed[c.oursRow()] || now[c.here.edit].Level > 0
		c.here.level = now.at(revisionOf(c.ours, place{}), c.here.edit).level
		c.there.level = now.at(revisionOf(c.theirs, place{}), c.there.edit).level
		c.unchangedHere, c.unchangedThere = !here[c.name], there != nil && !there[c.name]
		if c.theirs == nil {
			c.signed, c.weKnew = now[""].Level > 0, now[""].Level == was
		} else {
			c.signed = c.intact && (signed[c.row] || now[c.there.edit].Level > 0)
			c.far = c.signed && !reach(now.top(), c.theirs.Revision)
			c.signed = c.signed && !c.far
			c.weKnew = c.unchangedThere || known[c.row]
		}
		if c.signed {
			c.denied = f.denies(town.Key{Kind: k, Name: c.name}, c.theirs, c.theirs != nil && signed[c.row], now[c.there.edit])
		}
		if c.theyKnew = c.unchangedHere; !c.theyKnew {
			unsure = append(unsure, c)
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
func (f *sift) theyKnew(ctx context.Context, k town.Kind, list []*claim) error {
	if signs, err := f.theySign(ctx); err != nil || !signs || len(list) == 0 {
		return err
	}
	var rows []signedBy
	var absent []string
	for _, c := range list {
		if c.ours != nil {
			rows = append(rows, c.oursRow())
		} else {
			absent = append(absent, c.name)
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
	for _, c := range list {
		if c.ours != nil {
			_, c.theyKnew = known[c.oursRow()]
		} else {
			c.theyKnew = gone[c.name][""].Level >= c.here.level
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
func (f *sift) settle(ctx context.Context, k town.Kind, list []*claim) error {
	byClaim := map[string]*claim{}
	var names []string
	for _, c := range list {
		byClaim[c.name], names = c, append(names, c.name)
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
			if c := byClaim[name]; digest(res.InForce) == digest(theirs) {
				c.verdict = takeTheirs
			} else {
				c.verdict = keepOurs
			}
		}
	}
	return nil
}
