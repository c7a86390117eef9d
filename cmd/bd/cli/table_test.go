package cli

import (
	"slices"
	"strings"
	"testing"

	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/shell/shelltest"
	"gastown/town/access"
	"gastown/town/layout"
)

// The table says of every command what it needs and what it may do.
func TestTable(t *testing.T) {
	for name, c := range Program(&shell.Invocation{}).Table() {
		if !slices.Contains(access.Actions, c.Permission) {
			t.Errorf("bd %s: no such permission: %q", name, c.Permission)
		}
		if !strings.HasSuffix(c.Help, ".") || len(c.Examples) == 0 {
			t.Errorf("bd %s: help %q, %d examples", name, c.Help, len(c.Examples))
		}
		if reads := strings.HasSuffix(c.Permission, ":read"); reads == c.Writes {
			t.Errorf("bd %s: permission %s, writes %v", name, c.Permission, c.Writes)
		}
		if sometimes := len(c.WritesWith) > 0; sometimes != strings.HasSuffix(c.WritePermission, ":write") {
			t.Errorf("bd %s writes with %q: permission %q", name, c.WritesWith, c.WritePermission)
		}
		if !c.Writes && !c.Repeatable {
			t.Errorf("bd %s only reads and cannot be repeated", name)
		}
		// bd config has settings of the Town and of its ledger.
		ledger := strings.HasPrefix(c.Permission, "ledger:") || strings.HasPrefix(name, "config ")
		if ledger != slices.Equal(c.Planes, []string{layout.Ledger}) || len(c.Planes) > 1 {
			t.Errorf("bd %s: permission %s, planes %q", name, c.Permission, c.Planes)
		}
		if c.NoTown && len(c.Planes) > 0 {
			t.Errorf("bd %s needs planes but no Town", name)
		}
	}
}

// Commands whose memory grows with the ledger run in a process of their own.
func TestWhatRunsAlone(t *testing.T) {
	var alone []string
	for name, c := range Program(&shell.Invocation{}).Table() {
		if c.Alone {
			alone = append(alone, name)
		}
	}
	slices.Sort(alone)
	if want := []string{"completion", "doctor", "edit", "find-duplicates", "import", "init", "rename-prefix"}; !slices.Equal(alone, want) {
		t.Errorf("%q", alone)
	}
}

// A script whose variable has no value changes nothing.
func TestEmptyArguments(t *testing.T) {
	if n := shelltest.RefusesEmpty(t, Program); n < 200 {
		t.Errorf("only %d values were refused for being empty", n)
	}
}
