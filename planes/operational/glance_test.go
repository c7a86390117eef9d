package operational

import (
	"fmt"
	"reflect"
	"testing"

	"gastown/town"
)

// A glance at the plane is what Work and CheckStates read, in two queries, however
// many agents there are.
func TestGlance(t *testing.T) {
	s, _ := create(t)
	for n := range 3 {
		for range 2 {
			s.mustAssign(t, fmt.Sprintf("web-%d", len(s.mustWork(t).Assignments)), town.PolecatAddress("web", fmt.Sprintf("p%d", len(s.mustWork(t).Agents))))
		}
		if _, err := s.Enqueue(t.Context(), waiting(fmt.Sprintf("web-q%d", n)), 0, noon); err != nil {
			t.Fatal(err)
		}
		err := s.Record(t.Context(), Batch{Checks: []CheckState{
			{Name: fmt.Sprintf("disk%d", n), State: "warning", Figure: "'; --", Since: noon}, {Name: "dolt", State: "healthy", Since: noon},
		}})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{fmt.Sprintf("B%d", n), "A", "over"} {
			if _, err := s.RaiseAlert(t.Context(), Alert{Name: name, Severity: SeverityError, Source: FromRule, Summary: "more than 3"}, noon); err != nil {
				t.Fatal(err)
			}
		}
		over, _ := AlertOf(Alert{Name: "over", Severity: SeverityError, Source: FromRule})
		if _, err := s.EndAlert(t.Context(), over.Fingerprint, noon); err != nil {
			t.Fatal(err)
		}
		g, err := s.Glance(t.Context())
		if len(g.Alerts) != n+2 || g.Alerts[0].Name != "A" || g.Alerts[1].Name != "B0" || g.Alerts[0].Summary != "more than 3" || !g.Alerts[0].Since.Equal(noon) ||
			g.Alerts[0].Source != FromRule || g.Alerts[0].Severity != SeverityError || len(g.Alerts[0].Fingerprint) < 8 {
			t.Errorf("%+v", g.Alerts)
		}
		if err != nil || g.Queries != 2 {
			t.Fatalf("%d queries, %v", g.Queries, err)
		}
		if want := s.mustWork(t); !reflect.DeepEqual(g.Work, want) {
			t.Errorf("%+v, want %+v", g.Work, want)
		}
		if want, err := s.CheckStates(t.Context()); err != nil || !reflect.DeepEqual(g.Checks, want) || len(want) != n+2 {
			t.Errorf("%+v, want %+v, %v", g.Checks, want, err)
		}
	}
}

func TestHeldBy(t *testing.T) {
	s, _ := create(t)
	want := s.mustAssign(t, "web-a", nux)
	if got, found, err := s.HeldBy(t.Context(), nux); err != nil || !found || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v, %v; want %+v", got, found, err, want)
	}
	if got, found, err := s.HeldBy(t.Context(), ace); err != nil || found {
		t.Errorf("%+v, %v, %v", got, found, err)
	}
	if err := s.End(t.Context(), want.Ticket, town.Returned, "lost", "ada", noon); err != nil {
		t.Fatal(err)
	}
	if got, found, err := s.HeldBy(t.Context(), nux); err != nil || found {
		t.Errorf("after the end: %+v, %v, %v", got, found, err)
	}
}
