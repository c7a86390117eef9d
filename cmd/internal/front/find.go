package front

import (
	"cmp"
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

// place is what says where a command's Town is: the working directory, the arguments
// and the environment.
type place struct {
	program, dir string
	args         []string
	getenv       func(string) string
}

// town guesses the Town a command is for: that of --town, for bd also of --db or
// --directory, of the environment, or the nearest one at or above the working
// directory. The Deacon that is asked parses the arguments itself and declines what
// is for another Town, so a wrong guess costs time and nothing else.
func (p place) town() (string, bool) {
	if root := p.flag("town", ""); root != "" {
		root = abs(p.dir, root)
		return root, isTown(root)
	}
	if p.program != "bd" {
		return p.environment(p.getenv("GT_ROOT"))
	}
	dir := p.flag("directory", "C")
	if dir != "" {
		p.dir = abs(p.dir, dir)
	}
	if path := p.flag("db", ""); path != "" {
		return above(abs(p.dir, path))
	}
	if dir != "" {
		return above(p.dir)
	}
	if root := p.getenv("GT_ROOT"); root != "" {
		return p.environment(root)
	}
	if path := cmp.Or(p.getenv("BEADS_DIR"), p.getenv("BEADS_DB")); path != "" {
		return above(abs(p.dir, path))
	}
	return above(p.dir)
}

// environment is the Town that a variable names, or the nearest one.
func (p place) environment(root string) (string, bool) {
	if root == "" {
		return above(p.dir)
	}
	root = abs(p.dir, root)
	return root, isTown(root)
}

// flag is the value of a flag; "" when it is not given.
func (p place) flag(long, short string) (value string) {
	for i, arg := range p.args {
		if arg == "--" {
			break
		}
		next := ""
		if i+1 < len(p.args) {
			next = p.args[i+1]
		}
		if v, ok := strings.CutPrefix(arg, "--"+long+"="); ok {
			value = v
		} else if arg == "--"+long || short != "" && arg == "-"+short {
			value = next
		} else if v, ok := strings.CutPrefix(arg, "-"+short); ok && short != "" {
			value = strings.TrimPrefix(v, "=")
		}
	}
	return value
}

func abs(dir, path string) string {
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	return filepath.Clean(path)
}

// above is the nearest Town at or above a directory.
func above(dir string) (string, bool) {
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
	if _, err := os.Stat(filepath.Join(dir, townConfig)); err == nil {
		return true
	}
	// Another user of the machine may see the socket and nothing else.
	info, err := os.Lstat(filepath.Join(dir, commandSocket))
	return err == nil && info.Mode().Type() == os.ModeSocket
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
