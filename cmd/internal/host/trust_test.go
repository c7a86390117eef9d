package host

import (
	"testing"

	"gastown/planes/federation"
)

// A name that a person gave trust to stays that Town's, also when another Town enters it in
// the registry, where it is then nobody's.
func TestATrustedNameIsOneTowns(t *testing.T) {
	trust := Trust{"id-1": {Name: "beta", Trusted: true}, "id-3": {Name: "gamma"}}
	for _, test := range []struct {
		of   federation.Arrival
		want string
	}{
		{federation.Arrival{Town: "id-1", Name: ""}, "beta"}, {federation.Arrival{Town: "id-1", Name: "renamed"}, "beta"},
		{federation.Arrival{Town: "id-2", Name: "beta"}, ""}, {federation.Arrival{Town: "id-2", Name: "delta"}, "delta"},
		{federation.Arrival{Town: "id-3", Name: "gamma"}, "gamma"},
	} {
		if got := trust.name(test.of); got != test.want {
			t.Errorf("%+v is called %q, want %q", test.of, got, test.want)
		}
	}
}
