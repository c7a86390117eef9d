package limits

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// ErrStays reports a process that cannot be taken out of the limits of a session.
var ErrStays = errors.New("it stays within the limits of this session, and ends with it")

// Leave takes another process out of the session's cgroups that this process is in, to
// where gt ran before it made them. inSession says that this process runs in a session;
// then a scope of systemd is ErrStays, because nothing tells what was around it. A
// process that is in no cgroup of a session is left alone.
func (h Host) Leave(pid int, inSession bool) error {
	text, err := os.ReadFile(filepath.Join(cmp.Or(h.Proc, "/proc"), "self", "cgroup"))
	if err != nil {
		return nil // no cgroups, so nothing to leave
	}
	moved := false
	for line := range strings.Lines(string(text)) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) != 3 {
			continue
		}
		before, _, inside := strings.Cut(f[2], "/gastown-")
		if !inside {
			continue
		}
		for _, c := range strings.Split(f[1], ",") {
			if c != "" && !slices.Contains([]string{"memory", "cpu", "pids"}, c) {
				continue
			}
			file := filepath.Join(cmp.Or(h.Sys, "/sys/fs/cgroup"), c, before, "cgroup.procs")
			if err := write(file, strconv.Itoa(pid)); err != nil {
				return fmt.Errorf("%w: %w", ErrStays, err)
			}
			moved = true
		}
	}
	if !moved && inSession && h.Find().Kind == Scope {
		return fmt.Errorf("%w: systemd made a scope for it", ErrStays)
	}
	return nil
}
