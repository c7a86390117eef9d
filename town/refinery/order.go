package refinery

import (
	"cmp"
	"slices"
	"time"

	"gastown/planes/operational"
	"gastown/town"
)

// aging is how long a request waits before it counts as one priority more urgent. So
// after four of it a request of any priority comes before every one that is handed in
// later.
const aging = time.Hour

// urgency is a request's priority, better the longer it waits.
func urgency(m operational.MergeRequest, now time.Time) int {
	return m.Priority - int(max(0, now.Sub(m.At))/aging)
}

// Queue are the requests that may be merged now, in their order: those that are
// offered to the host, those that a large change must not starve, then by urgency, then the
// oldest first. A request comes after those that its bead waits for; one that waits for
// a bead which is not in the queue is left out.
func (s Snapshot) Queue() []operational.MergeRequest {
	waiting := slices.DeleteFunc(slices.Clone(s.Requests), func(m operational.MergeRequest) bool {
		_, landed := s.Landed[m.Epoch]
		return landed || m.State == operational.MergeHeld || m.Target != s.Target
	})
	slices.SortFunc(waiting, func(a, b operational.MergeRequest) int {
		return cmp.Or(first(a.State == operational.MergeOffered, b.State == operational.MergeOffered), first(s.Ahead[a.Epoch], s.Ahead[b.Epoch]),
			cmp.Compare(urgency(a, s.Now), urgency(b, s.Now)), a.At.Compare(b.At), cmp.Compare(a.Epoch, b.Epoch))
	})
	byBead := map[string]operational.MergeRequest{}
	for _, m := range waiting {
		byBead[m.Bead] = m
	}
	var order []operational.MergeRequest
	placed := map[string]bool{} // false while its own needs are placed
	var place func(m operational.MergeRequest) bool
	place = func(m operational.MergeRequest) bool {
		if done, seen := placed[m.Bead]; seen {
			return done // false also for a circle, which the ledger does not allow
		}
		placed[m.Bead] = false
		for _, need := range s.Needs[m.Bead] {
			if before, ok := byBead[need]; !ok || !place(before) {
				return false
			}
		}
		placed[m.Bead] = true
		order = append(order, m)
		return true
	}
	for _, m := range waiting {
		place(m)
	}
	return order
}

// first orders true before false.
func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// repeated are the open requests whose bead conflicted twice in one file: they go to the
// head of the queue, because meanwhile others change that file again and again.
func repeated(requests []operational.MergeRequest, conflicts map[string][][]string) map[town.Epoch]bool {
	ahead := map[town.Epoch]bool{}
	for _, m := range requests {
		seen := map[string]int{}
		for _, files := range conflicts[m.Bead] {
			for _, f := range files {
				if seen[f]++; seen[f] > 1 {
					ahead[m.Epoch] = true
				}
			}
		}
	}
	return ahead
}
