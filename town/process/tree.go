package process

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// treePoll is how often End looks whether the processes have ended.
	treePoll = 10 * time.Millisecond
	// killFor is how long End kills before it gives up: a process in the kernel may
	// not end.
	killFor = 5 * time.Second
)

// Tree is a process with everything it started.
type Tree struct {
	// Leader is the process at the root, which leads a session of the kernel; 0 for
	// none. Ended says that it has ended: another process may have its id then, but
	// not while a process of its session runs.
	Leader int
	Ended  bool
	// Marker is a variable, as NAME=value, that only the processes of the tree have.
	// It finds those whose parents have ended. "" for none.
	Marker string
	// Cgroup lists the processes of the tree's cgroup; nil for none.
	Cgroup func() []int

	seen map[int]uint64
}

// Members lists the processes of the tree that run, without this process: the leader,
// its session, all that descend from them, also those that were members when the tree
// was looked at before, those in the cgroup, and those with the marker.
func (t *Tree) Members() ([]int, error) {
	all, err := table()
	if err != nil {
		return nil, err
	}
	if t.seen == nil {
		t.seen = map[int]uint64{}
		if p, ok := all[t.Leader]; ok && !t.Ended {
			t.seen[t.Leader] = p.began
		}
	}
	in := map[int]bool{}
	add := func(pid int) {
		if p, ok := all[pid]; ok {
			in[pid], t.seen[pid] = true, p.began
		}
	}
	_, taken := all[t.Leader]
	leads := t.Leader > 0 && !(t.Ended && taken)
	for pid, p := range all {
		if began, ok := t.seen[pid]; ok && began == p.began || leads && p.session == t.Leader {
			add(pid)
		}
	}
	if t.Cgroup != nil {
		for _, pid := range t.Cgroup() {
			add(pid)
		}
	}
	if t.Marker != "" {
		for pid, p := range all {
			if !in[pid] && p.state != "Z" && marked(pid, t.Marker) {
				add(pid)
			}
		}
	}
	for grown := true; grown; {
		grown = false
		for pid, p := range all {
			if !in[pid] && in[p.parent] {
				add(pid)
				grown = true
			}
		}
	}
	delete(in, os.Getpid())
	var out []int
	for pid := range in {
		if state := all[pid].state; state != "Z" && state != "X" {
			out = append(out, pid)
		}
	}
	slices.Sort(out)
	return out, nil
}

// End ends the tree: SIGHUP and SIGTERM, and after the grace SIGKILL until no process
// is left. It returns an error when some stay.
func (t *Tree) End(ctx context.Context, grace time.Duration) error {
	left, err := t.signal(unix.SIGTERM, unix.SIGHUP, unix.SIGCONT)
	for end := time.Now().Add(grace); err == nil && len(left) > 0 && time.Now().Before(end); {
		if err := pause(ctx, treePoll); err != nil {
			return err
		}
		left, err = t.Members()
	}
	for end := time.Now().Add(killFor); err == nil && len(left) > 0; {
		if time.Now().After(end) {
			return fmt.Errorf("%d process(es) did not end when they were killed, such as %d", len(left), left[0])
		}
		// Stopped first, none of them can start another one meanwhile.
		if _, err = t.signal(unix.SIGSTOP); err != nil {
			break
		}
		if left, err = t.signal(unix.SIGKILL); err != nil || len(left) == 0 {
			break
		}
		if err := pause(ctx, treePoll); err != nil {
			return err
		}
		left, err = t.Members()
	}
	return err
}

// signal sends signals to every process of the tree.
func (t *Tree) signal(signals ...unix.Signal) ([]int, error) {
	left, err := t.Members()
	for _, pid := range left {
		began := t.seen[pid]
		same := func() bool { now, err := Began(pid); return err == nil && now == began }
		if err := SignalIf(pid, same, signals...); err != nil {
			return left, err
		}
	}
	return left, err
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// entry is a line of the table of processes.
type entry struct {
	state           string
	parent, session int
	began, ticks    uint64
}

// table reads the table of processes.
func table() (map[int]entry, error) {
	pids, err := All()
	if err != nil {
		return nil, err
	}
	all := map[int]entry{}
	for _, pid := range pids {
		f, err := stat(pid)
		if err != nil || len(f) < 20 {
			continue // it has ended
		}
		e := entry{state: f[0]}
		e.parent, _ = strconv.Atoi(f[1])
		e.session, _ = strconv.Atoi(f[3])
		e.began, _ = strconv.ParseUint(f[19], 10, 64)
		e.ticks = ticks(f)
		all[pid] = e
	}
	return all, nil
}

// marked reports whether a process was started with a variable. Only the processes of
// this user can be asked.
func marked(pid int, marker string) bool {
	env, err := Environment(pid)
	return err == nil && slices.Contains(env, marker)
}
