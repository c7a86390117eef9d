// Package schedule keeps time: it runs the jobs of one table, each by its own
// cron schedule.
//
// Guarantees:
//
//   - A job never overlaps itself. What happens to a run that is due while the
//     previous one goes on is the job's Overlap.
//   - A run is cancelled at its deadline. One that does not end then is
//     reported as stuck, and its job rests until it does; nothing waits for it.
//   - A panic ends the run, not the program.
//   - A run that was missed, because the machine slept or the program did not
//     run, is made up for once, however many were missed.
//   - A job that fails again and again is run less often, up to Job.MaxPause,
//     with jitter.
//
// The package knows nothing of what jobs do. Nothing here retries a run at
// once: the next one is due by schedule, by pause, or because somebody asks.
package schedule
