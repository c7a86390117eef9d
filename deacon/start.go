package deacon

import (
	"context"
	"errors"
	"os"
	"slices"
	"time"

	"gastown/deacon/guard"
	"gastown/deacon/part"
	"gastown/deacon/schedule"
	"gastown/deacon/settings"
	"gastown/deacon/web"
	"gastown/planes/operational"
)

// steps are the steps of a start, in order.
func (d *Deacon) steps() []step {
	all := []step{
		{name: "lock", do: d.takeLock, undo: func(context.Context) error { return d.host.own.lock.Release() }},
		{name: "orphans", do: func(context.Context) error { d.endOrphans(); return nil }},
		{name: "settings", do: d.readSettings},
		{name: "planes", do: d.takePlanes, undo: d.host.stores.Close, writes: true},
		{name: "schedule", do: d.makeSchedule},
	}
	for _, p := range d.host.starts {
		all = append(all, d.partStep(p))
	}
	return append(all,
		step{name: "control", do: d.listenControl, undo: func(ctx context.Context) error { return shut(ctx, d.control) }},
		step{name: "http", do: d.listenHTTP, undo: func(ctx context.Context) error { return shut(ctx, d.http) }},
		d.askFirst(),
		d.runJobs(),
		step{name: "watch", do: d.watchSettings},
		step{name: "own", do: d.watchOwn},
	)
}

func (d *Deacon) takeLock(ctx context.Context) error {
	for _, path := range []string{d.opts.Layout.CommandSocket(), d.opts.Layout.ControlSocket(), d.opts.Layout.SQLSocket()} {
		if err := guard.CheckSocket(path); err != nil {
			return err
		}
	}
	lock, err := claim(ctx, d.opts.Layout, d.opts.Command)
	if err != nil {
		return err
	}
	directory, err := os.Stat(d.opts.Layout.Deacon())
	if err != nil {
		return errors.Join(err, lock.Release())
	}
	d.host.own = &own{path: d.opts.Layout.Deacon(), link: d.opts.Layout.Link, directory: directory, lock: lock}
	return nil
}

// readSettings reads the settings for the first time. A malformed schedule ends the
// start here.
func (d *Deacon) readSettings(context.Context) error {
	first, err := settings.Read(d.opts.Layout, d.opts.Getenv)
	if err != nil {
		return err
	}
	if _, err := d.host.jobsOf(first); err != nil {
		return err
	}
	d.host.settings = settings.New(first, settings.Options{
		Town: d.opts.Layout, Getenv: d.opts.Getenv, Log: d.log, Reloaded: d.metrics.Reloaded, InForce: d.inForce,
		Check: func(s *settings.Settings) error { _, err := d.host.jobsOf(s); return err },
	})
	return nil
}

// inForce applies new settings everywhere they are used.
func (d *Deacon) inForce(before, now *settings.Settings) {
	d.host.reloads.Add(1)
	_, _, _ = d.host.duty.look() // a reload after a change of the role ends at once what may not act any more
	d.setJobs(now)
	d.host.stores.Configure(now.Config)
	perSecond, burst := part.Int(now.Config, "rate.requests_per_second"), part.Int(now.Config, "rate.burst_size")
	d.mu.Lock()
	limits := slices.Clone(d.limits)
	d.mu.Unlock()
	for _, l := range limits {
		l.Set(perSecond, burst)
	}
	for _, p := range offering[part.Reloaded](d.host.parts) {
		p.Reload(before.Config, now.Config)
	}
}

// setJobs gives the scheduler the jobs of settings that were checked.
func (d *Deacon) setJobs(s *settings.Settings) {
	jobs, err := d.host.jobsOf(s)
	if err == nil {
		names := map[string]bool{}
		for _, j := range jobs {
			names[j.Name] = true
		}
		for _, j := range d.host.jobs.Jobs() {
			if !names[j.Name] {
				d.metrics.ForgetJob(j.Name)
			}
		}
		d.host.jobs.SetAtOnce(s.Schedule.AtOnce)
		err = d.host.jobs.Set(jobs)
	}
	if err != nil {
		d.log.WithError(err).Error("the jobs were not changed")
	}
}

func (d *Deacon) takePlanes(ctx context.Context) error {
	cfg := d.host.Config()
	if d.opts.Serve != nil {
		refused := refusals{metrics: d.metrics, log: d.log, listener: web.ListenerSQL}
		server, err := d.opts.Serve(ctx, cfg, refused.add)
		if err != nil {
			return err
		}
		d.host.stores.Serve(server)
	}
	d.host.stores.Configure(cfg)
	return nil
}

// makeSchedule makes the scheduler. It reads when an earlier Deacon ran each job,
// so that a missed run is made up for.
func (d *Deacon) makeSchedule(ctx context.Context) error {
	last := map[string]time.Time{}
	err := d.host.Operational(ctx, func(s *operational.Store) error {
		runs, err := s.JobRuns(ctx)
		for _, r := range runs {
			last[r.Job] = r.Began
			d.host.records.Recall(r)
		}
		return err
	})
	if err != nil {
		return err
	}
	s := d.host.settings.Current()
	jobs, err := d.host.jobsOf(s)
	if err != nil {
		return err
	}
	d.host.jobs = schedule.New(schedule.Options{
		Log: d.log, Now: d.opts.Now, Grace: jobGrace, Done: d.ran, AtOnce: s.Schedule.AtOnce,
		Last: func(job string) time.Time { return last[job] },
	})
	return d.host.jobs.Set(jobs)
}

// partStep starts and stops a part.
func (d *Deacon) partStep(p part.Part) step {
	out := step{name: p.Name(), do: func(context.Context) error { return nil }}
	starter, starts := p.(part.Starter)
	failing, fails := p.(part.Failing)
	out.do = func(ctx context.Context) error {
		if starts {
			if err := starter.Start(ctx); err != nil {
				return err
			}
		}
		if fails {
			d.watch(ctx, p.Name(), failing.Failed())
		}
		return nil
	}
	if s, ok := p.(part.Stopper); ok {
		_, apart := p.(part.Renewed) // it only listens
		out.undo, out.writes = s.Stop, !apart
	}
	return out
}

// runJobs runs the jobs in a goroutine that ends with the step.
func (d *Deacon) runJobs() step {
	var cancel context.CancelFunc
	ended := make(chan bool, 1)
	return step{
		name: "jobs",
		do: func(ctx context.Context) error {
			ctx, cancel = context.WithCancel(context.WithoutCancel(ctx))
			go func() { ended <- d.host.jobs.Run(ctx) }()
			<-d.host.jobs.Began()
			return nil
		},
		undo: func(ctx context.Context) error {
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

// watchSettings reloads the configuration, when it was changed, until ctx ends.
func (d *Deacon) watchSettings(ctx context.Context) error {
	d.watches.Go(func() { d.host.settings.Watch(ctx) })
	return nil
}
