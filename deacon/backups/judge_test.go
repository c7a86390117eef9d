package backups

import (
	"testing"
	"time"

	"gastown/deacon/check"
	"gastown/town/backup"
)

var noon = time.Date(2031, 3, 10, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) time.Time { return noon.Add(-d) }

// report is a destination whose backups are a minute old and tested an hour ago, with
// changes.
func report(change func(r *backup.Report, databases *backup.Note)) backup.Report {
	databases := backup.Note{Point: "p", Taken: ago(time.Minute)}
	r := backup.Report{
		Destination: backup.Destination{Name: "disk"}, Proof: backup.Proof{Point: "p", At: ago(time.Hour)},
		Kinds: map[backup.Kind]backup.Note{backup.Files: {Point: "f", Taken: ago(time.Hour)}},
	}
	if change != nil {
		change(&r, &databases)
	}
	r.Kinds[backup.Databases] = databases
	return r
}

func TestTheCheckTurnsWithTime(t *testing.T) {
	l := limits{every: map[backup.Kind]time.Duration{backup.Databases: time.Hour, backup.Files: 24 * time.Hour}, proof: 7 * 24 * time.Hour}
	for what, c := range map[string]struct {
		change func(r *backup.Report, databases *backup.Note)
		want   check.State
	}{
		"all is well":                        {nil, check.Healthy},
		"the newest point is old":            {func(_ *backup.Report, n *backup.Note) { n.Taken = ago(4 * time.Hour) }, check.Warning},
		"and very old":                       {func(_ *backup.Report, n *backup.Note) { n.Taken = ago(25 * time.Hour) }, check.Critical},
		"old, and nothing has changed":       {func(_ *backup.Report, n *backup.Note) { n.Taken, n.Looked = ago(400*time.Hour), ago(time.Minute) }, check.Healthy},
		"the last run failed":                {func(_ *backup.Report, n *backup.Note) { n.Failed, n.Error = ago(time.Minute), "no room" }, check.Warning},
		"the restore was tested long ago":    {func(r *backup.Report, _ *backup.Note) { r.Proof.At = ago(9 * 24 * time.Hour) }, check.Warning},
		"very long ago":                      {func(r *backup.Report, _ *backup.Note) { r.Proof.At = ago(16 * 24 * time.Hour) }, check.Critical},
		"the test failed":                    {func(r *backup.Report, _ *backup.Note) { r.Proof.Failed, r.Proof.Error = ago(time.Minute), "damaged" }, check.Critical},
		"noted under a clock that was ahead": {func(_ *backup.Report, n *backup.Note) { n.Taken, n.Looked = ago(-9000*time.Hour), ago(5*time.Hour) }, check.Warning},
		"tested under a clock that was ahead, and failed since": {func(r *backup.Report, _ *backup.Note) {
			r.Proof.At, r.Proof.Failed = ago(-9000*time.Hour), ago(time.Hour)
		}, check.Critical},
		"no point yet, the watch has begun": {func(r *backup.Report, n *backup.Note) { *n, r.Proof = backup.Note{}, backup.Proof{} }, check.Healthy},
	} {
		got := judge([]backup.Report{report(nil), report(c.change)}, l, ago(time.Hour), noon)
		if got.State != c.want || (got.State == check.Healthy) != (got.Next == "") {
			t.Errorf("%s: %+v, want %s", what, got, c.want)
		}
	}
}

func TestAProofIsDue(t *testing.T) {
	week := 7 * 24 * time.Hour
	for what, c := range map[string]struct {
		change func(r *backup.Report, databases *backup.Note)
		want   bool
	}{
		"tested an hour ago":                  {nil, false},
		"tested under a clock that was ahead": {func(r *backup.Report, _ *backup.Note) { r.Proof.At = ago(-9000 * time.Hour) }, true},
		"tested a week ago":                   {func(r *backup.Report, _ *backup.Note) { r.Proof.At = ago(week) }, true},
		"no point":                            {func(r *backup.Report, n *backup.Note) { *n, r.Proof = backup.Note{}, backup.Proof{} }, false},
		"never tested":                        {func(r *backup.Report, _ *backup.Note) { r.Proof = backup.Proof{} }, true},
		"failed, no point since":              {func(r *backup.Report, n *backup.Note) { r.Proof.Failed, n.Taken = ago(time.Minute), ago(time.Hour) }, false},
		"failed, a point since":               {func(r *backup.Report, n *backup.Note) { r.Proof.Failed, n.Taken = ago(time.Minute), ago(time.Second) }, true},
	} {
		if got := due(report(c.change), week, noon); got != c.want {
			t.Errorf("%s: due is %v", what, got)
		}
	}
}
