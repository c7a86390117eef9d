// Package launch starts a program in surroundings that are written down: exactly this
// environment, this directory, these limits. It is what runs first in an agent's
// session, and becomes the agent's program.
//
// tmux would give a program the environment of its server, take the agent's as
// arguments that every user of the machine can read, and run a single word in a shell.
// So a session is started as "gt --launch FILE"; the file holds the rest, is readable
// by the Town's owner only, and is removed as soon as it was read. Who starts a session
// reserves the file first and may write it later: Main waits meanwhile.
package launch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"gastown/town/durable"
	"gastown/town/process"
)

// Flag is the argument of gt before the file.
const Flag = "--launch"

// The exit codes of a program that could not be started, as in a shell.
const (
	ExitSurroundings = 125
	ExitNotRunnable  = 126
	ExitNotFound     = 127
)

const (
	// waitFor is how long Main waits for a file that nobody has reserved.
	waitFor = 15 * time.Second
	poll    = time.Millisecond
)

// maxSpec bounds the file, in bytes.
const maxSpec = 4 << 20

// Spec says what to start and in which surroundings.
type Spec struct {
	// Argv is the program, found by PATH in Env, and its arguments.
	Argv []string `json:"argv"`
	// Dir is the working directory, absolute.
	Dir string `json:"dir"`
	// Env is the whole environment, as NAME=value.
	Env []string `json:"env"`
	// Join are files that get the process's id, which is how a process enters a
	// cgroup.
	Join []string `json:"join,omitempty"`
	// Limits are limits of the process and its children.
	Limits []Limit `json:"limits,omitempty"`
}

// Limit is a limit of setrlimit(2), soft and hard.
type Limit struct {
	Resource int    `json:"resource"`
	Max      uint64 `json:"max"`
}

// Write writes the file for Main.
func Write(path string, s Spec) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return durable.ReplaceUnflushed(path, text, 0o600)
}

// Pending is a file for Main that is not written yet. Launchers wait for it as long as
// the process that reserved it lives, and no longer.
type Pending struct{ file *os.File }

// ErrReserved reports a file that another process has reserved, or that a launcher reads
// in this moment.
var ErrReserved = errors.New("another process uses it")

// Reserve makes the file before Main is started. It replaces one that a process left
// which was killed. The caller calls Write or Drop. Only one process at a time may call
// it for the same path.
func Reserve(path string) (*Pending, error) {
	if left, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0); err == nil {
		err = unix.Flock(int(left.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err = errors.Join(err, left.Close()); errors.Is(err, unix.EWOULDBLOCK) {
			return nil, &fs.PathError{Op: "reserve", Path: path, Err: ErrReserved}
		}
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(os.NewSyscallError("flock", err), os.Remove(path), f.Close())
	}
	return &Pending{file: f}, nil
}

// Write writes the file and lets the launcher go on.
func (p *Pending) Write(s Spec) error {
	text, err := json.Marshal(s)
	if err == nil {
		_, err = p.file.Write(text)
	}
	if err != nil {
		return errors.Join(err, p.Drop())
	}
	return p.file.Close()
}

// Drop removes the file. A launcher that waits for it ends.
func (p *Pending) Drop() error { return errors.Join(os.Remove(p.file.Name()), p.file.Close()) }

// lastWords is how long a launcher that failed waits before it ends. When the machine is
// busy, tmux 3.3 does not show what a program wrote in the moment before its end.
const lastWords = 500 * time.Millisecond

// Report writes why the program did not start, and gives the terminal of a session the time
// to read that. The process may end then.
func Report(to *os.File, program string, err error) {
	fmt.Fprintln(to, program+": "+err.Error())
	if _, err := unix.IoctlGetTermios(int(to.Fd()), unix.TCGETS); err == nil {
		time.Sleep(lastWords)
	}
}

// Main waits for the file, reads and removes it, and becomes the program. It returns
// only if that fails: the error, which Report tells, and the exit code that the process ends
// with.
func Main(path string) (int, error) {
	// A Deacon of an older version makes the session first and reserves nothing.
	for end := time.Now().Add(waitFor); time.Now().Before(end); time.Sleep(poll) {
		if _, err := os.Lstat(path); err == nil {
			break
		}
	}
	s, err := read(path)
	if err != nil {
		return ExitSurroundings, fmt.Errorf("start the session's program: %w", err)
	}
	if err := s.enter(); err != nil {
		return ExitSurroundings, fmt.Errorf("start %s: %w", s.Argv[0], err)
	}
	x := process.Command(context.Background(), s.Env, s.Argv[0])
	if x.Err != nil {
		return ExitNotFound, fmt.Errorf("start %s: there is no such program in PATH", s.Argv[0])
	}
	err = syscall.Exec(x.Path, s.Argv, s.Env)
	if err == syscall.ENOENT {
		return ExitNotFound, fmt.Errorf("start %s: %w", s.Argv[0], err)
	}
	return ExitNotRunnable, fmt.Errorf("start %s: %w", s.Argv[0], err)
}

func read(path string) (s Spec, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return s, err
	}
	defer f.Close()
	if err := written(f); err != nil {
		return s, err
	}
	info, err := f.Stat()
	if err != nil {
		return s, err
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 || info.Size() > maxSpec {
		return s, fmt.Errorf("%s is not a file that gt wrote (mode %s, %d bytes)", path, info.Mode(), info.Size())
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSpec))
	if err != nil {
		return s, err
	}
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return s, err
	}
	if len(text) == 0 {
		return s, errors.New("gt was cut off before it said what to start")
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, fmt.Errorf("%s: %w", path, err)
	}
	if len(s.Argv) == 0 || s.Argv[0] == "" {
		return s, fmt.Errorf("%s names no program", path)
	}
	return s, nil
}

// written waits until the file is written, or the process that reserved it has ended.
func written(f *os.File) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_SH)
		if err != unix.EINTR {
			return os.NewSyscallError("flock", err)
		}
	}
}

// enter puts this process into the surroundings.
func (s Spec) enter() error {
	for _, file := range s.Join {
		if err := os.WriteFile(file, []byte(strconv.Itoa(os.Getpid())), fs.FileMode(0)); err != nil {
			return err
		}
	}
	for _, l := range s.Limits {
		// A limit that is lower already stays.
		var now unix.Rlimit
		if err := unix.Getrlimit(l.Resource, &now); err != nil {
			return os.NewSyscallError("getrlimit", err)
		}
		to := unix.Rlimit{Cur: min(now.Cur, l.Max), Max: min(now.Max, l.Max)}
		if err := unix.Setrlimit(l.Resource, &to); err != nil {
			return os.NewSyscallError("setrlimit", err)
		}
	}
	return os.Chdir(s.Dir)
}
