package analysis

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/series"
)

var noon = time.Date(2031, 3, 10, 12, 0, 0, 0, time.UTC)

// fake answers for metrics whose values are functions of the time. A function returns NaN
// while there is no value. Keys are metrics, or "METRIC LABEL VALUE".
type fake map[string]func(time.Time) float64

func (f fake) Range(_ context.Context, expr string, w series.Window) (all []series.Line, err error) {
	inner := expr[strings.LastIndex(expr, "(")+1 : len(expr)-1]
	for name, at := range f {
		words := strings.Split(name, "|")
		if words[0] != inner {
			continue
		}
		l := series.Line{Labels: map[string]string{}}
		if len(words) == 3 {
			l.Labels[words[1]] = words[2]
		}
		for t := w.From; !t.After(w.To); t = t.Add(w.Step) {
			if v := at(t); !math.IsNaN(v) {
				l.Points = append(l.Points, series.Point{At: t, Value: v})
			}
		}
		if len(l.Points) > 0 {
			all = append(all, l)
		}
	}
	return all, nil
}

// since is a value that is there from a time on, and grows each second by rate.
func since(from time.Time, base, rate float64) func(time.Time) float64 {
	return func(t time.Time) float64 {
		if t.Before(from) {
			return math.NaN()
		}
		return base + rate*t.Sub(from).Seconds()
	}
}

func always(v float64) func(time.Time) float64 { return func(time.Time) float64 { return v } }

func setting(key string) string {
	return map[string]string{"dolt.max_open_conns": "25", "dolt.max_idle_conns": "5", "cache.ttl": "300", "cache.memory_size": "256MB",
		"bd.max_concurrent": "10", "monitor.interval": "15s", "sling.max_concurrent": "5", "refinery.parallelism": "3", "refinery.batch_size": "8"}[key]
}

func read(t *testing.T, f fake, kind Type) Facts {
	t.Helper()
	facts, err := Read(t.Context(), f, noon.Add(-24*time.Hour), noon, kind)
	if err != nil {
		t.Fatal(err)
	}
	return facts
}

// Counters count what happened in the range: also those that began in it, and again
// after a restart, but not what they had counted before.
func TestCounters(t *testing.T) {
	boot := noon.Add(-100 * time.Hour)
	f := fake{
		start:                            always(float64(boot.Unix())),
		"gt_sql_seconds_total|shape|old": since(boot, 0, .01),
		"gt_sql_seconds_total|shape|new": since(noon.Add(-6*time.Hour), 5, 0),
		"gt_sql_seconds_total|shape|reset": func(at time.Time) float64 {
			if at.Before(noon.Add(-12 * time.Hour)) {
				return 1000
			}
			return 7
		},
	}
	got := read(t, f, Dolt).counters("gt_sql_seconds_total")
	if v := got["old"]; math.Abs(v-864) > 5 || got["new"] != 5 || got["reset"] != 7 {
		t.Errorf("%v", got)
	}
	// A Deacon that started an hour ago: all that its counters have happened here, and the
	// range is that hour.
	boot = noon.Add(-time.Hour)
	facts := read(t, fake{start: since(boot, float64(boot.Unix()), 0), "gt_sql_seconds_total|shape|x": since(boot, 30, .01)}, Dolt)
	if v := facts.counters("gt_sql_seconds_total")["x"]; math.Abs(v-66) > 1 {
		t.Errorf("%v of 66 s", v)
	}
	if facts.Recorded < 55*time.Minute || facts.Recorded > 65*time.Minute || facts.Step > 20*time.Second {
		t.Errorf("%s in steps of %s", facts.Recorded, facts.Step)
	}
}

func TestHistogram(t *testing.T) {
	boot := noon.Add(-time.Hour)
	bucket := func(n float64) func(time.Time) float64 { return since(boot, n, 0) }
	const name = "gt_polecat_spawn_duration_seconds"
	facts := read(t, fake{start: since(boot, float64(boot.Unix()), 0), name + "_sum": bucket(300),
		name + "_bucket|le|1": bucket(50), name + "_bucket|le|10": bucket(90), name + "_bucket|le|+Inf": bucket(100)}, Polecat)
	h := facts.histogram(name)
	if h == nil || h.Count != 100 || h.Seconds != 300 || h.Median != 1 || h.P95 != 10 {
		t.Fatalf("%+v", h)
	}
	if none := facts.histogram("gt_mail_delivery_duration_seconds"); none != nil {
		t.Errorf("%+v of nothing", none)
	}
}

