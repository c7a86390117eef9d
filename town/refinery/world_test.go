package refinery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/escalate"
	"gastown/town/rig"
)

// world is a Town in memory: rows, ledger, repository and checks. What a commit holds is
// a set of atoms, and its name says which; each request's head adds one atom.
type world struct {
	mu  sync.Mutex
	now time.Time

	requests map[town.Epoch]*operational.MergeRequest
	epochs   []town.Epoch
	state    operational.Refinery
	results  map[operational.TestKey]operational.TestResult
	needs    map[string][]string

	tip       []int
	conflicts map[[2]int]bool
	// breaks are sets of atoms that together make the check fail, mends atoms that
	// undo the atom they are for. hangs are atoms with which it cannot be run.
	breaks [][]int
	mends  map[int]int
	hangs  map[int]bool
	// lost are heads that are nowhere, applied those whose change is on the target with
	// another commit, and unmergeable those that git cannot merge at all.
	lost        map[string]bool
	applied     map[string]string
	unmergeable map[string]bool
	down        bool // no check can be run
	// outage: that was so once. Then a request may be held that can be tested by now.
	outage bool
	// guarded: the host refuses pushes; guards is how often it began to, and innocent how
	// many requests were held for that. secrets are atoms that it refuses in a push, and
	// tried is how many pushes it got.
	guarded bool
	secrets map[int]bool
	tried   int

	guards, innocent int
	// gone: the target branch is not there. base are the atoms with which the heads of some
	// requests began, beside their own.
	gone bool
	base map[string][]int
	// rewound are the atoms that somebody removed from the target.
	rewound map[int]bool
	// cutOff are the atoms with which a check kills whoever runs it.
	cutOff map[int]bool
	dead   bool // whoever ran a pass was killed
	begun  map[operational.TestKey]operational.TestResult
	// flaky says of a run whether a check that passes fails this time.
	flaky func(tree string) bool
	// interfere is called before each push and each run of a check.
	interfere func()

	runs, told int
	keys       map[string]bool // of what people are told and is not over
	blamed     []string        // what is wrong with decisions, found when they are made
	pushes     [][]int
}

var errCut = errors.New("cut off")

func newWorld() *world {
	return &world{
		now: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC), requests: map[town.Epoch]*operational.MergeRequest{}, results: map[operational.TestKey]operational.TestResult{},
		secrets: map[int]bool{}, rewound: map[int]bool{}, base: map[string][]int{}, cutOff: map[int]bool{}, begun: map[operational.TestKey]operational.TestResult{},
		lost: map[string]bool{}, applied: map[string]string{}, keys: map[string]bool{}, unmergeable: map[string]bool{},
		needs: map[string][]string{}, tip: []int{1}, conflicts: map[[2]int]bool{}, mends: map[int]int{}, hangs: map[int]bool{},
		flaky: func(string) bool { return false }, interfere: func() {},
	}
}

func name(atoms []int) string {
	var words []string
	for _, a := range atoms {
		words = append(words, strconv.Itoa(a))
	}
	return "c" + strings.Join(words, "_")
}

func atoms(commit string) (all []int) {
	for _, w := range strings.Split(strings.TrimPrefix(commit, "c"), "_") {
		n, _ := strconv.Atoi(w)
		all = append(all, n)
	}
	return all
}

// tree is a commit's content: the order in which it came about does not matter.
func treeOf(of []int) string {
	of = slices.Clone(of)
	slices.Sort(of)
	return "t" + name(of)
}

// passes is the truth about a commit.
func (w *world) passes(of []int) bool {
	for _, set := range w.breaks {
		broken := true
		for _, a := range set {
			broken = broken && slices.Contains(of, a)
		}
		for mend, what := range w.mends {
			broken = broken && !(slices.Contains(of, mend) && slices.Contains(set, what))
		}
		if broken {
			return false
		}
	}
	return true
}

func (w *world) runnable(of []int) bool {
	return !w.down && !slices.ContainsFunc(of, func(a int) bool { return w.cutOff[a] }) && !slices.ContainsFunc(of, func(a int) bool { return w.hangs[a] })
}

