package refinery

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/rig"
)

// lastTests is how many results of checks a pass looks at.
const lastTests = 2000

// gather collects everything that Plan decides from.
func (p *pass) gather(ctx context.Context, remote bool) (s Snapshot, err error) {
	s = Snapshot{
		Now: p.Now(), Target: p.Rig.Branch, Merges: p.merges, Tests: map[string]Standing{}, Landed: map[town.Epoch]string{}, Lost: map[town.Epoch]bool{},
		Size: p.Size, Batch: max(p.Batch, 1), Parallel: max(p.Parallel, 1), Offers: p.Rig.Merge == rig.MergePR, Pulls: p.Host != nil, Untested: len(required(p.Rig.Checks)) == 0,
		Refusals: p.refusals, Suspects: p.suspects, Took: p.took,
	}
	var results []operational.TestResult
	defer func() {
		p.requests = s.Requests
		for _, m := range s.Requests {
			if m.State == operational.MergeTesting {
				p.testing[m.Epoch] = true
			}
		}
	}()
	err = p.Rows(ctx, func(rows Store) error {
		var conflicts map[string][][]string
		all, e1 := rows.Refineries(ctx)
		requests, spoilt, e2 := rows.Merges(ctx, p.Rig.Name, 0)
		if len(requests) > 0 {
			var e3 error
			conflicts, e3 = rows.Conflicts(ctx, beads(requests))
			e2 = errors.Join(e2, e3)
		}
		s.State, s.Requests, s.Ahead, p.done.Spoilt = all[p.Rig.Name], requests, repeated(requests, conflicts), spoilt
		var e4 error
		if !s.Untested && (len(requests) > 0 || s.State.Trouble != nil) {
			results, e4 = rows.LastTests(ctx, p.Rig.Name, lastTests)
		}
		return errors.Join(e1, e2, e4)
	})
	if err != nil || len(s.Requests) == 0 && (s.State.Trouble == nil || s.Now.Before(s.State.Trouble.Again)) {
		return s, err // a rig without work asks its remote nothing
	}
	var heads, wanted []string
	for _, m := range s.Requests {
		heads = append(heads, m.Head)
		if m.State != operational.MergeHeld || m.Detail.Cause != "" {
			wanted = append(wanted, m.Head)
		}
	}
	if remote || p.target.Tip == "" && !p.gone {
		if err := p.locate(ctx, &s, wanted); err != nil {
			return s, err
		}
	}
	s.Tip, s.TipTree, s.Gone = p.target.Tip, p.target.Tree, p.gone
	s.Tests = standings(results, p.Rig.Checks, p.Checks)
	if len(s.Requests) == 0 || s.Tip == "" {
		return s, nil
	}
	err = p.Beads(ctx, func(l Ledger) (err error) {
		s.Needs, err = l.Needs(ctx, beads(s.Requests))
		return err
	})
	if err != nil {
		return s, err
	}
	landed, err := p.Clone.Landed(ctx, s.Tip, heads)
	for _, m := range s.Requests {
		if commit, ok := landed[m.Head]; ok {
			s.Landed[m.Epoch] = commit
		}
		s.Lost[m.Epoch] = slices.Contains(p.target.Missing, m.Head)
	}
	if err == nil {
		s.Carried, err = p.carry(ctx, s, heads)
	}
	return s, err
}

// required are the checks that must pass.
func required(all []rig.Check) (some []rig.Check) {
	for _, c := range all {
		if c.Must() {
			some = append(some, c)
		}
	}
	return some
}

// standings put together what results of the required checks say of each tree.
func standings(results []operational.TestResult, checks []rig.Check, keys map[string]operational.TestKey) map[string]Standing {
	byKey := map[operational.TestKey]operational.TestResult{}
	trees := map[string]Standing{}
	for _, r := range results {
		byKey[r.TestKey] = r
		trees[r.Tree] = Standing{}
	}
	for tree := range trees {
		s := Standing{Passed: true}
		for _, c := range required(checks) {
			key := keys[c.Name]
			key.Tree = tree
			r, ran := byKey[key]
			if !ran {
				s = Standing{}
				break
			}
			if r.Interrupted >= maxInterrupted {
				r.Detail = fmt.Sprintf("whoever ran it was killed %d times before it ended", r.Interrupted)
				s = Standing{Interrupted: r.Interrupted, At: r.Begun, Last: r}
				break
			}
			if !r.Passed && r.Fails+r.Broken+r.Doubts == 0 {
				s = Standing{} // it began, and that is all
				break
			}
			if !r.Passed {
				s = Standing{Fails: r.Fails, Broken: r.Broken, Doubts: r.Doubts, At: r.At, Last: r}
				break
			}
			if s.At.IsZero() || r.At.Before(s.At) {
				s.At = r.At
			}
			s.Last = r
		}
		trees[tree] = s
	}
	return trees
}
