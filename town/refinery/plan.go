package refinery

import (
	"fmt"
	"time"

	"gastown/planes/operational"
)

const (
	// sure is how often a check must fail before somebody is blamed.
	sure = 2
	// maxBroken is how often in a row a check may be impossible to run, and maxDoubts
	// how often it may pass right after it failed, before a person is needed.
	maxBroken, maxDoubts = 2, 3
	// maxInterrupted is how many runs of a check in a row may be interrupted by a kill. It
	// is high, because a kill says nothing about the check unless the check causes it.
	maxInterrupted = 10
	// lookAgain is how long a refinery that a person must mend waits before it looks
	// whether that was done.
	lookAgain = 15 * time.Minute
	// protected is the key of a trouble: the host refuses pushes to the target. Only
	// another push tells whether that is over.
	protected = "protected branch"
	// missing is the key of a trouble: the target branch is not there.
	missing = "no branch"
)

// Plan decides what to do next. It reads nothing and changes nothing. Actions of one
// plan may be carried out at the same time; afterwards the caller looks and plans again,
// until there is nothing to do.
func Plan(s Snapshot) []Action {
	p := planner{s}
	if seen := p.seen(); len(seen) > 0 {
		return seen
	}
	if s.State.Paused {
		return nil
	}
	if s.Gone {
		return p.gone()
	}
	if s.Tip == "" {
		return nil
	}
	if t := s.State.Trouble; t != nil && t.Key == missing {
		return []Action{{Deed: Mended, Tip: s.Tip, Trouble: *t, Why: s.Target + " is there again"}}
	}
	if astray := append(p.lost(), p.astray()...); len(astray) > 0 {
		return astray
	}
	if seek := p.seek(); len(seek) > 0 {
		return seek
	}
	queue := s.Queue()
	if most := s.Size + offered(queue); s.Size > 0 && len(queue) > most {
		queue = queue[:most] // those that the host has come first
	}
	if t := s.State.Trouble; t != nil && t.Key == protected {
		return p.refusing(*t, queue)
	} else if t != nil {
		actions, free := p.troubled(*t)
		if !free {
			return actions
		}
		// The target is red. A change that was handed in since may mend it.
		for _, m := range queue {
			if m.At.After(t.Since) {
				if _, refused := s.Suspects[m.Epoch]; refused {
					return p.refusedAll()
				}
				if actions := p.alone(m); len(actions) > 0 {
					return actions
				}
			}
		}
		return nil
	}
	if actions := p.again(queue); len(actions) > 0 {
		return actions
	}
	if actions := p.batches(queue); len(actions) > 0 {
		return actions
	}
	return p.ask()
}

// offered counts the requests that the host may merge.
func offered(queue []operational.MergeRequest) (n int) {
	for _, m := range queue {
		if m.State == operational.MergeOffered {
			n++
		}
	}
	return n
}

type planner struct{ Snapshot }

// seen decides the requests whose change is on the target.
func (p planner) seen() (actions []Action) {
	for _, m := range p.Requests {
		if commit, ok := p.Landed[m.Epoch]; ok {
			actions = append(actions, Action{Deed: Decide, Tip: p.Tip, Request: m, Tidy: true, Verdict: operational.Verdict{
				State: operational.MergeLanded, Landed: commit, Reason: fmt.Sprintf("on %s since %.12s", m.Target, commit), Detail: m.Detail,
			}})
		}
	}
	return actions
}

// seek looks for what is offered where it was not looked for yet.
func (p planner) seek() (actions []Action) {
	for _, m := range p.Requests {
		if m.State == operational.MergeOffered && m.Detail.Seen != p.Tip {
			actions = append(actions, Action{Deed: Seek, Tip: p.Tip, Request: m})
		}
	}
	return actions
}

