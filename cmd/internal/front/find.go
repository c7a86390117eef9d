package front

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Paths in a Town, as package town/layout has them. That package links too much
// for a front; a test compares them.
const (
	townConfig    = "config/town.yaml"
	commandSocket = ".gt/deacon/command.sock"
	deaconLock    = ".gt/deacon/deacon.lock"
)

// engineName is the program a front becomes.
const engineName = "gt-engine"

// findEngine looks for the engine beside this program, then where a distribution
// puts what people do not call themselves.
func findEngine() (string, error) {
	own, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	if real, err := filepath.EvalSymlinks(own); err == nil {
		own = real
	}
	dir := filepath.Dir(own)
	for _, path := range []string{filepath.Join(dir, engineName), filepath.Join(dir, "..", "libexec", "gt", engineName)} {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not beside %s, nor in %s", engineName, own, filepath.Join(dir, "..", "libexec", "gt"))
}

// findTown guesses the Town a command is for: --town, GT_ROOT, or the nearest one
// at or above the working directory. The Deacon that is asked parses the
// arguments itself and declines what is for another Town, so a wrong guess costs
// time and nothing else.
func findTown(dir string, args []string, root string) (string, bool) {
	for i, arg := range args {
		if arg == "--" {
			break
		}
		if value, ok := strings.CutPrefix(arg, "--town="); ok {
			root = value
		} else if arg == "--town" && i+1 < len(args) {
			root = args[i+1]
		}
	}
	if root != "" {
		if !filepath.IsAbs(root) {
			root = filepath.Join(dir, root)
		}
		return filepath.Clean(root), isTown(root)
	}
	for d := dir; ; d = filepath.Dir(d) {
		if isTown(d) {
			return d, true
		}
		if d == filepath.Dir(d) {
			return "", false
		}
	}
}

func isTown(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, townConfig))
	return err == nil
}

// ownDescriptors reports arguments that name a descriptor of this process, such
// as a shell's <(command): they mean nothing in another one.
func ownDescriptors(args []string) bool {
	for _, arg := range args {
		for _, name := range []string{"/dev/fd/", "/dev/std", "/proc/self/", "/dev/tty"} {
			if strings.Contains(arg, name) {
				return true
			}
		}
		if strings.HasPrefix(arg, "--completion-") {
			return true // the parser writes these to its own standard output
		}
	}
	return false
}

// inBackground reports whether a terminal is standard input and belongs to
// another job now. The kernel stops a process that reads it then; the Deacon's
// reads it would let through.
func inBackground() bool {
	foreground, err := unix.IoctlGetInt(0, unix.TIOCGPGRP)
	return err == nil && foreground != unix.Getpgrp()
}

// self is the absolute path this program was called by, if it leads to it: a link
// outlives the version it points to. It is "" when unknown.
func self() string {
	own, err := os.Executable()
	if err != nil {
		return ""
	}
	called, err := exec.LookPath(os.Args[0])
	if err != nil {
		return own
	}
	if called, err = filepath.Abs(called); err != nil {
		return own
	}
	one, err := os.Stat(called)
	if err != nil {
		return own
	}
	if other, err := os.Stat(own); err != nil || !os.SameFile(one, other) {
		return own
	}
	return called
}
