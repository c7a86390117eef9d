// Package launch starts a program in surroundings that are written down: exactly this
// environment, this directory, these limits. It is what runs first in an agent's
// session, and becomes the agent's program.
//
// tmux would give a program the environment of its server, take the agent's as
// arguments that every user of the machine can read, and run a single word in a shell.
// So a session is started as "gt --launch FILE"; the file holds the rest, is readable
// by the Town's owner only, and is removed as soon as it was read.
package launch

import (
	"context"
	"encoding/json"
	"fmt"
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
	// waitFor is how long Main waits for the file: the session is made first, and the
	// file is written when it may begin.
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

// Main waits for the file, reads and removes it, and becomes the program. It returns
// only if that fails: the error, and the exit code that the process ends with.
func Main(path string) (int, error) {
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
	info, err := os.Lstat(path)
	if err != nil {
		return s, err
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 || info.Size() > maxSpec {
		return s, fmt.Errorf("%s is not a file that gt wrote (mode %s, %d bytes)", path, info.Mode(), info.Size())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return s, err
	}
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return s, err
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, fmt.Errorf("%s: %w", path, err)
	}
	if len(s.Argv) == 0 || s.Argv[0] == "" {
		return s, fmt.Errorf("%s names no program", path)
	}
	return s, nil
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
