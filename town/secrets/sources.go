package secrets

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"unicode/utf8"

	"gastown/town"
	"gastown/town/strict"
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

// File finds secrets in a file with one NAME=value a line. Empty lines and lines that
// begin with # say nothing. A value ends with its line; quotes around it are removed.
//
// A file that others than its owner can read is town.ErrRefused. A file that does not
// exist has no secrets. It is read at each Lookup, so a change needs no restart.
func File(path string) Source { return file(path) }

type file string

func (f file) String() string { return string(f) }

func (f file) Lookup(_ context.Context, name string) (string, bool, error) {
	all, err := f.read()
	v, found := all[name]
	return v, found, err
}

func (f file) read() (Values, error) {
	op := "read the secrets in " + string(f)
	info, err := os.Stat(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		return nil, town.Fail(op, "chmod 600 "+string(f)+", and replace the secrets if someone may have read them",
			"%w: others can read it (mode %04o)", town.ErrRefused, info.Mode().Perm())
	}
	data, err := strict.ReadFile(string(f), maxFile)
	if err != nil {
		return nil, town.Fail(op, "make it a file of NAME=value lines that only you can read", "%w", err)
	}
	all, err := parse(string(data))
	if err != nil {
		return nil, town.Fail(op, "correct the line", "%w", err)
	}
	return all, nil
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
		if names, err := Names("${" + name + "}"); !ok || err != nil || len(names) != 1 || names[0] != name {
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
