package deacon

import (
	"os"
	"path/filepath"

	"gastown/deacon/control"
)

// Status tells how the Deacon is.
func (d *Deacon) Status() control.Status {
	d.mu.Lock()
	s := control.Status{
		Version: d.opts.Version, Town: d.now.config.Town.Name, Root: d.opts.Layout.Root, PID: os.Getpid(), User: d.owner,
		State: "running", Started: d.started, Uptime: d.opts.Now().Sub(d.started).Seconds(), HTTP: d.address, Problem: d.problem, Unserved: d.unserved, Pending: d.pending,
	}
	if d.stopping {
		s.State = "stopping"
	}
	d.mu.Unlock()
	if s.State == "running" && len(d.lending) > 0 {
		s.State = "lending"
	}
	if d.server != nil {
		s.SQL = filepath.Clean(d.opts.Layout.SQLSocket())
	}
	s.Agents = d.records.agents()
	s.Health = d.health().State
	s.Checks = d.board.all()
	for _, j := range d.scheduler.Jobs() {
		out := control.Job{
			Name: j.Name, Schedule: j.Schedule, Running: j.Running, Stuck: j.Stuck, Failures: j.Failures, Skipped: j.Skipped,
		}
		if !j.Next.IsZero() {
			next := j.Next.UTC()
			out.Next = &next
		}
		if j.Last != nil {
			last := toRun(*j.Last)
			out.Last = &last
		}
		s.Jobs = append(s.Jobs, out)
	}
	return s
}
