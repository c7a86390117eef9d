// Package program implements the plugin type exec, which runs a person's own program in any
// language. The program reads one JSON request on standard input and writes one JSON answer
// on standard output; docs/plugins.md describes both, with examples.
//
// A program is started with its arguments, never through a shell. Its environment is small,
// and its memory, processes, time and output are bounded. When the call is over, everything
// that it started is ended.
package program

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"gastown/town"
	"gastown/town/launch"
	"gastown/town/limits"
	"gastown/town/plugin"
	"gastown/town/process"
)

const (
	// defaultGrace is granted twice, to the program and to what it started. Together that
	// must be less than a call has after its deadline.
	defaultGrace = 500 * time.Millisecond
	// maxAnswer is the longest answer that is read, maxStderr the most that may come on
	// standard error, both in bytes. Only the end of standard error is kept.
	maxAnswer  = 1 << 20
	maxStderr  = 16 << 20
	keptStderr = 4 << 10
	// marker is the variable by which the processes of a call are found.
	marker = "GT_PLUGIN_RUN"
)

// inherited are the variables that a program has of the Deacon's environment. Secrets
// that the Deacon was started with are not among them.
var inherited = []string{"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"}

// Runner starts programs.
type Runner struct {
	// Base is the environment of whom the programs run for.
	Base []string
	// Town is the Town's directory, in which they run.
	Town string
	// Dir is a private directory for what a run needs.
	Dir string
	// Tag tells the runs of several runners with one Dir apart: letters, digits and -.
	Tag string
	// Launcher is the command that starts what a file says; see town/launch. Without it
	// programs are started directly and without limits.
	Launcher []string
	Limiter  *limits.Limiter
	// Grace is how long processes have to end when they are asked; 500 ms when it is zero.
	Grace time.Duration

	slots slots
}

// what is one run.
type what struct {
	name  string // of the plugin
	argv  []string
	dir   string
	env   []string
	of    limits.Limits
	input []byte
}

// ran is how a run ended.
type ran struct {
	answer []byte
	stderr string // the end of standard error
	code   int
	signal syscall.Signal // 0 for none
}

// Output is how a program ended that speaks no protocol.
type Output struct {
	Stdout, Stderr string
	Code           int
}

// Command runs a program for a plugin, without input and with the usual limits. A program
// that was ended by a signal, or could not be started, is an error.
func (r *Runner) Command(ctx context.Context, name string, argv []string) (Output, error) {
	if err := checkCommand(argv); err != nil {
		return Output{}, err
	}
	usual := limits.Limits{CPU: 1, Memory: 512 << 20, Processes: defaultProcesses}
	out, err := r.run(ctx, what{name: name, argv: argv, dir: r.Town, of: usual})
	if err == nil && (out.signal != 0 || out.code > launch.ExitSurroundings) {
		err = out.failed()
	}
	return Output{string(out.answer), out.stderr, out.code}, err
}

// run starts a program, waits for it, and ends everything that it started.
func (r *Runner) run(ctx context.Context, w what) (out ran, err error) {
	r.sweep(ctx)
	id, release := r.slots.take(r.Tag + w.name)
	defer release()
	mark := r.mark(id)
	// What a run left that was killed together with its Deacon.
	before := process.Tree{Marker: mark}
	if err := before.End(ctx, r.grace()); err != nil {
		return out, err
	}
	env := append(r.environment(w), mark)
	argv, tree, undo, err := r.limited(id, w, env)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, undo()) }()
	tree.Marker = mark
	running, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	answer := &bounded{most: maxAnswer, over: func() { stop(fmt.Errorf("%w: more than %d bytes on standard output", plugin.ErrOutput, maxAnswer)) }}
	stderr := &tail{keep: keptStderr, most: maxStderr, over: func() { stop(fmt.Errorf("%w: more than %d bytes on standard error", plugin.ErrOutput, maxStderr)) }}
	cmd := process.Command(running, env, argv[0], argv[1:]...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = w.dir, bytes.NewReader(w.input), answer, stderr
	group, err := process.Start(running, cmd, process.Options{WithParent: true, Grace: r.grace(), Started: func(pid int) { tree.Leader = pid }})
	if err != nil {
		return out, err
	}
	ended := group.Wait()
	tree.Ended = true
	if err := tree.End(context.WithoutCancel(ctx), r.grace()); err != nil {
		return out, err
	}
	if err := context.Cause(running); err != nil {
		return out, err
	}
	if cmd.ProcessState == nil {
		return out, ended
	}
	out.answer, out.stderr, out.code = answer.buf.Bytes(), stderr.String(), cmd.ProcessState.ExitCode()
	if s, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		out.signal = s.Signal()
	}
	return out, nil
}

