package operational

import (
	"testing"
	"time"

	"gastown/town"
)

// Each session of an agent without assignments is a new run, and what ends an old one
// leaves the new one alone.
func TestSessionsWithoutAssignments(t *testing.T) {
	s, dir := create(t)
	mayor := town.Address{Kind: town.Mayor}
	for run := town.Run(1); run <= 3; run++ {
		a, err := s.Begin(t.Context(), mayor, "robot", "mayor", "/town/mayor", noon)
		if err != nil || a.Run != run || a.State != town.AgentWorking {
			t.Fatalf("%+v, %v", a, err)
		}
	}
	for _, run := range []town.Run{1, 2} {
		if err := s.Vacate(t.Context(), mayor, run, "late", noon); err != nil {
			t.Fatal(err)
		}
	}
	s = reopen(t, s, dir)
	w, err := s.Work(t.Context())
	if a, _ := w.Agent(mayor); err != nil || a.Run != 3 || a.Session != "mayor" || a.Preset != "robot" {
		t.Errorf("%+v, %v", a, err)
	}
	if err := s.Vacate(t.Context(), mayor, 3, "stopped", noon.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	w, err = s.Work(t.Context())
	if a, _ := w.Agent(mayor); err != nil || a.Session != "" || a.State != town.AgentIdle || a.Evidence != "stopped" {
		t.Errorf("%+v, %v", a, err)
	}
	if got := s.kinds(t); got != "agent.started agent.started agent.started agent.idle" {
		t.Errorf("the feed has %s", got)
	}
	if _, err := s.Begin(t.Context(), town.Address{}, "", "", "", noon); err == nil {
		t.Error("nobody began a session")
	}
}

func TestLatestAssignments(t *testing.T) {
	s, _ := create(t)
	for range 2 {
		a, err := s.Assign(t.Context(), Order{Bead: "web-a", Agent: nux}, noon)
		if err == nil {
			err = s.End(t.Context(), a.Ticket, town.Returned, "why", "ada", noon)
		}
		if err == nil {
			_, err = s.Told(t.Context(), a.Epoch, town.Returned)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Latest(t.Context(), []string{"web-a", "web-none"})
	if err != nil || len(got) != 1 || got["web-a"].Epoch != 2 || got["web-a"].Reason != "why" {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := s.Latest(t.Context(), nil); err != nil || len(got) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}
