package policy

import "gastown/town"

// Follows reports whether an edit may come after another one of the same document: it
// has the higher revision or, if it is a formula, the higher version. Every edit follows
// the one that its writer saw, and the rules of a conflict put no other edit of a formula
// in the place of one that is published. So an edit that does not follow the one in force
// either lost a conflict or is an old one that somebody put back. Of two different edits
// at least one follows the other.
func Follows(e, before town.Edit) bool {
	return newer(&e, &before) || e.Kind == town.KindFormula && beats(&e, &before)
}