// mark is the variable that only the processes of a run have.
func (r *Runner) mark(id string) string {
	return fmt.Sprintf("%s=%s", marker, town.DigestOf(r.Dir, id).Short())
}

func (r *Runner) grace() time.Duration { return cmp.Or(r.Grace, defaultGrace) }

// limited says how to start a program within its limits, and how to remove them.
func (r *Runner) limited(id string, w what, env []string) (argv []string, tree *process.Tree, undo func() error, err error) {
	tree, undo = &process.Tree{}, func() error { return nil }
	if len(r.Launcher) == 0 {
		return w.argv, tree, undo, nil
	}
	spec := launch.Spec{Argv: w.argv, Dir: w.dir, Env: env}
	if err := os.MkdirAll(r.Dir, 0o700); err != nil {
		return nil, nil, nil, err
	}
	if r.Limiter != nil {
		if err := r.Limiter.Remove(id); err != nil {
			return nil, nil, nil, err
		}
		entry, err := r.Limiter.Make(id, w.of, limits.Group{})
		if err != nil {
			return nil, nil, nil, fmt.Errorf("limit what a program may use: %w", err)
		}
		spec.Argv, spec.Join = slices.Concat(entry.Prefix, w.argv), entry.Join
		for resource, most := range entry.Each {
			spec.Limits = append(spec.Limits, launch.Limit{Resource: resource, Max: most})
		}
		tree.Cgroup = func() []int { return r.Limiter.Processes(id) }
		undo = func() error { return r.Limiter.Remove(id) }
	}
	file := filepath.Join(r.Dir, id+specExt)
	if err := launch.Write(file, spec); err != nil {
		return nil, nil, nil, errors.Join(err, undo())
	}
	limited := undo
	undo = func() error {
		err := os.Remove(file) // the launcher did, if it came that far
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return errors.Join(err, limited())
	}
	return append(slices.Clone(r.Launcher), launch.Flag, file), tree, undo, nil
}

// environment is that of a program.
func (r *Runner) environment(w what) []string {
	var env []string
	for _, kv := range r.Base {
		if name, _, ok := strings.Cut(kv, "="); ok && slices.Contains(inherited, name) {
			env = append(env, kv)
		}
	}
	return append(append(env, "GT_ROOT="+r.Town, "GT_PLUGIN="+w.name), w.env...)
}

// slots number the calls under way, so that what a killed Deacon left of one is found by
// a later one.
type slots struct {
	mu    sync.Mutex
	taken map[string]bool
	swept time.Time
}

func (s *slots) take(name string) (id string, release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken == nil {
		s.taken = map[string]bool{}
	}
	for n := 0; ; n++ {
		if id = fmt.Sprintf("%s%s-%d", prefix, name, n); !s.taken[id] {
			break
		}
	}
	s.taken[id] = true
	return id, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.taken, id)
	}
}

// bounded keeps what is written, up to a bound. over is called once beyond it.
type bounded struct {
	most int
	over func()
	buf  bytes.Buffer
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.buf.Len()+len(p) > b.most {
		b.over()
		return 0, plugin.ErrOutput
	}
	return b.buf.Write(p)
}

// tail keeps the end of what is written.
type tail struct {
	keep, most, seen int
	over             func()
	buf              []byte
}

func (t *tail) Write(p []byte) (int, error) {
	if t.seen += len(p); t.seen > t.most {
		t.over()
		return 0, plugin.ErrOutput
	}
	t.buf = append(t.buf, p...)
	if len(t.buf) > 2*t.keep {
		t.buf = append(t.buf[:0], t.buf[len(t.buf)-t.keep:]...)
	}
	return len(p), nil
}

func (t *tail) String() string { return string(t.buf[max(0, len(t.buf)-t.keep):]) }
