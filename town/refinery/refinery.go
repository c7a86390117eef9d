package refinery

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/escalate"
	"gastown/town/github"
	"gastown/town/group"
	"gastown/town/rig"
)

// Store is what a refinery needs of the operational plane.
type Store interface {
	Merges(ctx context.Context, rig string, decided int) (all []operational.MergeRequest, spoilt []string, err error)
	Conflicts(ctx context.Context, beads []string) (map[string][][]string, error)
	Refineries(ctx context.Context) (map[string]operational.Refinery, error)
	LastTests(ctx context.Context, rig string, most int) ([]operational.TestResult, error)
	RecordTest(ctx context.Context, run operational.TestRun) (operational.TestResult, error)
	BeginTest(ctx context.Context, run operational.TestRun) error
	ForgetBegun(ctx context.Context, key operational.TestKey) error
	ForgetFailures(ctx context.Context, rig string) error
	MoveMerges(ctx context.Context, moves []operational.MergeMove, actor string, now time.Time) (int, error)
	Decide(ctx context.Context, t town.Ticket, v operational.Verdict, actor string, now time.Time) error
	SeeTarget(ctx context.Context, rig string, from, to operational.SeenTarget, now time.Time) (bool, error)
	SetTrouble(ctx context.Context, rig, from string, to *operational.Trouble, now time.Time) (bool, error)
}

var _ Store = (*operational.Store)(nil)

// Ledger is what a refinery needs of the ledger.
type Ledger interface {
	// Needs are, by bead, the open beads that it waits for.
	Needs(ctx context.Context, beads []string) (map[string][]string, error)
	// Tell tells a person, once for each key, and returns the bead that does. Told ends
	// that.
	Tell(ctx context.Context, t escalate.Trouble) (id string, err error)
	Told(ctx context.Context, key, reason string) error
}

// Clone is the rig's clone as far as a refinery needs it.
type Clone interface {
	// Latest asks the remote where the target is, and for commits that are wanted.
	Latest(ctx context.Context, wanted ...string) (rig.Target, error)
	// Lost names commits that a former tip leads to and the tip does not; back is false
	// when the tip leads to the former one. Carried finds which heads lead to such commits,
	// and of which former tips.
	Lost(ctx context.Context, former, tip string) (some []string, back bool, err error)
	Carried(ctx context.Context, tip string, former, heads []string) (map[string][]string, error)
	// Landed finds which of the heads the target has, and the commit that brought each.
	Landed(ctx context.Context, tip string, heads []string) (map[string]string, error)
	// Applied finds the commit of the target that brought the change of a head with other
	// commits, among those since a commit ("" for since the head left it); "" for none.
	Applied(ctx context.Context, tip, head, since string) (string, error)
	// Merge merges a head onto a commit. The same call gives the same commit.
	Merge(ctx context.Context, onto, head string, message rig.Message) (rig.Merged, error)
	// Land moves the target from a commit to another that contains it. It fails with
	// rig.ErrMoved when the target is elsewhere by now, and with town.ErrRefused when the
	// host refuses the push.
	Land(ctx context.Context, from, to string) error
	// Sides are the commits of the target that changed files since a head left it.
	Sides(ctx context.Context, tip, head string, files []string) ([]string, error)
	// Tidy removes a branch of the remote that is still at its head.
	Tidy(ctx context.Context, branch, head string) error
}

var _ Clone = (*rig.Rig)(nil)

// Host is a place that has pull requests; see town/github.
type Host interface {
	Open(ctx context.Context, w github.Wanted) (github.Pull, error)
	Look(ctx context.Context, number int) (github.Pull, error)
	Close(ctx context.Context, number int, why string) error
}

var _ Host = (*github.Host)(nil)

// Refinery is the merge queue of one rig.
type Refinery struct {
	Rig rig.Settings
	// Rows and Beads call fn with a plane. It is open only while fn runs.
	Rows  func(ctx context.Context, fn func(Store) error) error
	Beads func(ctx context.Context, fn func(Ledger) error) error
	Clone Clone
	// Check runs one check on a commit. slot tells apart runs at one time.
	Check func(ctx context.Context, c rig.Check, commit string, slot int) (Ran, error)
	// Checks are the digests of the rig's checks, by name.
	Checks map[string]operational.TestKey
	// Host is where pull requests are opened; nil for nowhere. OpensWith names what is
	// missing for that, "" for nothing.
	Host      Host
	OpensWith string
	// Settle makes the ledger follow what was decided; nil when somebody else does.
	Settle func(ctx context.Context) error
	// Lock lets one at a time act for the rig.
	Lock func(ctx context.Context) (unlock func() error, err error)
	Now  func() time.Time
	// Size, Batch and Parallel are as in Snapshot.
	Size, Batch, Parallel int
	// Town is the Town's name, which the commits bear.
	Town string
	// Progress is told what is done; nil for nobody.
	Progress func(Action)
}

