// Package flags reads what the flags of bd hold: filters, dates, lists and the
// prose of beads.
package flags

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"gastown/cmd/internal/shell"
	"gastown/town"
)

// Split splits the values of a flag at commas and leaves out empty words. A flag
// may be given several times, each with several words.
func Split(values []string) []string {
	var all []string
	for _, v := range values {
		for word := range strings.SplitSeq(v, ",") {
			if word = strings.TrimSpace(word); word != "" {
				all = append(all, word)
			}
		}
	}
	return all
}

// parseEach splits values at commas and parses each word. It appends every error
// to errs.
func parseEach[T any](values []string, parse func(string) (T, error), errs *[]error) []T {
	var all []T
	for _, word := range Split(values) {
		v, err := parse(word)
		*errs = append(*errs, err)
		all = append(all, v)
	}
	return all
}

// Text is the value of a flag for which "" and a flag that is not given differ.
// The zero value is a flag that is not given.
type Text struct {
	Value string
	Given bool
}

func (t *Text) String() string { return t.Value }

// Set is called by the parser.
func (t *Text) Set(s string) error {
	t.Value, t.Given = s, true
	return nil
}

// Pointer is nil when the flag was not given.
func (t *Text) Pointer() *string {
	if !t.Given {
		return nil
	}
	return &t.Value
}

// List is the values of a flag that may be given several times, for which "" and a
// flag that is not given differ.
type List struct {
	Values []string
	Given  bool
}

func (l *List) String() string { return strings.Join(l.Values, ",") }

// Set is called by the parser, once for each value.
func (l *List) Set(s string) error {
	l.Values, l.Given = append(l.Values, s), true
	return nil
}

// IsCumulative tells the parser that the flag may be repeated.
func (l *List) IsCumulative() bool { return true }

// Parsed is the value of a flag as parse reads it; nil when the flag was not
// given. It appends the error to errs.
func Parsed[T any](t Text, parse func(string) (T, error), errs *[]error) *T {
	if !t.Given {
		return nil
	}
	v, err := parse(t.Value)
	*errs = append(*errs, err)
	return &v
}

// Minutes parses an estimate. "" is no estimate, which is -1.
func Minutes(s string) (int, error) {
	if s == "" {
		return -1, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%w: --estimate %q: use a whole number of minutes", town.ErrUsage, town.Clip(s, 40))
	}
	return n, nil
}

// OpenFile opens a file that a flag names; "", - and /dev/stdin are standard input.
func OpenFile(call *shell.Call, name string) (io.ReadCloser, error) {
	if name == "" {
		name = shell.StandardInput
	}
	f, err := call.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", town.ErrUsage, err)
	}
	return f, nil
}

// ReadFile reads a file that a flag names. A file of more than limit bytes is an
// error.
func ReadFile(call *shell.Call, name string, limit int64) (string, error) {
	f, err := OpenFile(call, name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	if int64(len(text)) > limit {
		return "", fmt.Errorf("%w: %s has more than %d bytes, the limit of one text", town.ErrBadBead, name, limit)
	}
	return string(text), nil
}

// Labels are the words of flags that hold labels. An empty one is an error, because a
// script that passes it has lost what it meant.
func Labels(values []string) ([]string, error) {
	if shell.EmptyWord(values...) {
		return nil, fmt.Errorf("%w: a label is empty", town.ErrUsage)
	}
	return Split(values), nil
}

// JSONObject reads the value of a flag: a JSON object, or @FILE with one.
func JSONObject(call *shell.Call, flag, value string) (json.RawMessage, error) {
	if file, ok := strings.CutPrefix(value, "@"); ok {
		text, err := ReadFile(call, file, town.MaxMetadata)
		if err != nil {
			return nil, err
		}
		value = text
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(value), &object); err != nil || object == nil {
		return nil, fmt.Errorf("%w: --%s is no JSON object", town.ErrUsage, flag)
	}
	return json.RawMessage(strings.TrimSpace(value)), nil
}
