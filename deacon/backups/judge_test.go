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
func report(change func(p *backup.Proof, databases *backup.Note)) backup.Report {
	databases, proof := backup.Note{Point: "p", Taken: ago(time.Minute)}, backup.Proof{Point: "p", At: ago(time.Hour)}
	r := backup.Report{
		Destination: backup.Destination{Name: "disk"},
		Kinds:       map[backup.Kind]backup.Note{backup.Files: {Point: "f", Taken: ago(time.Hour)}},
		Proofs:      map[backup.Kind]backup.Proof{backup.Files: {Point: "f", At: ago(time.Hour)}},
	}
	if change != nil {
		change(&proof, &databases)
	}
	r.Kinds[backup.Databases], r.Proofs[backup.Databases] = databases, proof
	return r
}

func TestTheCheckTurnsWithTime(t *testing.T) {
	l := limits{every: map[backup.Kind]time.Duration{backup.Databases: time.Hour, backup.Files: 24 * time.Hour}, proof: 7 * 24 * time.Hour}
	for what, c := range map[string]struct {
		change func(p *backup.Proof, databases *backup.Note)
		want   check.State
	}{
		"all is well":                        {nil, check.Healthy},
		"the newest point is old":            {func(_ *backup.Proof, n *backup.Note) { n.Taken = ago(4 * time.Hour) }, check.Warning},
		"and very old":                       {func(_ *backup.Proof, n *backup.Note) { n.Taken = ago(25 * time.Hour) }, check.Critical},
		"old, and nothing has changed":       {func(_ *backup.Proof, n *backup.Note) { n.Taken, n.Looked = ago(400*time.Hour), ago(time.Minute) }, check.Healthy},
		"the last run failed":                {func(_ *backup.Proof, n *backup.Note) { n.Failed, n.Error = ago(time.Minute), "no room" }, check.Warning},
		"the restore was tested long ago":    {func(p *backup.Proof, _ *backup.Note) { p.At = ago(9 * 24 * time.Hour) }, check.Warning},
		"very long ago":                      {func(p *backup.Proof, _ *backup.Note) { p.At = ago(16 * 24 * time.Hour) }, check.Critical},
		"the test failed":                    {func(p *backup.Proof, _ *backup.Note) { p.Failed, p.Error = ago(time.Minute), "damaged" }, check.Critical},
		"noted under a clock that was ahead": {func(_ *backup.Proof, n *backup.Note) { n.Taken, n.Looked = ago(-9000*time.Hour), ago(5*time.Hour) }, check.Warning},
		"tested under a clock that was ahead, and failed since": {func(p *backup.Proof, _ *backup.Note) {
			p.At, p.Failed = ago(-9000*time.Hour), ago(time.Hour)
		}, check.Critical},
		"no point yet, the watch has begun": {func(p *backup.Proof, n *backup.Note) { *n, *p = backup.Note{}, backup.Proof{} }, check.Healthy},
	} {
		got := judge([]backup.Report{report(nil), report(c.change)}, l, ago(time.Hour), noon)
		if got.State != c.want || (got.State == check.Healthy) != (got.Next == "") {
			t.Errorf("%s: %+v, want %s", what, got, c.want)
		}
	}
}

// A test of one kind says nothing about the other.
func TestEachKindIsTested(t *testing.T) {
	l := limits{every: map[backup.Kind]time.Duration{backup.Databases: time.Hour, backup.Files: 24 * time.Hour}, proof: 7 * 24 * time.Hour}
	r := report(nil)
	r.Proofs[backup.Files] = backup.Proof{Point: "f", At: ago(9 * 24 * time.Hour)}
	if got := judge([]backup.Report{r}, l, ago(time.Hour), noon); got.State != check.Warning || got.Next != "gt backup verify --files --deep --to disk" {
		t.Errorf("%+v", got)
	}
	if due(r, backup.Databases, l.proof, noon) || !due(r, backup.Files, l.proof, noon) {
		t.Error("another kind is due")
	}
}

func TestAProofIsDue(t *testing.T) {
	week := 7 * 24 * time.Hour
	for what, c := range map[string]struct {
		change func(p *backup.Proof, databases *backup.Note)
		want   bool
	}{
		"tested an hour ago":                  {nil, false},
		"tested under a clock that was ahead": {func(p *backup.Proof, _ *backup.Note) { p.At = ago(-9000 * time.Hour) }, true},
		"tested a week ago":                   {func(p *backup.Proof, _ *backup.Note) { p.At = ago(week) }, true},
		"no point":                            {func(p *backup.Proof, n *backup.Note) { *n, *p = backup.Note{}, backup.Proof{} }, false},
		"never tested":                        {func(p *backup.Proof, _ *backup.Note) { *p = backup.Proof{} }, true},
		"failed, no point since":              {func(p *backup.Proof, n *backup.Note) { p.Failed, n.Taken = ago(time.Minute), ago(time.Hour) }, false},
		"failed, a point since":               {func(p *backup.Proof, n *backup.Note) { p.Failed, n.Taken = ago(time.Minute), ago(time.Second) }, true},
	} {
		if got := due(report(c.change), backup.Databases, week, noon); got != c.want {
			t.Errorf("%s: due is %v", what, got)
		}
	}
}
