package host

import (
	"testing"

	"gastown/planes/federation"
	"gastown/town"
)

// A Town that signs and has no entry in the registry is known.
func TestATownWithoutAnEntryIsKnown(t *testing.T) {
	members := []federation.Member{{ID: "id-a", Name: "alpha"}}
	prints := map[town.ID]string{"id-self": "1", "id-a": "2", "id-z": "3", "id-b": "4"}
	if more := unregistered(members, prints, "id-self"); len(more) != 2 || more[0].ID != "id-b" || more[1].ID != "id-z" {
		t.Fatalf("%+v", more)
	}
}

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
