package witness

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/escalate"
	"gastown/town/polecat"
	"gastown/town/process"
	"gastown/town/rig"
)

// Store is what a Witness needs of the operational plane.
type Store interface {
	Work(ctx context.Context) (operational.Work, error)
	Watched(ctx context.Context) ([]operational.Watched, error)
	Watch(ctx context.Context, list []operational.Watched, nudges []operational.Nudging, now time.Time) error
	BeginRecovery(ctx context.Context, t town.Ticket, why string, now time.Time) (first string, err error)
	GiveBack(ctx context.Context, t town.Ticket, l operational.Lost, now time.Time) (operational.Recovery, error)
	Submit(ctx context.Context, t town.Ticket, m operational.MergeRequest, now time.Time) error
	Requeue(ctx context.Context, epoch town.Epoch, priority int, now time.Time) (bool, error)
	SettleRecovery(ctx context.Context, epoch town.Epoch, from, to operational.RecoveryState, now time.Time) error
}

var _ Store = (*operational.Store)(nil)

// Ledger is what a Witness needs of the ledger.
type Ledger interface {
	// Beads are those of some ids that there are.
	Beads(ctx context.Context, ids []string) (map[string]polecat.Bead, error)
	// Raised are the keys of open escalations that begin with a prefix.
	Raised(ctx context.Context, prefix string) ([]string, error)
	// Raise tells people of a trouble, unless they know it or said a moment ago that it is
	// mended. told says that it did.
	Raise(ctx context.Context, t escalate.Trouble) (told bool, err error)
	Settle(ctx context.Context, key, reason string) error
}

// Sessions are the sessions of the Town's agents.
type Sessions interface {
	// Survey returns all of them, with the screens of those that look names. An error
	// says that nobody knows.
	Survey(ctx context.Context, look func(Session) bool) (map[town.Address]*Session, error)
	// End ends a session with all its processes. One that is gone is no error.
	End(ctx context.Context, agent town.Address) error
}

// Sandboxes are those of the Town's rigs.
type Sandboxes interface {
	// Leads are the branches of a rig's polecats that are ahead of its target.
	Leads(ctx context.Context, rig string) (map[string]rig.Lead, error)
	// Trace stands for what is in a sandbox.
	Trace(agent town.Address) (string, error)
	// Save saves what no remote has, and says where and what; "" for nothing.
	Save(ctx context.Context, agent town.Address, why string) (ref, what string, err error)
	// Publish pushes the branch of an assignment and sees it at the remote. It is
	// town.ErrRefused when something would be left out, or there is nothing.
	Publish(ctx context.Context, held operational.Assignment) (operational.MergeRequest, error)
}

// Witness patrols rigs. Its methods may be called by many processes at once.
type Witness struct {
	// Rows and Beads call fn with a plane. It is open only while fn runs.
	Rows      func(ctx context.Context, fn func(Store) error) error
	Beads     func(ctx context.Context, fn func(Ledger) error) error
	Sessions  Sessions
	Sandboxes Sandboxes
	// Usages looks at the processes of sessions; process.Usages in a Town.
	Usages func(leaders ...int) (map[int]process.Usage, error)
	// Lock takes the lock of one agent, which its sandbox and its session share.
	Lock func(ctx context.Context, agent town.Address) (unlock func() error, err error)
	// Settle lets the ledger follow the assignments.
	Settle func(ctx context.Context) error
	// Deliver types nudges; nil when somebody else does.
	Deliver func(ctx context.Context, agents ...town.Address) error
	Now     func() time.Time
	// Rigs are those that are patrolled.
	Rigs []string
	Thresholds
}

// Report is what a patrol found and did.
type Report struct {
	Findings []Finding `json:"polecats"`
	// Actions are those that were done; of Look, those that would be.
	Actions []Action `json:"actions"`
	// Failed are the errors of the actions that failed; the others were done.
	Failed []error `json:"-"`
	// Idle says that there is nothing to watch: no assignment, nothing that was given back
	// and is not settled, no trouble that people were told of. Only a change of the rows or
	// the ledger can give a patrol something to do.
	Idle bool `json:"-"`
}

// Err joins what failed.
func (r Report) Err() error { return errors.Join(r.Failed...) }

// Look is a patrol that changes nothing.
func (w *Witness) Look(ctx context.Context) (Report, error) {
	s, err := w.gather(ctx)
	if err != nil {
		return Report{}, err
	}
	return report(s), nil
}

func report(s Snapshot) Report {
	r := Report{Findings: Findings(s), Actions: []Action{}, Idle: len(s.Work.Assignments)+len(s.Work.Recoveries)+len(s.Raised) == 0}
	if r.Findings == nil {
		r.Findings = []Finding{}
	}
	r.Actions = append(r.Actions, Plan(s, r.Findings)...)
	if s.Unknown != nil {
		r.Failed = append(r.Failed, fmt.Errorf("look at the sessions of agents: %w", s.Unknown))
	}
	return r
}

// Patrol looks once and does what is to be done. What follows from that in the rows is
// done, too. Its error says why it could not look; what failed of the actions is in the
// Report.
func (w *Witness) Patrol(ctx context.Context) (Report, error) {
	s, err := w.gather(ctx)
	if err != nil {
		return Report{}, err
	}
	planned := report(s)
	done := Report{Findings: planned.Findings, Actions: []Action{}, Failed: planned.Failed, Idle: planned.Idle}
	w.watch(ctx, s, planned, &done)
	w.carryOut(ctx, planned.Actions, &done)
	if len(done.Actions) == 0 || ctx.Err() != nil {
		return done, ctx.Err()
	}
	// What was given back waits for another worker as soon as the ledger knows.
	if s, err = w.rows(ctx); err != nil {
		return done, err
	}
	s.Unknown = errRowsOnly
	w.carryOut(ctx, Plan(s, nil), &done)
	return done, ctx.Err()
}

var errRowsOnly = errors.New("only the rows were read")
