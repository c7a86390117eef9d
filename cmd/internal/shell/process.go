package shell

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// privateUmask keeps what a program creates to its owner.
const privateUmask = 0o077

// Main runs a program in a process of its own, with the arguments, environment
// and streams of that process, and returns the exit code. Files the process
// creates belong to its owner alone. The first SIGINT or SIGTERM ends the command
// in order, the next one at once.
func Main(name string, program func(*Invocation) *Program) int {
	i := &Invocation{
		Program: name, Args: os.Args[1:], Env: os.Environ(), Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Umask: fs.FileMode(unix.Umask(privateUmask)), User: os.Getuid(), Self: executable(), Now: time.Now,
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	defer context.AfterFunc(ctx, stop)()
	dir, err := os.Getwd()
	if err != nil {
		return program(i).Call().Report(err)
	}
	i.Dir = dir
	return program(i).Prepare().Run(ctx)
}

// executable is the absolute path of this program, for what starts it later: a
// hook, a daemon. It is the path the program was called by where that leads to
// it, because a link such as bin/gt outlives the version it points to today. ""
// means that the path is unknown.
func executable() string {
	self, err := os.Executable()
	if err != nil {
		return ""
	}
	called, err := exec.LookPath(os.Args[0])
	if err != nil {
		return self
	}
	if called, err = filepath.Abs(called); err != nil {
		return self
	}
	one, err := os.Stat(called)
	if err != nil {
		return self
	}
	if other, err := os.Stat(self); err != nil || !os.SameFile(one, other) {
		return self
	}
	return called
}
