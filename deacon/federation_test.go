package deacon

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gastown/e2e/gitserver"
	"gastown/e2e/script"
	"gastown/sync/federate"
	"gastown/town/config"
)

// A remote that does not answer does not delay others, is named in the status, and
// is contacted less and less often.
func TestADeadRemoteDelaysNothing(t *testing.T) {
	for name, v := range map[string]struct {
		kill func(*gitserver.Server)
		slow bool
	}{
		"black hole": {func(s *gitserver.Server) { s.Set(gitserver.BlackHole) }, true},
		"refused":    {func(s *gitserver.Server) { _ = s.Close() }, false},
		"10 B/s":     {func(s *gitserver.Server) { s.Throttle(10) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // they mostly wait
			p := found(t)
			p.idle = 5 * time.Second
			p.edit("mayor", "first")
			_, good := hub(t)
			_, dead := hub(t)
			p.agree("dead", dead.URL())
			p.agree("good", good.URL())
			p.configure(func(c *config.Config) { p.set(c, "federation.interval", "10s") })
			r := p.mustStart()
			v.kill(dead)
			// A machine that is busy may give up the good one, too, or be done with the dead
			// one first: then this shows nothing, and is tried again.
			shown := false
			for try := range 5 {
				ended := make(chan bool)
				go func() {
					defer close(ended)
					runs, err := r.client.Sync(t.Context(), "dead", true)
					if err != nil || len(runs) != 1 || runs[0].Outcome == "ok" || runs[0].Error == "" {
						t.Errorf("%+v, %v", runs, err)
					}
				}()
				over := func() bool {
					select {
					case <-ended:
						return true
					default:
						return false
					}
				}
				if v.slow {
					until(t, "the dead one is at work", func() bool {
						for _, j := range r.Status().Jobs {
							if j.Name == "federation-sync:dead" && j.Running {
								return true
							}
						}
						return over()
					})
				}
				p.edit("mayor", fmt.Sprint("edit ", try))
				runs, err := r.client.Sync(t.Context(), "good", true)
				if err != nil || len(runs) != 1 {
					t.Fatalf("%+v, %v", runs, err)
				}
				shown = runs[0].Outcome == "ok" && strings.Contains(runs[0].Note, "published") && !(v.slow && over())
				<-ended
				if shown {
					break
				}
				t.Logf("try %d: %+v", try, runs)
			}
			if !shown {
				t.Error("the good remote was not synced while the dead one was at work")
			}
			if _, err := r.client.Sync(t.Context(), "dead", true); err != nil { // a second failure: now the pause grows
				t.Fatal(err)
			}
			for _, j := range r.Status().Jobs {
				if j.Name != "federation-sync:dead" {
					continue
				}
				pause := j.Next.Sub(j.Last.Began)
				if j.Failures < 2 || pause < 11*time.Second || j.Last.Error == "" {
					t.Errorf("%d failures, next in %s: %s", j.Failures, pause, j.Last.Error)
				}
			}
			out, err := r.client.Run(t.Context(), "federation")
			if err != nil || out.Checks[0].State != "warning" || out.Checks[0].Next != "gt federation sync --remote dead" {
				t.Errorf("%+v, %v", out, err)
			}
			r.end()
		})
	}
}

// A remote that refuses every push is not in step, and is pulled from by schedule all
// the same.
func TestRefusedPushesDelayNoPull(t *testing.T) {
	t.Parallel() // it mostly waits
	p := found(t)
	dir, server := hub(t)
	p.edit("mayor", "first")
	p.agree("origin", server.URL())
	refuse := filepath.Join(dir, "hooks", "pre-receive")
	if err := errors.Join(os.MkdirAll(filepath.Dir(refuse), 0o700), script.Write(refuse, "#!/bin/sh\nexit 1\n")); err != nil {
		t.Fatal(err)
	}
	p.schedule("jobs: {federation-sync: {schedule: \"@every 1s\", jitter: 0s}}")
	p.edit("mayor", "second")
	r := p.mustStart()
	contact := func() federate.Contact {
		cfg := r.host.Config()
		all, err := p.engine(cfg).Contacts([]federate.Remote{federate.Remote{Name: "origin", URL: server.URL()}})
		if err != nil {
			t.Fatal(err)
		}
		return all[0]
	}
	var paused federate.Contact
	until(t, "pushes pause", func() bool {
		j := r.Status().Jobs
		for _, j := range j {
			if j.Name == "federation-sync:origin" && j.Last != nil && strings.Contains(j.Last.Error, "pulls go on") {
				if j.Last.Outcome != "failed" || time.Until(*j.Next) > 2*time.Second {
					t.Errorf("%+v, next in %s", j.Last, time.Until(*j.Next))
				}
				paused = contact()
				return true
			}
		}
		return false
	})
	until(t, "a pull succeeds while pushes pause", func() bool {
		c := contact()
		if !c.Push.Failed.Equal(paused.Push.Failed) { // the pause was over before a pull
			paused = c
		}
		return c.Push.Failing && c.Pull.Succeeded.After(paused.Pull.Succeeded)
	})
	out, err := r.client.Run(t.Context(), "federation")
	if err != nil || out.Checks[0].State != "warning" || !strings.Contains(strings.Join(out.Checks[0].Details, "\n"), "origin: the last push failed (the last push that succeeded was") {
		t.Errorf("%+v, %v", out, err)
	}
	// Who asks does not wait for the pause.
	if err := os.Remove(refuse); err != nil {
		t.Fatal(err)
	}
	if out, err := r.client.Run(t.Context(), "federation-sync"); err != nil || out.Runs[0].Outcome != "ok" {
		t.Errorf("%+v, %v", out, err)
	}
	if out, err := r.client.Run(t.Context(), "federation"); err != nil || out.Checks[0].State != "healthy" {
		t.Errorf("%+v, %v", out, err)
	}
	r.end()
}

// The stop does not wait for a remote.
func TestStopsWhileARemoteIsSilent(t *testing.T) {
	p := found(t)
	p.idle = time.Hour
	_, hole := hub(t)
	p.agree("hole", hole.URL())
	r := p.mustStart()
	hole.Set(gitserver.BlackHole)
	if _, err := r.client.Sync(t.Context(), "hole", false); err != nil {
		t.Fatal(err)
	}
	until(t, "it waits for the remote", func() bool {
		for _, j := range r.Status().Jobs {
			if j.Name == "federation-sync:hole" {
				return j.Running
			}
		}
		return false
	})
	r.end()
}