// Ran is how a run of a check ended.
type Ran struct {
	End operational.TestOutcome
	// Detail says it in one line, Log is the name of the log.
	Detail, Log string
	Took        time.Duration

	signaled bool // a signal ended it
}

// Actor is who the feed and the ledger name for what the refinery of a rig does.
func Actor(rig string) string { return rig + "/refinery" }

// Done is what a pass did.
type Done struct {
	Actions []Action
	// Runs is how many checks ran.
	Runs int
	// Spoilt says what is wrong with rows that could not be used.
	Spoilt []string
	// Idle says that no request is open: only a change of the rows, or the time Again, can
	// give another pass something to do. Again is zero when there is no such time.
	Idle  bool
	Again time.Time
}

// Pass lands what can land, and returns when there is nothing to do any more. It looks
// anew after each step.
func (r *Refinery) Pass(ctx context.Context) (done Done, err error) {
	unlock, err := r.Lock(ctx)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	p := r.pass()
	err = errors.Join(append([]error{p.run(ctx)}, p.unmerged...)...)
	if rest := p.rest(context.WithoutCancel(ctx)); err == nil {
		err = rest
	}
	return p.done, err
}

// stepsPer bounds the steps of a pass: so many for each request, and some.
const stepsPer, stepsMore = 40, 100

func (p *pass) run(ctx context.Context) error {
	s, err := p.gather(ctx, true)
	if err != nil {
		return err
	}
	for left := stepsMore + stepsPer*len(s.Requests); left > 0; left-- {
		actions := Plan(s)
		if len(actions) == 0 {
			p.done.Idle = len(s.Requests)+len(p.done.Spoilt) == 0
			if s.State.Trouble != nil {
				p.done.Again = s.State.Trouble.Again
			}
			return nil
		}
		anew := false
		for _, a := range actions {
			if a.Deed != Build {
				continue
			}
			if err := p.build(ctx, a); err != nil {
				return err
			}
			anew = true
		}
		if anew {
			continue // what is known of merges is in the snapshot already
		}
		remote, err := p.do(ctx, s, actions)
		if err == nil {
			s, err = p.gather(ctx, remote)
		}
		if err != nil {
			return err
		}
	}
	return fmt.Errorf("the refinery of %s does not come to an end; the next pass goes on", p.Rig.Name)
}

func (r *Refinery) pass() *pass {
	return &pass{
		Refinery: r, merges: map[Step]Merge{}, testing: map[town.Epoch]bool{}, carried: map[Step][]string{},
		refusals: map[string]Refusal{}, suspects: map[town.Epoch]Refusal{},
	}
}

// pass is one pass.
type pass struct {
	*Refinery
	merges map[Step]Merge
	target rig.Target
	gone   bool // the target branch is not there
	done   Done

	requests []operational.MergeRequest // as they were gathered last
	carried  map[Step][]string          // the former tips whose removed commits a head would bring to a tip

	refusals map[string]Refusal     // as in Snapshot
	suspects map[town.Epoch]Refusal // as in Snapshot
	took     bool                   // as in Snapshot
	refusal  error                  // the last one, until people are told

	unmerged []error // merges that git could not try, and a push that the host refused

	testing map[town.Epoch]bool // marked so by this pass, or by one that was cut off

	decided bool // since the ledger was told

	mu sync.Mutex // of done.Runs
}

// do carries actions out. Tests run side by side. remote says that the target may have
// moved.
func (p *pass) do(ctx context.Context, s Snapshot, actions []Action) (remote bool, err error) {
	tests := group.New()
	slot := 0
	for _, a := range actions {
		if p.Progress != nil {
			p.Progress(a)
		}
		if a.Deed == Test {
			if err := p.mark(ctx, a.Batch); err != nil {
				return true, err
			}
			n := slot
			slot++
			tests.Go(func() error { return p.test(ctx, s, a, n) })
			continue
		}
		if err := p.act(ctx, s, a); err != nil {
			return true, errors.Join(err, tests.Wait())
		}
		remote = remote || a.Deed == Land
	}
	if err := tests.Wait(); err != nil {
		return true, err
	}
	if p.decided && p.Settle != nil {
		p.decided = false
		if err := p.Settle(ctx); err != nil {
			return true, err
		}
	}
	p.done.Actions = append(p.done.Actions, actions...)
	return remote || slot > 0, nil
}

// rest lets requests wait again that were tested and are not decided.
func (p *pass) rest(ctx context.Context) error {
	var moves []operational.MergeMove
	for epoch := range p.testing {
		moves = append(moves, operational.MergeMove{Epoch: epoch, From: operational.MergeTesting, To: operational.MergeOpen})
	}
	return p.move(ctx, moves...)
}

// move changes the states of requests. One that is in another state by now stays.
func (p *pass) move(ctx context.Context, moves ...operational.MergeMove) error {
	if len(moves) == 0 {
		return nil
	}
	return p.Rows(ctx, func(rows Store) error {
		_, err := rows.MoveMerges(ctx, moves, Actor(p.Rig.Name), p.Now())
		return err
	})
}
