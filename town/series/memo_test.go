package series

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Which expressions are remembered, what they name, and how far back they read.
func TestMemo(t *testing.T) {
	for expr, want := range map[string]string{
		"polecat_count > 30":                       "[polecat_count] 0s",
		`{__name__="a", rig!=""} * on(rig) a + b`:  "[a b] 0s",
		"sum by (rig) (rate(a_total[15m])) / 2":    "[a_total] 15m0s",
		"max_over_time(a[5m]) > rate(b[1h])":       "[a b] 1h0m0s",
		"histogram_quantile(0.9, rate(a[1m])) > 1": "[a] 1m0s",
		"vector(1) > 0":                            "[] 0s",
		"absent(a)":                                "[a] 0s",
		// The answer of these may change although the series do not.
		"time() - a > 60": "", "timestamp(a) > 1": "", "hour() > 20": "", "a offset 5m > 1": "", "a @ 100 > 1": "", "rate(a[1m] @ end())": "",
		"max_over_time(a[1h:1m])": "", "count_over_time(a[5m]) < 3": "", "rate(a[2h])": "", `{rig="web"} > 1`: "", `{__name__=~"a|b"} > 1`: "", "a and hour() > 20": "",
	} {
		parsed, err := promqlParser.ParseExpr(expr)
		if err != nil {
			t.Fatalf("%s: %v", expr, err)
		}
		got := ""
		if m := newMemo(parsed); m != nil {
			got = fmt.Sprintf("%v %s", m.names, m.back)
		}
		if got != want {
			t.Errorf("%s: %q, want %q", expr, got, want)
		}
	}
}

// While a Town rests no rule is evaluated, and of the rules only those that read what changes.
func TestJudgeRests(t *testing.T) {
	b := newBench(t)
	for _, f := range []string{"polecat_count", "polecat_stuck", "merge_queue_depth", "mail_backlog"} {
		b.figure(f).Set(1)
	}
	latency := b.figure("dolt_latency")
	latency.Set(.001)
	j := b.judge(string(DefaultRules))
	b.judgeFor(j, 21*time.Minute) // until the rates of the last 15 minutes rest, too
	for range 8 {
		if v := b.judgeFor(j, 15*time.Second); v.Asked != 0 || len(v.Firing) > 0 || !v.Sure {
			t.Errorf("at rest: %+v", v)
		}
	}
	latency.Set(.002)
	if v := b.judgeFor(j, 15*time.Second); v.Asked != 3 {
		t.Errorf("after a change that three rules read %d were evaluated", v.Asked)
	}
	if v := b.judgeFor(j, 15*time.Second); v.Asked != 0 {
		t.Errorf("a round later %d were evaluated", v.Asked)
	}
	latency.Set(.02)
	if v := b.judgeFor(j, 90*time.Second); names(v) != "DoltSlow warning" {
		t.Errorf("%+v", v)
	}
	// Another process, soon after: what it finds may be about to end.
	if err := b.Stop(); err != nil {
		t.Fatal(err)
	}
	b.Store = b.another()
	b.Start()
	t.Cleanup(func() { _ = b.Stop() })
	j = b.judge(string(DefaultRules))
	if v := b.judgeFor(j, time.Minute); v.Asked == 0 || names(v) != "DoltSlow warning" {
		t.Errorf("after a restart: %+v", v)
	}
}

// Two groups with different intervals that ask the same do not end each other's series: what
// the slow one recorded ends when its own turn comes.
func TestJudgeAsksForEachGroup(t *testing.T) {
	b := newBench(t)
	stuck := b.figure("polecat_stuck")
	stuck.Set(5)
	j := b.judge(`groups:
  - name: fast
    rules:
      - {alert: Fast, expr: 'polecat_stuck > 1'}
  - name: slow
    interval: 1m
    rules:
      - {record: stuck_now, expr: 'polecat_stuck > 1'}
  - name: slower
    rules:
      - {alert: Slow, expr: 'stuck_now > 1'}
`)
	if v := b.judgeFor(j, 5*time.Minute); names(v) != "Fast warning, Slow warning" {
		t.Fatalf("%+v", v)
	}
	stuck.Set(0)
	if v := b.judgeFor(j, 2*time.Minute); names(v) != "" {
		t.Errorf("two minutes after the cause ended: %+v", v)
	}
}

