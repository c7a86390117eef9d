package shell

import (
	"bytes"
	"testing"
)

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
