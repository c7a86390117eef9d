package refinery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/rig"
)

// locate asks the remote for the target's tip, and records it.
func (p *pass) locate(ctx context.Context, s *Snapshot, wanted []string) (err error) {
	p.target, err = p.Clone.Latest(ctx, wanted...)
	if p.gone = errors.Is(err, rig.ErrNoTarget); p.gone {
		p.target = rig.Target{}
		return nil
	}
	if err != nil {
		return err
	}
	return p.see(ctx, &s.State, p.target.Tip)
}

// see records the target's tip. When it does not lead to the one that was seen before,
// somebody removed commits; when it leads to commits that were removed, they are back.
func (p *pass) see(ctx context.Context, state *operational.Refinery, tip string) error {
	had := state.Target
	now := operational.SeenTarget{Branch: p.Rig.Branch, Tip: tip}
	switch {
	case had.Branch == now.Branch && had.Tip == now.Tip:
		return nil
	case had.Branch == now.Branch && had.Tip != "":
		for _, r := range had.Removed {
			_, back, err := p.Clone.Lost(ctx, r.From, tip)
			if err != nil {
				return err
			}
			if back {
				now.Removed = append(now.Removed, r)
			}
		}
		some, back, err := p.Clone.Lost(ctx, had.Tip, tip)
		if err != nil {
			return err
		}
		if back {
			now.Removed = slices.DeleteFunc(now.Removed, func(r operational.Removed) bool { return r.From == had.Tip })
			now.Removed = append(now.Removed, operational.Removed{From: had.Tip, To: tip, At: p.Now(), Some: some})
		}
	}
	state.Target = now
	return p.Rows(ctx, func(rows Store) error {
		_, err := rows.SeeTarget(ctx, p.Rig.Name, had, now, p.Now())
		return err
	})
}

// carry finds the requests that would bring back removed commits.
func (p *pass) carry(ctx context.Context, s Snapshot, heads []string) (map[town.Epoch][]string, error) {
	var former, unknown []string
	for _, r := range s.State.Target.Removed {
		former = append(former, r.From)
	}
	if len(former) == 0 {
		return nil, nil
	}
	for _, h := range heads {
		if _, known := p.carried[Step{s.Tip, h}]; !known {
			unknown = append(unknown, h)
		}
	}
	if len(unknown) > 0 {
		found, err := p.Clone.Carried(ctx, s.Tip, former, unknown)
		if err != nil {
			return nil, err
		}
		for _, h := range unknown {
			p.carried[Step{s.Tip, h}] = found[h]
		}
	}
	carried := map[town.Epoch][]string{}
	for _, m := range s.Requests {
		if of := p.carried[Step{s.Tip, m.Head}]; len(of) > 0 {
			carried[m.Epoch] = of
		}
	}
	return carried, nil
}

// gone says that the target branch is not there.
func (p planner) gone() []Action {
	t := operational.Trouble{
		Key: missing, Since: p.Now, Seen: p.Now, Again: p.Now.Add(lookAgain), Text: fmt.Sprintf("the target branch %s is not there", p.Target),
		Next: fmt.Sprintf("push %s, or name the rig's new branch in config/rigs.yaml", p.Target),
	}
	if had := p.State.Trouble; had != nil && had.Key == missing {
		if had.Bead != "" && p.Now.Before(had.Again) {
			return nil
		}
		t.Since, t.Bead = had.Since, had.Bead
	}
	return []Action{{Deed: Alarm, Trouble: t}}
}

// astray lets requests wait for a person that are for another branch, or would bring back
// commits that were removed from the target. Those for which that is over go on.
func (p planner) astray() (actions []Action) {
	for _, m := range p.Requests {
		cause, why, detail := p.cause(m)
		held := m.State == operational.MergeHeld
		switch was := m.Detail.Cause; {
		case p.Lost[m.Epoch]:
		case cause != "" && !held:
			detail.Cause = cause
			actions = append(actions, Action{Deed: Hold, Tip: p.Tip, Request: m, Why: why, Verdict: operational.Verdict{Detail: detail}})
		case cause == "" && held && (was == operational.HeldTarget || was == operational.HeldRewound):
			actions = append(actions, Action{Deed: Free, Tip: p.Tip, Request: m, Why: "what held it is over"})
		}
	}
	return actions
}

// cause is why a request cannot go to the target as it is; "" for no reason.
func (p planner) cause(m operational.MergeRequest) (cause operational.HoldCause, why string, detail operational.MergeDetail) {
	detail = m.Detail
	if m.Target != p.Target {
		return operational.HeldTarget, fmt.Sprintf("it is for the branch %s, and the target of the rig is %s now; retried, it goes to %s", m.Target, p.Target, p.Target), detail
	}
	not := slices.DeleteFunc(slices.Clone(p.Carried[m.Epoch]), func(tip string) bool { return slices.Contains(m.Detail.Allowed, tip) })
	if len(not) == 0 {
		return "", "", detail
	}
	detail.Removed = not
	r := operational.Removed{From: not[0], To: p.Tip} // the target may have moved since the request was looked at
	if at := slices.IndexFunc(p.State.Target.Removed, func(r operational.Removed) bool { return r.From == not[0] }); at >= 0 {
		r = p.State.Target.Removed[at]
	}
	why = fmt.Sprintf("it would bring back commits that were removed from %s when it went back from %.12s to %.12s; retried, it brings them back", p.Target, r.From, r.To)
	if len(r.Some) > 0 {
		why += ". Removed: " + strings.Join(r.Some[:min(len(r.Some), maxListed)], "; ")
	}
	return operational.HeldRewound, why, detail
}
