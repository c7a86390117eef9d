package glance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"gastown/planes/doltdb"
	"gastown/planes/doltdb/doltdbtest"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/tmux"
	"gastown/town"
)

func TestMain(m *testing.M) { os.Exit(doltdbtest.Main(m)) }

var noon = time.Date(2031, 3, 10, 12, 0, 0, 0, time.UTC)

// plane makes an operational plane.
func plane(t *testing.T) *operational.Store {
	t.Helper()
	opts := doltdb.Options{
		Dir: filepath.Join(t.TempDir(), "data", "operational"), Actor: town.Actor{Name: "Ada", Email: "ada@example.com"}, Wait: 2 * time.Minute, Command: "test",
	}
	s, err := operational.Create(t.Context(), opts, "3f8d3c1e-6a55-4c7c-9d1c-0c2f5b8f3a12")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// populate gives a Town four rigs and so many polecats, half of them at work and some
// of those in trouble, and returns the sources that read it.
func populate(t *testing.T, s *operational.Store, polecats int) Sources {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	states := []town.AgentState{town.AgentWaiting, town.AgentStalled, town.AgentZombie}
	for n := range polecats {
		a := town.PolecatAddress(fmt.Sprintf("rig%d", n%4), fmt.Sprintf("p%d", n))
		if n%2 == 1 {
			_, err := s.Register(t.Context(), a, noon)
			must(err)
			continue
		}
		got, err := s.Assign(t.Context(), operational.Order{Bead: fmt.Sprintf("gt-%d", n), Agent: a, By: "ada"}, noon)
		must(err)
		must(s.Started(t.Context(), got.Ticket, fmt.Sprintf("s-%d", n), "/x", noon))
		must(s.Working(t.Context(), got.Ticket, "handed over", noon))
		if n%10 == 0 {
			_, err := s.Observe(t.Context(), []operational.Observation{{
				Agent: a, Run: got.Run, From: town.AgentWorking, To: states[n/10%3], Evidence: "a dialog",
			}}, noon.Add(time.Duration(-n)*time.Minute))
			must(err)
		}
	}
	_, err := s.Enqueue(t.Context(), []operational.Waiting{{Bead: "gt-q", Rig: "rig1", By: "ada"}}, 0, noon)
	must(err)
	_, err = s.Register(t.Context(), town.Address{Kind: town.Crew, Rig: "rig2", Name: "ann"}, noon)
	must(err)
	must(s.Record(t.Context(), operational.Batch{Checks: []operational.CheckState{
		{Name: "disk", State: "critical", Figure: "full", Since: noon}, {Name: "dolt", State: "healthy", Since: noon}, {Name: "git", State: "warning", Since: noon},
	}}))
	for _, a := range []operational.Alert{
		{Name: "MailBacklog", Severity: operational.SeverityError, Source: operational.FromRule, Summary: "60 messages"},
		{Name: "check-disk", Severity: operational.SeverityCritical, Source: operational.FromCheck},
	} {
		_, err = s.RaiseAlert(t.Context(), a, noon)
		must(err)
	}
	return Sources{
		Town: "harbour", Root: "/srv/harbour", Now: func() time.Time { return noon.Add(time.Hour) },
		Operational: func(_ context.Context, fn func(*operational.Store) error) error { return fn(s) },
		Rigs:        func(context.Context) ([]string, error) { return []string{"rig0", "rig1", "rig2", "idle"}, nil },
	}
}

// A Town of four rigs is read in as many queries with a hundred polecats as with ten.
func TestCounts(t *testing.T) {
	for _, polecats := range []int{10, 100} {
		src := populate(t, plane(t), polecats)
		s, err := Read(t.Context(), src)
		if err != nil || len(s.Missing) != 0 {
			t.Fatalf("%+v, %v", s.Missing, err)
		}
		if s.Queries["operational"] != 2 {
			t.Errorf("%d queries", s.Queries["operational"])
		}
		total := 0
		for _, r := range s.Rigs {
			for _, n := range r.Polecats {
				total += n
			}
		}
		if total != polecats || s.Polecats[town.AgentIdle] != polecats/2 || len(s.Agents) != polecats+1 || len(s.Rigs) != 5 {
			t.Errorf("%d in rigs, %+v, %d agents, %d rigs", total, s.Polecats, len(s.Agents), len(s.Rigs))
		}
		if i := slices.IndexFunc(s.Rigs, func(r Rig) bool { return r.Name == "rig3" }); !s.Rigs[i].Unknown {
			t.Error("rig3 is not configured, and nothing says so")
		}
		if r := s.Rigs[slices.IndexFunc(s.Rigs, func(r Rig) bool { return r.Name == "rig1" })]; r.Queued != 1 || r.Unknown {
			t.Errorf("%+v", r)
		}
		if len(s.Alerts) != 3 || s.Alerts[0].Name != "disk" || s.Alerts[1].Name != "MailBacklog" || s.Alerts[1].Next != "gt alert show "+s.Alerts[1].ID[:8] || s.Alerts[2].Name != "git" {
			t.Errorf("%+v", s.Alerts)
		}
		troubled := s.Troubled()
		if len(troubled) != polecats/10 || troubled[0].Since.After(troubled[len(troubled)-1].Since) {
			t.Errorf("%+v", troubled)
		}
	}
}

// A part that cannot be read, or that hangs, does not hide the others.
func TestMissingParts(t *testing.T) {
	broken := errors.New("the table file is damaged")
	hang := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	for name, c := range map[string]struct {
		change func(*Sources)
		parts  []string
		why    string
		busy   bool
	}{
		"operational": {func(s *Sources) {
			s.Operational = func(context.Context, func(*operational.Store) error) error {
				return town.Fail("open it", "wait", "%w: held by gt (pid 7)", town.ErrBusy)
			}
		}, []string{PartWork}, "held by gt (pid 7)", true},
		"ledger": {func(s *Sources) {
			s.Ledger = func(context.Context, func(*ledger.Store) error) error { return broken }
		}, []string{PartBeads, PartMail}, "damaged", false},
		"sessions": {func(s *Sources) {
			s.Sessions = func(ctx context.Context) ([]tmux.Session, error) { return nil, hang(ctx) }
		}, []string{PartSessions}, "took too long", true},
		"federation": {func(s *Sources) {
			s.Federation = func(context.Context) (Federation, error) { return Federation{}, broken }
		}, []string{PartFederation}, "damaged", false},
		"rigs":   {func(s *Sources) { s.Rigs = func(context.Context) ([]string, error) { return nil, broken } }, []string{PartRigs}, "damaged", false},
		"deacon": {func(s *Sources) { s.Deacon = func(context.Context) (Deacon, error) { return Deacon{}, broken } }, []string{PartDeacon}, "damaged", false},
	} {
		t.Run(name, func(t *testing.T) {
			patience := time.Minute
			if name == "sessions" {
				patience = time.Second // they hang
			}
			src := Sources{
				Town: "harbour", Now: func() time.Time { return noon }, Patience: patience,
				Federation: func(context.Context) (Federation, error) { return Federation{Reviews: 3}, nil },
				Sessions:   func(context.Context) ([]tmux.Session, error) { return []tmux.Session{{Name: "x", Clients: 1}}, nil },
			}
			c.change(&src)
			s, err := Read(t.Context(), src)
			if err != nil {
				t.Fatal(err)
			}
			var parts []string
			for _, m := range s.Missing {
				parts = append(parts, m.Part)
				if !strings.Contains(m.Why, c.why) || errors.Is(m.Err, town.ErrBusy) != c.busy {
					t.Errorf("%+v", m)
				}
			}
			if !slices.Equal(parts, c.parts) {
				t.Errorf("missing %q, want %q", parts, c.parts)
			}
			if name != "federation" && (s.Federation == nil || s.Federation.Reviews != 3) || name != "sessions" && !reflect.DeepEqual(s.Sessions, &Sessions{1, 1}) {
				t.Errorf("the others are gone: %+v, %+v", s.Federation, s.Sessions)
			}
		})
	}
}

// What rows and tmux contradict each other in is an alert, once both had time to agree.
func TestSessionsThatNobodyHas(t *testing.T) {
	s := plane(t)
	src := populate(t, s, 10)
	src.Sessions = func(context.Context) ([]tmux.Session, error) {
		return []tmux.Session{
			{Name: "s-0", Created: noon}, {Name: "s-2", Created: noon}, {Name: "theirs\x1b[31m", Created: noon}, {Name: "new", Created: noon.Add(time.Hour)},
		}, nil
	}
	got, err := Read(t.Context(), src)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, a := range got.Alerts {
		if a.Name == "sessions" {
			texts = append(texts, a.Text)
		}
	}
	want := []string{"the session is gone of rig0/polecats/p4, rig0/polecats/p8, rig2/polecats/p6", "no agent has the session theirs\x1b[31m"}
	if !slices.Equal(texts, want) {
		t.Errorf("%q, want %q", texts, want)
	}
}

// BenchmarkRead reads the rows of 100 polecats.
func BenchmarkRead(b *testing.B) {
	dir := b.TempDir()
	s, err := operational.Create(b.Context(), doltdb.Options{
		Dir: filepath.Join(dir, "data", "operational"), Actor: town.Actor{Name: "Ada", Email: "ada@example.com"}, Command: "bench",
	}, "3f8d3c1e-6a55-4c7c-9d1c-0c2f5b8f3a12")
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for n := range 100 {
		if _, err := s.Register(b.Context(), town.PolecatAddress(fmt.Sprintf("rig%d", n%4), fmt.Sprintf("p%d", n)), noon); err != nil {
			b.Fatal(err)
		}
	}
	src := Sources{Now: time.Now, Operational: func(_ context.Context, fn func(*operational.Store) error) error { return fn(s) }}
	for b.Loop() {
		if _, err := Read(b.Context(), src); err != nil {
			b.Fatal(err)
		}
	}
}

// Who seems to be done and does not say so, and whose work is taken away, is told; not what
// patrols saw of a worker's former bead.
func TestTakenAway(t *testing.T) {
	s := plane(t)
	var tickets []town.Ticket
	for _, name := range []string{"nux", "ace", "rex"} {
		a := town.PolecatAddress("web", name)
		got, err := s.Assign(t.Context(), operational.Order{Bead: "web-" + name, Agent: a, By: "ada"}, noon)
		if err == nil {
			err = s.Started(t.Context(), got.Ticket, name, "/x", noon)
		}
		if err == nil {
			err = s.Working(t.Context(), got.Ticket, "handed over", noon)
		}
		if err != nil {
			t.Fatal(err)
		}
		tickets = append(tickets, got.Ticket)
	}
	saw := func(k town.Ticket, verdict string) operational.Watched {
		return operational.Watched{Agent: k.Agent, Run: k.Run, Epoch: k.Epoch, Verdict: verdict, Evidence: "it waits at its prompt", Since: noon, Nudges: 1}
	}
	former := saw(tickets[1], operational.VerdictUnsaid)
	former.Epoch += 100
	if err := s.Watch(t.Context(), []operational.Watched{saw(tickets[0], operational.VerdictUnsaid), former, saw(tickets[2], "healthy")}, nil, noon); err != nil {
		t.Fatal(err)
	}
	if _, err := s.BeginRecovery(t.Context(), tickets[1], "it hangs", noon); err != nil {
		t.Fatal(err)
	}
	src := Sources{Now: func() time.Time { return noon }, Operational: func(_ context.Context, fn func(*operational.Store) error) error { return fn(s) }}
	got, err := Read(t.Context(), src)
	if err != nil || len(got.Missing) != 0 {
		t.Fatalf("%+v, %v", got.Missing, err)
	}
	if len(got.Unsaid) != 1 || got.Unsaid[0].Agent != tickets[0].Agent || got.Unsaid[0].Nudges != 1 || !got.Unsaid[0].Since.Equal(noon) || got.Unsaid[0].Evidence != "it waits at its prompt" {
		t.Errorf("%+v", got.Unsaid)
	}
	if len(got.Recoveries) != 1 || got.Recoveries[0].Agent != tickets[1].Agent || got.Recoveries[0].State != operational.RecoveryBegun {
		t.Errorf("%+v", got.Recoveries)
	}
}
