// Package policy decides what becomes of a document that two Towns changed
// since they last agreed. It is pure: a function of the three texts and their
// places in the order of edits, with no clock, no random choice and no I/O, so
// that every Town that meets the same conflict decides it the same way.
//
// One rule per kind:
//
//   - Role: a person decides. The remote's text stays in force and ours becomes
//     an open proposal.
//   - Formula: the higher version wins, and the other one is archived.
//   - Template: both stay. The remote's issues keep their numbers, and ours are
//     issued again after them.
//   - Anything else has no policy, and the merge must stop.
//
// Callers may rely on two guarantees for every input, hostile ones included.
// Nothing written is lost: each text of the base, of ours and of theirs is in
// force, archived, proposed, or an issue of the template. And agreement is
// stable: merging a result with itself changes nothing.
//
// No error here is temporary, so retrying does not help.
package policy

import (
	"fmt"

	"gastown/town"
)

// ErrNoPolicy means that no rule covers the conflict. The merge must stop and
// leave everything as it was. A retry fails again until one of the two rows has
// changed. It is a town.ErrRefused.
var ErrNoPolicy = fmt.Errorf("no policy covers this conflict: %w", town.ErrRefused)

// Conflict is one document that both sides changed since their common base, or
// an edit of a file that was made against an older row than the one in force
// now. A nil edit means the document is absent on that side.
type Conflict struct {
	Key                town.Key
	Base, Ours, Theirs *town.Edit
}

// Resolution is what a policy decided.
type Resolution struct {
	// InForce is Conflict.Ours or Conflict.Theirs itself, never a new edit, so
	// that Towns converge. Nil means the document is absent.
	InForce *town.Edit
	// Archive holds edits whose text must stay restorable: the one that lost, and
	// the base where its text is nowhere else in the resolution.
	Archive []town.Edit
	// Propose holds the proposals that await a person's review.
	Propose []town.Proposal
	// Note is one line for people, empty where nobody lost anything.
	Note string
}

// Resolve applies the rule for the conflict's kind. It covers roles and
// formulas; templates are merged as whole lists of issues by Templates. Any
// other kind, and rows that do not belong to the document they came with, give
// ErrNoPolicy.
//
// If one side equals the base, the other side is in force, whatever the kind's
// rule prefers.
func Resolve(c Conflict) (Resolution, error) {
	if err := check(c); err != nil {
		return Resolution{}, err
	}
	switch c.Key.Kind {
	case town.KindRole:
		return Role(c), nil
	case town.KindFormula:
		return Formula(c), nil
	default:
		return Resolution{}, refuse(c.Key, "%q documents are not merged row by row", town.Clip(string(c.Key.Kind), 40))
	}
}

// check refuses rows that do not belong to the document in conflict.
func check(c Conflict) error {
	if err := town.CheckName(c.Key.Name); err != nil {
		return refuse(c.Key, "%w", err)
	}
	sides := []struct {
		name string
		edit *town.Edit
	}{{"base", c.Base}, {"ours", c.Ours}, {"theirs", c.Theirs}}
	for _, s := range sides {
		switch {
		case s.edit == nil:
		case s.edit.Key != c.Key:
			return refuse(c.Key, "the row of %s belongs to %s", s.name, label(s.edit.Key))
		case s.edit.Deleted:
			return refuse(c.Key, "the row of %s is marked deleted, as only a template's may be", s.name)
		}
	}
	return nil
}

func refuse(k town.Key, format string, args ...any) error {
	return town.Fail("merge "+label(k),
		"compare the row on both sides with 'gt federation diff', and bring both Towns to the same version of gt",
		"%w: %w", ErrNoPolicy, fmt.Errorf(format, args...))
}

// label words a key for people; a name with unsafe characters is quoted.
func label(k town.Key) string {
	if _, err := town.ParseKind(string(k.Kind)); err == nil && town.CheckName(k.Name) == nil {
		return k.String()
	}
	return fmt.Sprintf("%q", town.Clip(k.String(), 80))
}

// same reports whether two sides hold the same edit, or neither holds one.
func same(a, b *town.Edit) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// newer orders edits by Lamport revision, then by digest. Edits with equal
// digests are equal, so the order is total and both sides see the same one.
func newer(a, b *town.Edit) bool {
	if a.Revision != b.Revision {
		return a.Revision > b.Revision
	}
	return a.Digest() > b.Digest()
}

// archive adds e unless the resolution holds its text already.
func (r *Resolution) archive(e *town.Edit) {
	if e == nil || r.holds(e.Text) {
		return
	}
	r.Archive = append(r.Archive, *e)
}

// holds reports whether text is in force, archived or proposed.
func (r *Resolution) holds(text string) bool {
	if r.InForce != nil && r.InForce.Text == text {
		return true
	}
	for _, e := range r.Archive {
		if e.Text == text {
			return true
		}
	}
	for _, p := range r.Propose {
		if p.Base == text || !p.Delete && p.Text == text {
			return true
		}
	}
	return false
}
