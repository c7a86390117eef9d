package deacon

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gastown/deacon/control"
	"gastown/town/config"
)

// With the default limits, a hundred agents that send heartbeats at once are all
// recorded.
func TestNoHeartbeatIsLostToTheLimit(t *testing.T) {
	const agents = 100
	p := found(t)
	r := p.mustStart()
	defer r.end()
	var wait sync.WaitGroup
	for n := range agents {
		wait.Go(func() {
			c := control.NewClient(p.layout.ControlSocket())
			defer c.Close()
			if err := c.Heartbeat(t.Context(), control.Heartbeat{Agent: fmt.Sprintf("rig/crew/a%d", n), State: "working"}); err != nil {
				t.Errorf("heartbeat %d: %v", n, err)
			}
		})
	}
	wait.Wait()
	if n := r.Status().Agents; n != agents {
		t.Errorf("%d of %d agents were heard", n, agents)
	}
}

// During a flood of requests the Deacon's status can still be read and it can be
// stopped. A client that waits is told the reason, and one that does not wait is
// told when to try again.
func TestFlood(t *testing.T) {
	const flood = 60
	p := found(t)
	p.configure(func(c *config.Config) {
		p.set(c, "rate.requests_per_second", "1")
		p.set(c, "rate.burst_size", "2")
	})
	r := p.mustStart()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var told, heard, gone atomic.Int64
	var wait sync.WaitGroup
	for n := range flood {
		wait.Go(func() {
			c := control.NewClient(p.layout.ControlSocket())
			defer c.Close()
			c.Waiting = func(string) { told.Add(1) }
			patient, cancel := context.WithTimeout(ctx, time.Hour)
			defer cancel()
			switch err := c.Heartbeat(patient, control.Heartbeat{Agent: fmt.Sprintf("rig/crew/a%d", n), State: "idle"}); {
			case err == nil:
				heard.Add(1)
			case errors.Is(err, context.Canceled):
				gone.Add(1)
			default:
				t.Errorf("heartbeat: %v", err)
			}
		})
	}
	until(t, "the others wait", func() bool { return told.Load()+heard.Load() >= flood })
	for range 20 {
		if _, err := r.client.Status(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := r.client.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for wait := time.Second; ; wait *= 2 { // a busy machine does not answer in a second
		soon, enough := context.WithTimeout(t.Context(), wait)
		_, err := r.client.CacheStats(soon)
		enough()
		if errors.Is(err, control.ErrLimited) {
			break
		}
		if !errors.Is(err, control.ErrSilent) || wait > 8*time.Second {
			t.Errorf("out of turn: %v", err)
			break
		}
	}
	limited, healthy := 0, 0
	for range 20 {
		res, err := http.Get("http://" + r.Address() + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode == http.StatusTooManyRequests && res.Header.Get("Retry-After") != "" {
			limited++
		}
		if code, _ := body(t, "http://"+r.Address()+"/health"); code == http.StatusOK {
			healthy++
		}
	}
	if limited == 0 || healthy != 20 {
		t.Errorf("%d of 20 were over the limit, %d of 20 answered", limited, healthy)
	}
	// An answer is on its way for a moment.
	until(t, "there is an agent for each heartbeat", func() bool { return int64(r.Status().Agents) == heard.Load() })
	// Of the clients that waited in vain nothing is left.
	cancel()
	wait.Wait()
	if told.Load() < flood/2 || heard.Load()+gone.Load() != flood {
		t.Errorf("%d were told, %d heard, %d have gone", told.Load(), heard.Load(), gone.Load())
	}
	if err := r.client.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-r.ended; err != nil {
		t.Error(err)
	}
}
