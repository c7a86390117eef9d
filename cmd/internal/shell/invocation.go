package shell

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"gastown/cmd/internal/term"
	"gastown/town"
	"gastown/town/access"
	"gastown/town/durable"
)

// Invocation is one run of a program, with everything its caller gave it. A command
// knows its surroundings only from here: it may run inside the Deacon, which has
// another working directory, environment and streams.
type Invocation struct {
	// Program is gt or bd, Args are its arguments.
	Program string
	Args    []string
	// Dir is the working directory, absolute.
	Dir string
	Env Environment
	// Stdin, Stdout and Stderr are *os.File when the command has its own process,
	// otherwise values with an Fd method. Package term can tell whether they are
	// terminals.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Umask is the caller's. It applies to files that are made for a person outside
	// the Town; the Town's own files are always private.
	Umask fs.FileMode
	// User is the caller's user id on this machine, Process the id of its process.
	User, Process int
	// Foreign says that the caller is another user than the one whose process this is. It
	// must not have this process open paths that it names.
	Foreign bool
	// Passed are the files of such a caller's arguments that its front opened. It may be nil.
	Passed Passed
	// Self is the path of the program that the person called, with which hooks and
	// daemons start it later; "" when unknown.
	Self string
	Now  func() time.Time
	// Programs are the engine's programs, for a Deacon that this invocation starts.
	Programs Programs
	// Resident is what the Deacon lends to commands that run inside it; nil for a
	// command in its own process.
	Resident Resident
	// Gate decides who may run what. nil lets everybody run everything: a test, or a
	// program that is part of one.
	Gate Gate
}

// Passed are files that the front of another user opened; ok is false for any other path.
type Passed interface {
	Open(path string) (_ io.ReadCloser, ok bool)
	WriteFile(path string, write func(io.Writer) error) (ok bool, err error)
}

// Environment are the caller's variables, as NAME=value.
type Environment []string

// Get returns a variable's value; "" when it is not set.
func (e Environment) Get(name string) string {
	value, _ := e.Lookup(name)
	return value
}

// Lookup returns a variable's value, and whether it is set.
func (e Environment) Lookup(name string) (string, bool) {
	for _, v := range e { // as in a process, the first one counts
		if value, ok := strings.CutPrefix(v, name); ok && strings.HasPrefix(value, "=") {
			return value[1:], true
		}
	}
	return "", false
}

// Getenv is Get, under the name that the standard library uses.
func (i *Invocation) Getenv(name string) string { return i.Env.Get(name) }

// Abs resolves a path against the working directory.
func (i *Invocation) Abs(path string) string { return Abs(i.Dir, path) }

// Open opens a file that a person named. "-" and StandardInput mean standard input,
// whose Close does nothing.
func (i *Invocation) Open(path string) (io.ReadCloser, error) {
	if path != "" && IsStandard(path) {
		return io.NopCloser(i.Stdin), nil
	}
	if i.Foreign {
		if i.Passed != nil {
			if f, ok := i.Passed.Open(path); ok {
				return f, nil
			}
		}
		return nil, ForeignPath("open " + town.Clip(path, 200))
	}
	return os.Open(i.Abs(path))
}

// WriteFile writes a file for a person: whole, or not at all if write fails. A new
// file has the permissions 0666 less the caller's umask; an existing file keeps its
// own. WriteFile fails if path exists and is not a regular file. Its own errors
// name path; those of write are returned unchanged.
func (i *Invocation) WriteFile(path string, write func(io.Writer) error) error {
	if i.Foreign {
		if i.Passed != nil {
			if ok, err := i.Passed.WriteFile(path, write); ok {
				return err
			}
		}
		return ForeignPath("write " + town.Clip(path, 200))
	}
	if err := i.MayWrite(path); err != nil {
		return err
	}
	path = i.Abs(path)
	var failed error
	err := durable.Write(path, durable.Perm(path, 0o666&^i.Umask), func(w io.Writer) error {
		failed = write(w)
		return failed
	})
	if err == nil || failed != nil {
		return failed
	}
	return unwritable(path, err)
}

// MayWrite fails as WriteFile would, as far as that can be known beforehand. A command that
// works for long asks before it begins.
func (i *Invocation) MayWrite(path string) error {
	if i.Foreign {
		if i.Passed == nil {
			return ForeignPath("write " + town.Clip(path, 200))
		}
		return nil // only its front knows
	}
	path = i.Abs(path)
	switch info, err := os.Stat(path); {
	case err == nil && !info.Mode().IsRegular():
		return unwritable(path, fmt.Errorf("it is not a regular file (mode %s)", info.Mode()))
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return unwritable(path, err)
	}
	if err := unix.Access(filepath.Dir(path), unix.W_OK|unix.X_OK); err != nil { // files are replaced, so the directory counts
		return unwritable(path, err)
	}
	return nil
}

// ForeignPath refuses what would have the Deacon open a path for another user.
func ForeignPath(op string) error {
	return access.Decision{
		Action: "path:open", Reason: "the Deacon opens no path for another user than the Town's owner",
		Next: "let your shell open it, where the command takes - or prints: - < FILE, or > FILE",
	}.Err(op)
}

// unwritable makes an error name the file that the person asked for, instead of the
// temporary file.
func unwritable(path string, err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	} else if e, ok := errors.AsType[*os.LinkError](err); ok {
		err = e.Err
	}
	return town.Fail("write "+town.Clip(path, 200), "name a file in a directory that exists and that you may write to", "%w", err)
}

// Actor is the author of changes. As in git, it comes from the environment, then
// from the configuration, then from the login name.
func (i *Invocation) Actor(configured town.Actor) town.Actor {
	name, login := "gt", "gt"
	if u, err := user.LookupId(strconv.Itoa(i.User)); err == nil {
		login = u.Username
		name = cmp.Or(u.Name, u.Username)
	}
	machine, err := os.Hostname()
	if err != nil {
		machine = "localhost"
	}
	return town.Actor{
		Name:  AuthorText(cmp.Or(i.Getenv("GIT_AUTHOR_NAME"), configured.Name, name)),
		Email: AuthorText(cmp.Or(i.Getenv("GIT_AUTHOR_EMAIL"), configured.Email, login+"@"+machine)),
	}
}

// Colors reports whether the caller's environment allows colours.
func (i *Invocation) Colors() bool { return term.Colors(i.Getenv) }
