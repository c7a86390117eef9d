package federation

import (
	"testing"
	"time"
)

// Pauses between pushes that fail follow those between runs of the job and grow; a
// request or a success ends them.
func TestPausesOfPushes(t *testing.T) {
	var p pushes
	now := time.Unix(1_000_000, 0)
	var gaps []time.Duration
	for last := now; len(gaps) < 9; now = now.Add(5 * time.Minute) {
		if ok, wait := p.due("origin", now); !ok {
			if wait <= 0 || wait > maxPause {
				t.Errorf("a pause of %s", wait)
			}
			continue
		}
		gaps = append(gaps, now.Sub(last))
		last = now
		p.failed("origin", now)
	}
	for i, minutes := range []int{0, 5, 10, 20, 40, 60, 60} {
		if gaps[i] != time.Duration(minutes)*time.Minute {
			t.Fatalf("pauses %v", gaps)
		}
	}
	if ok, _ := p.due("other", now); !ok {
		t.Error("another remote pauses too")
	}
	if ok, _ := p.due("origin", now.Add(-time.Hour*24)); !ok {
		t.Error("it waits for a time that a clock put back moved away")
	}
	p.forget("origin")
	if ok, _ := p.due("origin", now); !ok {
		t.Error("it still pauses")
	}
}
