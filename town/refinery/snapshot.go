package refinery

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"gastown/planes/operational"
	"gastown/town"
)

// Snapshot is everything that Plan decides from.
type Snapshot struct {
	Now time.Time
	// Target is the branch, Tip its newest commit, TipTree that commit's tree.
	Target, Tip, TipTree string
	// Requests are the open ones of the rig.
	Requests []operational.MergeRequest
	// Landed are requests whose change is on the target, with the commit that brought it.
	Landed map[town.Epoch]string
	// Lost are requests whose commit neither the clone nor the remote has.
	Lost map[town.Epoch]bool
	// Carried are requests that would bring back removed commits, with the former tips.
	Carried map[town.Epoch][]string
	// Gone: the target branch is not there.
	Gone bool
	// Refusals are the pushes that the host refused in this pass, by commit, and Suspects
	// the requests that it refused alone and that are neither landed nor held. Took: after
	// a refusal it took another push, and nobody was held since.
	Refusals map[string]Refusal
	Suspects map[town.Epoch]Refusal
	Took     bool
	// Needs are, by bead, the open beads that it waits for.
	Needs map[string][]string
	// Ahead are requests that go first.
	Ahead map[town.Epoch]bool
	// Merges are the merges that were tried.
	Merges map[Step]Merge
	// Tests is what the checks say of a tree. Untested: the rig has no checks.
	Tests    map[string]Standing
	Untested bool
	State    operational.Refinery
	// Size is how many requests are looked at, 0 for all. Batch is how many are tested
	// together, Parallel how many tests run at once; both are at least 1.
	Size, Batch, Parallel int
	// Offers: the host merges; nothing is pushed to the target. Pulls: its pull requests
	// are opened and followed.
	Offers, Pulls bool
}

// Step is a merge to try: a head onto a commit.
type Step struct{ Onto, Head string }

// Merge is how it went.
type Merge struct {
	// Commit is the merge commit and Tree its tree; empty when Files do not merge.
	Commit, Tree string
	Files        []string
	// Failed: git could not try it. The request waits for another pass.
	Failed bool
}

// Standing is what the results of all checks say of one tree. The zero value is a tree
// that was not tested.
type Standing struct {
	Passed bool
	// Fails, Broken and Doubts are of the first check that did not pass; see
	// operational.TestResult.
	Fails, Broken, Doubts, Interrupted int
	// At is when the last run of a check began. Last is the result that matters.
	At   time.Time
	Last operational.TestResult
}

// unusable: a person must look why it cannot be tested.
func (t Standing) unusable() bool {
	return t.Broken >= maxBroken || t.Doubts >= maxDoubts || t.Interrupted >= maxInterrupted
}

// bad: there is no point in testing it as it is.
func (t Standing) bad() bool { return t.Fails > 0 || t.unusable() }

// Deed says what an action does.
type Deed string

// The deeds.
const (
	// Build merges one head onto a commit.
	Build Deed = "merge"
	// Test runs the checks on a commit.
	Test Deed = "test"
	// Land pushes a commit to the target.
	Land Deed = "push"
	// Offer leaves a request whose checks passed to the host.
	Offer Deed = "offer"
	// Seek looks for the change of an offered request on a target that moved, and Ask asks
	// the host about it.
	Seek Deed = "seek"
	Ask  Deed = "ask"
	// Decide ends a request.
	Decide Deed = "decide"
	// Hold lets a request wait for a person.
	Hold Deed = "hold"
	// Free lets a request go on that was held, because the reason is over.
	Free Deed = "free"
	// Alarm records what keeps the rig, Mended that nothing does any more.
	Alarm  Deed = "alarm"
	Mended Deed = "mended"
)

// Action is one thing to do. It names the state it was planned from: the tip of the
// target, and the requests.
type Action struct {
	Deed Deed
	Tip  string
	// Request is what Build, Offer, Seek, Ask, Decide, Hold and Free are about. Tidy says
	// that the target has its very commits, so nobody needs its branch.
	Request operational.MergeRequest
	Tidy    bool
	// Onto is what Build merges onto.
	Onto string
	// Commit and Tree are what Test and Land are about, Batch the requests in it: none
	// for the target itself.
	Commit, Tree string
	Batch        []operational.MergeRequest
	Verdict      operational.Verdict
	Trouble      operational.Trouble
	Why          string
}

func (a Action) String() string {
	switch a.Deed {
	case Test, Land:
		return fmt.Sprintf("%s %.12s (%s)", a.Deed, a.Commit, cmp.Or(strings.Join(beads(a.Batch), " "), "the target"))
	case Decide:
		return fmt.Sprintf("%s: %s", a.Request.Bead, a.Verdict.State)
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", a.Deed, a.Request.Bead, a.Why))
}

func beads(all []operational.MergeRequest) (names []string) {
	for _, m := range all {
		names = append(names, m.Bead)
	}
	return names
}
