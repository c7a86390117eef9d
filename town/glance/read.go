package glance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/tmux"
	"gastown/town"
	"gastown/town/convoy"
	"gastown/town/escalate"
	"gastown/town/group"
	"gastown/town/instance"
)

// The parts of a Town, as Missing names them.
const (
	PartWork       = "work"
	PartBeads      = "beads"
	PartMail       = "mail"
	PartConvoys    = "convoys and escalations"
	PartFederation = "federation"
	PartSessions   = "sessions"
	PartRigs       = "rigs"
	PartDeacon     = "deacon"
)

// Sources are where a Town is read. A source that is nil is left out. Each is called
// once, all at the same time, and ends when its context does.
type Sources struct {
	Town, Root string
	Role       instance.Role
	// Now is the clock.
	Now func() time.Time
	// Patience is how long each source has; 0 is as long as the caller's context.
	Patience time.Duration

	Operational operational.Access
	Ledger      ledger.Access
	Federation  func(context.Context) (Federation, error)
	Sessions    func(context.Context) ([]tmux.Session, error)
	// Rigs are the names of those that are configured.
	Rigs   func(context.Context) ([]string, error)
	Deacon func(context.Context) (Deacon, error)
}

// reading is a Snapshot that several sources fill in.
type reading struct {
	mu sync.Mutex
	Snapshot
	// sessions and rigs are nil when they could not be read.
	sessions   []tmux.Session
	rigs       []string
	rigsKnown  bool
	workKnown  bool
	checkState []operational.CheckState
}

// Read reads a Town. It fails only when ctx ends.
func Read(ctx context.Context, src Sources) (Snapshot, error) {
	r := &reading{Snapshot: Snapshot{
		Town: src.Town, Root: src.Root, Role: src.Role, At: src.Now().UTC(), Rigs: []Rig{}, Agents: []operational.Agent{}, Polecats: map[town.AgentState]int{},
		Queue: []operational.Waiting{}, Merges: []operational.MergeRequest{}, Holds: []operational.Hold{}, Alerts: []Alert{}, Queries: map[string]int{},
		Recoveries: []operational.Recovery{}, Unsaid: []operational.Watched{}, Convoys: []Convoy{}, ToSee: []escalate.Escalation{},
	}}
	g := group.New()
	for _, read := range []func(context.Context, Sources){r.readWork, r.readLedger, r.readFederation, r.readSessions, r.readRigs, r.readDeacon} {
		g.Go(func() error {
			soon, cancel := ctx, context.CancelFunc(func() {})
			if src.Patience > 0 {
				soon, cancel = context.WithTimeout(ctx, src.Patience)
			}
			defer cancel()
			read(soon, src)
			return nil
		})
	}
	_ = g.Wait() // what failed is in Missing
	if err := ctx.Err(); err != nil {
		return Snapshot{}, err
	}
	r.conclude()
	return r.Snapshot, nil
}

// fill calls fn, which fills in what a source found, or notes why it did not.
func (r *reading) fill(part string, err error, fn func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		late := errors.Is(err, context.DeadlineExceeded) || errors.Is(err, tmux.ErrDeadline)
		if late && !errors.Is(err, town.ErrBusy) {
			err = fmt.Errorf("%w: %w", town.ErrBusy, err)
		}
		r.Missing = append(r.Missing, Missing{Part: part, Why: why(err), Next: town.Next(err), Err: err})
		return
	}
	fn()
}

