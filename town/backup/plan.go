package backup

import (
	"slices"
	"time"
)

// mergeAt is how many groups of one level there may be. The next point then writes what
// is in them once more, as one group of the next level. So a point has few files, and
// what was written for points is written again at most once for each level.
const mergeAt = 24

// build says on which groups of its predecessor a plane of a new point builds, and the
// level of its new group. sound reports whether a group is in the destination as it was
// written. What is kept is a beginning of the list, because later groups refer to
// earlier ones.
func build(groups []Group, sound func(Group) bool) (base []Group, level int) {
	for _, g := range groups {
		if !sound(g) {
			break
		}
		base = append(base, g)
	}
	if len(base) == 0 {
		return nil, topLevel
	}
	for ; level < topLevel; level++ {
		from := slices.IndexFunc(base, func(g Group) bool { return g.Level <= level })
		if from < 0 || len(base)-from < mergeAt {
			return base, level
		}
		base = base[:from]
	}
	return base, level
}

// topLevel is that of a group with a whole database, which is never merged.
const topLevel = 9

// Retention says how long points are retained, by kind.
type Retention map[Kind]time.Duration

// Candidate is what Expired needs to know of a point.
type Candidate struct {
	Name string
	Kind Kind
	// Taken is when it counts as taken; it is not in the future.
	Taken  time.Time
	Proven bool
	// Damaged says that it cannot be read.
	Damaged bool
}

// Expired lists the points that are older than their retention. The newest sound point
// of each kind and the newest proven one stay, however old they are. points are in the order
// in which they were taken.
func Expired(points []Candidate, keep Retention, now time.Time) (expired []string) {
	newest, proven := map[Kind]bool{}, map[Kind]bool{}
	for _, p := range slices.Backward(points) {
		stays := now.Sub(p.Taken) <= keep[p.Kind] || keep[p.Kind] == 0
		if !p.Damaged && !newest[p.Kind] {
			newest[p.Kind], stays = true, true
		}
		if !p.Damaged && p.Proven && !proven[p.Kind] {
			proven[p.Kind], stays = true, true
		}
		if !stays {
			expired = append(expired, p.Name)
		}
	}
	return expired
}
