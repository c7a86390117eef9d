package deacon

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gastown/deacon/control"
	"gastown/deacon/part"
	"gastown/deacon/recorder"
	"gastown/deacon/schedule"
	"gastown/deacon/settings"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/instance"
	"gastown/town/layout"
)

// table has every row of jobs for a configuration.
func (h *host) table(cfg *config.Config) (rows []schedule.Job) {
	for _, p := range offering[part.Scheduled](h.parts) {
		rows = append(rows, p.Jobs(cfg)...)
	}
	return rows
}

// jobsOf is the table with the changes of deacon/schedule.yaml.
func (h *host) jobsOf(s *settings.Settings) ([]schedule.Job, error) {
	jobs, err := s.Schedule.Apply(h.table(s.Config))
	if err != nil {
		return nil, err
	}
	for i, j := range jobs {
		guarded := func(run func(context.Context) (string, error)) func(context.Context) (string, error) {
			switch {
			case j.Acts:
				run = h.actingJob(run)
			case j.Tells:
				run = h.tellingJob(run)
			}
			return h.ownJob(run)
		}
		if j.Run != nil {
			jobs[i].Run = guarded(j.Run)
		}
		if run := j.RunKey; run != nil {
			jobs[i].RunKey = func(ctx context.Context, key string) (string, error) {
				return guarded(func(ctx context.Context) (string, error) { return run(ctx, key) })(ctx)
			}
		}
		if _, err := schedule.Parse(j.Schedule); err != nil {
			return nil, fmt.Errorf("job %s: %w", j.Name, err)
		}
	}
	return jobs, nil
}

// CheckSettings returns the error with which a Deacon would refuse the Town's
// settings at its start or on a reload: the configuration or the schedule is
// malformed. It changes nothing.
func CheckSettings(t layout.Town) error {
	o := Options{Layout: t, everyPart: true}
	o.defaults()
	s, err := settings.Read(t, nil)
	if err != nil {
		return err
	}
	_, err = newHost(o).jobsOf(s)
	return err
}

// ran counts and records a run that ended.
func (d *Deacon) ran(r schedule.Run) {
	var job schedule.State
	for _, j := range d.host.jobs.Jobs() {
		if j.Name == r.Job {
			job = j
		}
	}
	d.metrics.JobRan(r.Job, string(r.Outcome), r.Took, job.Failures)
	log := d.log.WithField("job", r.Job).WithField("took", r.Took.String()).WithField("outcome", string(r.Outcome))
	switch {
	case r.Outcome == schedule.Stopped:
		log.Info("a job was stopped")
	case r.Err != nil:
		log.WithError(r.Err).WithField("failures", job.Failures).Error("a job failed")
	case r.Note != "":
		log.Info(r.Note)
	default:
		log.Debug("a job ran")
	}
	switch {
	case r.Job == recorder.Job:
		return // the event would only say that rows were written
	case r.Outcome == schedule.Stopped && job.Resumable:
		return // without a row the run counts as missed, and the next start makes up for it
	}
	note := operational.JobRun{Job: r.Job, Began: r.Began, Took: r.Took, Outcome: string(r.Outcome), Note: r.Note}
	if r.Err != nil {
		note.Error = town.Plain(r.Err.Error())
	}
	d.host.records.JobRan(note)
}

// run is gt deacon run: it runs something that a part offers, such as a check, or a
// job, or all jobs of a row.
func (d *Deacon) run(ctx context.Context, name string) (out control.Ran, err error) {
	var names []string
	for _, p := range offering[part.Runner](d.host.parts) {
		if slices.Contains(p.Runnable(), name) {
			return p.Run(ctx, name)
		}
		names = append(names, p.Runnable()...)
	}
	var wanted []string
	for _, j := range d.host.jobs.Jobs() {
		if j.Name == name || j.Row() == name {
			wanted = append(wanted, j.Name)
			if role := d.host.Role(); j.Acts && role != instance.Active {
				return out, town.Fail("run "+j.Name, "gt town status", "%w: this directory is not the active one of the Town (%s)", town.ErrRefused, role)
			}
		}
		names = append(names, j.Name)
	}
	row := slices.ContainsFunc(d.host.table(d.host.Config()), func(j schedule.Job) bool { return j.Name == name && !j.Absent })
	if len(wanted) == 0 && !row { // the row has no keys, so it has no jobs to run
		return out, town.Fail("run "+town.Clip(name, 64), "choose one of: "+strings.Join(names, ", "), "%w: there is no such check or job", town.ErrUsage)
	}
	for _, p := range offering[part.Asked](d.host.parts) {
		for _, name := range wanted {
			p.Asked(name)
		}
	}
	runs, err := d.host.DoJobs(ctx, wanted)
	out.Runs = part.Runs(runs)
	return out, err
}
