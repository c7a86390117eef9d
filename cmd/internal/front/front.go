// Package front is the program a person types: gt or bd. It hands the command to
// the Town's Deacon, which runs it inside its own process, and ends with the
// command's exit code. Where no Deacon answers, or the command needs a process of
// its own, the front becomes the engine: the same command code, in the same
// process, on the same terminal.
//
// A front links nothing but the standard library and x/sys, so that it starts in
// a few milliseconds and takes a few megabytes.
package front

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"gastown/cmd/internal/version"
	"gastown/deacon/invocation"
	"gastown/town/launch"
)

const (
	// patience is how long the Deacon has to say whether it runs the command. After
	// it the front runs the command itself.
	patience = 4 * time.Second
	// glance is how often the front looks meanwhile whether the Deacon is stopped.
	glance = 300 * time.Millisecond
)

// backgroundEvery is how often a front in the background looks whether it still is.
const backgroundEvery = 100 * time.Millisecond

// Exit codes the front itself ends with; see cmd/internal/shell.
const (
	exitFailed = 1
	exitBusy   = 4
)

// aloneEnv in the environment has the front become the engine at once.
const aloneEnv = "GT_ALONE"

// Main runs a program and returns its exit code. It does not return when the
// front becomes the engine.
func Main(program string) int {
	args := os.Args[1:]
	if len(args) == 1 && (args[0] == "--version" || args[0] == "-V") {
		fmt.Println(version.Line(program))
		return 0
	}
	if len(args) == 2 && args[0] == launch.Flag { // in a session of tmux
		code, err := launch.Main(args[1])
		launch.Report(os.Stderr, program, err)
		return code
	}
	f := &front{program: program, args: args}
	var err error
	if f.dir, err = os.Getwd(); err != nil {
		return f.fail(exitFailed, fmt.Errorf("find the working directory: %w", err), "change to a directory that exists")
	}
	if f.engine, err = findEngine(); err != nil {
		return f.fail(exitFailed, err, "install "+engineName+" beside "+program+", for instance with make install")
	}
	code, done := f.hand()
	if done {
		return code
	}
	return f.become()
}

type front struct {
	program string
	args    []string
	dir     string
	engine  string
	// silent says that the Deacon did not answer.
	silent bool
}

// hand gives the command to the Deacon. done is false when the front must become
// the engine; nothing was run then.
func (f *front) hand() (code int, done bool) {
	if os.Getenv(aloneEnv) != "" || ownDescriptors(f.args) || inBackground() {
		return 0, false
	}
	root, ok := place{program: f.program, dir: f.dir, args: f.args, getenv: os.Getenv}.town()
	if !ok {
		return 0, false
	}
	if isStopped(filepath.Join(root, deaconLock)) {
		f.silent = true // asking it would only take time
		return 0, false
	}
	// Signals are caught before the command can begin, so that none is lost.
	signals := make(chan os.Signal, 4)
	c, err := invocation.Dial(filepath.Join(root, commandSocket))
	if err != nil {
		f.silent = errors.Is(err, syscall.EAGAIN) // its queue is full
		return 0, false
	}
	defer c.Close()
	owner, err := c.Owner()
	if err != nil {
		return 0, false
	}
	mask := umask()
	engine, err := invocation.Identify(f.engine)
	if err != nil {
		return 0, false
	}
	waiting := beginNotice("waiting for the Deacon")
	answer, err := c.Send(invocation.Request{
		Program: f.program, Engine: engine, Self: self(), Dir: f.dir, Umask: mask, Args: f.args, Env: invocation.Told(owner, os.Getuid(), os.Environ()),
	}, glance)
	for waited := glance; errors.Is(err, os.ErrDeadlineExceeded) && !f.silent; waited += glance {
		if f.silent = waited > patience || isStopped(filepath.Join(root, deaconLock)); !f.silent {
			answer, err = c.Answer(glance)
		}
	}
	waiting.end()
	foreign := owner != os.Getuid() && os.Getuid() != 0
	if err != nil || answer.Declined || len(answer.Files) > 0 && !foreign {
		return 0, false
	}
	opened, err := openFiles(f.args, mask, answer.Files)
	if err != nil {
		return f.fail(exitFailed, err, "name a regular file that you may read, or write, or let your shell open it: - < FILE, or > FILE"), true
	}
	defer opened.close()
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(signals)
	stops := stopSignals()
	defer signal.Stop(stops)
	if err := c.Go([invocation.Streams]int{0, 1, 2}, opened.descriptors()...); err != nil {
		signal.Stop(signals)
		return f.again(len(signals) > 0) // the Deacon runs nothing without it
	}
	var interrupted atomic.Bool
	go pass(signals, c, &interrupted)
	go obey(stops, c)
	ended, err := c.Wait()
	switch {
	case err != nil:
		return f.lost(answer), true
	case ended.Alone:
		signal.Stop(signals)
		signal.Stop(stops)
		return f.again(interrupted.Load())
	case ended.BrokenPipe:
		// Go ends a program whose own write finds nobody at the other end.
		_, _ = os.Stdout.Write([]byte{'\n'})
	}
	if ended.Written {
		if err := opened.finish(); err != nil {
			return f.fail(exitFailed, err, "name a file in a directory that exists and that you may write to"), true
		}
	}
	return ended.Code, true
}

