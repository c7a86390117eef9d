// Command gt-engine is the one large program: all commands of gt and bd, the
// Deacon, and the database. People call the fronts gt and bd, which become this
// program when no Deacon runs their command.
//
// The name it is called by selects the program: gt, bd, or, for gt-engine, the
// program that its first argument names.
package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	bd "gastown/cmd/bd/cli"
	gt "gastown/cmd/gt/cli"
	"gastown/cmd/internal/gate"
	_ "gastown/cmd/internal/memory" // sets when to collect garbage
	"gastown/cmd/internal/shell"
)

func main() { os.Exit(run(os.Args)) }

func run(args []string) int {
	program, self := filepath.Base(args[0]), args[0]
	programs := shell.Programs{"gt": gt.Program, "bd": bd.Program}
	if programs[program] == nil && len(args) > 1 {
		args = args[1:]
		program, self = args[0], ""
	}
	dir, err := os.Getwd()
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: find the working directory: %v\n  next: change to a directory that exists\n", program, err)
		return shell.ExitFailed
	}
	if programs[program] == nil {
		fmt.Fprintln(os.Stderr, "gt-engine: call it as gt or bd, or as: gt-engine gt COMMAND")
		return shell.ExitUsage
	}
	umask := unix.Umask(0o077)
	return programs.Run(&shell.Invocation{
		Program: program, Args: args[1:], Dir: dir, Env: os.Environ(),
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Umask: fs.FileMode(umask), User: os.Getuid(), Process: os.Getpid(), Self: front(self, program), Now: time.Now,
		Gate: gate.New(nil),
	})
}

// front is the path of the program that a person called, with which hooks and
// daemons start it later: the front that became this engine, otherwise one beside
// the engine.
func front(called, program string) string {
	if filepath.IsAbs(called) {
		return called
	}
	engine, err := os.Executable()
	if err != nil {
		return ""
	}
	for _, dir := range []string{filepath.Dir(engine), filepath.Join(filepath.Dir(engine), "..", "..", "bin")} {
		path := filepath.Join(dir, program)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return engine
}
