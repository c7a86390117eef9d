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
	s := h.Report()
	s.Version, s.Town, s.Root, s.PID, s.User = d.opts.Version, h.Config().Town.Name, d.opts.Layout.Root, os.Getpid(), d.owner
	s.State, s.Started, s.Uptime, s.HTTP = "running", h.started, d.opts.Now().Sub(h.started).Seconds(), d.Address()
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