const steadyRules = `groups:
  - name: first
    rules:
      - {alert: Late, expr: 'twice > 2', keep_firing_for: 30s}
  - name: second
    rules:
      - {record: twice, expr: '2 * max by (rig) (polecat_stuck) > 0'}
      - {alert: High, expr: 'polecat_stuck > 1', for: 30s, labels: {rank: '{{ $value }}'}}
      - {alert: Both, expr: 'polecat_stuck > 0 and on(rig) twice > 2'}
      - {alert: None, expr: 'absent(polecat_stuck)'}
      - {alert: Moved, expr: 'sum by (rig) (rate(polecat_stuck[1m])) > 0'}
      - {alert: Peak, expr: 'max_over_time(polecat_stuck[2m]) > 1'}
      - {alert: Ended, expr: 'polecat_stuck > 5', keep_firing_for: 1m}
      - {alert: Severe, expr: 'ALERTS{alertname="High"} > 0', labels: {severity: critical}}
  - name: third
    interval: 1m
    rules:
      - {record: stuck_now, expr: 'polecat_stuck > 1'}
  - name: fourth
    rules:
      - {alert: StuckNow, expr: 'stuck_now > 1'}
`

// A Judge that remembers answers says at every moment what one says that does not, whatever
// series begin, change and end, and however often the Deacon is started anew.
func TestJudgeRemembersRightly(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		both := [2]*bench{newBench(t), newBench(t)}
		defer func() {
			for _, b := range both {
				_ = b.Stop()
			}
		}()
		judge := func(i int) *Judge {
			j := both[i].judge(steadyRules)
			if i == 1 {
				j.memos = nil
				for _, g := range j.groups {
					clear(g.memos)
				}
			}
			return j
		}
		judges := [2]*Judge{judge(0), judge(1)}
		for range rapid.IntRange(5, 40).Draw(r, "rounds") {
			rig := rapid.SampledFrom([]string{"web", "api"}).Draw(r, "rig")
			value := float64(rapid.IntRange(0, 8).Draw(r, "value"))
			quiet := rapid.IntRange(1, 14).Draw(r, "quiet")
			deed := rapid.SampledFrom([]string{"set", "set", "end", "nothing", "restart"}).Draw(r, "deed")
			for i, b := range both {
				switch deed {
				case "set":
					b.gauge.WithLabelValues(rig).Set(value)
				case "end":
					b.gauge.DeleteLabelValues(rig)
				case "restart":
					if err := b.Stop(); err != nil {
						r.Fatal(err)
					}
					b.Store = b.another()
					b.Start()
					judges[i] = judge(i)
				}
			}
			for range quiet {
				var said [2]Verdict
				var lines [2][]string
				for i, b := range both {
					b.rounds(1)
					said[i] = judges[i].Judge(b.Context(), b.clock.Now())
					said[i].Asked = 0
					all, err := b.At(b.Context(), `{__name__=~"twice|ALERTS|ALERTS_FOR_STATE"}`, b.clock.Now())
					if err != nil {
						r.Fatal(err)
					}
					for _, l := range all {
						lines[i] = append(lines[i], fmt.Sprint(l))
					}
					slices.Sort(lines[i])
				}
				if !reflect.DeepEqual(said[0], said[1]) || !slices.Equal(lines[0], lines[1]) {
					r.Fatalf("after %s: %+v, %q\nwithout memory: %+v, %q", deed, said[0], lines[0], said[1], lines[1])
				}
			}
		}
	})
}

// What a rule recorded ends also when the rule goes with a new text of the rules: who reads it
// says so then, and not only after the next change.
func TestJudgeForgetsRulesThatWent(t *testing.T) {
	b := newBench(t)
	b.gauge.WithLabelValues("web").Set(2)
	const reader = `groups:
  - name: reader
    rules: [{alert: Late, expr: 'twice > 2'}]
`
	j := b.judge(reader + `  - name: writer
    rules: [{record: twice, expr: '2 * polecat_stuck'}]
`)
	if v := b.judgeFor(j, 10*time.Minute); names(v) != "Late warning" {
		t.Fatalf("%+v", v)
	}
	if err := j.Load([]byte(reader)); err != nil {
		t.Fatal(err)
	}
	if v := b.judgeFor(j, 6*time.Minute); names(v) != "" {
		t.Errorf("what nobody records any more: %+v", v)
	}
	b.judgeFor(j, 5*time.Minute)
	if v := b.judgeFor(j, 15*time.Second); v.Asked != 0 {
		t.Errorf("at rest %d were evaluated", v.Asked)
	}
}

// After a time without figures windows have too few samples for a while. What is said of them
// then is not remembered.
func TestJudgeAfterAPause(t *testing.T) {
	b := newBench(t)
	b.gauge.WithLabelValues("web").Set(2)
	j := b.judge(`groups:
  - name: rates
    rules: [{alert: Still, expr: 'rate(polecat_stuck[1m]) == 0'}]
`)
	if v := b.judgeFor(j, 10*time.Minute); names(v) != "Still warning" {
		t.Fatalf("%+v", v)
	}
	if err := b.Stop(); err != nil {
		t.Fatal(err)
	}
	b.clock.add(time.Hour)
	b.Start()
	if v := b.judgeFor(j, 3*time.Minute); names(v) != "Still warning" {
		t.Errorf("after a pause: %+v", v)
	}
}
