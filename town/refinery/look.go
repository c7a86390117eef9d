package refinery

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/group"
	"gastown/town/rig"
)

// Finding is what a look at one request found.
type Finding struct {
	Epoch town.Epoch `json:"epoch"`
	Bead  string     `json:"bead"`
	// State is the request's afterwards.
	State operational.MergeState `json:"state"`
	// What is "merges", "conflicts", "duplicate", "passed", "failed", "could not be run"
	// or "doubtful".
	What string `json:"what"`
	Why  string `json:"why,omitempty"`
	Log  string `json:"log,omitempty"`
	// Cached: the result was known already.
	Cached bool `json:"cached,omitempty"`
}

// Verify looks how each request merges with the target as it is now. With drop it
// decides those whose change the target has already.
func (r *Refinery) Verify(ctx context.Context, drop bool) (all []Finding, err error) {
	err = r.looking(ctx, func(p *pass, s Snapshot) error {
		for _, m := range s.Requests {
			if drop {
				if _, ok := s.Landed[m.Epoch]; ok {
					continue // seen below
				}
			}
			merged, err := p.alone(ctx, s, m)
			if err != nil {
				return err
			}
			if merged.Failed {
				continue // looking returns why
			}
			f := Finding{Epoch: m.Epoch, Bead: m.Bead, State: m.State, What: "merges"}
			switch _, landed := s.Landed[m.Epoch]; {
			case landed, merged.Tree == s.TipTree:
				f.What, f.Why = "duplicate", fmt.Sprintf("%s has its change at %.12s", s.Target, s.Tip)
				if drop && !landed {
					a := Action{Deed: Decide, Tip: s.Tip, Request: m, Verdict: landedAs(m, s.Tip)}
					if err := p.decide(ctx, a); err != nil {
						return err
					}
					f.State, f.Why = operational.MergeLanded, a.Verdict.Reason
				}
			case merged.Commit == "":
				f.What, f.Why = "conflicts", listed(merged.Files)
			}
			all = append(all, f)
		}
		if !drop {
			return nil
		}
		for _, a := range (planner{s}).seen() {
			if err := p.decide(ctx, a); err != nil {
				return err
			}
			found := Finding{Epoch: a.Request.Epoch, Bead: a.Request.Bead, State: operational.MergeLanded, What: "duplicate", Why: a.Verdict.Reason}
			all = append(all, found)
		}
		if p.decided && p.Settle != nil {
			return p.Settle(ctx)
		}
		return nil
	})
	return all, err
}

// Test runs the checks on requests, each merged alone onto the target, and decides
// nothing. Without some it takes all that wait. atOnce is how many are tested side by
// side; cached uses results that are known.
func (r *Refinery) Test(ctx context.Context, some []town.Epoch, atOnce int, cached bool) (all []Finding, err error) {
	err = r.looking(ctx, func(p *pass, s Snapshot) error {
		type work struct {
			merged Merge
			m      operational.MergeRequest
		}
		var todo []work
		for _, m := range s.Requests {
			if len(some) > 0 && !slices.Contains(some, m.Epoch) {
				continue
			}
			merged, err := p.alone(ctx, s, m)
			if err != nil {
				return err
			}
			if merged.Failed {
				continue // looking returns why
			}
			todo = append(todo, work{merged, m})
		}
		all = make([]Finding, len(todo))
		slots := make(chan int, max(atOnce, 1))
		for n := range max(atOnce, 1) {
			slots <- n
		}
		tests := group.New()
		for i, w := range todo {
			f := &all[i]
			*f = Finding{Epoch: w.m.Epoch, Bead: w.m.Bead, State: w.m.State}
			known := s.Tests[w.merged.Tree]
			switch {
			case w.merged.Commit == "":
				f.What, f.Why = "conflicts", listed(w.merged.Files)
				continue
			case s.Untested:
				f.What, f.Why = "merges", "the rig has no checks"
				continue
			case cached && (known.Passed || known.Fails >= sure):
				f.Cached = true
				f.tell(known)
				continue
			}
			n := <-slots
			tests.Go(func() error {
				defer func() { slots <- n }()
				fresh := s
				if !cached {
					fresh.Tests = nil // all checks run
				}
				if err := p.test(ctx, fresh, planner{s}.test(w.merged.Commit, w.merged.Tree, w.m), n); err != nil {
					return err
				}
				return p.Rows(ctx, func(rows Store) error {
					results, err := rows.LastTests(ctx, p.Rig.Name, lastTests)
					f.tell(standings(results, p.Rig.Checks, p.Checks)[w.merged.Tree])
					return err
				})
			})
		}
		return tests.Wait()
	})
	return all, err
}

// tell puts what is known of a tree into words.
func (f *Finding) tell(t Standing) {
	f.Log, f.Why = t.Last.Log, t.Last.Detail
	switch {
	case t.Passed:
		f.What = "passed"
	case t.Broken > 0:
		f.What = string(operational.TestBroken)
	case t.Fails > 0:
		f.What = "failed"
	default:
		f.What = "doubtful"
	}
	if f.What != "passed" {
		f.Why = t.Last.Check + ": " + f.Why
	}
}

// looking calls fn with what there is, under the rig's lock.
func (r *Refinery) looking(ctx context.Context, fn func(*pass, Snapshot) error) (err error) {
	unlock, err := r.Lock(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	p := r.pass()
	s, err := p.gather(ctx, true)
	if err != nil {
		return err
	}
	if s.Gone {
		return town.Fail("look at the requests of "+r.Rig.Name, planner{s}.gone()[0].Trouble.Next, "%w: %s", rig.ErrNoTarget, s.Target)
	}
	return errors.Join(append([]error{fn(p, s)}, p.unmerged...)...)
}

// alone merges one request onto the target.
func (p *pass) alone(ctx context.Context, s Snapshot, m operational.MergeRequest) (Merge, error) {
	err := p.build(ctx, Action{Deed: Build, Onto: s.Tip, Request: m})
	return p.merges[Step{s.Tip, m.Head}], err
}