// ask asks the host about what is offered, from time to time.
func (p planner) ask() (actions []Action) {
	for _, m := range p.Requests {
		if p.Pulls && m.State == operational.MergeOffered && !p.Now.Before(m.Detail.Ask) {
			actions = append(actions, Action{Deed: Ask, Tip: p.Tip, Request: m})
		}
	}
	return actions
}

// lost lets requests wait for a person whose commit is nowhere.
func (p planner) lost() (actions []Action) {
	for _, m := range p.Requests {
		if p.Lost[m.Epoch] && m.State != operational.MergeHeld {
			why := fmt.Sprintf("its commit %.12s is neither at the remote nor in the rig's clone", m.Head)
			actions = append(actions, Action{Deed: Hold, Tip: p.Tip, Request: m, Why: why, Verdict: operational.Verdict{Detail: m.Detail}})
		}
	}
	return actions
}

// standing is what is known of a tree.
func (p planner) standing(tree string) Standing {
	if p.Untested {
		return Standing{Passed: true, At: p.Now}
	}
	return p.Tests[tree]
}

// test is the action that tests a commit with requests in it.
func (p planner) test(commit, tree string, batch ...operational.MergeRequest) Action {
	return Action{Deed: Test, Tip: p.Tip, Commit: commit, Tree: tree, Batch: batch}
}

func (p planner) testTip() []Action { return []Action{p.test(p.Tip, p.TipTree)} }

// control looks at the target itself, at a time after others failed: ok when it passes,
// otherwise the actions that find out, or say what is wrong with it.
func (p planner) control(since time.Time) (ok bool, actions []Action) {
	t := p.standing(p.TipTree)
	switch {
	case t.At.Before(since), !t.Passed && !t.unusable() && t.Fails < sure:
		return false, p.testTip()
	case t.Passed:
		return true, nil
	}
	return false, []Action{p.alarm(t)}
}

// alarm says that the target itself does not pass.
func (p planner) alarm(t Standing) Action {
	what := operational.Trouble{
		Key: "red " + t.Last.Check, Check: t.Last.Check, Log: t.Last.Log, Tip: p.Tip, Since: p.Now, Seen: p.Now, Again: p.Now.Add(lookAgain),
		Text: fmt.Sprintf("%s is red: its check %s fails at %.12s: %s", p.Target, t.Last.Check, p.Tip, t.Last.Detail),
		Next: "mend " + p.Target + "; a change that is handed in from now on is tested alone and lands if it passes",
	}
	switch {
	case t.Broken >= maxBroken, t.Interrupted >= maxInterrupted:
		what.Key, what.Text = "broken "+t.Last.Check, fmt.Sprintf("the check %s cannot be run: %s", t.Last.Check, t.Last.Detail)
		what.Next = "make it run on this machine"
	case t.Doubts >= maxDoubts:
		what.Key, what.Text = "doubtful "+t.Last.Check, fmt.Sprintf("the check %s passes and fails with the same tree, at %.12s", t.Last.Check, p.Tip)
		what.Next = "make it say the same each time"
	}
	if had := p.State.Trouble; had != nil && had.Key == what.Key {
		what.Since, what.Bead = had.Since, had.Bead
	}
	return Action{Deed: Alarm, Tip: p.Tip, Trouble: what}
}

// troubled looks from time to time whether a trouble is over. free says that changes may
// be tried meanwhile: the target can be tested, and is red.
func (p planner) troubled(had operational.Trouble) (actions []Action, free bool) {
	t, due := p.standing(p.TipTree), !p.Now.Before(had.Again)
	since := had.Seen
	if due {
		since = had.Again
	}
	switch fresh := !t.At.Before(since); {
	case fresh && t.Passed:
		return []Action{{Deed: Mended, Tip: p.Tip, Trouble: had, Why: "the checks pass again on " + p.Target}}, false
	case !due && p.Tip == had.Tip:
		return nil, t.Fails >= sure
	case !fresh || !t.unusable() && t.Fails < sure:
		return p.testTip(), false
	}
	return []Action{p.alarm(t)}, false
}
