package shell

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"gastown/town"
)

// A command that was called wrongly has a next step, also when its error names none.
func TestUsageHasANextStep(t *testing.T) {
	none := func(error) string { return "" }
	for text, err := range map[string]error{
		"next: gt nudge --help": fmt.Errorf("%w: there is nothing to say", town.ErrUsage),
		"next: name it":         town.Fail("find it", "name it", "%w: no such thing", town.ErrUsage),
	} {
		var out bytes.Buffer
		c := &Call{Invocation: &Invocation{Stderr: &out}, Name: "gt nudge", traits: Traits{Name: "gt", Advice: none}}
		if code := c.Report(err); code != ExitUsage || !strings.Contains(out.String(), text) {
			t.Errorf("exit %d: %s", code, out.String())
		}
	}
}

func TestArray(t *testing.T) {
	for n, want := range map[int]string{0: "[]\n", 1: "[\n  {\n    \"a\": \"<\"\n  }\n]\n"} {
		var out bytes.Buffer
		list := (&Call{Invocation: &Invocation{Stdout: &out}}).Array()
		for range n {
			if err := list.Add(map[string]string{"a": "<"}); err != nil {
				t.Fatal(err)
			}
		}
		if err := list.End(); err != nil || out.String() != want {
			t.Errorf("%q, %v", out.String(), err)
		}
	}
}
