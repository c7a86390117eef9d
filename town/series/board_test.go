package series

import (
	"fmt"
	"testing"
	"time"
)

// The board shows each figure with its value, its past, and its state by the rules.
func TestBoard(t *testing.T) {
	b := newBench(t)
	b.figure("polecat_stuck").Set(2)
	latency := b.figure("dolt_latency")
	latency.Set(.002)
	b.rounds(8)
	latency.Set(.06)
	b.rounds(8)
	rows, err := b.Board(t.Context(), DefaultRules, b.clock.add(123_456*time.Nanosecond))
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, r := range rows {
		value, past := "-", 0
		if r.Value != nil {
			value = fmt.Sprint(*r.Value)
		}
		for _, p := range r.Past {
			if p != nil {
				past++
			}
		}
		got += fmt.Sprintln(r.Name, value, r.State, past, r.Thresholds)
	}
	want := `polecat_count - unknown 0 map[warning:30]
polecat_stuck 2 healthy 4 map[error:3]
merge_queue_depth - unknown 0 map[warning:10]
dolt_latency 0.06 critical 4 map[critical:0.05 warning:0.01]
mail_backlog - unknown 0 map[warning:50]
polecat_spawn_time - unknown 0 map[critical:15 warning:5]
mail_latency - unknown 0 map[critical:5 warning:1]
convoy_refresh_time - unknown 0 map[critical:10 warning:2]
patrol_time - unknown 0 map[critical:60 warning:30]
`
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	// Before there is anything, and by rules that compare nothing.
	rows, err = b.Board(t.Context(), []byte("groups: x"), b.clock.Now().Add(time.Hour))
	if err != nil || len(rows) != len(Figures) || rows[1].Value != nil || rows[1].Thresholds != nil {
		t.Errorf("%+v, %v", rows, err)
	}
}

// What is recorded has the figures' names.
func TestRecordedFigures(t *testing.T) {
	b := newBench(t)
	j := b.judge("")
	b.judgeFor(j, time.Minute)
	for range 10 {
		b.times.Observe(.05)
	}
	b.times.Observe(3)
	b.judgeFor(j, time.Minute)
	if got := b.value(b, "mail_latency"); !(got > 1 && got <= 5) {
		t.Errorf("95 of 100 take %v", got)
	}
	if v := j.Judge(t.Context(), b.clock.add(time.Hour)); len(v.Failed) > 0 {
		t.Errorf("%+v", v)
	}
}
