package deacon

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"gastown/deacon/control"
	"gastown/deacon/schedule"
	"gastown/sync/federate"
	"gastown/town"
)

// syncJob names the job of one remote.
func syncJob(remote string) string { return jobSync + ":" + remote }

// syncWith is the job of one remote.
func (d *Deacon) syncWith(name string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		cfg := d.settings().config
		r, ok := cfg.Remote(name)
		if !ok {
			return "", nil // taken away a moment ago
		}
		engine := d.opts.Engine(cfg)
		remote := federate.Remote(r)
		known, err := engine.Contacts([]federate.Remote{remote})
		if err != nil {
			return "", err
		}
		if !known[0].Confirmed {
			// No fault, and nothing a daemon may decide.
			return "", nil
		}
		out, err := engine.Sync(ctx, remote, false)
		if err != nil {
			return "", err
		}
		return synced(out), nil
	}
}

// synced words what a sync did; "" for nothing. Reviews that wait are no
// failure: they are a person's to decide.
func synced(out federate.Synced) string {
	var did []string
	add := func(n int, what string) {
		if n > 0 {
			did = append(did, fmt.Sprintf("%d %s", n, what))
		}
	}
	add(out.Recorded.Edits, "edit(s) recorded")
	add(out.Pulled.Commits, "commit(s) merged")
	add(out.Pulled.Documents, "file(s) written")
	add(out.Pushed.Commits, "commit(s) published")
	add(out.Pulled.Records, "record(s) of other Towns arrived")
	if s := out.Pushed.Shared; s != nil {
		add(s.Put, "record(s) shared")
		add(s.Removed, "record(s) taken back")
		add(len(s.Waiting), "rule(s) for sharing wait for a person: gt federation push")
	}
	if len(did) > 0 {
		add(max(out.Pulled.Reviews, out.Pushed.Reviews), "review(s) open")
	}
	return strings.Join(did, ", ")
}

// sync has the jobs of one remote, or of all, run now.
func (d *Deacon) sync(ctx context.Context, remote string, wait bool) ([]control.Run, error) {
	var names []string
	for _, r := range d.settings().config.Remotes {
		if remote == "" || r.Name == remote {
			names = append(names, syncJob(r.Name))
		}
	}
	if len(names) == 0 && remote != "" {
		return nil, town.Fail("sync with "+town.Clip(remote, 64), "gt federation remote list shows them", "%w: there is no such remote", town.ErrUsage)
	}
	if !wait {
		var failed []error
		for _, name := range names {
			failed = append(failed, d.scheduler.Start(name))
		}
		return nil, errors.Join(failed...)
	}
	return d.doAll(ctx, names)
}

// doAll runs jobs side by side and waits for all.
func (d *Deacon) doAll(ctx context.Context, names []string) ([]control.Run, error) {
	type answer struct {
		run schedule.Run
		err error
	}
	answers := make([]chan answer, len(names))
	for i, name := range names {
		answers[i] = make(chan answer, 1)
		go func() {
			run, err := d.scheduler.Do(ctx, name)
			answers[i] <- answer{run, err}
		}()
	}
	var out []control.Run
	var failed []error
	for _, c := range answers {
		a := <-c
		if a.err != nil {
			failed = append(failed, a.err)
			continue
		}
		out = append(out, toRun(a.run))
	}
	return out, errors.Join(failed...)
}

func toRun(r schedule.Run) control.Run {
	out := control.Run{Job: r.Job, Began: r.Began, Took: r.Took.Seconds(), Outcome: string(r.Outcome), Note: r.Note}
	if r.Err != nil {
		out.Error, out.Next = r.Err.Error(), town.Next(r.Err)
	}
	return out
}

// retire forgets the figures of remotes that are no more.
func (d *Deacon) retire(before, now *settings) {
	for _, r := range before.config.Remotes {
		if _, still := now.config.Remote(r.Name); !still {
			d.metrics.Forget(syncJob(r.Name), r.Name)
		}
	}
}
