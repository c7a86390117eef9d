package rig

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gastown/town"
	"gastown/town/rig"
)

// A command is split as a shell does, and what only a shell could run is refused.
func TestParseChecks(t *testing.T) {
	got, err := parseChecks([]string{"make test", `sh -c "make a && make b"`, "./ci.sh 'a b' --x", "make test", "go vet ./..."})
	want := []rig.Check{
		{Name: "test", Command: []string{"make", "test"}},
		{Name: "sh", Command: []string{"sh", "-c", "make a && make b"}},
		{Name: "ci", Command: []string{"./ci.sh", "a b", "--x"}},
		{Name: "test-2", Command: []string{"make", "test"}},
		{Name: "vet", Command: []string{"go", "vet", "./..."}},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	for _, bad := range []string{"", "  ", "make 'test", "make a && make b", "make a; make b", "make | tee x", "make > x", "make &"} {
		if checks, err := parseChecks([]string{bad}); !errors.Is(err, town.ErrUsage) {
			t.Errorf("%q: %v, %v", bad, checks, err)
		}
	}
}
