package series

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gastown/town"
)

// ruleFile is a file that is right, a field a line.
const ruleFile = `groups:
  - name: mine
    interval: 30s
    query_offset: 5s
    limit: 10
    labels: {team: web}
    rules:
      - alert: Stuck
        expr: polecat_stuck > 1
        for: 1m
        keep_firing_for: 2m
        labels:
          severity: error
        annotations:
          summary: '{{ $value }} are stuck'
      - record: stuck
        expr: sum(polecat_stuck)
`

// Every field that is misspelt, mistyped or missing is an error with file, line, reason
// and next step.
func TestBadRules(t *testing.T) {
	for _, c := range []struct{ old, now, want string }{
		{"groups:", "group:", `line 1: there is no field "group"`}, {"- name:", "- nam:", `line 2: there is no field "nam"`},
		{"interval:", "intervall:", `line 3: there is no field "intervall"`}, {"query_offset:", "queryoffset:", `line 4: there is no field "queryoffset"`},
		{"limit:", "limits:", `line 5: there is no field "limits"`}, {"    labels: {", "    label: {", `line 6: there is no field "label"`}, {"    rules:", "    rule:", `line 7: there is no field "rule"`},
		{"alert:", "alerts:", `line 8: there is no field "alerts"`}, {"expr: p", "exp: p", `line 9: there is no field "exp"`}, {"for: 1m", "fore: 1m", `line 10: there is no field "fore"`},
		{"keep_firing_for:", "keep_firing:", `line 11: there is no field "keep_firing"`}, {"        labels:", "        label:", `line 12: there is no field "label"`},
		{"annotations:", "annotation:", `line 14: there is no field "annotation"`}, {"record:", "records:", `line 16: there is no field "records"`},

		{"name: mine", "name: [a]", "line 2: "}, {"interval: 30s", "interval: soon", `line 3: interval is no duration such as 30s or 5m: "soon"`},
		{"interval: 30s", "interval: 1s", "line 3: interval is shorter than 5s"}, {"query_offset: 5s", "query_offset: x", "line 4: query_offset is no duration"},
		{"limit: 10", "limit: ten", "line 5: "}, {"limit: 10", "limit: -1", "line 5: limit is negative"}, {"{team: web}", "[web]", "line 6: "}, {"{team: web}", "{te-am: web}", "te-am"},
		{"alert: Stuck", "alert: {a: b}", "line 8: "}, {"polecat_stuck > 1", "polecat_stuck >", `line 9: rule "Stuck": could not parse expression`},
		{"polecat_stuck > 1", "[1]", "line 9: "}, {"for: 1m", "for: x", "line 10: for is no duration"}, {"for: 2m", "for: -2m", "line 11: keep_firing_for is no duration"},
		{"severity: error", "severity: erorr", `line 13: severity is "erorr", and none of warning, error, critical`}, {"severity: error", "1a: x", `line 8: rule "Stuck": invalid label name: 1a`},
		{"{{ $value }}", "{{ $valu }}", `line 8: rule "Stuck": annotation "summary": `}, {"record: stuck", "record: stuck > 1", `line 16: rule "stuck > 1": invalid recording rule name`},
		{"record: stuck\n", "record: stuck\n        for: 1m\n", "line 16: "},

		{"- name: mine\n    ", "- ", "line 2: a group has no name"}, {"      - alert: Stuck\n        expr", "      - expr", "line 8: a rule has neither alert nor record"},
		{"        expr: polecat_stuck > 1\n", "", `line 8: rule "Stuck" has no expr`}, {"alert: Stuck", "alert: Stuck\n        record: a", "line 8: a rule has both alert and record"},
		{ruleFile, "groups:\n  - name: a\n", `line 2: group "a" has no rules`}, {ruleFile, "groups: []\n---\na: 1\n", "more than one YAML document"},
		{"{team: web}", "&a {team: web}", "line 6: anchors"}, {ruleFile, "\xff", "UTF-8"}, {ruleFile, "groups:\n" + strings.Repeat("  - name: a\n    rules: [{record: a, expr: b}]\n", 2), `line 4: there are two groups "a"`},
		{ruleFile, "groups:\n  - name: a\n    rules:\n" + strings.Repeat("      - {record: a, expr: b}\n", maxRules+1), "there are 201 rules, more than 200"},
	} {
		text := strings.Replace(ruleFile, c.old, c.now, 1)
		if text == ruleFile {
			t.Errorf("%q is not in the file", c.old)
		}
		path := filepath.Join(t.TempDir(), "rules.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := ReadRules(path)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) || !errors.Is(err, town.ErrUsage) || town.Next(err) == "" {
			t.Errorf("%s instead of %s:\n%v\nwant %s", c.now, c.old, err, c.want)
		}
	}
}

