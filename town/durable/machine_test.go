package durable

import (
	"errors"
	"fmt"
	"testing"
)

// Every failure of the machine is known by its kind and by its text, and says what to
// do. No text is taken for that of another kind.
func TestFailuresOfTheMachine(t *testing.T) {
	for _, kind := range machineErrors {
		err := fmt.Errorf("write x: %w", kind)
		if !OfMachine(err) || Advice(err) == "" {
			t.Errorf("%v: of the machine %v, advice %q", kind, OfMachine(err), Advice(err))
		}
		if told, ok := Told("Error 1105: " + err.Error() + ": what else"); !ok || told != kind {
			t.Errorf("%v is told as %v (%v)", kind, told, ok)
		}
	}
	other := errors.New("checksum mismatch")
	if _, ok := Told(other.Error()); ok || OfMachine(other) || Advice(other) != "" {
		t.Error("a failure of data counts as one of the machine")
	}
}
