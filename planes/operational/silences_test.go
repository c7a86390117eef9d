package operational

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"gastown/town"
)

// A silence is one row and one event. The same matchers are silent once, and it ends at
// its time or before.
func TestSilences(t *testing.T) {
	s, _ := create(t)
	set := func(minute int, l Silence) Silence {
		t.Helper()
		stored, err := s.SetSilence(t.Context(), l, noon.Add(time.Duration(minute)*time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		return stored
	}
	var first Silence
	got := noted(t, s, func() {
		first = set(0, Silence{Matchers: []string{`rig="web"`, `alertname="Disk"`}, By: "ann\x1b", Comment: "we\nknow", Ends: noon.Add(time.Hour)})
	})
	if want := []string{"silence.set " + first.ID}; !slices.Equal(got, want) || first.Comment != "we know" || first.By != "ann" || !first.Begins.Equal(noon) || len(first.ID) != 10 {
		t.Errorf("%v, %+v", got, first)
	}
	longer := set(1, Silence{Matchers: []string{`alertname="Disk"`, `rig="web"`}, By: "bob", Ends: noon.Add(2 * time.Hour)})
	other := set(2, Silence{Matchers: []string{`alertname="Queue"`}, By: "bob", Begins: noon.Add(10 * time.Minute), Ends: noon.Add(time.Hour)})
	if longer.ID != first.ID || !longer.Begins.Equal(noon) || other.ID == first.ID {
		t.Errorf("%+v, %+v", longer, other)
	}
	if other.Active(noon) || !other.Active(noon.Add(10*time.Minute)) || other.Active(noon.Add(time.Hour)) {
		t.Error("it is in force from its begin to its end")
	}
	list, err := s.Silences(t.Context(), noon)
	if err != nil || len(list) != 2 || list[0].ID != other.ID || !slices.Equal(list[1].Matchers, []string{`alertname="Disk"`, `rig="web"`}) {
		t.Errorf("%+v, %v", list, err)
	}
	for i, want := range []bool{true, false} {
		if found, err := s.EndSilence(t.Context(), other.ID, "ann", noon.Add(20*time.Minute)); err != nil || found != want {
			t.Errorf("%d: %v, %v", i, found, err)
		}
	}
	if list, err := s.Silences(t.Context(), noon.Add(20*time.Minute)); err != nil || len(list) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
	if n, err := s.PruneAlerts(t.Context(), noon.Add(AlertsKept+3*time.Hour)); err != nil || n != 2 {
		t.Errorf("%d, %v", n, err)
	}
}

func TestHostileSilences(t *testing.T) {
	s, _ := create(t)
	good := Silence{Matchers: []string{"a=b"}, Ends: noon.Add(time.Hour)}
	for what, change := range map[string]func(*Silence){
		"no matchers":  func(l *Silence) { l.Matchers = nil },
		"many":         func(l *Silence) { l.Matchers = slices.Repeat([]string{"a=b"}, 11) },
		"long":         func(l *Silence) { l.Matchers = []string{strings.Repeat("a", 301)} },
		"two lines":    func(l *Silence) { l.Matchers = []string{"a=b\nc"} },
		"over already": func(l *Silence) { l.Ends = noon },
		"ends first":   func(l *Silence) { l.Begins = noon.Add(2 * time.Hour) },
	} {
		l := good
		change(&l)
		if _, err := s.SetSilence(t.Context(), l, noon); !errors.Is(err, town.ErrRefused) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
