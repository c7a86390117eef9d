package records

import (
	"fmt"
	"reflect"
	"testing"

	"gastown/sync/gitremote"
	"gastown/town"
)

var origin = gitremote.Remote{Name: "origin", URL: "https://example.com/a.git"}

// What is known of one repository says nothing of another one under the same name,
// nor of an exchange of another federation.
func TestStateHoldsForOneRepositoryAndFederation(t *testing.T) {
	st := State{Head: "h", Commit: "c", From: origin.URL, Store: "store-1", Agreed: map[town.Digest]bool{"r": false}, At: origin.URL}
	for name, c := range map[string]struct {
		remote gitremote.Remote
		store  string
		want   State
	}{
		"the same":           {origin, "store-1", st},
		"another URL":        {gitremote.Remote{Name: "origin", URL: "https://example.com/b.git"}, "store-1", State{}},
		"another federation": {origin, "store-2", State{}},
	} {
		if got := st.For(c.remote, c.store); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	fresh := State{At: origin.URL}
	if got := fresh.For(origin, "store-1"); got.At != origin.URL {
		t.Errorf("a state without an exchange is lost: %+v", got)
	}
}

func TestApprovalIsForOneURL(t *testing.T) {
	st := State{Agreed: map[town.Digest]bool{"r": true}, At: origin.URL}
	if len(st.agreed(origin)) != 1 || st.agreed(gitremote.Remote{Name: "origin", URL: "elsewhere"}) != nil {
		t.Error("an approval for one URL must not hold for another")
	}
	st.Withdraw()
	if st.Approved() || st.agreed(origin) != nil {
		t.Errorf("after Withdraw: %+v", st)
	}
}

// The list of pushes without an answer is bounded and keeps the newest.
func TestTriedIsBounded(t *testing.T) {
	var st State
	for i := range maxTried + 3 {
		before := st.Tried
		st.try(fmt.Sprint("commit ", i))
		if len(before) > 0 && before[0] == st.Tried[len(st.Tried)-1] {
			t.Fatal("a former list was changed")
		}
	}
	if len(st.Tried) != maxTried || st.Tried[0] != "commit 3" || st.Tried[maxTried-1] != fmt.Sprint("commit ", maxTried+2) {
		t.Errorf("%d: %q ... %q", len(st.Tried), st.Tried[0], st.Tried[len(st.Tried)-1])
	}
	st.confirmed("head", "tip", origin, "store-1")
	if len(st.Tried) != 0 || st.Head != "head" || st.Commit != "tip" || st.From != origin.URL || st.Store != "store-1" {
		t.Errorf("%+v", st)
	}
}
