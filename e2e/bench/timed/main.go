// Command timed runs a program and tells how long it took, how much memory it
// held at most, and how long processors worked for it.
//
//	timed PROGRAM [ARGUMENT...] 3>report
//
// The report is one line: nanoseconds, kilobytes, nanoseconds. The kernel counts as a
// program's memory also what the process held that became it, so a small one
// must start it: a benchmark that has a database open would measure itself.
//
// Standard streams and the exit code are the program's. 127 says that it could
// not be run. It ends when this process does.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

const (
	reportFile = 3
	notRun     = 127
)

func main() {
	// The kernel signals the child when this thread ends, not when the process
	// does.
	runtime.LockOSThread()
	syscall.CloseOnExec(reportFile) // processes that the program leaves running must not hold it open
	code, err := run(os.Args[1:], os.NewFile(reportFile, "report"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "timed:", err)
	}
	os.Exit(code)
}

// run returns the exit code.
func run(line []string, report *os.File) (int, error) {
	if len(line) == 0 {
		return notRun, errors.New("which program?")
	}
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	began := time.Now()
	err := cmd.Run()
	took := time.Since(began)
	if cmd.ProcessState == nil {
		return notRun, err
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return notRun, errors.New("the system does not tell what was used")
	}
	if _, err := fmt.Fprintln(report, took.Nanoseconds(), usage.Maxrss, usage.Utime.Nano()+usage.Stime.Nano()); err != nil {
		return notRun, err
	}
	if code := cmd.ProcessState.ExitCode(); code >= 0 {
		return code, nil
	}
	return notRun, err // a signal ended it
}
