package deacon

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"gastown/deacon/control"
	"gastown/e2e/internal/scratch"
)

// A commit in one Town becomes a file in another by way of hook, Deacon, push,
// notification and pull. Between edits no Town contacts the repository.
func TestArrival(t *testing.T) {
	t.Parallel()
	dir := scratch.Dir(t)
	alpha, beta := found(t, dir, "alpha"), found(t, dir, "beta")
	repo := hub(t, dir, "hub")
	server := serve(t, repo)
	alpha.Must("git", "init", "-q")
	alpha.Must("gt", "install", alpha.Root, "--git")
	alpha.Must("gt", "federation", "init", server.URL(), "--yes")
	beta.Must("gt", "federation", "join", server.URL(), "--yes")
	beta.Must("gt", "hooks", "secret")
	for _, p := range []*place{alpha, beta} {
		p.Must("gt", "config", "federation.interval", "1h")
	}
	deacons := []*daemon{alpha.start(), beta.start()}
	d := deacons[1]
	alpha.Must("gt", "hooks", "install", "--repo", repo, "--bare", "--notify", "http://"+d.HTTP,
		"--secret-file", filepath.Join(beta.Root, ".gt", "notify.secret"))
	alpha.Must("gt", "hooks", "install")
	alpha.Must("git", "add", "-A")
	alpha.Must("git", "commit", "-q", "-m", "begin")

	quiet := server.Counts()
	watch := func() int64 { now := server.Counts(); n := now.Sub(quiet).Exchanges; quiet = now; return n }
	settle(t, watch, deacons)
	const edits = 5
	var took []time.Duration
	var asked []int64
	for n := range edits {
		text := fmt.Sprintf("Edit %d.", n)
		alpha.role("mayor", text)
		began := time.Now()
		alpha.Must("git", "commit", "-q", "-a", "-m", text)
		scratch.Await(t, text+" has arrived", func() bool { return beta.says("mayor", text) })
		took = append(took, time.Since(began))
		asked = append(asked, settle(t, watch, deacons))
	}
	slices.Sort(took)
	t.Logf("from git commit to the file in the other Town: median %s, longest %s; conversations with the repository %v",
		took[edits/2].Round(time.Millisecond), took[edits-1].Round(time.Millisecond), asked)
	for _, n := range asked {
		if n > 2*most {
			t.Errorf("an edit took %d conversations with the repository, want at most %d in each Town", n, most)
		}
	}

	// Neither Town polls: their schedules start no sync for an hour.
	<-time.After(silence)
	if n := watch(); n != 0 {
		t.Errorf("with nothing to say the repository was asked %d times in %s", n, silence)
	}

	// With its own schedule a Town contacts the repository in each run, no more
	// often than a sync needs, and at the intervals of the schedule.
	const runs, every = 5, time.Second
	beta.schedule(fmt.Sprintf("jobs:\n  federation-sync: {schedule: \"@every %s\", jitter: 0s}\n", every))
	beta.Must("gt", "deacon", "reload")
	const job = "federation-sync:origin"
	first := ran(t, d, job, "")
	scratch.Await(t, "the schedule is in force", func() bool { return ran(t, d, job, "") > first })
	// The runs are counted for a little longer than the contacts.
	began := time.Now()
	first = ran(t, d, job, "")
	watch()
	scratch.Await(t, "it ran some times", func() bool { return ran(t, d, job, "") >= first+runs })
	asks, did := watch(), int64(ran(t, d, job, "")-first)
	if allowed := most * (did + 1); asks > allowed { // one run may be under way
		t.Errorf("%d runs asked %d times, want at most %d", did, asks, allowed)
	}
	if allowed := int64(time.Since(began)/every) + 2; did > allowed {
		t.Errorf("%d runs, and the schedule allows %d", did, allowed)
	}
}

const (
	// most is how often a sync contacts the repository: it fetches, then pushes or
	// asks the remote to confirm that there is nothing to push.
	most = 2
	// silence is for how long no Town may contact the repository.
	silence = 5 * time.Second
)

// settle waits until no Town has done anything for a moment, and returns the number of
// contacts with the repository before.
func settle(t *testing.T, watch func() int64, deacons []*daemon) (sum int64) {
	t.Helper()
	const calm = time.Second
	last := time.Now()
	scratch.Await(t, "the Towns are at rest", func() bool {
		if n := watch(); n > 0 || atWork(deacons) {
			sum, last = sum+n, time.Now()
		}
		return time.Since(last) > calm
	})
	return sum
}

// atWork reports whether a Deacon runs a job, or a git or a hook runs in the test's
// directory.
func atWork(deacons []*daemon) bool {
	var own []int
	for _, d := range deacons {
		own = append(own, d.PID)
		if slices.ContainsFunc(d.status().Jobs, func(j control.Job) bool { return j.Running || j.Waiting }) {
			return true
		}
	}
	return slices.ContainsFunc(deacons[0].p.Processes(), func(p scratch.Process) bool { return !slices.Contains(own, p.PID) })
}
