package engine

import (
	"errors"
	"strings"
	"syscall"
	"testing"
)

// The engine passes on only the text of a disk's failure.
func TestClassify(t *testing.T) {
	if err := Classify(errors.New("Error 1105: write x: no space left on device: what else")); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%v has no kind", err)
	}
	// "too many open files in system" contains the text of another kind.
	if err := Classify(errors.New("open x: too many open files in system")); !errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.EMFILE) {
		t.Errorf("%v has another kind", err)
	}
	if err := Classify(nil); err != nil {
		t.Error(err)
	}
	plain := errors.New("plain")
	if err := Classify(plain); err != plain {
		t.Error(err)
	}
}

// The error of a panic names the line where it began, not where it was caught.
func TestPanicNamesItsPlace(t *testing.T) {
	call := func() (err error) {
		defer Contain(&err)
		var none *struct{ n int }
		none.n++
		return nil
	}
	if err := call(); err == nil || !strings.Contains(err.Error(), "nil pointer dereference (errors_test.go:") {
		t.Errorf("%v", err)
	}
	direct := func() (err error) {
		defer Recovered("read", &err)
		panic("broken")
	}
	if err := direct(); err == nil || !strings.Contains(err.Error(), "broken (errors_test.go:") {
		t.Errorf("%v", err)
	}
}