// has reports whether an advice begins with a command and rests on a figure.
func has(a Analysis, do, figure string) bool {
	for _, one := range a.Advice {
		if strings.HasPrefix(one.Do, do) && strings.Contains(one.Figure, figure) {
			return true
		}
	}
	return false
}

// Each cause of waiting leads to its advice with its figure; a Town that does well gets
// none.
func TestDolt(t *testing.T) {
	boot := noon.Add(-100 * time.Hour)
	sum := func(perHour float64) func(time.Time) float64 { return since(boot, 0, perHour/3600) }
	healthy := func() fake {
		return fake{start: always(float64(boot.Unix())), "dolt_latency": always(.001),
			"gt_sql_seconds_total|shape|SELECT a": sum(10), "gt_sql_runs_total|shape|SELECT a": sum(5000),
			"gt_sql_seconds_total|shape|SELECT b": sum(10), "gt_sql_runs_total|shape|SELECT b": sum(5000),
			"gt_command_seconds_total|command|bd list": sum(20), "gt_commands_total|command|bd list": sum(100)}
	}
	a := Analyze(Dolt, read(t, healthy(), Dolt), Rows{}, setting, noon)
	if len(a.Advice) != 0 || len(a.Missing) != 0 || len(a.Waits) != 0 {
		t.Errorf("a healthy Town: %+v %v %+v", a.Advice, a.Missing, a.Waits)
	}
	if len(a.Costs) != 3 || a.Costs[0].Share != .5 || math.Abs(a.Costs[0].Mean()-.002) > 1e-6 {
		t.Errorf("%+v", a.Costs)
	}
	for _, test := range []struct {
		add        fake
		do, figure string
	}{
		{fake{"gt_dolt_pool_waits_total|plane|ledger": sum(100), "gt_dolt_pool_wait_seconds_total|plane|ledger": sum(2)},
			"gt config dolt.max_open_conns 38", "for a connection, 10 %"},
		{fake{"gt_dolt_pool_closed_total|plane|ledger": sum(1000)}, "gt config dolt.max_idle_conns 10", "one for 10 statements"},
		{fake{"gt_dolt_write_waits_total|plane|ledger": sum(100), "gt_dolt_write_wait_seconds_total|plane|ledger": sum(1),
			"gt_sql_seconds_total|shape|SELECT GET_LOCK(?)": sum(3), "gt_sql_runs_total|shape|SELECT GET_LOCK(?)": sum(100)}, "bd update --batch", "20 %"},
		{fake{"gt_cache_misses_total|level|beads": sum(100), "gt_cache_evictions_total|level|beads": sum(50)}, "gt config cache.memory_size 512MB", "dropped for room"},
		{fake{"gt_cache_misses_total|level|beads": sum(100), "gt_cache_expired_total|level|beads": sum(50)}, "gt config cache.ttl 600", "dropped by age"},
		{fake{"gt_command_wait_seconds_total|program|bd": sum(5)}, "gt config bd.max_concurrent 15", "waited 2 min"},
		{fake{"dolt_latency": always(.03)}, "gt deacon run gc", "30 ms, above 10 ms"},
		{fake{"gt_sql_seconds_total|shape|SELECT c": sum(90), "gt_sql_runs_total|shape|SELECT c": sum(10)}, "look who sends it", `in "SELECT c"`},
	} {
		f := healthy()
		for name, at := range test.add {
			f[name] = at
		}
		a := Analyze(Dolt, read(t, f, Dolt), Rows{}, setting, noon)
		if !has(a, test.do, test.figure) || len(a.Advice) != 1 {
			t.Errorf("want %q because of %q, got %+v", test.do, test.figure, a.Advice)
		}
	}
}

// Without figures nothing is advised from them, and each type says what is missing.
func TestNothing(t *testing.T) {
	for _, kind := range Types {
		a := Analyze(kind, read(t, fake{}, kind), Rows{}, setting, noon)
		if len(a.Missing) == 0 || !strings.Contains(a.Missing[0], "every 15s while it runs") || len(a.Advice)+len(a.Costs)+len(a.Waits)+len(a.Figures) != 0 {
			t.Errorf("%s: %+v", kind, a)
		}
	}
	broken := errors.New("broken")
	if _, err := Read(t.Context(), failing{broken}, noon.Add(-time.Hour), noon, Dolt); !errors.Is(err, broken) {
		t.Error(err)
	}
}

