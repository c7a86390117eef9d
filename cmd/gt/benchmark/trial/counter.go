package trial

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Counter counts the processes that a program starts of some others, with wrappers first
// in the search path. A wrapper takes time, so counted runs are never timed.
type Counter struct{ dir string }

// NewCounter makes the wrappers in a directory of their own.
func NewCounter(dir string, names ...string) (Counter, error) {
	c := Counter{dir: dir}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return c, err
	}
	for _, name := range names {
		path, err := exec.LookPath(name)
		if err != nil {
			return c, err
		}
		script := fmt.Sprintf("#!/bin/sh\necho >>'%s'\nexec '%s' \"$@\"\n", c.tally(), path)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o700); err != nil {
			return c, err
		}
	}
	return c, nil
}

func (c Counter) tally() string { return filepath.Join(c.dir, "tally") }

// Path is the environment entry that puts the wrappers before a search path.
func (c Counter) Path(rest string) string {
	return "PATH=" + c.dir + string(os.PathListSeparator) + rest
}

// Take returns the number of processes since the last call.
func (c Counter) Take() (int, error) {
	data, err := os.ReadFile(c.tally())
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return len(data), os.Remove(c.tally())
}

// Traced parses a line that gt and bd print when GT_TRACE is set: "trace STEP
// MICROSECONDS".
func Traced(line string) (step string, took time.Duration, ok bool) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(line), "trace ")
	cut := strings.LastIndexByte(rest, ' ')
	if !ok || cut < 0 {
		return "", 0, false
	}
	us, err := strconv.ParseInt(rest[cut+1:], 10, 64)
	return rest[:cut], time.Duration(us) * time.Microsecond, err == nil
}
