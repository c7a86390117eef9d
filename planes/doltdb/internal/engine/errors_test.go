package engine

import (
	"errors"
	"syscall"
	"testing"
)

// The engine passes on only the text of a disk's failure.
func TestClassify(t *testing.T) {
	if err := Classify(errors.New("Error 1105: write x: no space left on device: what else")); !errors.Is(err, syscall.ENOSPC) || !IsDiskError(err) {
		t.Errorf("%v has no kind", err)
	}
	if err := Classify(nil); err != nil {
		t.Error(err)
	}
	plain := errors.New("plain")
	if err := Classify(plain); err != plain || IsDiskError(err) {
		t.Error(err)
	}
}
