package refinery

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gastown/planes/operational"
	"gastown/town"
)

// A host may refuse one change, such as one with a secret in it, or every push, and both
// look alike. So the refinery bisects for the refused change, and what the host takes lands
// meanwhile. A request is held only when the host refused it alone and had just taken
// another push. When the host refuses several requests, each alone, and takes none, or when
// there is no other to try, nobody is blamed: then it is a trouble of the rig.

// Refusal is what a host said when it refused a push.
type Refusal struct {
	// Why has its words, Next is what helps when it refuses every push.
	Why, Next string
	// Alone: the push had one request, and what was before it was on the target already.
	Alone bool
}

// maxSuspects is how many requests the host must refuse, each alone, before it is taken
// for one that refuses every push.
const maxSuspects = 3

// turned records that the host refused a push.
func (p *pass) turned(a Action, err error) {
	said := Refusal{Why: err.Error(), Next: town.Next(err), Alone: len(a.Batch) == 1}
	p.refusals[a.Commit], p.refusal = said, err
	if said.Alone {
		p.suspects[a.Batch[0].Epoch] = said
	}
}

// taken records that the host took a push.
func (p *pass) taken(ctx context.Context, s Snapshot, a Action) error {
	had := s.State.Trouble
	ends := had != nil && had.Key == protected
	p.took = p.took || ends || len(p.refusals) > 0
	for _, m := range a.Batch {
		delete(p.suspects, m.Epoch)
	}
	err := p.see(ctx, &s.State, a.Commit)
	if ends {
		err = errors.Join(err, p.mended(ctx, *had, "the host takes pushes again"))
	}
	return err
}

// refusedAt is the first link that the host refused to take; -1 for none.
func (p planner) refusedAt(links []link) int {
	return slices.IndexFunc(links, func(l link) bool { _, refused := p.Refusals[l.merge.Commit]; return refused })
}

// refusedAlone decides about a request that the host refused, merged alone.
func (p planner) refusedAlone(l link, queue []operational.MergeRequest) []Action {
	m := l.request
	if p.Took || m.Detail.Cause == operational.HeldRefused {
		detail := m.Detail
		detail.Cause, detail.Tip, detail.Tested = operational.HeldRefused, p.Tip, l.merge.Commit
		why := "the host refuses it and takes others: " + p.Refusals[l.merge.Commit].Why
		return []Action{{Deed: Hold, Tip: p.Tip, Request: m, Why: why, Verdict: operational.Verdict{Detail: detail}}}
	}
	if len(p.Suspects) < maxSuspects {
		// Does it take another one?
		for _, other := range queue {
			if _, suspect := p.Suspects[other.Epoch]; suspect {
				continue
			}
			if actions := p.batches([]operational.MergeRequest{other}); len(actions) > 0 {
				return actions
			}
		}
	}
	return p.refusedAll()
}

// again tries the suspects, each alone, once the host took another push.
func (p planner) again(queue []operational.MergeRequest) []Action {
	for _, m := range queue {
		if _, suspect := p.Suspects[m.Epoch]; suspect && p.Took {
			if actions := p.batches([]operational.MergeRequest{m}); len(actions) > 0 {
				return actions
			}
		}
	}
	return nil
}

// refusedAll says that the host takes nothing.
func (p planner) refusedAll() []Action {
	t := operational.Trouble{
		Key: protected, Tip: p.Tip, Since: p.Now, Seen: p.Now, Again: p.Now.Add(lookAgain), Refused: slices.Sorted(maps.Keys(p.Suspects)),
	}
	var names []string
	for _, m := range p.Requests {
		if said, suspect := p.Suspects[m.Epoch]; suspect {
			names = append(names, m.Bead)
			t.Text, t.Next = said.Why, said.Next
		}
	}
	t.Text = fmt.Sprintf("the host refuses %s, each alone: %s", strings.Join(names, ", "), t.Text)
	t.Next += ". If it refuses what is in one change: gt refinery reject MR --reason TEXT"
	if had := p.State.Trouble; had != nil && had.Key == protected {
		t.Since, t.Bead = had.Since, had.Bead
		if slices.ContainsFunc(p.Requests, func(m operational.MergeRequest) bool { return !slices.Contains(had.Refused, m.Epoch) }) {
			t.Refused = slices.Compact(slices.Sorted(slices.Values(append(t.Refused, had.Refused...))))
		} // otherwise each was tried, and they are tried once more
	}
	return []Action{{Deed: Alarm, Tip: p.Tip, Trouble: t}}
}

// refusing looks whether a host that took nothing takes a push by now. It gets one request
// at a time: a new one at once, and otherwise, when it is time to look again or when those
// that it refused have gone, the next that it has not seen.
func (p planner) refusing(t operational.Trouble, queue []operational.MergeRequest) []Action {
	due := !p.Now.Before(t.Again)
	for e := range p.Suspects {
		if due || !slices.Contains(t.Refused, e) {
			return p.refusedAll()
		}
	}
	due = due || !slices.ContainsFunc(p.Requests, func(m operational.MergeRequest) bool { return slices.Contains(t.Refused, m.Epoch) })
	for _, before := range []bool{false, true} { // those that it has not seen come first
		for _, m := range queue {
			if slices.Contains(t.Refused, m.Epoch) != before || !due && (before || !m.At.After(t.Seen)) {
				continue
			}
			if actions := p.batches([]operational.MergeRequest{m}); len(actions) > 0 {
				return actions
			}
		}
	}
	return nil
}
