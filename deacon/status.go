package deacon

import (
	"os"
	"path/filepath"

	"gastown/deacon/control"
	"gastown/deacon/part"
	"gastown/deacon/schedule"
)

// Status is the state of the Deacon.
func (d *Deacon) Status() control.Status {
	h := d.host
	s := control.Status{
		Version: d.opts.Version, Town: h.Config().Town.Name, Root: d.opts.Layout.Root, PID: os.Getpid(), User: d.owner,
		State: "running", Started: h.started, Uptime: d.opts.Now().Sub(h.started).Seconds(), HTTP: d.Address(),
	}
	s.Problem, s.Pending = h.settings.Problem()
	lent, unserved := h.stores.State()
	s.Unserved = unserved
	switch {
	case d.stopping():
		s.State = "stopping"
	case lent:
		s.State = "lending"
	}
	if h.stores.Served() {
		s.SQL = filepath.Clean(d.opts.Layout.SQLSocket())
	}
	for _, j := range h.jobs.Jobs() {
		s.Jobs = append(s.Jobs, job(j))
	}
	for _, p := range offering[part.Reporting](h.parts) {
		p.Status(&s)
	}
	return s
}

// job is the state of a job, as the control socket reports it.
func job(j schedule.State) control.Job {
	out := control.Job{
		Name: j.Name, Schedule: j.Schedule, Running: j.Running, Stuck: j.Stuck, Waiting: j.Waiting, Failures: j.Failures, Skipped: j.Skipped,
	}
	if !j.Next.IsZero() {
		next := j.Next.UTC()
		out.Next = &next
	}
	if j.Last != nil {
		out.Last = &part.Runs([]schedule.Run{*j.Last})[0]
	}
	return out
}
