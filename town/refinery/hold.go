package refinery

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gastown/planes/operational"
	"gastown/town/escalate"
)

// HeldKey is the key of the escalation about a held request. Requests that carry the same
// removed commits share a key, so people are told of them once.
func HeldKey(rig string, m operational.MergeRequest) string {
	if d := m.Detail; d.Cause == operational.HeldRewound && len(d.Removed) > 0 {
		return fmt.Sprintf("refinery/%s/rewound/%.12s", rig, d.Removed[0])
	}
	return fmt.Sprintf("refinery/%s/held/%d", rig, m.Epoch)
}

// StillHeld reports whether another held request has the same key.
func StillHeld(rig string, all []operational.MergeRequest, m operational.MergeRequest) bool {
	return slices.ContainsFunc(all, func(o operational.MergeRequest) bool {
		return o.Epoch != m.Epoch && o.State == operational.MergeHeld && HeldKey(rig, o) == HeldKey(rig, m)
	})
}

// Retry is the move by which a person releases a held request. The same cause does not hold
// it again. branch is the rig's target.
func Retry(m operational.MergeRequest, branch string) operational.MergeMove {
	detail := m.Detail
	if detail.Cause == operational.HeldRewound {
		detail.Cause, detail.Allowed, detail.Removed = "", append(slices.Clone(detail.Allowed), detail.Removed...), nil
	}
	move := operational.MergeMove{Epoch: m.Epoch, From: m.State, To: operational.MergeOpen, Detail: &detail}
	if detail.Cause == operational.HeldTarget {
		detail.Cause, move.Target = "", branch
	}
	return move
}

// hold holds a request and tells a person.
func (p *pass) hold(ctx context.Context, a Action) error {
	m, detail := a.Request, a.Verdict.Detail
	detail.Allowed, detail.Pull, detail.URL = m.Detail.Allowed, m.Detail.Pull, m.Detail.URL
	held := m
	held.Detail = detail
	told := escalate.Trouble{
		Key: HeldKey(p.Rig.Name, held), Title: fmt.Sprintf("Merge request %d of %s cannot be tested", m.Epoch, m.Bead), Severity: escalate.Medium,
		Text: fmt.Sprintf("Merge request %d (%s at %.12s) waits for a person: %s.", m.Epoch, m.Branch, m.Head, a.Why),
		Next: fmt.Sprintf("gt refinery retry %d, or gt refinery reject %d --reason TEXT", m.Epoch, m.Epoch), From: Actor(p.Rig.Name), About: m.Bead,
	}
	if detail.Log != "" {
		told.Text += fmt.Sprintf("\nIts log: gt refinery log %d", m.Epoch)
	}
	switch detail.Cause {
	case operational.HeldRewound:
		told.Title, told.About = fmt.Sprintf("%s of %s went back: requests would bring back what was removed", m.Target, p.Rig.Name), ""
		told.Text += fmt.Sprintf("\nSo do all requests that carry these commits; others go on. They are held: gt refinery status --rig=%s", p.Rig.Name)
	case operational.HeldTarget:
		told.Title = fmt.Sprintf("Merge request %d of %s is for another branch", m.Epoch, m.Bead)
	case operational.HeldRefused:
		told.Title = fmt.Sprintf("The host refuses merge request %d of %s", m.Epoch, m.Bead)
		delete(p.suspects, m.Epoch)
		p.took = false
	}
	err := p.Beads(ctx, func(l Ledger) error { _, err := l.Tell(ctx, told); return err })
	if err != nil {
		return err
	}
	return p.move(ctx, operational.MergeMove{Epoch: m.Epoch, From: m.State, To: operational.MergeHeld, Result: a.Why, Detail: &detail})
}

// free releases a held request.
func (p *pass) free(ctx context.Context, a Action) error {
	m := a.Request
	detail := m.Detail
	detail.Cause, detail.Removed = "", nil
	if err := p.move(ctx, operational.MergeMove{Epoch: m.Epoch, From: m.State, To: operational.MergeOpen, Detail: &detail}); err != nil {
		return err
	}
	return p.unheld(ctx, m, a.Why)
}

// unheld ends the escalation about a held request, if it was the last one that the
// escalation is about.
func (p *pass) unheld(ctx context.Context, m operational.MergeRequest, why string) error {
	for i := range p.requests {
		if p.requests[i].Epoch == m.Epoch {
			p.requests[i].State = operational.MergeOpen
		}
	}
	if StillHeld(p.Rig.Name, p.requests, m) {
		return nil
	}
	return p.Beads(ctx, func(l Ledger) error { return l.Told(ctx, HeldKey(p.Rig.Name, m), why) })
}

// unheldAfter is how old an escalation about a held request is at least before it is ended
// because no request is held: people are told a moment before the request is held.
const unheldAfter = 10 * time.Minute

// Outlived finds, among open escalations, those about held requests of a rig of which none is
// held any more: whoever released or gave back the request was killed before it ended the
// escalation. requests are the rig's open ones. again is when to look at the others; zero if
// there are none.
func Outlived(rig string, open []escalate.Escalation, requests []operational.MergeRequest, now time.Time) (keys []string, again time.Time) {
	held := map[string]bool{}
	for _, m := range requests {
		if m.State == operational.MergeHeld {
			held[HeldKey(rig, m)] = true
		}
	}
	for _, e := range open {
		if of, ok := HeldIn(e.Key); !ok || of != rig {
			continue
		}
		if !held[e.Key] && now.Sub(e.Last) >= unheldAfter {
			keys = append(keys, e.Key)
			continue
		}
		again = now.Add(unheldAfter)
	}
	return keys, again
}

// HeldIn is the rig of a key that HeldKey made.
func HeldIn(key string) (rig string, ok bool) {
	parts := strings.Split(key, "/")
	if len(parts) != 4 || parts[0] != "refinery" || parts[2] != "held" && parts[2] != "rewound" {
		return "", false
	}
	return parts[1], true
}
