package refinery

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/escalate"
	"gastown/town/rig"
)

// build merges a request onto a commit.
func (p *pass) build(ctx context.Context, a Action) error {
	m := a.Request
	merged, err := p.Clone.Merge(ctx, a.Onto, m.Head, rig.Message{
		Bead: m.Bead, Agent: m.Agent.String(), Branch: m.Branch, Target: m.Target, Town: p.Town, Number: int64(m.Epoch), At: m.At,
	})
	if err != nil {
		err = fmt.Errorf("merge %s: %w", m.Bead, err)
		if ctx.Err() != nil {
			return err
		}
		p.unmerged = append(p.unmerged, err) // the others go on
	}
	p.merges[Step{a.Onto, m.Head}] = Merge{Commit: merged.Commit, Tree: merged.Tree, Files: merged.Files, Failed: err != nil}
	return nil
}

// mark shows that requests are tested.
func (p *pass) mark(ctx context.Context, batch []operational.MergeRequest) error {
	var moves []operational.MergeMove
	for _, m := range batch {
		if m.State == operational.MergeOffered {
			continue
		}
		moves = append(moves, operational.MergeMove{Epoch: m.Epoch, From: m.State, To: operational.MergeTesting, Tried: true})
		p.testing[m.Epoch] = true
	}
	return p.move(ctx, moves...)
}

// test runs the checks on a commit: those that have not passed with its tree, or all
// when they have. It ends at the first that must pass and does not.
func (p *pass) test(ctx context.Context, s Snapshot, a Action, slot int) error {
	known := s.Tests[a.Tree]
	past := known.Passed || known.Last.Check == "" // all are to run
	for _, c := range p.Rig.Checks {
		key := p.Checks[c.Name]
		key.Tree = a.Tree
		if past = past || c.Name == known.Last.Check; !past {
			continue
		}
		run := operational.TestRun{TestKey: key, Rig: p.Rig.Name, Check: c.Name, End: operational.TestBroken, At: s.Now}
		if err := p.Rows(ctx, func(rows Store) error { return rows.BeginTest(ctx, run) }); err != nil {
			return err
		}
		ran, err := p.Check(ctx, c, a.Commit, slot)
		if err = cmp.Or(err, context.Cause(ctx)); err != nil {
			// It was ended from outside, which says nothing about the check.
			last := context.WithoutCancel(ctx)
			return errors.Join(err, p.Rows(last, func(rows Store) error { return rows.ForgetBegun(last, key) }))
		}
		run.End, run.Detail, run.Log, run.Took = ran.End, ran.Detail, ran.Log, ran.Took
		err = p.Rows(ctx, func(rows Store) error {
			_, err := rows.RecordTest(ctx, run)
			return err
		})
		p.mu.Lock()
		p.done.Runs++
		p.mu.Unlock()
		if err != nil || c.Must() && ran.End != operational.TestPassed {
			return err
		}
	}
	return nil
}

// act carries out one action that is no test. One that comes too late does nothing.
func (p *pass) act(ctx context.Context, s Snapshot, a Action) error {
	switch a.Deed {
	case Land:
		return p.land(ctx, s, a)
	case Decide:
		return p.decide(ctx, a)
	case Offer:
		return p.offer(ctx, a)
	case Seek:
		return p.seek(ctx, a)
	case Ask:
		return p.ask(ctx, a)
	case Hold:
		return p.hold(ctx, a)
	case Free:
		return p.free(ctx, a)
	case Alarm:
		return p.alarm(ctx, s, a.Trouble)
	case Mended:
		return p.mended(ctx, a.Trouble, a.Why)
	}
	return fmt.Errorf("%s is not a deed", a.Deed)
}

// land pushes. What a host refuses is planned from.
func (p *pass) land(ctx context.Context, s Snapshot, a Action) error {
	err := p.Clone.Land(ctx, a.Tip, a.Commit)
	switch {
	case errors.Is(err, rig.ErrMoved):
		return nil // somebody was first: the next look begins from there
	case errors.Is(err, town.ErrRefused):
		p.turned(a, err)
		return nil
	case err == nil:
		return p.taken(ctx, s, a)
	}
	return err
}

// landedAs is the verdict on a request whose change is on the target with other commits.
func landedAs(m operational.MergeRequest, commit string) operational.Verdict {
	return operational.Verdict{State: operational.MergeLanded, Landed: commit, Reason: fmt.Sprintf("%s has the same change since %.12s", m.Target, commit), Detail: m.Detail}
}

