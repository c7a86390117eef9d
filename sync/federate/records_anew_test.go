package federate

import (
	"os"
	"testing"

	"gastown/sync/share"
	"gastown/town"
)

// An empty repository has taken the place of one with records, under the same name
// or even the same address. The federation can be published there, records need a
// new approval, and nothing goes there that was meant for the former repository.
func TestInitWhereRecordsWereShared(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"another address", "made anew"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first, second := bare(t), bare(t)
			a, b := newSharer(t, "alpha"), newSharer(t, "beta")
			a.rules(share.Rule{Name: "all"})
			a.beads(town.Bead{ID: "gt-1", Title: "SHARED-ONE"}, town.Bead{ID: "gt-2", Title: "PLANTED-BEFORE"})
			a.init(first)
			b.rules(share.Rule{Name: "all"})
			b.beads(town.Bead{ID: "b-1", Title: "PLANTED-BY-BETA"})
			b.join(first)
			a.sync(first)
			a.work(patch(t, `[{"id":"gt-2","title":"SHARED-TWO"}]`))
			if name == "made anew" {
				if err := os.RemoveAll(first); err != nil {
					t.Fatal(err)
				}
				if err := os.Rename(second, first); err != nil {
					t.Fatal(err)
				}
				second = first
			}
			a.asked, a.refuse = nil, true
			out, err := a.Init(t.Context(), Remote{Name: "origin", URL: second}, yes)
			if err != nil {
				t.Fatal(err)
			}
			if len(a.asked) != 1 || len(out.Shared.Waiting) != 1 || gitOut(t, second, "for-each-ref", ledgerRef) != "" {
				t.Fatalf("asked %d times: %+v", len(a.asked), out.Shared)
			}
			a.refuse = false
			if out := a.push(second); out.Shared.Put != 2 {
				t.Fatalf("%+v", out.Shared)
			}
			if has(t, second, "PLANTED") || !has(t, second, "SHARED-TWO") {
				t.Error("what only the former repository was to have is there, or what is shared now is not")
			}
		})
	}
}
