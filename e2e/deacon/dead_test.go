package deacon

import (
	"strings"
	"testing"
	"time"

	"gastown/deacon/control"
	"gastown/e2e/gitserver"
	"gastown/e2e/internal/scratch"
)

// pauses are those of a failing job: by the number of failures in a row, the time
// from the end of the last run to the next.
type pauses map[int]time.Duration

func (p pauses) note(j control.Job) {
	if j.Last == nil || j.Next == nil || j.Running || j.Failures == 0 {
		return
	}
	end := j.Last.Began.Add(time.Duration(j.Last.Took * float64(time.Second)))
	p[j.Failures] = j.Next.Sub(end)
}

// often reports whether a pause after so many failures, or more, was seen.
func (p pauses) often(failures int) bool {
	for n := range p {
		if n >= failures {
			return true
		}
	}
	return false
}

// The Deacon contacts dead remotes less and less often and status names them. It
// syncs with a live remote beside them all the time.
func TestDeadRemotes(t *testing.T) {
	t.Parallel()
	dir := scratch.Dir(t)
	p := found(t, dir, "alpha")
	dead := map[string]func(*gitserver.Server){
		"hole":    func(s *gitserver.Server) { s.Set(gitserver.BlackHole) },
		"refused": func(s *gitserver.Server) { _ = s.Close() },
		"slow":    func(s *gitserver.Server) { s.Throttle(10) },
	}
	servers := map[string]*gitserver.Server{"good": nil, "hole": nil, "refused": nil, "slow": nil}
	p.Must("gt", "federation", "init", hub(t, dir, "origin"), "--yes")
	for name := range servers {
		servers[name] = serve(t, hub(t, dir, name))
		p.Must("gt", "federation", "remote", "add", name, servers[name].URL())
		p.Must("gt", "federation", "init", servers[name].URL(), "--name", name, "--yes")
	}
	p.schedule("jobs:\n  federation-sync: {schedule: \"@every 1s\", jitter: 0s, deadline: 15s}\n")
	d := p.start()
	const prefix = "federation-sync:"
	scratch.Await(t, "every remote was in step", func() bool {
		for name := range servers {
			if ran(t, d, prefix+name, "ok") == 0 {
				return false
			}
		}
		return true
	})
	for name, kill := range dead {
		kill(servers[name])
	}
	before, asked := ran(t, d, prefix+"good", "ok"), servers["good"].Counts().Exchanges
	seen := map[string]pauses{}
	for name := range dead {
		seen[name] = pauses{}
	}
	const failures = 4
	scratch.Await(t, "all of them have failed often", func() bool {
		enough := true
		for _, j := range d.status().Jobs {
			if p, ok := seen[strings.TrimPrefix(j.Name, prefix)]; ok {
				p.note(j)
				enough = enough && p.often(failures)
			}
		}
		return enough
	})
	for name, p := range seen {
		t.Logf("%s: pauses by failures %v", name, p)
		for n, pause := range p {
			// One second, doubled with each failure but the first, with at most a quarter
			// of jitter subtracted.
			if whole := time.Second << (n - 1); n >= failures && (pause < whole*3/4 || pause > whole+time.Second) {
				t.Errorf("%s: after %d failures it pauses for %s", name, n, pause)
			}
		}
	}

	// The live remote is synced meanwhile and still, and takes an edit.
	if n := ran(t, d, prefix+"good", "ok") - before; n < failures {
		t.Errorf("the good remote had %d syncs meanwhile", n)
	}
	if n := servers["good"].Counts().Exchanges - asked; n < failures {
		t.Errorf("the good remote was asked %d times meanwhile", n)
	}
	p.role("mayor", "Beside the dead.")
	scratch.Await(t, "the edit is published", func() bool {
		j := d.job(prefix + "good")
		return j.Last != nil && strings.Contains(j.Last.Note, "published")
	})
	for _, outcome := range []string{"failed", "deadline", "stuck", "panicked"} {
		if n := ran(t, d, prefix+"good", outcome); n != 0 {
			t.Errorf("%d syncs with the good remote: %s", n, outcome)
		}
	}

	text := p.Must("gt", "deacon", "status")
	for name := range dead {
		named := false
		for line := range strings.Lines(text) {
			named = named || strings.HasPrefix(line, prefix+name+" ") && strings.Contains(line, "failures in a row")
		}
		if !named {
			t.Errorf("status does not name %s:\n%s", name, text)
		}
	}
	if strings.Contains(text, "good: ") {
		t.Errorf("status complains about the good one:\n%s", text)
	}
}
