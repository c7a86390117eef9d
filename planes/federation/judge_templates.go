package federation

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"gastown/sync/policy"
	"gastown/town"
)

// templates judges templates. Each issue that a Town signed is taken; none is changed or
// removed. The newest issue, which is the file that people see, rises in the order of
// places as a role does.
func (f *sift) templates(ctx context.Context) error {
	names, err := changedNames(ctx, f.tx, town.KindTemplate, f.ours, f.theirs)
	if err != nil {
		return err
	}
	changedHere, changedThere, err := f.sinceBase(ctx, town.KindTemplate)
	if err != nil {
		return err
	}
	signs, err := f.theySign(ctx)
	if err != nil {
		return err
	}
	parts, err := byName(ctx, f.tx, town.KindTemplate, f.theirs, names)
	if err != nil {
		return err
	}
	for part := range parts {
		here, err := editsByName(ctx, f.tx, town.KindTemplate, f.ours, part)
		if err != nil {
			return err
		}
		there, err := editsBeside(ctx, f.tx, town.KindTemplate, f.theirs, part, here)
		if err != nil {
			return err
		}
		agreed, err := newestByName(ctx, f.tx, town.KindTemplate, f.base, part)
		if err != nil {
			return err
		}
		stood, err := f.store.levelsOf(ctx, f.tx, town.KindTemplate, f.ours, part)
		if err != nil {
			return err
		}
		var rows, ours []signedBy
		for _, name := range part {
			for _, e := range there[name] {
				rows = append(rows, signedBy{statement(e.Edit), e.Town})
			}
			for _, e := range here[name] {
				row := signedBy{statement(e.Edit), e.Town}
				if rows = append(rows, row); changedHere[name] && signs {
					ours = append(ours, row)
				}
			}
		}
		signed, _, err := f.signed(ctx, rows)
		if err != nil {
			return err
		}
		seen, err := signaturesOf(ctx, f.tx, f.theirs, ours)
		if err != nil {
			return err
		}
		for _, name := range part {
			for _, v := range f.stand[town.KindTemplate][name] {
				f.store.raise(stood, v)
			}
			key, top := town.Key{Kind: town.KindTemplate, Name: name}, stood[name].top()
			f.fix.above[key] = top
			own := func(e town.Edit) bool { return signed[signedBy{statement(e), e.Town}] }
			counts := func(e town.Edit) bool { return own(e) || stood[name][statement(e)].Level > 0 }
			t := issueLists{
				key: key, here: plain(here[name]), levels: stood[name], later: f.later, own: own,
				unchangedHere: !changedHere[name], unchangedThere: changedThere != nil && !changedThere[name],
			}
			for _, r := range there[name] {
				if r.intact() && counts(r.Edit) && reach(top, r.Revision) || t.has(statement(r.Edit)) {
					t.there = append(t.there, r.Edit)
					t.renumbered = t.renumbered || !r.intact()
				} else {
					t.bad = append(t.bad, r.Edit)
				}
			}
			if !t.unchangedThere && len(t.there) > 0 && counts(*last(t.there)) {
				t.yield(counts)
			}
			t.seen = func(e town.Edit) bool {
				_, ok := seen[signedBy{statement(e), e.Town}]
				return ok || t.unchangedHere
			}
			f.template(&t, shown(plain(agreed[name])))
		}
	}
	return nil
}

// issueLists are the issues of one template, here and there.
type issueLists struct {
	key         town.Key
	here, there []town.Edit
	// bad are issues there that nobody signed.
	bad []town.Edit
	// yielded are issues that were here, nobody signed, and theirs has not.
	yielded []town.Edit
	// denied is the newest issue that this Town does not let in.
	denied *town.Edit
	levels levels
	later  bool
	// renumbered: the number of an issue there is not the one of its digest.
	renumbered bool
	// unchangedHere and unchangedThere: the list is that of the merge base.
	unchangedHere, unchangedThere bool
	// own reports that the Town of an issue has signed it.
	own func(town.Edit) bool
	// seen reports that theirs knew an issue of ours.
	seen func(town.Edit) bool
}

func (t *issueLists) has(issue town.Digest) bool {
	return slices.ContainsFunc(t.here, func(e town.Edit) bool { return statement(e) == issue })
}

// yield has issues that nobody signed give way to a list that is signed and lacks them.
func (t *issueLists) yield(counts func(town.Edit) bool) {
	gone := without(t.here, t.there)
	t.yielded = slices.DeleteFunc(gone, counts)
	t.here = without(t.here, t.yielded)
}

// without are the issues of a list that another one does not have.
func without(list, other []town.Edit) (rest []town.Edit) {
	had := statements(other)
	for _, e := range list {
		if !had[statement(e)] {
			rest = append(rest, e)
		}
	}
	return rest
}