// again makes the front become the engine. If somebody interrupted the command, it
// fails instead, because the engine would begin as if nobody had.
func (f *front) again(interrupted bool) (code int, done bool) {
	if interrupted {
		return f.fail(exitFailed, errors.New("interrupted before it began; nothing was changed"), "run it again"), true
	}
	return 0, false
}

// pass gives the first signal to the command, which then ends in order, and notes
// that it came. The next one ends the front at once, and with it the command.
func pass(signals <-chan os.Signal, c *invocation.Client, interrupted *atomic.Bool) {
	for s := range signals {
		if interrupted.Swap(true) || c.Interrupt() != nil {
			raise(s.(syscall.Signal))
		}
	}
}

// stopSignals is where the signals arrive with which a terminal stops a job and has
// it go on. Nothing arrives if the front's caller has it ignore the first.
func stopSignals() chan os.Signal {
	stops := make(chan os.Signal, 4)
	if !signal.Ignored(syscall.SIGTSTP) {
		signal.Notify(stops, syscall.SIGTSTP, syscall.SIGCONT)
	}
	return stops
}

// obey stops the front when the terminal says so. The command in the Deacon goes on,
// but leaves the front's streams alone: what a person types then is for another
// job, and so it is while the front is in the background.
func obey(stops chan os.Signal, c *invocation.Client) {
	var look <-chan time.Time // a shell says nothing to a running job it brings to the foreground
	for {
		select {
		case s := <-stops:
			if s == syscall.SIGTSTP {
				_ = c.Use(invocation.KindPause) // Wait tells of a Deacon that ended
				stop()
			}
		case <-look:
		}
		kind := byte(invocation.KindContinue)
		look = nil
		if inBackground() {
			kind, look = invocation.KindBackground, time.After(backgroundEvery)
		}
		_ = c.Use(kind)
	}
}

// stop stops the process as SIGTSTP would have stopped it, and returns when it goes
// on. The kernel does not stop a job that no shell could continue.
//
// Package signal does not give this signal its default action back, so the kernel
// is asked to. Its structure of an action is at most as long as these; zero is the
// default action.
func stop() {
	runtime.LockOSThread() // a signal to the thread itself is there when the call returns
	defer runtime.UnlockOSThread()
	var byDefault, ours [64]byte
	act := func(now, before unsafe.Pointer) bool {
		_, _, err := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(unix.SIGTSTP), uintptr(now), uintptr(before), 8, 0, 0)
		return err == 0
	}
	if act(unsafe.Pointer(&byDefault), unsafe.Pointer(&ours)) {
		_ = unix.Tgkill(os.Getpid(), unix.Gettid(), unix.SIGTSTP)
		act(unsafe.Pointer(&ours), nil)
	}
}

// raise ends the process as the signal would have ended it.
func raise(s syscall.Signal) {
	signal.Reset(s)
	_ = unix.Kill(os.Getpid(), s)
	time.Sleep(time.Second) //nolint:sleep // the signal ends the process before
}

// lost tells that the Deacon ended before it said how the command did.
func (f *front) lost(a invocation.Answer) int {
	what := f.program + " " + strings.Join(firstWords(f.args), " ")
	if !a.Writes {
		return f.fail(exitBusy, fmt.Errorf("%s: the Deacon ended before it answered; nothing was changed", what), "run the command again")
	}
	look := "gt federation log and gt federation status show what was done"
	if f.program == "bd" {
		look = "bd show ID, or bd list --limit 5 --sort updated, shows whether it was"
	}
	return f.fail(exitBusy, fmt.Errorf("%s: the Deacon ended before it answered; the change may have been made", what), look)
}

// firstWords are the words that name a command, for a message.
func firstWords(args []string) []string {
	end := slices.IndexFunc(args, func(a string) bool { return strings.HasPrefix(a, "-") })
	if end < 0 {
		end = len(args)
	}
	return args[:min(end, 2)]
}

func (f *front) fail(code int, err error, next string) int {
	clearLine()
	fmt.Fprintf(os.Stderr, "%s: %v\n  next: %s\n", f.program, err, next)
	return code
}

// become replaces the front by the engine, in the same process.
func (f *front) become() int {
	called := self()
	if called == "" || filepath.Base(called) != f.program {
		called = f.program // by which the engine knows what it is
	}
	env := os.Environ()
	if f.silent {
		env = append(env, invocation.SilentEnv+"=1")
	}
	err := syscall.Exec(f.engine, append([]string{called}, f.args...), env)
	return f.fail(exitFailed, fmt.Errorf("start %s: %w", f.engine, err), "make build, or install it again")
}

// umask is the process's mask for new files.
func umask() int {
	mask := unix.Umask(0o077)
	unix.Umask(mask)
	return mask
}
