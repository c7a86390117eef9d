package ledger

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"gastown/town"
)

// Claims, what gives them back, and conditions: each with what the bead is afterwards.
func TestTakingAndGivingBack(t *testing.T) {
	ctx := t.Context()
	somebody, nobody, bob := "Ada", "", "Bob"
	open, begun, done, blocked := town.StatusOpen, town.StatusInProgress, town.StatusClosed, town.StatusBlocked
	later := time.Now().Add(48 * time.Hour)
	for _, c := range []struct {
		name  string
		setup Patch
		patch Patch
		want  error
		// who has it and how it stands
		assignee string
		status   town.Status
	}{
		{"claim", Patch{}, Patch{Claim: true}, nil, "Ada", begun},
		{"claim what another has", Patch{Assignee: &bob}, Patch{Claim: true}, ErrTaken, "Bob", open},
		{"claim what is closed", Patch{Status: &done}, Patch{Claim: true}, ErrClosed, "", done},
		{"claim what is deferred", Patch{DeferUntil: &later}, Patch{Claim: true}, nil, "Ada", begun},
		{"give back", Patch{Claim: true}, Patch{Unclaim: true}, nil, "", open},
		{"give back what nobody has", Patch{}, Patch{Unclaim: true}, nil, "", open},
		{"give back what waits", Patch{Assignee: &somebody, Status: &blocked}, Patch{Unclaim: true}, nil, "", blocked},
		{"give back another's", Patch{Assignee: &bob, Status: &begun}, Patch{Unclaim: true}, ErrTaken, "Bob", begun},
		{"give back another's by force", Patch{Assignee: &bob, Status: &begun}, Patch{Unclaim: true, Force: true}, nil, "", open},
		{"give back what is closed", Patch{Assignee: &somebody, Status: &done}, Patch{Unclaim: true, Force: true}, ErrClosed, "Ada", done},
		{"if nobody has it", Patch{}, Patch{IfAssignee: &nobody, Assignee: &bob}, nil, "Bob", open},
		{"if nobody has it, but somebody", Patch{Assignee: &bob}, Patch{IfAssignee: &nobody, Assignee: &somebody}, ErrDiffers, "Bob", open},
		{"if it is open", Patch{}, Patch{IfStatus: &open, Status: &begun}, nil, "", begun},
		{"if it is open, but begun", Patch{Status: &begun}, Patch{IfStatus: &open, Status: &done}, ErrDiffers, "", begun},
	} {
		s := newLedger(t)
		id := create(t, s, titled("x"))[0].ID
		c.setup.ID, c.patch.ID = id, id
		if _, err := s.Update(ctx, []Patch{c.setup}); err != nil {
			t.Fatal(err)
		}
		_, err := s.Update(ctx, []Patch{c.patch})
		got, gerr := s.Get(ctx, []string{id}, nil)
		if !errors.Is(err, c.want) || gerr != nil || got[0].Assignee != c.assignee || got[0].Status != c.status {
			t.Errorf("%s: %v; %+v", c.name, err, got)
		}
		if c.patch.Claim && c.want == nil && got[0].DeferUntil != nil {
			t.Errorf("%s: it is deferred until %v", c.name, got[0].DeferUntil)
		}
	}
}

// Of several that take a bead on a condition at once, one gets it.
func TestAConditionIsAtomic(t *testing.T) {
	s := newLedger(t)
	id := create(t, s, titled("x"))[0].ID
	nobody := ""
	var got sync.Map
	var wait sync.WaitGroup
	for _, who := range []string{"Ada", "Bob", "Kim", "Sam"} {
		wait.Go(func() {
			if _, err := s.Update(t.Context(), []Patch{{ID: id, IfAssignee: &nobody, Assignee: &who}}); err == nil {
				got.Store(who, true)
			} else if !errors.Is(err, ErrDiffers) {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	var winners []string
	got.Range(func(who, _ any) bool { winners = append(winners, who.(string)); return true })
	b, err := s.Get(t.Context(), []string{id}, nil)
	if err != nil || len(winners) != 1 || !slices.Contains(winners, b[0].Assignee) {
		t.Errorf("%q; %+v, %v", winners, b, err)
	}
}
