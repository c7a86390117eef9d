package files

import (
	"time"

	"golang.org/x/sys/unix"
)

const (
	// defaultGrain is how far apart two changes certainly bear different times
	// where times have fractions of a second: kernels stamp with a clock that
	// ticks at least a hundred times a second.
	defaultGrain = 20 * time.Millisecond
	// defaultCoarseGrain serves file systems that keep whole seconds, or pairs.
	defaultCoarseGrain = 2 * time.Second
)

// grainBefore returns the newest time, in nanoseconds, that is certainly older
// than a change made at now by the file system's clock: a file whose times lie
// before it cannot be edited from now on without its times showing it.
func grainBefore(now int64) int64 {
	if now%int64(time.Second) == 0 {
		return now - int64(defaultCoarseGrain)
	}
	return now - int64(defaultGrain)
}

// fsNow asks the file system behind dir what time it is, by the change time of
// a file made for the purpose. ok is false where no file can be made; the
// caller then takes every file for racy.
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

// timeUnnamed is fsNow by a file that never has a name, where there are such.
func timeUnnamed(dir int) (int64, error) {
	return timeOf(openat(dir, ".", unix.O_TMPFILE|unix.O_RDWR, 0o600))
}

// timeOf closes a file that was just made.
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
