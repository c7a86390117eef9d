package schedule

import (
	"context"
	"errors"
	"time"

	"gastown/town"
)

var (
	errUnknown = errors.New("there is no such job")
	errNoMore  = errors.New("the job was removed, or the Deacon stops")
)

// Run schedules jobs until ctx ends, then cancels the runs under way. It waits for
// them, but no longer than Options.Grace for those that do not end, and returns
// whether all ended. A scheduler runs once.
func (s *Scheduler) Run(ctx context.Context) bool {
	// The runs end with their own cause, which distinguishes it from errors within
	// them.
	runs, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(errStopping)
	patient, cancelPatient := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancelPatient(errStopping)
	s.mu.Lock()
	s.ctx, s.patient = runs, patient
	s.mu.Unlock()
	close(s.began)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		timer.Reset(s.startDue())
		select {
		case <-ctx.Done():
		case <-s.wake:
		case <-timer.C:
		}
	}
	s.mu.Lock()
	s.stopped, s.places.held = true, false
	for _, e := range s.entries {
		if e.running {
			e.yield()
		}
	}
	s.admit() // tells waiting callers that there will be no run
	s.mu.Unlock()
	cancel(errStopping)
	late := time.AfterFunc(s.opts.Grace/2, func() { cancelPatient(errStopping) })
	defer late.Stop()
	s.runs.Wait() // each ends within Grace of its cancellation
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.entries {
		if e.stuck {
			return false
		}
	}
	return true
}

// Began is closed when Run has begun: Start and Do take jobs from then on.
func (s *Scheduler) Began() <-chan struct{} { return s.began }

// startDue starts the jobs that are due and returns how long to wait for the next.
func (s *Scheduler) startDue() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, wait := s.now(), defaultLook
	for _, name := range s.order {
		e := s.entries[name]
		if e.job.Disabled {
			continue
		}
		// When the clock is put back, a job must not wait for its former due time.
		if latest := e.schedule.Next(now).Add(e.job.Jitter + e.job.MaxPause); e.next.After(latest) {
			e.next = s.after(e, now)
		}
		if !e.next.After(now) {
			if e.running && e.job.Overlap == Follow {
				e.due = true
			} else {
				s.start(e)
			}
			e.next = s.after(e, now)
		}
		wait = min(wait, e.next.Sub(now))
	}
	return max(wait, time.Millisecond)
}

// start runs a job, or applies its overlap rule. The caller holds mu.
func (s *Scheduler) start(e *entry) {
	switch {
	case s.stopped || s.ctx == nil:
		return
	case e.stuck:
		e.skipped++
		return
	case e.running && e.job.Overlap == Follow:
		e.again = true
		return
	case e.running:
		e.skipped++
		return
	}
	if !s.places.free(e.job) {
		s.places.wait(e)
		return
	}
	e.running, e.again, e.due, e.began = true, false, false, s.now()
	waiters := e.waiters
	e.waiters = nil
	ctx := s.ctx
	if e.job.Resumable {
		ctx = s.patient
	}
	ctx, e.yield = yielding(ctx)
	s.places.take(e.job.Row())
	job, done := e.job, e.yield
	s.runs.Go(func() {
		defer done()
		s.carryOut(ctx, e, job, waiters)
	})
}

// carryOut performs a run and records its outcome.
func (s *Scheduler) carryOut(ctx context.Context, e *entry, job Job, waiters []chan Run) {
	run, ended := s.perform(ctx, job)
	s.mu.Lock()
	s.places.leave(job.Row())
	e.running, e.stuck, e.last = false, run.Outcome == Stuck, &run
	switch run.Outcome {
	case OK:
		slow := e.slowing > 0
		e.failures, e.slowing = 0, 0
		if slow {
			e.next = s.after(e, s.now())
		}
	case Stopped:
	default:
		e.failures++
		if paced := (pacedError{}); run.Outcome == Failed && errors.As(run.Err, &paced) {
			if e.slowing > 0 {
				e.slowing = 0
				e.next = s.after(e, s.now())
			}
			break
		}
		if e.slowing++; e.job.MaxPause > 0 {
			// The pause begins now, even if the job became due meanwhile.
			e.due, e.next = false, s.after(e, s.now())
		}
	}
	if !e.gone && !e.stuck && (e.again || e.due || len(e.waiters) > 0) {
		s.start(e)
	}
	if !e.running && !e.queued {
		s.dismiss(e)
	}
	s.admit()
	if e.stuck {
		go s.rest(e, ended)
	}
	s.mu.Unlock()
	s.opts.Done(run)
	for _, w := range waiters {
		w <- run
	}
	s.poke()
}

// rest waits until a cancelled run has really ended, after which its job may run
// again. The scheduler does not wait for this goroutine, because such a run cannot
// be ended from outside.
func (s *Scheduler) rest(e *entry, ended <-chan struct{}) {
	<-ended
	s.mu.Lock()
	e.stuck = false
	s.mu.Unlock()
	s.poke()
}

// find is the job of that name. The caller holds mu.
func (s *Scheduler) find(name string) (*entry, error) {
	if e, ok := s.entries[name]; ok {
		return e, nil
	}
	return nil, town.Fail("run "+town.Clip(name, 64), "gt deacon status lists the jobs", "%w: %w", town.ErrUsage, errUnknown)
}

// idle returns why a job can run neither now nor next, as town.ErrBusy. The caller
// holds mu.
func (s *Scheduler) idle(e *entry) error {
	op := "run " + e.job.Name
	switch {
	case s.stopped:
		return town.Fail(op, "gt deacon start", "%w: the Deacon is stopping", town.ErrBusy)
	case s.ctx == nil:
		return town.Fail(op, "run the command again", "%w: the Deacon is starting", town.ErrBusy)
	case e.stuck:
		return town.Fail(op, "gt deacon restart", "%w: its last run has not ended since it was cancelled", town.ErrBusy)
	}
	return nil
}

// Start runs a job now, whatever its schedule and pause are, and does not wait for
// it. While another run is under way the job's overlap rule applies. It fails with
// town.ErrBusy, like Do, when there will be no run.
func (s *Scheduler) Start(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.find(name)
	if err == nil {
		err = s.idle(e)
	}
	if err == nil {
		s.start(e)
	}
	return err
}

// Do runs a job now and waits for that run. While another run is under way it waits
// for one that begins later. It fails with town.ErrBusy while the scheduler starts
// or stops, and when a run of the job does not end.
func (s *Scheduler) Do(ctx context.Context, name string) (Run, error) {
	wait := make(chan Run, 1)
	s.mu.Lock()
	e, err := s.find(name)
	if err == nil {
		err = s.idle(e)
	}
	if err == nil {
		e.waiters = append(e.waiters, wait)
		if !e.running {
			s.start(e)
		}
	}
	s.mu.Unlock()
	if err != nil {
		return Run{}, err
	}
	select {
	case r := <-wait:
		return r, nil
	case <-ctx.Done():
		return Run{}, ctx.Err()
	}
}
