package secrets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"unicode/utf8"

	"gastown/town"
)

// maxFile is the largest file of secrets that is read, in bytes.
const maxFile = 1 << 20

// Environment finds secrets in variables of the environment that the process was
// started with. An empty variable is none.
func Environment(getenv func(string) string) Source { return environment{getenv} }

type environment struct{ getenv func(string) string }

func (environment) String() string { return "the environment" }

func (e environment) Lookup(_ context.Context, name string) (string, bool, error) {
	if e.getenv == nil {
		return "", false, nil
	}
	v := e.getenv(name)
	return v, v != "", nil
}

func (environment) Check(context.Context) error { return nil }

// File finds secrets in a file with one NAME=value a line. Empty lines and lines that
// begin with # say nothing. A value ends with its line; quotes around it are removed.
//
// A file that others can read, or that belongs to another user, is town.ErrRefused. A
// file that does not exist has no secrets. It is read at each Lookup, so a change needs no restart.
func File(path string) Source { return file(path) }

type file string

func (f file) String() string { return string(f) }

func (f file) Lookup(_ context.Context, name string) (string, bool, error) {
	all, err := f.read()
	v, found := all[name]
	return v, found, err
}

func (f file) Check(context.Context) error {
	all, err := f.read()
	clear(all)
	return err
}

func (f file) read() (Values, error) {
	data, err := Private(string(f), maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer clear(data)
	all, err := parse(string(data))
	if err != nil {
		return nil, town.Fail("read the secrets in "+string(f), "correct the line", "%w", err)
	}
	return all, nil
}

// Private reads a file of secrets of at most limit bytes. A file that others than its
// owner can use, or that belongs to another user than that of the process, is
// town.ErrRefused: others may know what is in it, or may have written it. The caller
// clears the data after use.
func Private(path string, limit int64) ([]byte, error) {
	op := "read the secrets in " + path
	// O_NONBLOCK: opening a named pipe would wait for a writer.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err != nil {
		return nil, town.Fail(op, "make it a file that only you can read", "%w", err)
	}
	defer f.Close()
	info, err := f.Stat() // of what was opened, whatever the path leads to by now
	if err != nil {
		return nil, err
	}
	owner, known := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.Mode().IsRegular():
		return nil, town.Fail(op, "make it a file that only you can read", "it is not a regular file")
	case known && int(owner.Uid) != os.Geteuid():
		return nil, town.Fail(op, "make a file of your own there, and replace the secrets if someone may have read them",
			"%w: it belongs to another user (uid %d)", town.ErrRefused, owner.Uid)
	case info.Mode().Perm()&0o077 != 0:
		return nil, town.Fail(op, "chmod 600 "+path+", and replace the secrets if someone may have read them",
			"%w: others can read it (mode %04o)", town.ErrRefused, info.Mode().Perm())
	case info.Size() > limit:
		return nil, town.Fail(op, "leave in it what is needed", "it is larger than %d bytes", limit)
	}
	data := make([]byte, min(info.Size(), limit)+1) // one piece: a buffer that grows leaves copies behind
	n, err := io.ReadFull(f, data)
	if err == nil {
		err = errors.New("it grew while it was read")
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		clear(data)
		return nil, town.Fail(op, "try again when no program writes it", "%w", err)
	}
	return data[:n], nil
}

// parse reads the lines of a file. Its errors name the line and never what is on it.
func parse(text string) (Values, error) {
	if !utf8.ValidString(text) {
		return nil, errors.New("it is not UTF-8 text")
	}
	all := Values{}
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !ok || !IsName(name) {
			return nil, fmt.Errorf("line %d: it is not NAME=value, with letters, digits and _ in NAME", number)
		}
		if _, twice := all[name]; twice {
			return nil, fmt.Errorf("line %d: %s is there twice", number, name)
		}
		if n := len(value); n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
			value = value[1 : n-1]
		}
		all[name] = value
	}
	return all, nil
}
