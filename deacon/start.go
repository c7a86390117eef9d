package deacon

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"syscall"
	"time"

	"gastown/deacon/control"
	"gastown/deacon/guard"
	"gastown/deacon/schedule"
	"gastown/deacon/web"
	"gastown/planes/operational"
	"gastown/sync/hooks"
	"gastown/town"
)

// steps are those of a start, in order.
func (d *Deacon) steps() []step {
	return []step{
		{"lock", d.takeLock, func(context.Context) error { return d.lock.Release() }},
		{"orphans", d.endOrphans, nil},
		{"settings", d.firstSettings, nil},
		{"planes", d.takePlanes, d.givePlanes},
		{"memory", d.recall, d.lastFlush},
		{"ledger", func(context.Context) error { return d.reads.apply(d.now) }, func(context.Context) error { return d.reads.pause() }},
		{"control", d.listenControl, func(ctx context.Context) error { return shut(ctx, d.control, d.opts.Layout.ControlSocket()) }},
		{"http", d.listenHTTP, func(ctx context.Context) error { return shut(ctx, d.http, "") }},
		d.scheduling(),
	}
}

func (d *Deacon) takeLock(ctx context.Context) (err error) {
	for _, path := range []string{d.opts.Layout.ControlSocket(), d.opts.Layout.SQLSocket()} {
		if err := checkSocket(path); err != nil {
			return err
		}
	}
	d.lock, err = claim(ctx, d.opts.Layout, d.opts.Command)
	return err
}

func (d *Deacon) firstSettings(context.Context) error {
	s, err := d.read()
	if err != nil {
		return err
	}
	d.now, d.first, d.noticed = s, s, s.stamp
	return nil
}

func (d *Deacon) takePlanes(ctx context.Context) (err error) {
	if d.opts.Serve != nil {
		d.server, err = d.opts.Serve(ctx, d.now.config, d.refusals(web.ListenerSQL).add)
	}
	return err
}

func (d *Deacon) givePlanes(ctx context.Context) error {
	if d.server == nil {
		return nil
	}
	err := d.server.Close(ctx) // ends an attempt to serve again, too
	d.behind.Wait()
	return err
}

// recall reads what an earlier Deacon noted, so that a run that was missed is
// known and a state keeps its age.
func (d *Deacon) recall(ctx context.Context) error {
	last := map[string]time.Time{}
	err := d.operational(ctx, func(s *operational.Store) error {
		states, err := s.CheckStates(ctx)
		if err != nil {
			return err
		}
		d.board.recall(states)
		runs, err := s.JobRuns(ctx)
		for _, r := range runs {
			last[r.Job] = r.Began
		}
		return err
	})
	if err != nil {
		return err
	}
	d.scheduler = schedule.New(schedule.Options{
		Log: d.log, Now: d.opts.Now, Grace: jobGrace, Done: d.ran,
		Last: func(job string) time.Time { return last[job] },
	})
	jobs, err := d.jobs(d.now)
	if err != nil {
		return err
	}
	if err := d.scheduler.Set(jobs); err != nil {
		return err
	}
	// So that the first answer to anybody is not a guess.
	_, err = d.look(ctx, func(name string) bool { return name != slow })
	return err
}

func (d *Deacon) lastFlush(ctx context.Context) error {
	_, err := d.flush(ctx, true)
	return err
}

func (d *Deacon) listenControl(context.Context) error {
	l, err := listen(d.opts.Layout.ControlSocket())
	if err != nil {
		return err
	}
	handler := control.Handler(control.Deacon{
		Status: d.Status, Stop: d.stop, Run: d.run, Sync: d.sync, Lend: d.lend,
		Read: d.reads.read, Agents: d.agents, Cache: d.keeps, CacheStats: d.cacheStats,
		Reload: func(context.Context) error { return d.reload() },
		Heartbeat: func(h control.Heartbeat) error {
			err := d.records.beat(h)
			if err == nil {
				d.metrics.Heartbeat()
			}
			return err
		},
	})
	limit := d.limit(web.ListenerControl, controlQueue, control.Exempt)
	d.control = guard.Serve(l, limit.Handler(handler), guard.Options{
		Log: d.log.WithField("listener", web.ListenerControl), Owner: true,
		Refused: func(reason string) { d.metrics.Refused(web.ListenerControl, reason) },
	})
	return nil
}

