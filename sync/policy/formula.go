package policy

import (
	"strconv"

	"github.com/Masterminds/semver/v3"

	"gastown/town"
)

// Formula lets the version decide: the higher semantic version is in force and the
// other is archived, whichever side it came from. Build metadata does not count,
// and a version that cannot be parsed is lower than every version that can. Equal
// versions are decided by the Lamport revision, then by the digest. An edit
// survives a deletion.
//
// The rule treats both rows alike, so two Towns, each of which calls the other's
// row theirs, come to the same formula.
//
// Formula assumes that all rows belong to c.Key, which Resolve checks.
func Formula(c Conflict) Resolution {
	var r Resolution
	name := label(c.Key)
	switch {
	case same(c.Ours, c.Base):
		r.InForce = c.Theirs
	case same(c.Theirs, c.Base):
		r.InForce = c.Ours
	case c.Ours == nil && c.Theirs == nil:
	case c.Theirs == nil:
		r.InForce = c.Ours
		r.Note = name + ": our edit " + versionName(c.Ours) + " survives their deletion"
	case c.Ours == nil:
		r.InForce = c.Theirs
		r.Note = name + ": their edit " + versionName(c.Theirs) + " survives our deletion"
	case beats(c.Ours, c.Theirs):
		r.InForce = c.Ours
		r.archive(c.Theirs)
		if c.Ours.Text != c.Theirs.Text {
			r.Note = name + ": ours " + versionName(c.Ours) + " over theirs " + versionName(c.Theirs) + ", theirs archived"
		}
	default:
		r.InForce = c.Theirs
		r.archive(c.Ours)
		if c.Ours.Text != c.Theirs.Text {
			r.Note = name + ": theirs " + versionName(c.Theirs) + " over ours " + versionName(c.Ours) + ", ours archived"
		}
	}
	r.archive(c.Base)
	return r
}

// beats is a strict total order on different edits of one formula.
func beats(a, b *town.Edit) bool {
	va, errA := semver.NewVersion(a.Version)
	vb, errB := semver.NewVersion(b.Version)
	switch {
	case errA == nil && errB != nil:
		return true
	case errA != nil && errB == nil:
		return false
	case errA == nil && va.Compare(vb) != 0:
		return va.GreaterThan(vb)
	}
	return newer(a, b)
}

// versionName words a version for people; one that cannot be parsed is quoted.
func versionName(e *town.Edit) string {
	if _, err := semver.NewVersion(e.Version); err == nil {
		return e.Version
	}
	return strconv.Quote(town.Clip(e.Version, 40))
}
