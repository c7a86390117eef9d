package ledger

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"gastown/town"
)

var (
	// ErrUnknown reports an id no bead has.
	ErrUnknown = errors.New("no such bead")
	// ErrAmbiguous reports a short id that several beads begin with.
	ErrAmbiguous = errors.New("several beads match")
	// ErrExists reports an id that is taken, by a bead or by a deleted one.
	ErrExists = errors.New("the id is taken")
	// ErrAlive reports a bead that is to be restored and was not deleted.
	ErrAlive = errors.New("it was not deleted")
	// ErrCycle reports a link that would make beads wait for each other.
	ErrCycle = errors.New("dependency cycle")
	// ErrTaken reports a claim of a bead that somebody else has.
	ErrTaken = errors.New("already claimed")
	// ErrClosed reports a change that only an open bead can have.
	ErrClosed = errors.New("it is closed")
	// ErrDiffers reports a bead that is not as a conditional change expects it.
	ErrDiffers = errors.New("it is not as expected")
	// ErrField reports a name that is no field of a bead.
	ErrField = errors.New("no such field")
	// ErrTooMuch reports an answer larger than the bound that its caller set.
	// Nothing of it is returned or cached.
	ErrTooMuch = errors.New("the answer is too large")
)

// Entry is what is wrong with one entry of a batch.
type Entry struct {
	// Index counts from 0; Line from 1, and is 0 when there are no lines.
	Index, Line int
	// ID is the entry's bead, if known.
	ID  string
	Err error
}

// BatchError lists every bad entry of a batch. None of the batch was applied.
type BatchError struct{ Entries []Entry }

func (e *BatchError) Error() string {
	lines := make([]string, len(e.Entries))
	for i, n := range e.Entries {
		lines[i] = n.String()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives errors.Is the cause of every entry.
func (e *BatchError) Unwrap() []error {
	errs := make([]error, len(e.Entries))
	for i, n := range e.Entries {
		errs[i] = n.Err
	}
	return errs
}

func (n Entry) String() string {
	where := ""
	switch {
	case n.Line > 0:
		where = fmt.Sprintf("line %d: ", n.Line)
	case n.ID == "":
		where = fmt.Sprintf("entry %d: ", n.Index+1)
	}
	if n.ID != "" {
		where += town.Clip(n.ID, 80) + ": "
	}
	return where + n.Err.Error()
}

// batch collects the errors of a batch.
type batch struct{ entries []Entry }

// add records the parts of a joined error one by one.
func (b *batch) add(index, line int, id string, err error) {
	if parts := splitErrors(err); len(parts) > 1 {
		for _, part := range parts {
			b.add(index, line, id, part)
		}
		return
	}
	if err != nil {
		b.entries = append(b.entries, Entry{Index: index, Line: line, ID: id, Err: err})
	}
}

// splitErrors undoes errors.Join.
func splitErrors(err error) []error {
	many, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return nil
	}
	var texts []string
	for _, e := range many.Unwrap() {
		texts = append(texts, e.Error())
	}
	if err.Error() != strings.Join(texts, "\n") { // one error of several kinds
		return nil
	}
	return many.Unwrap()
}

// err returns the entries in the order of the batch, or nil when there are
// none.
func (b *batch) err() error {
	if len(b.entries) == 0 {
		return nil
	}
	slices.SortStableFunc(b.entries, func(a, b Entry) int { return a.Index - b.Index })
	return &BatchError{Entries: b.entries}
}

// joinBatches joins errors, of which BatchErrors become one.
func joinBatches(errs ...error) error {
	var all batch
	for _, err := range errs {
		var b *BatchError
		switch {
		case errors.As(err, &b):
			all.entries = append(all.entries, b.Entries...)
		case err != nil:
			return err
		}
	}
	return all.err()
}

// UnknownError reports an id that no bead has. It wraps ErrUnknown.
type UnknownError struct {
	ID string
	// Nearest are ids that may have been meant, best first.
	Nearest []string
	// Deleted says that a bead of this id was deleted and can be restored.
	Deleted bool
}

func (e *UnknownError) Error() string {
	s := fmt.Sprintf("%v: %q", ErrUnknown, town.Clip(e.ID, 80))
	switch {
	case e.Deleted:
		s += "; it was deleted and can be restored"
	case len(e.Nearest) > 0:
		s += "; nearest: " + strings.Join(e.Nearest, ", ")
	}
	return s
}

func (e *UnknownError) Unwrap() error { return ErrUnknown }

// unwrapBatch is the fault of a batch with one entry, without the place of the
// entry; other errors stay as they are.
func unwrapBatch(err error) error {
	var b *BatchError
	if errors.As(err, &b) && len(b.Entries) == 1 {
		return b.Entries[0].Err
	}
	return err
}
