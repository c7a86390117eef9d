package doltdb

import "testing"

func TestGrew(t *testing.T) {
	for _, c := range []struct {
		before, after string
		grew          bool
	}{
		{" 7.100.1.2 8.9.1.2", " 7.120.3.4 8.9.1.2", true},
		{" 7.100.1.2 8.9.1.2", " 7.100.1.2 8.9.1.2", true},
		{" 7.100.1.2 8.9.1.2", " 7.99.3.4 8.9.1.2", false},
		{" 7.100.1.2 8.9.1.2", " 6.200.3.4 8.9.1.2", false},
		{" none 8.9.1.2", " 7.10.3.4 8.9.1.2", false},
		{"", " 7.10.3.4 8.9.1.2", false},
		{" 7.100.1.2 8.9.1.2", "", true},
	} {
		if got := Grew(c.before, c.after); got != c.grew {
			t.Errorf("%q, %q: %t", c.before, c.after, got)
		}
	}
}
