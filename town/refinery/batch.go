package refinery

import (
	"fmt"
	"slices"

	"gastown/planes/operational"
)

// link is a request merged onto the target and onto the requests before it.
type link struct {
	request operational.MergeRequest
	merge   Merge
	state   Standing
}

// chain merges requests one onto the other, as far as the merges are known: at most so
// many beside those that the host has. A request that merges with the target and not with
// those before it waits for its turn, and so does one whose bead waits for one that was
// left out. actions are what has to be done before the chain is complete.
func (p planner) chain(queue []operational.MergeRequest, most int) (links []link, actions []Action) {
	onto, tree := p.Tip, p.TipTree
	in := map[string]bool{}
	for _, m := range queue {
		offered := m.State == operational.MergeOffered
		if !offered && most == 0 || !p.needed(m, in) {
			continue
		}
		merged, known := p.Merges[Step{onto, m.Head}]
		switch {
		case !known:
			return links, []Action{{Deed: Build, Tip: p.Tip, Onto: onto, Request: m}}
		case merged.Failed:
		case merged.Commit == "" && onto == p.Tip:
			actions = append(actions, p.conflict(m, merged))
		case merged.Commit == "":
		case merged.Tree == tree && onto == p.Tip:
			actions = append(actions, Action{Deed: Decide, Tip: p.Tip, Request: m, Verdict: operational.Verdict{
				State: operational.MergeLanded, Landed: p.Tip, Reason: fmt.Sprintf("%s has the same change at %.12s", m.Target, p.Tip), Detail: m.Detail,
			}})
		case merged.Tree == tree:
		default:
			links = append(links, link{m, merged, p.standing(merged.Tree)})
			onto, tree, in[m.Bead] = merged.Commit, merged.Tree, true
			if !offered {
				most--
			}
		}
	}
	return links, actions
}

// needed reports whether everything that a request's bead waits for is in the chain.
func (p planner) needed(m operational.MergeRequest, in map[string]bool) bool {
	for _, need := range p.Needs[m.Bead] {
		if !in[need] {
			return false
		}
	}
	return true
}

func (p planner) conflict(m operational.MergeRequest, merged Merge) Action {
	return Action{Deed: Decide, Tip: p.Tip, Request: m, Verdict: operational.Verdict{
		State: operational.MergeConflicted, Reason: fmt.Sprintf("it conflicts with %s at %.12s in %s", m.Target, p.Tip, listed(merged.Files)),
		Detail: operational.MergeDetail{Tip: p.Tip, Files: merged.Files},
	}}
}

// batches tests requests together and lands the longest row from the target that
// passes. Of a batch that fails, the first request with which it fails is searched for
// by halves.
func (p planner) batches(queue []operational.MergeRequest) []Action {
	links, actions := p.chain(queue, p.Batch*p.Parallel)
	if len(actions) > 0 || len(links) == 0 {
		return actions
	}
	switch n := p.refusedAt(links); {
	case n == 0 && p.Refusals[links[0].merge.Commit].Alone:
		return p.refusedAlone(links[0], queue)
	case n >= 0:
		links = links[:max((n+1)/2, 1)] // what the host refuses is searched for by halves
	}
	bad, from := -1, 0
	for i := len(links) - 1; i >= 0; i-- {
		if links[i].state.Passed {
			if actions := p.land(links[:i+1]); len(actions) > 0 {
				return actions
			}
			from = i + 1 // these are offered to the host already
			break
		}
		if links[i].state.bad() {
			bad = i
		}
	}
	switch {
	case from == len(links):
		return nil
	case bad < 0:
		return p.tips(links, from)
	case bad == 0:
		return p.blame(links[0])
	case bad == from:
		return p.behind(links[bad].request, queue)
	}
	if links[bad].state.unusable() {
		// Most often nothing can be tested at all, and halving would not tell that.
		if ok, actions := p.control(links[bad].state.At); !ok {
			return actions
		}
	}
	last := -1
	for i := range p.Parallel {
		// Evenly between what passes and the first that is bad.
		if at := ((bad-from)*(i+1)+p.Parallel)/(p.Parallel+1) - 1; at > last {
			actions, last = append(actions, p.upTo(links, from+at)), at
		}
	}
	return actions
}

