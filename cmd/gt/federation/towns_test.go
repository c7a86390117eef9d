package federation

import (
	"errors"
	"testing"

	"gastown/planes/federation"
	"gastown/town"
)

// A Town that signs and has no entry in the registry can be named by its id.
func TestATownWithoutAnEntryIsNamed(t *testing.T) {
	m, err := named("distrust", []member{{Member: federation.Member{ID: "id-a", Name: "alpha"}}, {Member: federation.Member{ID: "id-b"}}}, "id-b")
	if err != nil || m.ID != "id-b" || m.remark() != "not in the registry, not trusted" {
		t.Errorf("%+v, %q, %v", m, m.remark(), err)
	}
}

// A Town that signs and has no entry has no name, so an empty name is not its.
func TestAnEmptyNameIsNoTowns(t *testing.T) {
	all := []member{{Member: federation.Member{ID: "town-1"}}, {Member: federation.Member{ID: "town-2", Name: "beta"}}}
	if m, err := named("trust a Town", all, ""); !errors.Is(err, town.ErrUsage) {
		t.Errorf("%+v, %v", m, err)
	}
	for _, name := range []string{"town-1", "town-2", "beta"} {
		if _, err := named("trust a Town", all, name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
