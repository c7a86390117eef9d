// Package ticks lets what a process does again and again happen at the same moments, so that
// an idle process wakes as seldom as it can. Waking costs more than most looks: the kernel
// and Go's scheduler take a quarter of a millisecond for it.
package ticks

import "time"

// Next is a channel that gets a value at the next whole multiple of the period on the wall
// clock, such as the next full second. All who wait for the same moment are woken together,
// and together with the jobs of the schedule, which begin at full seconds. The period is
// positive. When the clock is set meanwhile, it may take up to a period longer or shorter.
func Next(period time.Duration) <-chan time.Time { return time.After(until(time.Now(), period)) }

// until is the time to the next multiple. A timer can fire a moment early, because timers
// and the wall clock do not run quite alike: a multiple that near counts as reached.
func until(now time.Time, period time.Duration) time.Duration {
	now = now.Round(0)
	wait := now.Truncate(period).Add(period).Sub(now)
	if wait < period/16 {
		wait += period
	}
	return wait
}
