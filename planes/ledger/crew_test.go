package ledger

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gastown/town"
)

// record has the crew work anew and writes down what it did.
var record = flag.Bool("ledger.record", false, "record testdata/crew.txt anew: what a crew asks of the ledger")

var crewFile = filepath.Join("testdata", "crew.txt")

// A crew's session: its length, the number of agents, and how often each kind of
// reader asks. A bead takes an agent most of an hour, and four commands write: it
// claims the bead, notes its plan, reports its findings, and closes it. The readers
// are those of a real Town: a status line in every session, patrols of the
// supervisors, and a person's dashboard.
const (
	crewTime     = 10 * time.Minute
	crewAgents   = 8
	crewBeads    = 40
	statusEvery  = 5 * time.Second
	patrolEvery  = 30 * time.Second
	watchedEvery = 5 * time.Second
	stepEvery    = 15 * time.Minute // of an agent's work, on average
)

// crewBegan is when the session was, so that a replay asks the same questions.
var crewBegan = time.Date(2026, 5, 1, 9, 0, 0, 0, time.UTC)

// command is one line of a recording: who ran what on what, and when.
type command struct {
	at   time.Duration
	who  string
	what string
	arg  string
}

func (c command) String() string {
	return strings.TrimSpace(fmt.Sprintf("%d %s %s %s", c.at.Milliseconds(), c.who, c.what, c.arg))
}

// reads are commands that change nothing.
var crewReads = []string{"ready", "show", "list", "search", "stats", "blocked"}

// run does to the ledger what the command does, and returns the ids it listed.
func (c command) run(ctx context.Context, s *Store) (ids []string, err error) {
	var items []Item
	page := Filter{Limit: UsualLimit + 1, Not: []town.Status{town.StatusClosed}}
	switch c.what {
	case "ready":
		err = s.Ready(ctx, Filter{Limit: UsualLimit + 1}, Collect(&items))
	case "show":
		_, err = s.Get(ctx, strings.Split(c.arg, ","), nil)
	case "list":
		switch kind, value, _ := strings.Cut(c.arg, "="); kind {
		case "status":
			page.Statuses, page.Not = []town.Status{town.Status(value)}, nil
		case "assignee":
			page.Assignees = []string{value}
		case "label":
			page.Labels = []string{value}
		}
		err = s.List(ctx, page, Collect(&items))
	case "search":
		page.Text = c.arg
		err = s.List(ctx, page, Collect(&items))
	case "stats":
		_, err = s.Stats(ctx)
	case "blocked":
		_, err = s.Blocked(ctx, page)
	case "claim":
		by, started := c.who, town.StatusInProgress
		_, err = s.Update(ctx, []Patch{{ID: c.arg, Assignee: &by, Status: &started}})
	case "note":
		text := "The plan of " + c.who
		_, err = s.Update(ctx, []Patch{{ID: c.arg, AppendNotes: &text, AddLabels: []string{"planned"}}})
	case "comment":
		_, err = s.Comment(ctx, c.arg, "Found by "+c.who+" at "+c.at.String())
	case "close":
		_, err = closeBeads(ctx, s, []string{c.arg}, "done")
	default:
		err = fmt.Errorf("no command %q", c.what)
	}
	for _, i := range items {
		ids = append(ids, i.ID)
	}
	if err != nil {
		return nil, fmt.Errorf("%v: %w", c, err)
	}
	return ids, nil
}

// crewLedger makes the ledger the crew finds: every agent has a bead, and some of
// the others wait for each other.
func crewLedger(t *testing.T) *Store {
	t.Helper()
	s := newLedger(t)
	var list []NewBead
	for i := range crewBeads {
		n := titled(fmt.Sprintf("bead %d of the crew", i))
		n.ID, n.Priority, n.Description = crewBead(i), i%5, strings.Repeat("what is to be done\n", 20)
		if i < crewAgents {
			n.Assignee, n.Status = fmt.Sprintf("agent%d", i), town.StatusInProgress
		} else if i%4 == 3 {
			n.Dependencies = []town.Dependency{{Target: crewBead(i - 1), Type: town.DepBlocks}}
		}
		list = append(list, n)
	}
	create(t, s, list...)
	return s
}

func crewBead(i int) string { return fmt.Sprintf("gt-crew%d", i) }

// actor is one member of the crew: it acts, and returns when it will act again.
type actor struct {
	next time.Duration
	act  func(now time.Duration) (pause time.Duration)
}

// crew works on a ledger; what it does goes through do.
func crew(do func(who, what, arg string) []string) []*actor {
	draw := rand.New(rand.NewPCG(1, 2))
	about := func(d time.Duration) time.Duration { return d/2 + time.Duration(draw.Int64N(int64(d))) }
	var all []*actor
	join := func(first time.Duration, act func(time.Duration) time.Duration) {
		all = append(all, &actor{about(first), act})
	}
	holds := make([]string, crewAgents)
	for i := range crewAgents {
		who := fmt.Sprintf("agent%d", i)
		// They are at different steps of their work when the session begins.
		holds[i] = crewBead(i)
		step := i % 3
		join(time.Duration(i+1)*stepEvery/crewAgents, func(time.Duration) time.Duration {
			if holds[i] == "" {
				free := do(who, "ready", "")
				free = slices.DeleteFunc(free, func(id string) bool { return slices.Contains(holds, id) })
				if len(free) == 0 {
					return about(patrolEvery)
				}
				do(who, "show", free[0])
				do(who, "claim", free[0])
				holds[i], step = free[0], 0
				return about(stepEvery)
			}
			do(who, "show", holds[i])
			switch step++; step {
			case 1:
				do(who, "note", holds[i])
			case 2:
				do(who, "search", "bead")
				do(who, "comment", holds[i])
			default:
				do(who, "close", holds[i])
				holds[i] = ""
				return statusEvery // and then looks for another
			}
			return about(stepEvery)
		})
		join(statusEvery, func(time.Duration) time.Duration { // its status line
			if holds[i] == "" {
				do(who, "ready", "")
			} else {
				do(who, "show", holds[i])
			}
			return statusEvery
		})
	}
	for _, who := range []string{"mayor", "deacon", "witness", "refinery"} { // theirs
		join(statusEvery, func(time.Duration) time.Duration {
			do(who, "list", "status=in_progress")
			return statusEvery
		})
	}
	join(patrolEvery, func(time.Duration) time.Duration {
		do("mayor", "ready", "")
		do("mayor", "stats", "")
		do("mayor", "blocked", "")
		return patrolEvery
	})
	join(patrolEvery, func(time.Duration) time.Duration {
		if ids := do("witness", "list", "status=in_progress"); len(ids) > 0 {
			do("witness", "show", strings.Join(ids, ","))
		}
		return patrolEvery
	})
	join(patrolEvery, func(time.Duration) time.Duration {
		do("refinery", "list", "label=planned")
		return patrolEvery
	})
	join(watchedEvery, func(time.Duration) time.Duration { // a person's dashboard
		do("person", "list", "")
		do("person", "list", "status=in_progress")
		do("person", "stats", "")
		return watchedEvery
	})
	join(2*time.Minute, func(time.Duration) time.Duration {
		do("person", "search", "crew")
		return about(2 * time.Minute)
	})
	return all
}
