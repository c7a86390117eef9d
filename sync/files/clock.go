package files

import (
	"time"

	"golang.org/x/sys/unix"
)

const (
	// defaultGrain is the least time between two changes that certainly get
	// different times, on file systems that store fractions of a second. Kernels
	// take times from a clock that ticks at least a hundred times a second.
	defaultGrain = 20 * time.Millisecond
	// defaultCoarseGrain is that for file systems that store every second, or every
	// other one.
	defaultCoarseGrain = 2 * time.Second
)

// grainBefore returns the newest time, in nanoseconds, that certainly differs from
// the time of a change made at now, by the file system's clock. When the times of
// a file lie before it, any later edit changes them.
func grainBefore(now int64) int64 {
	if now%int64(time.Second) == 0 {
		return now - int64(defaultCoarseGrain)
	}
	return now - int64(defaultGrain)
}

// fsNow asks the file system behind dir for the time: it makes a temporary file and
// reads its change time. ok is false where no file can be made; the caller then
// takes every file for racy.
func fsNow(dir int) (now int64, ok bool) {
	now, err := timeUnnamed(dir)
	if err == nil {
		return now, true
	}
	name := tempName()
	now, err = timeOf(openat(dir, name, unix.O_CREAT|unix.O_EXCL|unix.O_RDWR|unix.O_NOFOLLOW, 0o600))
	_ = unix.Unlinkat(dir, name, 0)
	return now, err == nil
}

// timeUnnamed is fsNow with a file that has no name (O_TMPFILE), so that the
// directory's own times stay as they are. Not every file system has such files.
func timeUnnamed(dir int) (int64, error) {
	return timeOf(openat(dir, ".", unix.O_TMPFILE|unix.O_RDWR, 0o600))
}

// timeOf returns the time of a file that was just made, and closes it. It takes
// both results of openat.
func timeOf(fd int, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return 0, err
	}
	return max(st.Ctim.Nano(), st.Mtim.Nano()), nil
}