func (w *world) fits(of []int, atom int) bool {
	return !slices.ContainsFunc(of, func(a int) bool { return w.conflicts[[2]int{a, atom}] || w.conflicts[[2]int{atom, a}] })
}

// submit hands in a request that adds one atom.
func (w *world) submit(atom, priority int) town.Epoch {
	w.mu.Lock()
	defer w.mu.Unlock()
	e := town.Epoch(len(w.epochs) + 1)
	w.now = w.now.Add(time.Millisecond)
	w.requests[e] = &operational.MergeRequest{
		Epoch: e, Bead: fmt.Sprintf("web-%d", e), Agent: town.PolecatAddress("web", "nux"), Run: 1, Branch: "b", Head: name([]int{atom}), Target: "main",
		State: operational.MergeOpen, Priority: priority, At: w.now,
	}
	w.epochs = append(w.epochs, e)
	return e
}

func (w *world) refinery(batch, parallel int) *Refinery {
	return &Refinery{
		Rig: rig.Settings{Name: "web", Branch: "main", Merge: rig.MergeDirect, Checks: []rig.Check{{Name: "test", Command: []string{"make"}}}},
		Rows: func(_ context.Context, fn func(Store) error) error {
			if w.isDead() {
				return errCut
			}
			return fn(w)
		},
		Beads: func(_ context.Context, fn func(Ledger) error) error { return fn(beadsOf{w}) },
		Clone: w, Check: w.check, Checks: map[string]operational.TestKey{"test": {Command: "c", Environment: "e"}},
		Lock: func(context.Context) (func() error, error) { return func() error { return nil }, nil },
		Now:  w.clock, Batch: batch, Parallel: parallel, Town: "alpha",
	}
}

func (w *world) isDead() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dead
}

// clock moves on each time it is looked at.
func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(time.Millisecond)
	return w.now
}

func (w *world) check(ctx context.Context, _ rig.Check, commit string, _ int) (Ran, error) {
	w.interfere()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.runs++
	if ctx.Err() != nil {
		return Ran{}, errCut
	}
	of := atoms(commit)
	if slices.ContainsFunc(of, func(a int) bool { return w.cutOff[a] }) {
		w.dead = true
		return Ran{}, errCut
	}
	switch {
	case !w.runnable(of):
		return Ran{End: operational.TestBroken, Detail: "not found"}, nil
	case !w.passes(of), w.flaky(treeOf(of)):
		return Ran{End: operational.TestFailed, Detail: "exit 1"}, nil
	}
	return Ran{End: operational.TestPassed}, nil
}

// What follows is the repository.

func (w *world) Latest(_ context.Context, wanted ...string) (rig.Target, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.gone {
		return rig.Target{}, rig.ErrNoTarget
	}
	t := rig.Target{Tip: name(w.tip), Tree: treeOf(w.tip)}
	for _, head := range wanted {
		if w.lost[head] {
			t.Missing = append(t.Missing, head)
		}
	}
	return t, nil
}

func (w *world) Applied(_ context.Context, _, head, _ string) (string, error) {
	return w.applied[head], nil
}

func (w *world) Lost(_ context.Context, former, tip string) (some []string, back bool, err error) {
	for _, a := range atoms(former) {
		if !slices.Contains(atoms(tip), a) {
			some, back = append(some, fmt.Sprint("atom ", a)), true
		}
	}
	return some, back, nil
}

func (w *world) Carried(_ context.Context, tip string, former, heads []string) (map[string][]string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	carried := map[string][]string{}
	for _, h := range heads {
		for _, f := range former {
			if slices.ContainsFunc(append(atoms(h), w.base[h]...), func(a int) bool { return slices.Contains(atoms(f), a) && !slices.Contains(atoms(tip), a) }) {
				carried[h] = append(carried[h], f)
			}
		}
	}
	return carried, nil
}