func (r *reading) readWork(ctx context.Context, src Sources) {
	if src.Operational == nil {
		return
	}
	var g operational.Glance
	err := src.Operational(ctx, func(s *operational.Store) (err error) {
		g, err = s.Glance(ctx)
		return err
	})
	r.fill(PartWork, err, func() {
		r.workKnown, r.Queries["operational"] = true, g.Queries
		r.Agents, r.Queue, r.Merges = append(r.Agents, g.Agents...), append(r.Queue, g.Queue...), append(r.Merges, g.Merges...)
		r.Holds, r.Recoveries, r.Unsaid = append(r.Holds, g.Holds...), append(r.Recoveries, g.Recoveries...), append(r.Unsaid, g.Unsaid...)
		for _, a := range g.Assignments {
			if !a.State.Open() {
				r.Unsettled++
			}
		}
		r.checkState = g.Checks
		for _, a := range g.Alerts {
			// The others tell of checks, which are listed as such.
			if a.Source == operational.FromRule || a.Source == operational.FromBudget {
				r.Alerts = append(r.Alerts, Alert{ID: a.Fingerprint, Name: a.Name, State: string(a.Severity), Text: a.Summary, Since: a.Since, Next: "gt alert show " + a.Fingerprint[:min(len(a.Fingerprint), 8)]})
			}
		}
		for _, text := range g.Spoilt {
			r.Alerts = append(r.Alerts, Alert{Name: "rows", State: "warning", Text: text})
		}
	})
}

// readLedger reads beads, mail, escalations and convoys in one query each, and the beads
// of convoys in another; in fewer when the ledger has caches.
func (r *reading) readLedger(ctx context.Context, src Sources) {
	if src.Ledger == nil {
		return
	}
	var stats ledger.Stats
	var boxes []ledger.Mailbox
	var mail, convoys error
	var queries int64
	var under []convoy.Convoy
	var raised []escalate.Escalation
	err := src.Ledger(ctx, func(s *ledger.Store) (err error) {
		before := s.Queries()
		defer func() { queries = s.Queries() - before }()
		stats, err = s.Stats(ctx)
		boxes, mail = s.AllUnread(ctx)
		if raised, convoys = escalate.List(ctx, s, false, src.Now()); convoys == nil {
			under, convoys = convoy.Tally(ctx, s)
		}
		return err
	})
	if err != nil && mail == nil && boxes == nil {
		mail = err // nobody looked
	}
	r.fill(PartBeads, err, func() {
		r.Beads = &Beads{
			Total: stats.Total, Open: stats.ByStatus[string(town.StatusOpen)], InProgress: stats.ByStatus[string(town.StatusInProgress)],
			Ready: stats.Ready, Blocked: stats.Blocked,
		}
	})
	if err == nil {
		r.fill(PartConvoys, convoys, func() {
			for _, c := range under {
				r.Convoys = append(r.Convoys, Convoy{c.ID, c.Name, c.Landed, c.Total})
			}
			for _, e := range raised {
				if e.State == escalate.Raised {
					r.ToSee = append(r.ToSee, e)
				}
			}
		})
	}
	r.fill(PartMail, mail, func() {
		r.Queries["ledger"] = int(queries)
		r.Mail = &Mail{}
		for _, b := range boxes {
			r.Mail.Boxes = append(r.Mail.Boxes, Box{b.Recipient, b.Unread, b.Urgent, b.Newest})
			r.Mail.Unread += b.Unread
			r.Mail.Urgent += b.Urgent
		}
	})
}

func (r *reading) readFederation(ctx context.Context, src Sources) {
	if src.Federation == nil {
		return
	}
	f, err := src.Federation(ctx)
	if f.Remotes == nil {
		f.Remotes = []Remote{}
	}
	r.fill(PartFederation, err, func() { r.Federation = &f })
}

func (r *reading) readSessions(ctx context.Context, src Sources) {
	if src.Sessions == nil {
		return
	}
	all, err := src.Sessions(ctx)
	if errors.Is(err, tmux.ErrMissing) {
		err = nil // so there are no sessions; the check tmux tells
	}
	r.fill(PartSessions, err, func() {
		r.Sessions, r.sessions = &Sessions{Count: len(all)}, all
		for _, s := range all {
			if s.Clients > 0 {
				r.Sessions.Attached++
			}
		}
	})
}

func (r *reading) readRigs(ctx context.Context, src Sources) {
	if src.Rigs == nil {
		return
	}
	names, err := src.Rigs(ctx)
	r.fill(PartRigs, err, func() { r.rigs, r.rigsKnown = slices.Clone(names), true })
}

func (r *reading) readDeacon(ctx context.Context, src Sources) {
	if src.Deacon == nil {
		return
	}
	d, err := src.Deacon(ctx)
	r.fill(PartDeacon, err, func() { r.Deacon = &d })
}
