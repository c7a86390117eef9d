package gitremote

import (
	"strings"
	"testing"

	"gastown/sync/gitcmd"
	"gastown/town"
)

// Every ref of a space is one that git accepts, lies below its prefix and is not
// the directory of another.
func TestSpaceNamesRefs(t *testing.T) {
	for _, s := range Spaces {
		refs := []string{s.Data(), s.Ledger(), s.Turn(town.ID("0b6e3c9e-6f3f-4f4e-9a44-6d4f5d7c8e90"))}
		for i, ref := range refs {
			if err := gitcmd.CheckRef(ref); err != nil || !strings.HasPrefix(ref, s.Prefix()) {
				t.Errorf("%q: %s: %v", s, ref, err)
			}
			for _, other := range refs[i+1:] {
				if ref == other || strings.HasPrefix(other, ref+"/") || strings.HasPrefix(ref, other+"/") {
					t.Errorf("%q: %s and %s exclude each other", s, ref, other)
				}
			}
		}
	}
	if SpaceDolt.Data() != "refs/dolt/data" || SpaceBranches.Data() != "refs/heads/dolt/data" {
		t.Error(SpaceDolt.Data(), SpaceBranches.Data())
	}
}
