package backup

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever the points, the newest sound one of each kind and the newest proven one stay,
// and so do all that are young enough.
func TestExpiredLeavesWhatIsNeeded(t *testing.T) {
	now := time.Date(2031, 3, 10, 12, 0, 0, 0, time.UTC)
	keep := Retention{Databases: 30 * 24 * time.Hour, Files: 90 * 24 * time.Hour}
	rapid.Check(t, func(t *rapid.T) {
		var points []Candidate
		for _, hours := range rapid.SliceOfNDistinct(rapid.IntRange(0, 24*200), 0, 30, rapid.ID).Draw(t, "ages in hours") {
			kind := rapid.SampledFrom([]Kind{Databases, Files}).Draw(t, "kind")
			taken := now.Add(-time.Duration(hours) * time.Hour)
			points = append(points, Candidate{
				Name: pointName(kind, taken), Kind: kind, Taken: taken, Proven: rapid.Bool().Draw(t, "proven"), Damaged: rapid.Bool().Draw(t, "damaged"),
			})
		}
		slices.SortFunc(points, func(a, b Candidate) int { return a.Taken.Compare(b.Taken) })
		expired := Expired(points, keep, now)
		gone := func(p Candidate) bool { return slices.Contains(expired, p.Name) }
		for _, kind := range []Kind{Databases, Files} {
			var sound, proven []Candidate
			for _, p := range points {
				if p.Kind != kind {
					continue
				}
				if now.Sub(p.Taken) <= keep[kind] && gone(p) {
					t.Fatalf("%s is young enough", p.Name)
				}
				if now.Sub(p.Taken) > keep[kind] && p.Damaged && !gone(p) {
					t.Fatalf("%s is damaged and old", p.Name)
				}
				if !p.Damaged {
					sound = append(sound, p)
					if p.Proven {
						proven = append(proven, p)
					}
				}
			}
			for _, list := range [][]Candidate{sound, proven} {
				if len(list) == 0 {
					continue
				}
				newest := slices.MaxFunc(list, func(a, b Candidate) int { return a.Taken.Compare(b.Taken) })
				if gone(newest) {
					t.Fatalf("%s is the newest of its kind", newest.Name)
				}
			}
		}
	})
}

// What a new point builds on is always a beginning of the list, without a group that is
// not sound, and no level gets more groups than mergeAt.
func TestBuildKeepsABeginning(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var groups []Group
		for range rapid.IntRange(0, 2000).Draw(t, "points") {
			bad := -1
			if rapid.IntRange(0, 200).Draw(t, "damage") == 0 && len(groups) > 0 {
				bad = rapid.IntRange(0, len(groups)-1).Draw(t, "damaged group")
			}
			n := 0
			base, level := build(groups, func(Group) bool { n++; return n-1 != bad })
			if bad >= 0 && len(base) > bad {
				t.Fatalf("it builds on group %d, of which %d is damaged", len(base)-1, bad)
			}
			groups = append(slices.Clone(base), Group{Level: level})
			count := map[int]int{}
			for i, g := range groups {
				count[g.Level]++
				if count[g.Level] > mergeAt || i > 0 && g.Level > groups[i-1].Level {
					t.Fatalf("levels %v", groups)
				}
			}
			if groups[0].Level != topLevel {
				t.Fatalf("the first group has level %d", groups[0].Level)
			}
		}
	})
}

// Whatever the clocks said, the points are in the order of their numbers, none counts as
// taken in the future, and one whose date can be right counts as what it says.
func TestOrderNeedsNoClock(t *testing.T) {
	now := time.Date(2031, 3, 10, 12, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		c := &catalog{}
		for i, minutes := range rapid.SliceOfNDistinct(rapid.IntRange(-100, 100), 0, 20, rapid.ID).Draw(t, "minutes from now") {
			taken := now.Add(time.Duration(minutes) * time.Minute)
			c.entries = append(c.entries, Entry{Name: pointName(Databases, taken), Kind: Databases, Taken: taken, Point: &Point{Seq: uint64(i + 1)}})
		}
		if got := c.next(); got != uint64(len(c.entries)+1) {
			t.Fatalf("the next number is %d of %d", got, len(c.entries))
		}
		c.entries = rapid.Permutation(c.entries).Draw(t, "listed")
		c.order(now)
		for i, e := range c.entries {
			if e.Point.Seq != uint64(i+1) {
				t.Fatalf("%s is number %d and stands at %d", e.Name, e.Point.Seq, i)
			}
			if e.Dated.After(now) || !e.Taken.After(now) && !e.Dated.Equal(e.Taken) {
				t.Fatalf("%s counts as taken at %s", e.Name, e.Dated)
			}
		}
	})
}