// statements are what Towns sign about these issues.
func statements(issues []town.Edit) map[town.Digest]bool {
	all := make(map[town.Digest]bool, len(issues))
	for _, e := range issues {
		all[statement(e)] = true
	}
	return all
}

// numbered gives issues the numbers that follow those of others.
func numbered(issues, more []town.Edit) []town.Edit {
	list := slices.Clone(issues)
	for _, e := range more {
		n := 1
		if before := last(list); before != nil {
			n = number(*before) + 1
		}
		e.Version = strconv.Itoa(n)
		list = append(list, e)
	}
	return list
}

// template decides about one template.
func (f *sift) template(t *issueLists, agreed *town.Edit) {
	missing, added := without(t.here, t.there), without(t.there, t.here)
	ours, theirs := t.levels.of(last(t.here)), t.levels.of(last(t.there))
	reason := ""
	switch down := theirs.compare(ours) < 0; {
	case t.unchangedThere:
	case len(t.bad) > 0:
		reason = notSigned
	case len(t.yielded) > 0:
		reason = gaveWay
	case !t.unchangedHere:
	case down && len(t.there) > 0:
		reason = putBackAgain
	case len(missing) > 0:
		reason = issuesMissing
	}
	var issues []town.Edit
	switch {
	case reason == "" && len(missing) == 0 && theirs.compare(ours) >= 0:
		if issues = t.there; t.unchangedHere && !t.renumbered {
			break // the engine took them
		}
		f.fix.issues[t.key.Name] = issues
	case len(added) == 0 && theirs.compare(ours) <= 0:
		if issues = t.here; !t.unchangedThere {
			f.fix.issues[t.key.Name] = issues
		}
	default:
		issues = f.unite(t, missing, added)
		f.fix.issues[t.key.Name] = issues
	}
	if denied := f.deniesTop(t, issues); denied != "" && f.maySign() {
		t.denied = last(issues)
		issues, reason = f.above(t, issues), denied
		f.fix.issues[t.key.Name] = issues
	}
	winner := t.levels.of(last(issues))
	for _, loser := range []place{ours, theirs} {
		if winner.edit != loser.edit {
			f.lift(t.key, winner, loser)
		}
	}
	if reason != "" {
		f.refuseTemplate(t, agreed, reason)
	}
}

// deniesTop says why the newest of issues may not be in force here, if it was not.
func (f *sift) deniesTop(t *issueLists, issues []town.Edit) string {
	top := last(issues)
	if top == nil || len(t.here) > 0 && statement(*top) == statement(*last(t.here)) {
		return ""
	}
	return f.denies(t.key, top, t.own(*top), t.levels[statement(*top)])
}

// above puts the issue that is in force here above others that this Town does not let
// in, or an issue that removes the template. Those others stay as what was.
func (f *sift) above(t *issueLists, issues []town.Edit) []town.Edit {
	if top := last(t.here); top != nil {
		return numbered(issues, []town.Edit{*top})
	}
	e := town.Edit{Key: t.key, Deleted: true, Town: f.store.Town, Author: f.store.Author, Revision: max(t.levels.top(), last(issues).Revision) + 1}
	f.fix.sign(e)
	return numbered(issues, []town.Edit{e})
}

// unite merges two lists: what both have, then what only theirs have, then what only we
// have; a list that counts as published later comes after the other.
func (f *sift) unite(t *issueLists, missing, added []town.Edit) []town.Edit {
	var fresh, lost []town.Edit
	for _, e := range missing {
		if t.seen(e) {
			lost = append(lost, e)
		} else {
			fresh = append(fresh, e)
		}
	}
	both := without(t.there, added)
	theirs := t.there
	if len(lost) > 0 || len(t.bad) > 0 {
		// Somebody took issues away or changed them: ours stay as they were.
		both = without(t.here, fresh)
		theirs = numbered(both, added)
	}
	mine := numbered(both, fresh)
	if t.later {
		mine, theirs = theirs, mine
	}
	merged, notes := policy.Templates(both, mine, theirs)
	f.notes = append(f.notes, notes...)
	return merged
}

// refuseTemplate notes why issues were not taken. The newest of them waits for a person.
func (f *sift) refuseTemplate(t *issueLists, agreed *town.Edit, reason string) {
	refusal := Refusal{Row: t.key.String(), Reason: reason}
	newest := last(t.bad)
	if newest == nil {
		newest = cmp.Or(t.denied, last(t.yielded))
	}
	if newest != nil {
		refusal.Town, refusal.Author = newest.Town, newest.Author
		if newest.Deleted {
			newest = nil
		}
		refusal.Review = f.propose(t.key, agreed, newest)
	}
	f.refused = append(f.refused, refusal)
}
