// Package strict decodes YAML, TOML and JSON that people and other programs
// write, and refuses what the reader of it would otherwise overlook: an unknown
// field, a second document, a key that is there twice, a value of the wrong
// kind. An error says on which line and, for a misspelt field, which one may
// have been meant. The caller adds the name of the file.
//
// Texts are untrusted. The caller bounds their size (ReadFile does); aliases
// of YAML, which can make a small text large, are refused.
package strict

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"gastown/town"
)

// maxFaults is how many faults of one text an error tells.
const maxFaults = 5

// ErrEmpty reports a text that holds no value. Where a text may be empty, the
// caller tests for it; the value was left as it was.
var ErrEmpty = errors.New("it is empty")

// Fault is one thing that is wrong with a text.
type Fault struct {
	// Line counts from 1; 0 when the line is not known.
	Line   int
	Reason string
}

func (f Fault) String() string {
	if f.Line <= 0 {
		return f.Reason
	}
	return fmt.Sprintf("line %d: %s", f.Line, f.Reason)
}

// Error is everything that is known to be wrong with a text: at least one fault.
type Error struct{ Faults []Fault }

func (e *Error) Error() string {
	var all []string
	for _, f := range e.Faults[:min(len(e.Faults), maxFaults)] {
		all = append(all, f.String())
	}
	if more := len(e.Faults) - len(all); more > 0 {
		all = append(all, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(all, "; ")
}

// First is the first fault of an *Error, and the whole text of any other error.
func First(err error) Fault {
	if e, ok := errors.AsType[*Error](err); ok && len(e.Faults) > 0 {
		return e.Faults[0]
	}
	return Fault{Reason: err.Error()}
}

func fault(line int, format string, args ...any) error {
	return &Error{[]Fault{{line, fmt.Sprintf(format, args...)}}}
}

// unknown words a field that there is none of, where it stands, and which one
// was meant.
func unknown(field, in string, known []string) string {
	s := fmt.Sprintf("there is no field %q", town.Clip(field, 80))
	if in != "" {
		s += " in " + town.Clip(in, 80)
	}
	if near := town.Nearest(field, known, 1); len(near) > 0 {
		s += ": did you mean " + near[0] + "?"
	}
	return s
}

// ReadFile reads a regular file of at most limit bytes.
func ReadFile(path string, limit int64) ([]byte, error) {
	// Looked at before it is opened: opening a named pipe waits for a writer.
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("it is larger than %d bytes", limit)
	}
	return data, nil
}
