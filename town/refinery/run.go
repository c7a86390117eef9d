package refinery

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"gastown/planes/operational"
	"gastown/sync/gitcmd"
	"gastown/town"
	"gastown/town/launch"
	"gastown/town/limits"
	"gastown/town/process"
	"gastown/town/rig"
)

// Runner runs checks as processes, in working trees of their own and within the rig's
// limits.
type Runner struct {
	// Name is the rig's.
	Name string
	// Tree makes a working tree with a commit and nothing else in it.
	Tree func(ctx context.Context, commit string, slot int) (dir string, err error)
	// Dir is a private directory for what a run needs.
	Dir  string
	Logs Logs
	// Base is the environment of whom the refinery runs for.
	Base []string
	// Launcher is the command that starts what a file says; see town/launch.
	Launcher []string
	// Limiter makes the limits; nil for none. Of are those of one run, Group those of
	// the rig.
	Limiter *limits.Limiter
	Of      limits.Limits
	Group   limits.Group
	Now     func() time.Time
	// Grace is how long processes have to end when they are asked; 2 s when it is zero.
	Grace time.Duration
	// Free is how many bytes a directory's disk has left; nil asks the kernel.
	Free func(dir string) (uint64, error)
}

const (
	defaultGrace = 2 * time.Second
	// signalWaits is how many graces a check that a signal ended waits for the end of the
	// refinery: a Deacon stops within 5 s.
	signalWaits = 3
	// fullBelow is how little room a disk has, in bytes, when a check that failed is
	// taken for one that had no room.
	fullBelow = 1 << 20
	// marker is the variable by which the processes of a run are found.
	marker = "GT_CHECK_RUN"
)

// inherited are the variables that a check has of the environment of whom the refinery
// runs for.
var inherited = []string{"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"}

// environment is what results depend on: all variables of a check but those that name
// its run.
func environment(base []string, name string, c rig.Check) []string {
	vars := map[string]string{"CI": "true", "GT_RIG": name, "GT_CHECK": c.Name}
	for _, kv := range base {
		if n, v, ok := strings.Cut(kv, "="); ok && slices.Contains(inherited, n) {
			vars[n] = v
		}
	}
	maps.Copy(vars, c.Environment)
	var all []string
	for _, n := range slices.Sorted(maps.Keys(vars)) {
		all = append(all, n+"="+vars[n])
	}
	return all
}

// Keys are the digests of a rig's checks: of the command with its timeout, and of the
// environment. Key.Tree is empty.
func Keys(base []string, of rig.Settings) map[string]operational.TestKey {
	keys := map[string]operational.TestKey{}
	for _, c := range of.Checks {
		keys[c.Name] = operational.TestKey{
			Command:     string(town.DigestOf(append([]string{c.Name, c.Within().String()}, c.Command...)...)),
			Environment: string(town.DigestOf(environment(base, of.Name, c)...)),
		}
	}
	return keys
}

// Check runs one check on a commit. Its error says why nothing can be said about the
// check at all: the context ended, or the files of the commit could not be written.
func (r *Runner) Check(ctx context.Context, c rig.Check, commit string, slot int) (ran Ran, err error) {
	began := r.Now()
	id := fmt.Sprintf("check-%s-%d", r.Name, slot)
	mark := fmt.Sprintf("%s=%s", marker, town.DigestOf(r.Dir, id).Short())
	// What a run left that was killed together with its Deacon.
	before := process.Tree{Marker: mark}
	if err := before.End(ctx, r.grace()); err != nil {
		return ran, err
	}
	if r.Limiter != nil {
		if err := r.Limiter.Remove(id); err != nil {
			return ran, err
		}
	}
	tmp := filepath.Join(r.Dir, fmt.Sprintf("tmp-%d", slot))
	err = errors.Join(os.RemoveAll(tmp), os.MkdirAll(tmp, 0o700))
	dir := ""
	if err == nil {
		dir, err = r.Tree(ctx, commit, slot)
	}
	if errors.Is(err, gitcmd.ErrNoSpace) || errors.Is(err, unix.ENOSPC) {
		return Ran{End: operational.TestBroken, Detail: "the disk is full: the files of the commit could not be written"}, nil
	}
	if err != nil {
		return ran, err
	}
	name, log, err := r.Logs.Create(c.Name, slot, began)
	if err != nil {
		if errors.Is(err, unix.ENOSPC) {
			return Ran{End: operational.TestBroken, Detail: "the disk is full: no log could be written"}, nil
		}
		return ran, err
	}
	fmt.Fprintf(log, "%s: %q on %s, within %s\n", c.Name, c.Command, commit, c.Within())
	ran, err = r.run(ctx, c, id, mark, dir, tmp, log)
	ran.Log, ran.Took = name, r.Now().Sub(began)
	fmt.Fprintf(log, "\n%s: %s %s\n", c.Name, ran.End, ran.Detail)
	if cerr := log.Close(); cerr != nil && ran.End == operational.TestFailed {
		ran.End, ran.Detail = operational.TestBroken, "its log could not be written: "+cerr.Error()
	}
	return ran, errors.Join(err, os.RemoveAll(tmp), r.Logs.Prune())
}

