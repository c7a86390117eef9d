// Package dispatcher is the part of the Deacon that makes work go on: it gives waiting
// beads to polecats, starts and ends their sessions, and lets the ledger follow. A
// pass comes every half minute, and at once after an event about work. Without a
// Deacon the commands run the same passes.
package dispatcher

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"gastown/deacon/part"
	"gastown/deacon/schedule"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/feed"
	"gastown/town/polecat"
	"gastown/town/queue"
)

const (
	// job is the name of the job.
	job = "dispatch"
	// glance is the pause between two passes while sessions start.
	glance = time.Second
)

// Workers returns the controller and the dispatcher for a configuration. The
// functions open the planes while they run.
type Workers func(cfg *config.Config, rows operational.Access, beads ledger.Access) (*polecat.Controller, queue.Dispatcher, error)

// Host is what the part needs of the Deacon.
type Host interface {
	Config() *config.Config
	Log() logrus.FieldLogger
	Feed() *feed.Feed
	Operational(context.Context, func(*operational.Store) error) error
	Ledger(context.Context, func(*ledger.Store) error) error
	Workers() Workers
	StartJob(name string) error
}

// Part implements the interfaces of package part that the assertions below name.
type Part struct {
	*part.Waker
	host Host
}

var (
	_ part.Starter   = (*Part)(nil)
	_ part.Stopper   = (*Part)(nil)
	_ part.Paused    = (*Part)(nil)
	_ part.Scheduled = (*Part)(nil)
)

// New returns the part.
func New(h Host) *Part {
	return &Part{host: h, Waker: part.NewWaker(h, job, wakes)}
}

// Name implements part.Part.
func (p *Part) Name() string { return "dispatcher" }

// Jobs implements part.Scheduled.
func (p *Part) Jobs(*config.Config) []schedule.Job {
	return []schedule.Job{{
		Name: job, Help: "assign what waits, start and end sessions", Schedule: "@every 30s", Deadline: 10 * time.Minute,
		Overlap: schedule.Follow, Run: p.run,
	}}
}

// run is one run of the job: passes, until no session starts any more.
func (p *Part) run(ctx context.Context) (note string, err error) {
	c, d, err := p.host.Workers()(p.host.Config(), p.host.Operational, p.host.Ledger)
	if err != nil || len(d.Rigs) == 0 {
		return "", err
	}
	assigned, did := 0, 0
	for {
		made, err := d.Pass(ctx)
		assigned += len(made)
		if err != nil {
			return "", err
		}
		done, err := c.Pass(ctx)
		did += len(done.Actions)
		if err = errors.Join(done.Err(), err); err != nil {
			return "", err
		}
		if again, err := p.starting(ctx); err != nil || !again {
			return summary(assigned, did), err
		}
		select {
		case <-ctx.Done():
			return summary(assigned, did), ctx.Err()
		case <-time.After(glance):
		}
	}
}

// starting reports whether an agent is on its way to its work, and not stalled.
func (p *Part) starting(ctx context.Context) (again bool, err error) {
	err = p.host.Operational(ctx, func(s *operational.Store) error {
		w, err := s.Work(ctx)
		for _, a := range w.Assignments {
			who, _ := w.Agent(a.Agent)
			again = again || a.State == town.Assigned && who.State == town.AgentWorking
		}
		return err
	})
	return again, err
}

func summary(assigned, did int) string {
	if assigned+did == 0 {
		return ""
	}
	return fmt.Sprintf("%d assigned, %d action(s)", assigned, did)
}

// wakes reports whether an event may mean that there is something to do.
func wakes(kind string) bool {
	return kind == operational.Queued || strings.HasPrefix(kind, operational.AssignmentPrefix) || kind == operational.SessionRenewed
}
