package rig

import (
	"errors"
	"strings"
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

func TestNamesOfChecks(t *testing.T) {
	for _, c := range []struct{ commands, want string }{
		{"make test", "test"}, {"./ci.sh", "ci"}, {"sh tools/x.sh", "x"}, {"bash -e ./scripts/run-all.bash", "run-all"}, {"python3 -m pytest tests", "pytest"},
		{"go test ./...", "test"}, {"npm run lint", "lint"}, {"npm ci", "ci"}, {"make -j 4 check", "check"}, {"pytest", "pytest"}, {"cargo test --workspace", "test"},
		{"env CGO_ENABLED=0 make test", "test"}, {"timeout 60 make vet", "vet"}, {"nice -n 5 ./t.py", "t"}, {"env -i sh a.sh", "a"}, {"env", "env"},
		{"make test|go test ./...|sh test.sh", "test test-2 test-3"}, {"make test-2|make test|go test", "test-2 test test-3"},
		{"sh -c 'a b'", "sh"}, {"'my program'", "check"}, {"'é' '$(x)'|'ü'", "check check-2"}, {"./..", "check"},
		{"make " + strings.Repeat("x", 64) + "|make " + strings.Repeat("x", 64), strings.Repeat("x", 64) + " " + strings.Repeat("x", 60) + "-2"},
	} {
		checks, err := parseChecks(strings.Split(c.commands, "|"))
		var names []string
		for _, check := range checks {
			names = append(names, check.Name)
			if err := town.CheckHandle("check", check.Name); err != nil {
				t.Error(err)
			}
		}
		if got := strings.Join(names, " "); err != nil || got != c.want {
			t.Errorf("%.80s: %s, %v", c.commands, got, err)
		}
	}
}
