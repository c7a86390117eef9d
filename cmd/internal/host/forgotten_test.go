package host

import (
	"testing"

	"gastown/planes/federation"
)

func TestForgottenEndsWithALaterRevision(t *testing.T) {
	f := Forgotten{"id-a": 3}
	for _, c := range []struct {
		m    federation.Member
		want bool
	}{
		{federation.Member{ID: "id-a", Revision: 3}, true},
		{federation.Member{ID: "id-a", Revision: 2}, true}, // an older plane was put back
		{federation.Member{ID: "id-a", Revision: 4}, false},
		{federation.Member{ID: "id-b", Revision: 1}, false},
	} {
		if got := f.Hides(c.m); got != c.want {
			t.Errorf("%+v: %v", c.m, got)
		}
	}
}
