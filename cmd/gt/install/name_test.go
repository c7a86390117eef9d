package install

import (
	"strings"
	"testing"

	"gastown/town"
)

func TestNameFrom(t *testing.T) {
	for in, want := range map[string]string{
		"harbour": "harbour", "My Town": "my-town", "...": "town", "": "town", "表": "town", "-x-": "x",
		strings.Repeat("a", 80): strings.Repeat("a", 64), "Gas.Town_2": "gas.town_2",
	} {
		if got := nameFrom(in); got != want {
			t.Errorf("nameFrom(%q) = %q, want %q", in, got, want)
		}
		if err := town.CheckName(nameFrom(in)); err != nil {
			t.Error(err)
		}
	}
}