// behind decides about a request with which the checks do not pass on top of those that
// the host has. One that passes without them waits until the host has merged them or they
// are gone; those after it do not.
func (p planner) behind(m operational.MergeRequest, queue []operational.MergeRequest) []Action {
	links, actions := p.chain([]operational.MergeRequest{m}, 1)
	switch {
	case len(actions) > 0:
		return actions
	case len(links) == 0: // what it waits for is at the host
	case links[0].state.bad():
		return p.blame(links[0])
	case !links[0].state.Passed:
		return []Action{p.upTo(links, 0)}
	}
	return p.batches(slices.DeleteFunc(slices.Clone(queue), func(o operational.MergeRequest) bool { return o.Epoch == m.Epoch }))
}

// upTo tests everything up to a link.
func (p planner) upTo(links []link, at int) Action {
	return p.test(links[at].merge.Commit, links[at].merge.Tree, requests(links[:at+1])...)
}

func requests(links []link) (all []operational.MergeRequest) {
	for _, l := range links {
		all = append(all, l.request)
	}
	return all
}

// tips tests the last link of each batch after the first that passed: the second batch as
// if the first had landed.
func (p planner) tips(links []link, from int) (actions []Action) {
	for at := from + p.Batch - 1; at < len(links); at += p.Batch {
		actions = append(actions, p.upTo(links, at))
	}
	if (len(links)-from)%p.Batch != 0 {
		actions = append(actions, p.upTo(links, len(links)-1))
	}
	return actions
}

// land lands links that pass together.
func (p planner) land(links []link) (actions []Action) {
	if !p.Offers {
		last := links[len(links)-1].merge
		return []Action{{Deed: Land, Tip: p.Tip, Commit: last.Commit, Tree: last.Tree, Batch: requests(links)}}
	}
	for _, l := range links {
		if l.request.State != operational.MergeOffered {
			actions = append(actions, Action{Deed: Offer, Tip: p.Tip, Request: l.request, Commit: l.merge.Commit, Tree: l.merge.Tree})
		}
	}
	return actions
}

// blame decides about a request with which the target does not pass.
func (p planner) blame(l link) []Action {
	if !l.state.unusable() && l.state.Fails < sure {
		again := []Action{p.upTo([]link{l}, 0)}
		if p.Parallel > 1 {
			again = append(again, p.testTip()...)
		}
		return again
	}
	if ok, actions := p.control(l.state.At); !ok {
		return actions
	}
	last := l.state.Last
	detail := operational.MergeDetail{Check: last.Check, Log: last.Log, Tip: p.Tip, Tested: l.merge.Commit}
	if l.state.unusable() {
		why := fmt.Sprintf("the check %s cannot be run with it, and can without: %s", last.Check, last.Detail)
		if l.state.Doubts >= maxDoubts {
			why = fmt.Sprintf("the check %s passes and fails with it, and passes without", last.Check)
		}
		return []Action{{Deed: Hold, Tip: p.Tip, Request: l.request, Why: why, Verdict: operational.Verdict{Detail: detail}}}
	}
	return []Action{{Deed: Decide, Tip: p.Tip, Request: l.request, Commit: l.merge.Commit, Verdict: operational.Verdict{
		State: operational.MergeFailed, Detail: detail,
		Reason: fmt.Sprintf("the check %s fails with it and passes without, on %s at %.12s: %s", last.Check, p.Target, p.Tip, last.Detail),
	}}}
}

// alone tests a request by itself on a target that is red. It decides nothing: a check
// that fails without the request blames nobody.
func (p planner) alone(m operational.MergeRequest) []Action {
	links, actions := p.chain([]operational.MergeRequest{m}, 1)
	switch {
	case len(actions) > 0 || len(links) == 0:
		return actions
	case links[0].state.Passed:
		return p.land(links)
	case links[0].state.bad():
		return nil
	}
	return []Action{p.upTo(links, 0)}
}

// maxListed is how many files a reason names.
const maxListed = 5

func listed(files []string) string {
	text := ""
	for i, f := range files {
		switch {
		case i == maxListed:
			return fmt.Sprintf("%s and %d more", text, len(files)-i)
		case i > 0:
			text += ", "
		}
		text += f
	}
	return text
}
