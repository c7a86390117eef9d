package failover

import (
	"testing"
	"time"

	"gastown/deacon/check"
	"gastown/town/instance"
)

func TestTheCheckSaysWhatTheDirectoryIs(t *testing.T) {
	now := time.Date(2031, 3, 10, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for what, c := range map[string]struct {
		note instance.Note
		want check.State
	}{
		"active":                    {instance.Note{}, check.Healthy},
		"fenced":                    {instance.Note{Epoch: 2, Other: &instance.Other{Instance: "x", Epoch: 3}}, check.Critical},
		"its note is damaged":       {instance.Note{Damaged: true}, check.Critical},
		"decided since":             {instance.Note{Epoch: 4, Other: &instance.Other{Instance: "x", Epoch: 3}}, check.Healthy},
		"a standby that is current": {instance.Note{Standby: &instance.Standby{Looked: ago(time.Hour), Taken: ago(time.Hour)}}, check.Healthy},
		"it has not looked yet":     {instance.Note{Standby: &instance.Standby{Since: ago(time.Minute)}}, check.Healthy},
		"it is late":                {instance.Note{Standby: &instance.Standby{Looked: ago(4 * time.Hour)}}, check.Warning},
		"very late":                 {instance.Note{Standby: &instance.Standby{Looked: ago(25 * time.Hour)}}, check.Critical},
		"the last look failed":      {instance.Note{Standby: &instance.Standby{Looked: ago(time.Hour), Error: "no route"}}, check.Warning},
		"a promotion was killed":    {instance.Note{Standby: &instance.Standby{Looked: ago(time.Hour), Promoting: true}}, check.Warning},
	} {
		got := judge(c.note, 3*time.Hour, now)
		if got.State != c.want || (got.State == check.Healthy) != (got.Next == "") {
			t.Errorf("%s: %+v, want %s", what, got, c.want)
		}
	}
}
