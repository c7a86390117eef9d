package federation

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"gastown/deacon/check"
	"gastown/deacon/schedule"
	"gastown/planes/federation"
	"gastown/sync/federate"
	"gastown/town"
	"gastown/town/config"
)

func with(remotes ...string) *config.Config {
	c := config.New("harbour")
	for _, name := range remotes {
		c.Remotes = append(c.Remotes, config.Remote{Name: name, URL: "/nowhere"})
	}
	return c
}

// Each remote has a job; a Town without remotes has none.
func TestARemoteIsAKey(t *testing.T) {
	p := New(nil)
	s := schedule.New(schedule.Options{})
	if err := s.Set(p.Jobs(with("origin", "other"))); err != nil {
		t.Fatal(err)
	}
	jobs := s.Jobs()
	if len(jobs) != 2 || jobs[0].Name != "federation-sync:origin" || jobs[1].Row() != "federation-sync" || jobs[0].Schedule != "@every 5m0s" {
		t.Errorf("%+v", jobs)
	}
	if err := s.Set(p.Jobs(with())); err != nil || len(s.Jobs()) != 0 {
		t.Errorf("%d jobs, %v", len(s.Jobs()), err)
	}
}

func TestFiguresOfRemotes(t *testing.T) {
	p := New(nil)
	p.seen([]check.Contact{{Remote: "origin", Verified: time.Unix(500, 0)}, {Remote: "never"}}, 3)
	want := `# HELP gt_federation_last_verified_time_seconds When a remote last confirmed an exchange, in Unix time; 0 for never.
# TYPE gt_federation_last_verified_time_seconds gauge
gt_federation_last_verified_time_seconds{remote="never"} 0
gt_federation_last_verified_time_seconds{remote="origin"} 500
`
	if err := testutil.CollectAndCompare(p.verified, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
	if n := testutil.ToFloat64(p.reviews); n != 3 {
		t.Errorf("%v reviews", n)
	}
	p.Reload(with("origin", "never"), with("never"))
	if n := testutil.CollectAndCount(p.verified); n != 1 {
		t.Errorf("%d remotes have figures", n)
	}
}

func TestSummary(t *testing.T) {
	var out federate.Synced
	if got := summary(out); got != "" {
		t.Errorf("nothing was done: %q", got)
	}
	out.Recorded.Edits, out.Pushed.Commits, out.Pushed.Reviews = 2, 1, 1
	if got := summary(out); got != "2 edit(s) recorded, 1 commit(s) published, 1 review(s) open" {
		t.Errorf("%q", got)
	}
	// A role tells agents how to behave, so the log and the feed name it and its author.
	out = federate.Synced{}
	mayor := town.Key{Kind: town.KindRole, Name: "mayor"}
	out.Pulled.Commits, out.Pulled.Documents, out.Pulled.Removed = 1, 1, 2
	out.Pulled.Arrived = federate.Changes{Towns: map[town.ID]string{"id-b": "beta"}, Differences: federation.Differences{
		List:    []federation.Difference{{Key: mayor, State: federation.Changed, Author: "Ben <ben@example.com>", Town: "id-b"}},
		Changed: 1, Removed: 2}}
	want := "1 commit(s) merged, 1 file(s) written, 2 file(s) removed, " +
		"changed by others: role/mayor changed by Ben <ben@example.com> in beta, and 2 more"
	if got := summary(out); !strings.HasPrefix(got, want) {
		t.Errorf("%q", got)
	}
}
