package spending

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/sirupsen/logrus"

	"gastown/planes/doltdb"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/spending"
	"gastown/town/spending/gather"
)

// host stands in for the Deacon, with a real plane.
type host struct {
	*testing.T
	s      *operational.Store
	now    time.Time
	limits spending.Limits
	prices string
	last   spending.Prices
	opened int
	home   string
}

func (h *host) Config() *config.Config { return config.New("alpha") }
func (h *host) Now() time.Time         { return h.now }
func (h *host) Log() logrus.FieldLogger {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return log
}

func (h *host) Operational(_ context.Context, fn func(*operational.Store) error) error {
	h.opened++
	return fn(h.s)
}

func (h *host) Spending() Spending {
	return func(_ *config.Config, rows operational.Access) (Means, error) {
		return Means{
			Limits: h.limits, Prices: func() (spending.Prices, error) {
				p, err := spending.ParsePrices([]byte(h.prices))
				if err == nil {
					h.last = p
				}
				return h.last, err
			},
			Gatherer: &gather.Gatherer{
				Folders: gather.Folders([]string{"HOME=" + h.home}), Root: "/town", Rigs: "/town/rigs", Mayor: "/town/mayor", Now: h.Now,
				Rows: func(ctx context.Context, fn func(gather.Store) error) error {
					return rows(ctx, func(s *operational.Store) error { return fn(s) })
				},
			},
		}, nil
	}
}

// firing are the alerts that fire, by name and summary.
func (h *host) firing() (all []string) {
	h.Helper()
	list, err := h.s.Alerts(h.Context(), time.Time{})
	if err != nil {
		h.Fatal(err)
	}
	for _, a := range list {
		all = append(all, string(a.Severity)+" "+a.Name+": "+a.Summary)
	}
	slices.Sort(all)
	return all
}

// What an agent's program writes is counted, and budgets warn, are reached, and are free
// again on the next day.
func TestPart(t *testing.T) {
	dir := t.TempDir()
	s, err := operational.Create(t.Context(), doltdb.Options{Dir: filepath.Join(dir, "operational"), Home: filepath.Join(dir, "home"), Wait: time.Minute, Command: "test",
		Actor: town.Actor{Name: "ada", Email: "ada@example.com"}}, "3f8d3c1e-6a55-4c7c-9d1c-0c2f5b8f3a12")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	h := &host{T: t, s: s, home: dir, now: time.Date(2026, 11, 29, 14, 0, 0, 0, time.UTC), prices: "prices: [{model: stub, input: 1000, output: 0, cache_read: 0, cache_write: 0}]"}
	if _, err := s.Assign(t.Context(), operational.Order{Bead: "web-a1", Agent: town.PolecatAddress("web", "nux")}, h.now.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	p := New(h)
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(p.Metrics()...)
	run := func(want string) {
		t.Helper()
		if note, err := p.run(t.Context()); err != nil || note != want {
			t.Errorf("%q, %v; want %q", note, err, want)
		}
	}
	firing := func(want ...string) {
		t.Helper()
		if got := h.firing(); !slices.Equal(got, want) {
			t.Errorf("%q fire, want %q", got, want)
		}
	}
	run("")
	opened := h.opened
	run("")
	if h.opened != opened {
		t.Error("a pass without a change opened the plane")
	}
	text, err := os.ReadFile("../../town/spending/testdata/claude.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, ".claude/projects/-town-rigs-web-polecats-nux/s.jsonl")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	run("3 message(s) in 1 transcript(s)")
	run("")
	firing()
	sums, err := s.Spending(t.Context(), "")
	if err != nil || len(sums) != 1 || sums[0].Bead != "web-a1" || sums[0].Input != 3006 || sums[0].Messages != 3 {
		t.Errorf("%+v, %v", sums, err)
	}
	err = testutil.GatherAndCompare(registry, strings.NewReader(`# HELP gt_spent_dollars_total What agents spent in US dollars, of models with a known price.
# TYPE gt_spent_dollars_total counter
gt_spent_dollars_total{model="stub",rig="web"} 3.006
# HELP gt_spent_messages_total Answers of models that agents got.
# TYPE gt_spent_messages_total counter
gt_spent_messages_total{model="stub",rig="web"} 3
`), "gt_spent_dollars_total", "gt_spent_messages_total")
	if err != nil {
		t.Error(err)
	}
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
		t.Error(problems, err)
	}
	// Three dollars were spent.
	h.limits = spending.Limits{Bead: spending.Limit{Dollars: 3}, Rig: spending.Limit{Dollars: 3.5, Period: spending.PerDay}, Town: spending.Limit{Dollars: 100}}
	p.Reload(nil, nil)
	run("")
	firing("error budget_reached: web-a1 spent $3.01 of its budget of $3.00; no new work starts under it",
		"warning budget_warning: rig web spent $3.01 of its budget of $3.50 a day")
	h.now = h.now.Add(24 * time.Hour)
	run("")
	firing("error budget_reached: web-a1 spent $3.01 of its budget of $3.00; no new work starts under it")
	h.prices = "prices: []"
	h.now = h.now.Add(judgeEvery)
	run("")
	firing("warning budget_price_unknown: no price is known for 1 model(s), such as stub, so budgets leave them out; add them to config/prices.yaml")
	// The last prices that could be read stay in force, which is one alert.
	h.prices = "prices: [{model: stub, input: 1000, output: 0, cache_read: 0, cache_write: 0}]"
	h.now = h.now.Add(judgeEvery)
	run("")
	h.prices = "prices: x"
	h.now = h.now.Add(judgeEvery)
	run("")
	if got := h.firing(); len(got) != 2 || !strings.HasPrefix(got[0], "error budget_reached: web-a1") ||
		!strings.HasPrefix(got[1], "warning budget_prices_unreadable: budgets go by the prices that could be read last") || !strings.Contains(got[1], "line 1") {
		t.Errorf("%q fire", got)
	}
	h.limits = spending.Limits{}
	p.Reload(nil, nil)
	if _, err := p.run(t.Context()); err == nil {
		t.Error("without a budget nothing says that prices cannot be read")
	}
	h.prices = ""
	p.Reload(nil, nil)
	run("")
	firing()
}
