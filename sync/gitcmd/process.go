package gitcmd

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"gastown/town"
	"gastown/town/process"
)

const (
	// grace is how long a git that was asked to end has to remove its temporary
	// files before the whole group is killed.
	grace = 500 * time.Millisecond
	// maxOutput bounds, in bytes, the answer of a process that is read whole.
	maxOutput = 4 << 20
)

// command describes one git process.
type command struct {
	op     string // the operation, as errors name it
	args   []string
	config [][2]string
	// env is added to the environment, after everything else.
	env []string
	// dir is where the process works; the repository's directory when empty.
	dir    string
	push   bool // a write: see classify
	remote bool // its data comes from a remote: bound memory and files
	net    bool // bound the time without progress
	bare   bool // run outside any repository
	// connects: the remote is on another machine, or at least behind a connection.
	connects bool
	// withheld names a token that was not sent, because it is for another host.
	withheld string
	// dotGit is the address to suggest when the server redirects.
	dotGit string
}

// running is a git process under way.
type running struct {
	cmd    command
	ctx    context.Context
	cancel context.CancelCauseFunc
	exec   *exec.Cmd
	group  *process.Group
	stderr *messages
	result func() error
}

// start runs git with the given standard streams. stdin and stdout may be nil.
// The caller must call wait.
func (r *Repo) start(parent context.Context, c command, stdin, stdout *os.File) (*running, error) {
	if err := context.Cause(parent); err != nil {
		kind, also := ended(parent)
		return nil, fail(c.op, kind, "", also)
	}
	if len(r.opts.Env) == 0 {
		return nil, fmt.Errorf("%s: gitcmd.Options has no Env", c.op)
	}
	ctx, cancel := context.WithCancelCause(parent)
	deadline := r.opts.Deadline
	if deadline <= 0 {
		deadline = defaultDeadline
	}
	timer := time.AfterFunc(deadline, func() { cancel(fmt.Errorf("%w: not done in %s", ErrDeadline, deadline)) })
	p := &running{cmd: c, ctx: ctx, cancel: cancel}
	p.result = sync.OnceValue(p.outcome)

	args := c.args
	if !c.bare {
		args = append([]string{"--git-dir=" + r.Dir}, c.args...)
	}
	env := environ(r.opts.Env, slices.Concat(r.config, c.config))
	if r.opts.common != nil {
		if err := r.opts.common.ready(ctx); err != nil {
			timer.Stop()
			cancel(err)
			return nil, err
		}
		env = append(env, "GIT_COMMON_DIR="+r.opts.common.dir(), "GIT_NO_LAZY_FETCH=1", noGrafts)
	}
	if c.remote {
		env = append(env, "GIT_ALLOC_LIMIT="+strconv.Itoa(allocLimit))
	}
	if c.net {
		env = append(env, traced...)
	}
	x := process.Command(ctx, append(env, c.env...), r.opts.Git, args...)
	x.Dir = cmp.Or(c.dir, r.Dir)
	if stdin != nil {
		x.Stdin = stdin
	}
	if stdout != nil {
		x.Stdout = stdout
	}
	if r.opts.Inherit != nil {
		x.ExtraFiles = []*os.File{r.opts.Inherit}
	}
	idle := func() {}
	if c.net {
		t := time.AfterFunc(r.opts.Idle, func() { cancel(fmt.Errorf("%w: nothing for %s", ErrIdle, r.opts.Idle)) })
		idle = func() { t.Reset(r.opts.Idle) }
		context.AfterFunc(ctx, func() { t.Stop() })
	}
	p.stderr = &messages{progress: r.opts.Progress, active: idle}
	x.Stderr = p.stderr
	p.exec = x

	var err error
	p.group, err = process.Start(ctx, x, process.Options{Grace: grace, WithParent: true, Started: func(pid int) {
		processes.Add(1)
		if c.remote && r.opts.MaxBytes > 0 {
			limitFiles(pid, r.opts.MaxBytes)
		}
	}})
	if err != nil {
		timer.Stop()
		cancel(err)
		if errors.Is(err, exec.ErrNotFound) {
			return nil, fail(c.op, ErrNoGit, "", nil)
		}
		if kind, also := ended(parent); kind != nil || also != nil {
			return nil, fail(c.op, kind, "", also)
		}
		return nil, failHere(c.op, fmt.Errorf("start git: %w", err))
	}
	context.AfterFunc(ctx, func() { timer.Stop() })
	return p, nil
}

// wait returns nil after success, else an error with a kind. It may be called
// more than once.
func (p *running) wait() error { return p.result() }

func (p *running) outcome() error {
	failed := p.group.Wait()
	kind, also := ended(p.ctx)
	p.cancel(nil)
	if failed == nil || errors.Is(failed, exec.ErrWaitDelay) && p.exec.ProcessState.Success() {
		return nil
	}
	detail := p.stderr.text()
	if kind == nil && also == nil {
		var exit *exec.ExitError
		switch {
		case !errors.As(failed, &exit):
			also = failed
		case signalled(exit) == syscall.SIGXFSZ:
			kind = ErrTooLarge
		default:
			kind = classify(exit.ExitCode(), detail, p.cmd.push)
			switch {
			case kind == ErrUnreachable && p.cmd.connects && broke(detail):
				kind = ErrBroken
			case kind == ErrBusy && p.stderr.askedToWait() > 0:
				kind = &asksToWait{p.stderr.askedToWait()}
			}
			if detail == "" {
				detail = exit.String()
			}
		}
	}
	err := fail(p.cmd.op, kind, detail, also)
	if kind == ErrAuth && p.cmd.withheld != "" {
		return town.Fail(p.cmd.op, advice[ErrAuth]+"; if the token in "+p.cmd.withheld+" is for this host, name it in "+p.cmd.withheld+"_HOST",
			"%w", errors.Unwrap(err))
	}
	if kind == ErrMoved && p.cmd.dotGit != "" {
		return town.Fail(p.cmd.op, "use "+p.cmd.dotGit+" if that is the repository, as on GitLab; else "+advice[ErrMoved],
			"%w", errors.Unwrap(err))
	}
	return err
}

// stop ends a process whose answer is no longer wanted.
func (p *running) stop() {
	p.cancel(context.Canceled)
	<-p.group.Done()
}

func signalled(e *exec.ExitError) syscall.Signal {
	if ws, ok := e.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return ws.Signal()
	}
	return 0
}

// output is what a process printed.
type output struct {
	stdout string
	stderr *messages
}

// run executes one process to its end and returns its answer. The output is valid
// also together with an error.
func (r *Repo) run(ctx context.Context, c command) (output, error) {
	pr, pw, err := os.Pipe()
	if err != nil {
		return output{stderr: &messages{}}, failHere(c.op, err)
	}
	defer pr.Close()
	p, err := r.start(ctx, c, nil, pw)
	pw.Close()
	if err != nil {
		return output{stderr: &messages{}}, err
	}
	var buf bytes.Buffer
	_, rerr := io.Copy(&buf, io.LimitReader(pr, maxOutput+1))
	if buf.Len() > maxOutput {
		p.stop()
		return output{stderr: p.stderr}, fail(c.op, ErrTooLarge, fmt.Sprintf("git's answer is longer than %d bytes", maxOutput), nil)
	}
	err = p.wait()
	if err == nil && rerr != nil {
		err = failHere(c.op, fmt.Errorf("read git's answer: %w", rerr))
	}
	return output{stdout: buf.String(), stderr: p.stderr}, err
}
