package turns

import (
	"cmp"
	"slices"
	"time"
)

// MaxAbsorbed is how many turns one publication takes along at most.
const MaxAbsorbed = 32

// AbsorbTime is for how long a publication merges turns of others. It takes at
// least one, and stops before the next one when the time is over.
const AbsorbTime = 5 * time.Second

// Turn is what a Town left at a remote until somebody publishes it.
type Turn struct {
	// Town is the id of the Town that left it.
	Town string
	// Since is how many commits the histories of the remote's refs had when the turn
	// was left. It grows with each publication, so it orders turns by when they
	// were left, whatever the clocks of their Towns say.
	Since int
	// When is the Town's own clock. It orders turns that were left between two
	// publications.
	When time.Time
}

// InOrder returns turns in the order in which they are published, the oldest first.
// commits is how many commits the histories have now. A turn that was left before a
// history was cut may have a higher number than that, and is the oldest.
func InOrder(list []Turn, commits int) []Turn {
	since := func(t Turn) int {
		if t.Since > commits {
			return 0
		}
		return t.Since
	}
	return slices.SortedFunc(slices.Values(list), func(a, b Turn) int {
		return cmp.Or(cmp.Compare(since(a), since(b)), a.When.Compare(b.When), cmp.Compare(a.Town, b.Town))
	})
}
