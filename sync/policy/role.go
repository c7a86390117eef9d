package policy

import "gastown/town"

// Role lets a person decide. A role tells agents how to behave, and a merged text
// that nobody has read must not do that. So the remote's text, which other Towns
// already follow, stays in force, and ours becomes a proposal that a reviewer in
// any Town may accept.
//
//	ours     theirs   in force            proposed
//	edited   edited   theirs              ours
//	edited   deleted  nothing             ours, to keep the role
//	deleted  edited   theirs              the deletion
//	deleted  deleted  nothing             nothing
//	edited   edited alike: the newer row  nothing
//
// A proposed deletion carries the revision of the text it removed and no author,
// because an absent row does not say who removed it.
//
// Role assumes that all rows belong to c.Key, which Resolve checks.
func Role(c Conflict) Resolution {
	var r Resolution
	name := label(c.Key)
	switch {
	case same(c.Ours, c.Base):
		r.InForce = c.Theirs
	case same(c.Theirs, c.Base):
		r.InForce = c.Ours
	case c.Ours == nil && c.Theirs == nil:
	case c.Theirs == nil:
		p := r.propose(c, c.Ours)
		r.Note = name + ": theirs deleted it, ours awaits review as proposal " + p.ID().Short()
	case c.Ours == nil:
		r.InForce = c.Theirs
		p := r.propose(c, nil)
		r.Note = name + ": theirs stays in force, our deletion awaits review as proposal " + p.ID().Short()
	case c.Ours.Text == c.Theirs.Text:
		r.InForce = c.Theirs
		if newer(c.Ours, c.Theirs) {
			r.InForce = c.Ours
		}
	default:
		r.InForce = c.Theirs
		p := r.propose(c, c.Ours)
		r.Note = name + ": theirs stays in force, ours awaits review as proposal " + p.ID().Short()
	}
	r.archive(c.Base)
	return r
}

// propose asks for a review of the edit that lost; nil means a deletion.
func (r *Resolution) propose(c Conflict, lost *town.Edit) town.Proposal {
	p := town.Proposal{Key: c.Key}
	if c.Base != nil {
		p.Base = c.Base.Text
	}
	switch {
	case lost != nil:
		p.Text, p.Revision, p.Town, p.Author = lost.Text, lost.Revision, lost.Town, lost.Author
	case c.Base != nil:
		p.Delete, p.Revision = true, c.Base.Revision
	default:
		p.Delete = true
	}
	r.Propose = append(r.Propose, p)
	return p
}