func (w *world) Landed(_ context.Context, tip string, heads []string) (map[string]string, error) {
	landed := map[string]string{}
	for _, h := range heads {
		if slices.Contains(atoms(tip), atoms(h)[0]) {
			landed[h] = tip
		}
	}
	return landed, nil
}

func (w *world) Merge(_ context.Context, onto, head string, _ rig.Message) (rig.Merged, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	of, atom := atoms(onto), atoms(head)[0]
	if w.unmergeable[head] {
		return rig.Merged{}, errors.New("git ended with 128")
	}
	if !w.fits(of, atom) {
		return rig.Merged{Files: []string{"f"}}, nil
	}
	for _, a := range append(slices.Clone(w.base[head]), atom) {
		if !slices.Contains(of, a) {
			of = append(of, a)
		}
	}
	return rig.Merged{Commit: name(of), Tree: treeOf(of)}, nil
}

func (w *world) Land(_ context.Context, from, to string) error {
	w.interfere()
	w.mu.Lock()
	defer w.mu.Unlock()
	if name(w.tip) != from {
		return rig.ErrMoved
	}
	of := atoms(to)
	w.tried++
	if w.guarded || slices.ContainsFunc(of, func(a int) bool { return w.secrets[a] }) {
		return town.Fail("push", "let it", "%w", town.ErrRefused)
	}
	if !w.passes(of) {
		w.blamed = append(w.blamed, to+" landed and does not pass")
	}
	if key := (operational.TestKey{Tree: treeOf(of), Command: "c", Environment: "e"}); !w.results[key].Passed {
		w.blamed = append(w.blamed, to+" landed and was not tested")
	}
	if !slices.Equal(of[:len(w.tip)], w.tip) {
		w.blamed = append(w.blamed, to+" rewinds "+from)
	}
	w.tip = of
	w.pushes = append(w.pushes, of)
	return nil
}

func (w *world) Sides(context.Context, string, string, []string) ([]string, error) { return nil, nil }
func (w *world) Tidy(context.Context, string, string) error                        { return nil }

// What follows is the operational plane.

func (w *world) Merges(context.Context, string, int) (all []operational.MergeRequest, spoilt []string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.epochs {
		if m := w.requests[e]; m.State.Open() {
			all = append(all, *m)
		}
	}
	return all, nil, nil
}

func (w *world) Conflicts(context.Context, []string) (map[string][][]string, error) { return nil, nil }

func (w *world) Refineries(context.Context) (map[string]operational.Refinery, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return map[string]operational.Refinery{"web": w.state}, nil
}

func (w *world) LastTests(context.Context, string, int) (all []operational.TestResult, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for key, r := range w.results {
		r.Interrupted, r.Begun = w.begun[key].Interrupted, w.begun[key].Begun
		all = append(all, r)
	}
	for key, r := range w.begun {
		if _, known := w.results[key]; !known {
			all = append(all, r)
		}
	}
	return all, nil
}

func (w *world) RecordTest(_ context.Context, run operational.TestRun) (operational.TestResult, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.results[run.TestKey] = w.results[run.TestKey].After(run)
	delete(w.begun, run.TestKey)
	return w.results[run.TestKey], nil
}

func (w *world) BeginTest(_ context.Context, run operational.TestRun) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.begun[run.TestKey]
	r.TestKey, r.Check, r.Begun = run.TestKey, run.Check, run.At
	r.Interrupted++
	w.begun[run.TestKey] = r
	return nil
}

func (w *world) ForgetBegun(_ context.Context, key operational.TestKey) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.begun[key]
	if r.Interrupted--; r.Interrupted > 0 {
		w.begun[key] = r
	} else {
		delete(w.begun, key)
	}
	return nil
}

func (w *world) SeeTarget(_ context.Context, _ string, from, to operational.SeenTarget, _ time.Time) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.state.Target.Tip != from.Tip {
		return false, nil
	}
	w.state.Target = to
	return true, nil
}

func (w *world) ForgetFailures(context.Context, string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.begun)
	for k, r := range w.results {
		if !r.Passed {
			delete(w.results, k)
		}
	}
	return nil
}

