// Package schedule runs the jobs of one table, each by its own cron schedule.
//
// Guarantees:
//
//   - A job never overlaps itself. Job.Overlap says what happens to a run that is
//     due while the previous one is under way.
//   - No more runs are under way than Options.AtOnce and Job.AtOnce allow. The
//     others wait for a place, in the order they were started.
//   - Runs of jobs that act wait while they are held (Scheduler.Hold).
//   - A run is cancelled at its deadline. A run that does not end then is reported
//     as stuck, and its job does not run again before it has ended. A stuck run
//     takes no place from the others.
//   - A panic ends the run, not the program.
//   - Runs that were missed, because the machine slept or the program did not run,
//     are made up for by one run.
//   - A job that keeps failing runs less often, up to Job.MaxPause, with jitter.
//   - A run of a resumable job can be told to stop at its next step.
//
// The package does not know what jobs do. It never retries a run at once: the next
// run comes by schedule, after a pause, or on request.
package schedule