func (d *Deacon) listenHTTP(ctx context.Context) error {
	if d.now.http == "" {
		return nil
	}
	l, err := tcp(ctx, d.now.http)
	if err != nil {
		next := "gt config deacon.http_address HOST:PORT chooses another, for instance localhost:0"
		if errors.Is(err, syscall.EADDRINUSE) {
			err = fmt.Errorf("another program listens there: %w", err)
		}
		return town.Fail("answer on "+d.now.http, next, "%w", err)
	}
	d.mu.Lock()
	d.address = l.Addr().String() // the control socket answers already
	d.mu.Unlock()
	o := web.Options{Health: d.health, Metrics: d.metrics.Handler(), Notify: http.HandlerFunc(d.notified)}
	limit := d.limit(web.ListenerHTTP, 0, web.Exempt)
	d.http = guard.Serve(l, limit.Handler(web.Handler(o)), guard.Options{
		Log:     d.log.WithField("listener", web.ListenerHTTP),
		Refused: func(reason string) { d.metrics.Refused(web.ListenerHTTP, reason) },
	})
	return nil
}

// limit admits as many requests as the settings say. Each listener has a limit
// of its own, so that strangers on the network keep no command waiting.
func (d *Deacon) limit(listener string, queue int, exempt func(*http.Request) bool) *guard.Limiter {
	l := guard.NewLimiter(d.now.rate, d.now.burst, guard.LimitOptions{
		Queue: queue, Exempt: exempt, Delayed: func() { d.metrics.Delayed(listener) },
	})
	d.mu.Lock()
	defer d.mu.Unlock()
	d.limits = append(d.limits, l)
	return l
}

// notified syncs when a Git host says that something arrived, and can prove it
// is the host it should be. A sender that cannot learns nothing more.
func (d *Deacon) notified(w http.ResponseWriter, r *http.Request) {
	err := hooks.ErrNoSecret
	if d.opts.Verify != nil {
		err = d.opts.Verify(r)
	}
	if err != nil {
		reason := guard.Unsigned
		switch {
		case errors.Is(err, hooks.ErrFlood):
			reason = guard.Crowded
		case errors.Is(err, hooks.ErrTooLarge):
			reason = guard.Oversized
		}
		guard.Refuse(w, r, reason, hooks.Status(err))
		return
	}
	if _, err := d.sync(r.Context(), "", false); err != nil {
		d.log.WithError(err).Error("a notification could not be followed")
		http.Error(w, "busy", http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(hooks.Status(nil))
}

// shut closes a listener, and what it leaves on the disk.
func shut(ctx context.Context, s *guard.Server, path string) error {
	if s == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	err := s.Close(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = nil // the requests were cut
	}
	if path != "" {
		if gone := os.Remove(path); gone != nil && !os.IsNotExist(gone) {
			err = errors.Join(err, gone)
		}
	}
	return err
}

// scheduling runs the jobs, in a goroutine that ends with the step.
func (d *Deacon) scheduling() step {
	var cancel context.CancelFunc
	ended := make(chan bool, 1)
	return step{
		"jobs",
		func(ctx context.Context) error {
			ctx, cancel = context.WithCancel(context.WithoutCancel(ctx))
			go func() { ended <- d.scheduler.Run(ctx) }()
			<-d.scheduler.Began()
			return nil
		},
		func(ctx context.Context) error {
			cancel()
			select {
			case all := <-ended:
				if !all {
					return errors.New("a job did not end")
				}
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		},
	}
}