func (r *Runner) grace() time.Duration { return cmp.Or(r.Grace, defaultGrace) }

// run starts the command, waits for it, and ends everything that it started.
func (r *Runner) run(ctx context.Context, c rig.Check, id, mark, dir, tmp string, log *Log) (ran Ran, err error) {
	spec := launch.Spec{Argv: slices.Clone(c.Command), Dir: dir, Env: append(environment(r.Base, r.Name, c), "TMPDIR="+tmp, mark)}
	tree := process.Tree{Marker: mark}
	if r.Limiter != nil {
		entry, err := r.Limiter.Make(id, r.Of, r.Group)
		if err != nil {
			return ran, fmt.Errorf("limit what a check may use: %w", err)
		}
		spec.Argv, spec.Join = append(entry.Prefix, spec.Argv...), entry.Join
		for resource, most := range entry.Each {
			spec.Limits = append(spec.Limits, launch.Limit{Resource: resource, Max: most})
		}
		tree.Cgroup = func() []int { return r.Limiter.Processes(id) }
		defer func() { err = errors.Join(err, r.Limiter.Remove(id)) }()
	}
	file := filepath.Join(r.Dir, id+".json")
	if err := launch.Write(file, spec); err != nil {
		return ran, err
	}
	within, cancel := context.WithTimeout(ctx, c.Within())
	defer cancel()
	cmd := process.Command(within, spec.Env, r.Launcher[0], append(slices.Clone(r.Launcher[1:]), launch.Flag, file)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	group, err := process.Start(within, cmd, process.Options{WithParent: true, Grace: r.grace(), Started: func(pid int) { tree.Leader = pid }})
	if err != nil {
		return ran, err
	}
	ended := group.Wait()
	full := r.full(dir, tmp, r.Logs.Dir) // before anything is cleaned away
	tree.Ended = true
	// Also when the context has ended: nothing of a check stays.
	if err := tree.End(context.WithoutCancel(ctx), r.grace()); err != nil {
		return ran, err
	}
	ran = judge(ended, within.Err() != nil, c.Within(), full, log)
	if ran.signaled && within.Err() == nil {
		// Whoever ends the refinery may end the check with it, and the check is first.
		select {
		case <-ctx.Done():
		case <-time.After(signalWaits * r.grace()):
		}
	}
	if err := context.Cause(ctx); err != nil {
		return ran, err
	}
	return ran, nil
}

// full names a directory whose disk has no room; "" for none.
func (r *Runner) full(dirs ...string) string {
	free := r.Free
	if free == nil {
		free = func(dir string) (uint64, error) {
			var st unix.Statfs_t
			err := unix.Statfs(dir, &st)
			return st.Bavail * uint64(st.Bsize), err
		}
	}
	for _, d := range dirs {
		if n, err := free(d); err == nil && n < fullBelow {
			return d
		}
	}
	return ""
}

// endOfLog is how much of a log tells that a disk was full, in bytes.
const endOfLog = 8 << 10

// judge says how a run ended.
func judge(ended error, late bool, within time.Duration, full string, log *Log) Ran {
	if ended == nil || errors.Is(ended, exec.ErrWaitDelay) { // its own daemon kept the output open
		return Ran{End: operational.TestPassed}
	}
	broken := func(format string, args ...any) Ran {
		return Ran{End: operational.TestBroken, Detail: fmt.Sprintf(format, args...)}
	}
	signaled := func(format string, args ...any) Ran {
		r := broken(format, args...)
		r.signaled = true
		return r
	}
	if late {
		return broken("it did not end within %s", within)
	}
	exit, ok := errors.AsType[*exec.ExitError](ended)
	if !ok {
		return broken("%v", ended)
	}
	status, _ := exit.Sys().(syscall.WaitStatus)
	code := exit.ExitCode()
	end := bytes.ToLower(log.End(endOfLog))
	switch {
	case status.Signaled():
		return signaled("signal %d (%s) ended it", status.Signal(), status.Signal())
	case full != "":
		return broken("the disk of %s is full", full)
	case bytes.Contains(end, []byte("no space left on device")), bytes.Contains(end, []byte("disk quota exceeded")):
		return broken("the disk is full, says its log")
	case code == launch.ExitNotFound:
		return broken("its command was not found (exit %d)", code)
	case code == launch.ExitNotRunnable, code == launch.ExitSurroundings:
		return broken("its command could not be started (exit %d)", code)
	case code == 128+int(syscall.SIGKILL), code == 128+int(syscall.SIGTERM), code == 128+int(syscall.SIGHUP), code == 128+int(syscall.SIGINT):
		return signaled("signal %d ended a program of it (exit %d)", code-128, code)
	}
	return Ran{End: operational.TestFailed, Detail: fmt.Sprintf("exit %d", code)}
}