type failing struct{ err error }

func (f failing) Range(context.Context, string, series.Window) ([]series.Line, error) {
	return nil, f.err
}

// Rows of the planes say what waits now, also without figures.
func TestRows(t *testing.T) {
	ago := func(d time.Duration) time.Time { return noon.Add(-d) }
	agent := town.PolecatAddress("web", "nux")
	r := Rows{
		Boxes:  []ledger.Mailbox{{Recipient: "mayor/", Unread: 2, Newest: ago(time.Hour)}, {Recipient: "web/witness", Unread: 60, Newest: ago(time.Minute)}},
		Nudges: operational.NudgeBoard{Open: []operational.Nudge{{Agent: agent, State: operational.NudgeQueued, At: ago(20 * time.Minute)}}},
		Work: operational.Work{
			Queue:       []operational.Waiting{{Bead: "web-1", Rig: "web", At: ago(time.Hour)}, {Bead: "web-2", Rig: "web", At: ago(time.Minute)}},
			Holds:       []operational.Hold{{Rig: "web", Bound: "sling.max_concurrent", Why: "5 of 5 start", Since: ago(time.Hour)}},
			Agents:      []operational.Agent{{Address: agent, State: town.AgentStalled, Since: ago(time.Minute)}},
			Assignments: []operational.Assignment{{At: ago(time.Minute), Trouble: &operational.StartTrouble{Reason: "no tmux"}}},
		},
		Tests:      []operational.TestResult{{Rig: "web", Check: "test", Took: 20 * time.Minute, At: ago(time.Hour), Doubts: 1}},
		Refineries: map[string]operational.Refinery{"web": {Rig: "web", Paused: true, By: "ada", Reason: "release", Changed: ago(time.Hour)}},
	}
	for i := range 6 {
		r.Merges = append(r.Merges, operational.MergeRequest{State: operational.MergeLanded, At: ago(3 * time.Hour), Changed: ago(time.Hour), Tries: 1 + i%4})
	}
	r.Merges = append(r.Merges, operational.MergeRequest{State: operational.MergeHeld, At: ago(2 * time.Hour)})
	for _, test := range []struct {
		kind       Type
		do, figure string
	}{
		{Mail, "gt mail inbox web/witness", "62 messages are unread, above 50; 60 of them"},
		{Mail, "gt agents", "the oldest for 20 min"},
		{Polecat, "gt config sling.max_concurrent 8", "2 beads of web wait for a worker, held for 60 min: 5 of 5 start"},
		{Polecat, "gt polecat list", "1 assignment could not begin: no tmux"},
		{Polecat, "gt witness status", "1 polecat does not get on"},
		{Refinery, "gt refinery test --parallel --cache", "the check test of web took 20 min"},
		{Refinery, "gt refinery resume --rig web", "paused by ada 60 min ago: release"},
		{Refinery, "gt refinery status", "to landing is 2.0 h over 6 requests"},
		{Refinery, "gt refinery status", "1 merge request is held"},
		{Refinery, "a smaller refinery.batch_size", "tested 2.2 times (refinery.batch_size is 8)"},
	} {
		if a := Analyze(test.kind, read(t, fake{}, test.kind), r, setting, noon); !has(a, test.do, test.figure) {
			t.Errorf("%s: want %q because of %q, got %+v", test.kind, test.do, test.figure, a.Advice)
		}
	}
	a := Analyze(Polecat, read(t, fake{}, Polecat), r, setting, noon)
	if w := a.Waits[0]; w.Cause != "sling.max_concurrent" || w.Count != 2 || w.Seconds != 3600 || !w.Now {
		t.Errorf("%+v", a.Waits)
	}
}

func TestSeconds(t *testing.T) {
	got := ""
	for _, s := range []float64{0, 2e-5, .0123, 1, 119, 600, 10000, 400000} {
		got += fmt.Sprint(Seconds(s), ", ")
	}
	if want := "0 s, 20 us, 12.3 ms, 1 s, 119 s, 10 min, 2.8 h, 4.6 days, "; got != want {
		t.Error(got)
	}
}
