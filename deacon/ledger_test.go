package deacon

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/layout"
)

// ledger opens the ledger as a command does, beside the Deacon.
func (p *place) ledger() *ledger.Store {
	p.t.Helper()
	cfg, err := config.Load(p.layout.Config())
	if err != nil {
		p.t.Fatal(err)
	}
	s, err := ledger.Open(context.Background(), p.database(cfg, layout.Ledger), cfg.Stores[layout.Ledger])
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = s.Close() })
	return s
}

// ledger is a view of the ledger that the Deacon has open, valid until the test
// ends or the planes are lent.
func (r *active) ledger() *ledger.Store {
	r.t.Helper()
	s, release, ok := r.Ledger(context.Background())
	if !ok {
		r.t.Fatalf("the Deacon does not have the ledger: %s", r.log)
	}
	defer release() // the store stays open until a lease, a reload or the end
	return s.As(ledger.Session{Actor: ada})
}

func made(t *testing.T, s *ledger.Store, list ...ledger.NewBead) []town.Bead {
	t.Helper()
	all, err := s.Create(t.Context(), list)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func titled(title string) ledger.NewBead {
	return ledger.NewBead{Bead: town.Bead{Title: title}, Prefix: "gt"}
}

// full has beads with every field set, and beads with none.
const full = `{"id":"gt-full","title":"é <b> \"quoted\" \\ufffe","description":"d\n\t&","design":"e","acceptance_criteria":"f","notes":"g",` +
	`"status":"closed","priority":0,"issue_type":"bug","assignee":"ada","owner":"bob","estimated_minutes":0,"created_at":"2026-01-02T03:04:05.678901Z",` +
	`"created_by":"eve","updated_at":"2026-01-03T03:04:05Z","closed_at":"2026-01-03T03:04:05Z","close_reason":"done","due_at":"2027-01-01T00:00:00Z",` +
	`"defer_until":"2026-01-01T00:00:00Z","external_ref":"x-1","labels":["b","a"],"dependencies":[{"issue_id":"gt-full","depends_on_id":"gt-bare","type":"blocks"},` +
	`{"issue_id":"gt-full","depends_on_id":"gt-nowhere","type":"related"}],"comments":[{"id":"c1","issue_id":"gt-full","author":"ada","text":"<said>","created_at":"2026-01-02T00:00:00Z"}],` +
	`"special":{"a":[1,null,"<x>"],"b":{}}}
{"id":"gt-bare","title":"bare","created_at":"2026-01-01T00:00:00Z","priority":2}
{"id":"gt-child","title":"waits","created_at":"2026-01-01T00:00:00Z","dependencies":[{"issue_id":"gt-child","depends_on_id":"gt-bare","type":"blocks"}]}
`

// The Deacon's ledger returns the same as a ledger opened beside it, to the last
// field. The second read is answered from memory.
func TestTheDeaconsLedger(t *testing.T) {
	p := found(t)
	r := p.mustStart()
	defer r.end()
	s := p.ledger()
	if _, err := s.Import(t.Context(), strings.NewReader(full), ledger.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	type answers struct {
		details       []ledger.Detail
		items, ready  []ledger.Item
		blocked       []ledger.Waiting
		stats         ledger.Stats
		picked, short []ledger.Detail
		parts         []ledger.Item
	}
	ask := func(from interface {
		Get(context.Context, []string, ledger.Fields) ([]ledger.Detail, error)
		List(context.Context, ledger.Filter, func(ledger.Item) error) error
		Ready(context.Context, ledger.Filter, func(ledger.Item) error) error
		Blocked(context.Context, ledger.Filter) ([]ledger.Waiting, error)
		Stats(context.Context) (ledger.Stats, error)
	}) (a answers) {
		t.Helper()
		var errs [8]error
		a.details, errs[0] = from.Get(t.Context(), []string{"gt-full", "gt-bare", "gt-full"}, nil)
		errs[1] = from.List(t.Context(), ledger.Filter{Limit: 10}, ledger.Collect(&a.items))
		errs[2] = from.Ready(t.Context(), ledger.Filter{Limit: 10}, ledger.Collect(&a.ready))
		a.blocked, errs[3] = from.Blocked(t.Context(), ledger.Filter{Limit: 10})
		a.stats, errs[4] = from.Stats(t.Context())
		a.picked, errs[5] = from.Get(t.Context(), []string{"gt-full"}, ledger.Fields{"title", "comments", "dependency_count"})
		a.short, errs[6] = from.Get(t.Context(), []string{"bar", "gt-f"}, ledger.Fields{"id"})
		errs[7] = from.List(t.Context(), ledger.Filter{
			Text: "É", Limit: 1, Created: ledger.Span{From: time.Date(2026, 1, 2, 0, 0, 0, 0, time.FixedZone("", 3600))},
			Statuses: []town.Status{town.StatusClosed}, Priorities: []int{0}, Labels: []string{"a"}, Fields: ledger.Fields{},
		}, ledger.Collect(&a.parts))
		if err := errors.Join(errs[:]...); err != nil {
			t.Fatal(err)
		}
		return a
	}
	want := ask(s)
	if len(want.items) != 3 || len(want.blocked) != 1 || len(want.details[0].Extra) != 1 || len(want.parts) != 1 {
		t.Fatalf("%+v", want)
	}
	for round := range 2 {
		through := r.ledger()
		if got := ask(through); !reflect.DeepEqual(got, want) {
			t.Errorf("round %d:\n%+v\nwant\n%+v", round, got, want)
		}
		// Answers that depend on the time of day expire after a quarter of a
		// minute.
		if n := through.Queries(); round == 1 && n > 3 {
			t.Errorf("round %d: %d queries", round, n)
		}
	}
}

// After a collection, a lease and a reload the answers are still right.
func TestTheLedgerIsReplaced(t *testing.T) {
	p := found(t)
	r := p.mustStart()
	defer r.end()
	s := p.ledger()
	id := made(t, s, titled("before"))[0].ID
	is := func(title string) {
		t.Helper()
		for range 2 {
			got, err := r.ledger().Get(t.Context(), []string{id}, nil)
			if err != nil || got[0].Title != title {
				t.Errorf("%+v, %v", got, err)
			}
		}
	}
	is("before")
	if _, err := r.client.Run(t.Context(), "gc"); err != nil {
		t.Fatal(err)
	}
	is("before")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	release, err := r.client.Lend(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, ok := r.Ledger(t.Context()); ok {
		t.Error("the ledger is open while the planes are lent")
	}
	alone := p.ledger() // opens the directory, because it is not served
	title := "meanwhile"
	if _, err := alone.Update(t.Context(), []ledger.Patch{{ID: id, Title: &title}}); err != nil {
		t.Fatal(err)
	}
	if err := alone.Close(); err != nil {
		t.Fatal(err)
	}
	_ = release()
	until(t, "the planes are served again", func() bool { return r.Status().State == "running" })
	is(title)
	p.configure(func(c *config.Config) { p.set(c, "dolt.max_open_conns", "3") })
	if err := r.client.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	is(title)
}