func TestGoodRules(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rules.yaml")
	if text, err := ReadRules(path); err != nil || string(text) != string(DefaultRules) {
		t.Error(err)
	}
	for _, text := range []string{ruleFile, "", "# nothing\n", string(DefaultRules), string(recorded)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := ReadRules(path); err != nil || string(got) != text {
			t.Errorf("%v\n%s", err, text)
		}
	}
	if err := os.WriteFile(path, make([]byte, maxRulesFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadRules(path); err == nil {
		t.Error("a large file is read")
	}
}

// The document's thresholds: at a value nothing fires, above it the alert does.
func TestDefaultThresholds(t *testing.T) {
	for _, c := range []struct {
		figure string
		value  float64
		want   string
	}{
		{"polecat_count", 30, ""}, {"polecat_count", 31, "ManyPolecats warning"}, {"polecat_stuck", 3, ""}, {"polecat_stuck", 4, "PolecatsStuck error"},
		{"merge_queue_depth", 10, ""}, {"merge_queue_depth", 11, "MergeQueueDeep warning"}, {"mail_backlog", 50, ""}, {"mail_backlog", 51, "MailBacklog warning"},
		{"dolt_latency", .01, ""}, {"dolt_latency", .011, "DoltSlow warning"}, {"dolt_latency", .051, "DoltSlow critical"}, {"dolt_latency", .2, "DoltSlow critical"},
		{"polecat_spawn_time", 5, ""}, {"polecat_spawn_time", 5.1, "PolecatsSpawnSlowly warning"}, {"polecat_spawn_time", 15.1, "PolecatsSpawnSlowly critical"},
		{"mail_latency", 1, ""}, {"mail_latency", 1.1, "MailSlow warning"}, {"mail_latency", 5.1, "MailSlow critical"},
		{"convoy_refresh_time", 2, ""}, {"convoy_refresh_time", 2.1, "ConvoysSlow warning"}, {"convoy_refresh_time", 10.1, "ConvoysSlow critical"},
		{"patrol_time", 30, ""}, {"patrol_time", 30.1, "PatrolsSlow warning"}, {"patrol_time", 60.1, "PatrolsSlow critical"},
	} {
		b := newBench(t)
		b.figure(c.figure).Set(c.value)
		j := b.judge(string(DefaultRules))
		v := b.judgeFor(j, 2*time.Minute)
		if got := names(v); got != c.want || !v.Sure || len(v.Failed) > 0 {
			t.Errorf("%s %v: %q, want %q; %q", c.figure, c.value, got, c.want, v.Failed)
		}
		_ = b.Stop()
	}
}

func names(v Verdict) string {
	var all []string
	for _, f := range v.Firing {
		all = append(all, f.Name+" "+f.Severity)
	}
	return strings.Join(all, ", ")
}

func (b *bench) judge(text string) *Judge {
	b.Helper()
	j := NewJudge(b.Store, 15*time.Second)
	if err := j.Load([]byte(text)); err != nil {
		b.Fatal(err)
	}
	return j
}

func (b *bench) judgeFor(j *Judge, d time.Duration) (v Verdict) {
	b.Helper()
	for range int(d / (15 * time.Second)) {
		b.rounds(1)
		v = j.Judge(b.Context(), b.clock.Now())
	}
	return v
}

// A rule fires after its time, says so in a line, goes on through a restart of its judge,
// and ends.
func TestJudge(t *testing.T) {
	b := newBench(t)
	b.gauge.WithLabelValues("web").Set(4)
	text := strings.Replace(ruleFile, "30s", "15s", 1)
	j := b.judge(text)
	if v := b.judgeFor(j, 45*time.Second); len(v.Firing) > 0 || !v.Sure {
		t.Errorf("%+v", v)
	}
	v := b.judgeFor(j, time.Minute)
	if names(v) != "Stuck error" || v.Firing[0].Summary != "4 are stuck" || len(v.Firing[0].Labels) != 2 || v.Firing[0].Labels["rig"] != "web" || v.Firing[0].Labels["team"] != "web" {
		t.Fatalf("%+v", v)
	}
	if got := b.value(b, "stuck"); got != 4 {
		t.Errorf("what is recorded is %v", got)
	}
	b.clock.add(10 * time.Minute) // no Deacon ran
	j = b.judge(text)
	for {
		v = b.judgeFor(j, 15*time.Second)
		if v.Sure {
			break
		}
	}
	if names(v) != "Stuck error" {
		t.Errorf("after a restart: %+v", v)
	}
	// New rules keep the state of those that stay; malformed ones change nothing.
	if err := j.Load([]byte(strings.Replace(text, "are stuck", "stand still", 1))); err != nil {
		t.Fatal(err)
	}
	if v = b.judgeFor(j, 15*time.Second); names(v) != "Stuck error" || v.Firing[0].Summary != "4 stand still" {
		t.Errorf("after a reload: %+v", v)
	}
	if err := j.Load([]byte("groups: x")); err == nil {
		t.Error("malformed rules are taken")
	}
	if v = b.judgeFor(j, 15*time.Second); names(v) != "Stuck error" {
		t.Errorf("after a bad reload: %+v", v)
	}
	b.gauge.WithLabelValues("web").Set(0)
	if v = b.judgeFor(j, time.Minute); names(v) != "Stuck error" {
		t.Errorf("it goes on for two minutes: %+v", v)
	}
	if v = b.judgeFor(j, 2*time.Minute); len(v.Firing) > 0 {
		t.Errorf("it ends: %+v", v)
	}
}

// A rule that cannot be judged is named, and does not hold up the others.
func TestJudgeFails(t *testing.T) {
	b := newBench(t)
	b.gauge.WithLabelValues("web").Set(4)
	b.gauge.WithLabelValues("api").Set(4)
	j := b.judge("groups:\n  - name: a\n    rules:\n      - {alert: Bad, expr: polecat_stuck * on() polecat_stuck}\n      - {alert: Good, expr: sum(polecat_stuck) > 1}\n")
	v := b.judgeFor(j, time.Minute)
	if names(v) != "Good warning" || len(v.Failed) != 1 || !strings.HasPrefix(v.Failed[0], "Bad: ") {
		t.Errorf("%+v", v)
	}
	// Without figures nothing changes.
	if err := b.Stop(); err != nil {
		t.Fatal(err)
	}
	if v := j.Judge(t.Context(), b.clock.add(time.Minute)); names(v) != "Good warning" || !slices.ContainsFunc(v.Failed, func(s string) bool { return strings.HasPrefix(s, "Good: ") }) {
		t.Errorf("%+v", v)
	}
}