func (p *pass) decide(ctx context.Context, a Action) error {
	m, v := a.Request, a.Verdict
	if v.State == operational.MergeLanded {
		// Its branch is not needed any more, if the target or the host's pull request has
		// its commits. That it could not be removed keeps nothing from being landed.
		if !a.Tidy && m.Detail.Pull == 0 {
			// Its commits are nowhere else.
		} else if err := p.Clone.Tidy(ctx, m.Branch, m.Head); err != nil && ctx.Err() != nil {
			return err
		}
	} else {
		if v.State == operational.MergeConflicted {
			// Others may have brought the change with other commits and gone on from there.
			commit, err := p.Clone.Applied(ctx, a.Tip, m.Head, "")
			if err != nil {
				return err
			}
			if commit != "" {
				a.Verdict = landedAs(m, commit)
				return p.decide(ctx, a)
			}
			sides, err := p.Clone.Sides(ctx, a.Tip, m.Head, v.Detail.Files)
			if err != nil {
				return err
			}
			v.Detail.Others = sides
		}
		for _, c := range p.Rig.Checks {
			if c.Name == v.Detail.Check {
				v.Detail.Command = c.Command
			}
		}
		v.Detail.Pull, v.Detail.URL = m.Detail.Pull, m.Detail.URL
		if err := p.Withdraw(ctx, m, v.Reason); err != nil && ctx.Err() != nil {
			return err // otherwise it is closed when the branch is handed in again
		}
	}
	err := p.Rows(ctx, func(rows Store) error { return rows.Decide(ctx, m.Ticket(), v, Actor(p.Rig.Name), p.Now()) })
	if errors.As(err, new(*operational.StaleError)) {
		return nil
	}
	p.decided = p.decided || err == nil
	if err == nil && m.State == operational.MergeHeld {
		return p.unheld(ctx, m, string(v.State)+": "+v.Reason)
	}
	return err
}

// alarm records a trouble and tells a person, once for each: the row is written first,
// so what is cut off is completed by the next pass.
func (p *pass) alarm(ctx context.Context, s Snapshot, t operational.Trouble) error {
	if t.Key == protected && p.refusal != nil {
		p.unmerged, p.refusal = append(p.unmerged, p.refusal), nil
	}
	from := ""
	if s.State.Trouble != nil {
		from = s.State.Trouble.Key
	}
	set := func(from string) (counted bool, err error) {
		err = p.Rows(ctx, func(rows Store) error {
			counted, err = rows.SetTrouble(ctx, p.Rig.Name, from, &t, p.Now())
			return err
		})
		return counted, err
	}
	if counted, err := set(from); err != nil || !counted || t.Bead != "" {
		return err
	}
	if from != "" && from != t.Key {
		was := *s.State.Trouble
		if err := p.Beads(ctx, func(l Ledger) error { return l.Told(ctx, troubleKey(p.Rig.Name, was), "now "+t.Key) }); err != nil {
			return err
		}
	}
	told := escalate.Trouble{
		Key: troubleKey(p.Rig.Name, t), Title: fmt.Sprintf("Nothing lands in %s: %s", p.Rig.Name, t.Key), Severity: escalate.High, From: Actor(p.Rig.Name),
		Text: t.Text + ".\nNothing lands in " + p.Rig.Name + " until that is mended, and no change is blamed for it.", Next: t.Next, Anew: true,
	}
	if t.Log != "" {
		told.Text += "\nThe log: gt refinery log " + t.Log
	}
	err := p.Beads(ctx, func(l Ledger) (err error) {
		t.Bead, err = l.Tell(ctx, told)
		return err
	})
	if err == nil {
		_, err = set(t.Key)
	}
	return err
}

// troubleKey is the key by which a person is told of a trouble.
func troubleKey(rig string, t operational.Trouble) string { return "refinery/" + rig + "/" + t.Key }

// mended ends a trouble. What failed meanwhile says nothing.
func (p *pass) mended(ctx context.Context, t operational.Trouble, told string) error {
	if err := p.Rows(ctx, func(rows Store) error { return rows.ForgetFailures(ctx, p.Rig.Name) }); err != nil {
		return err
	}
	if err := p.Beads(ctx, func(l Ledger) error { return l.Told(ctx, troubleKey(p.Rig.Name, t), told) }); err != nil {
		return err
	}
	return p.Rows(ctx, func(rows Store) error {
		_, err := rows.SetTrouble(ctx, p.Rig.Name, t.Key, nil, p.Now())
		return err
	})
}