func (w *world) MoveMerges(_ context.Context, moves []operational.MergeMove, _ string, _ time.Time) (n int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range moves {
		r := w.requests[m.Epoch]
		if r.State != m.From {
			continue
		}
		cause := operational.HoldCause("")
		if m.Detail != nil {
			cause = m.Detail.Cause
		}
		atom := atoms(r.Head)[0]
		switch {
		case m.To == operational.MergeHeld && cause == operational.HeldRefused && !w.secrets[atom]:
			// It may look so when the host begins to refuse everything: once each time.
			if w.innocent++; w.innocent > w.guards {
				w.blamed = append(w.blamed, r.Bead+" is held and the host takes it")
			}
		case m.To == operational.MergeHeld && cause == operational.HeldTarget && r.Target == "main":
			w.blamed = append(w.blamed, r.Bead+" is held for another target")
		case m.To == operational.MergeHeld && cause == operational.HeldRewound && len(w.base[r.Head]) == 0:
			w.blamed = append(w.blamed, r.Bead+" is held and carries nothing that was removed")
		}
		if m.To == operational.MergeHeld && cause == "" && !w.outage && w.runnable(append(slices.Clone(w.tip), atoms(r.Head)[0])) && w.doubts(r) == 0 {
			w.blamed = append(w.blamed, r.Bead+" is held and can be tested")
		}
		r.State = m.To
		if m.Target != "" {
			r.Target = m.Target
		}
		if m.Detail != nil {
			r.Detail = *m.Detail
		}
		n++
	}
	return n, nil
}

func (w *world) doubts(r *operational.MergeRequest) int {
	return w.results[operational.TestKey{Tree: treeOf(append(slices.Clone(w.tip), atoms(r.Head)[0])), Command: "c", Environment: "e"}].Doubts
}

func (w *world) Decide(_ context.Context, t town.Ticket, v operational.Verdict, _ string, now time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.requests[t.Epoch]
	if !r.State.Open() {
		return &operational.StaleError{Ticket: t}
	}
	atom := atoms(r.Head)[0]
	with := append(slices.Clone(w.tip), atom)
	wrong := ""
	switch v.State {
	case operational.MergeLanded:
		if !slices.Contains(w.tip, atom) {
			wrong = "is not on the target"
		}
	case operational.MergeConflicted:
		if tested := atoms(v.Detail.Tip); w.fits(tested, atom) {
			wrong = "does not conflict"
		}
	case operational.MergeFailed:
		// On the tip that was tested: the target may have moved since.
		tested := atoms(v.Detail.Tip)
		if w.passes(append(slices.Clone(tested), atom)) || !w.passes(tested) {
			wrong = "is blamed without a reason"
		}
	}
	if wrong != "" {
		w.blamed = append(w.blamed, fmt.Sprintf("%s %s: %s", r.Bead, wrong, name(with)))
	}
	r.State, r.Changed, r.Landed, r.Detail = v.State, now, v.Landed, v.Detail
	return nil
}

func (w *world) SetTrouble(_ context.Context, _, from string, to *operational.Trouble, _ time.Time) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	had := ""
	if w.state.Trouble != nil {
		had = w.state.Trouble.Key
	}
	if had != from {
		return false, nil
	}
	w.state.Trouble = to
	return true, nil
}

// beadsOf is the ledger.
type beadsOf struct{ *world }

func (w beadsOf) Needs(context.Context, []string) (map[string][]string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	open := map[string][]string{}
	for bead, needs := range w.needs {
		for _, n := range needs {
			for _, m := range w.requests {
				if m.Bead == n && m.State != operational.MergeLanded {
					open[bead] = append(open[bead], n)
				}
			}
		}
	}
	return open, nil
}

func (w beadsOf) Tell(_ context.Context, t escalate.Trouble) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told++
	w.keys[t.Key] = true
	return "web-told", nil
}

func (w beadsOf) Told(_ context.Context, key, _ string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.keys, key)
	return nil
}
