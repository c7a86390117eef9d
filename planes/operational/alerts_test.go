package operational

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gastown/planes/doltdb"
	"gastown/town"
)

// noted are the kinds and subjects of the events that fn appends.
func noted(t *testing.T, s *Store, fn func()) (got []string) {
	t.Helper()
	before, err := s.FeedState(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fn()
	page, err := s.FeedAfter(t.Context(), before.Last, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range page.Entries {
		got = append(got, e.Kind+" "+e.Subject)
	}
	return got
}

// One trouble is one row and one event, however often it is found.
func TestAlerts(t *testing.T) {
	s, _ := create(t)
	stuck := Alert{Name: "PolecatsStuck", Severity: SeverityWarning, Source: FromRule, Labels: map[string]string{"rig": "web", "empty": ""}, Summary: "4 are stuck"}
	stored, err := AlertOf(stuck)
	if err != nil {
		t.Fatal(err)
	}
	worse, told := stuck, stuck
	worse.Severity, told.Summary = SeverityCritical, "5 are stuck"
	worse.Summary = told.Summary
	for i, c := range []struct {
		do      func(now time.Time) (bool, error)
		changed bool
		want    string
	}{
		{func(now time.Time) (bool, error) { return s.EndAlert(t.Context(), stored.Fingerprint, now) }, false, ""},
		{func(now time.Time) (bool, error) { return s.RaiseAlert(t.Context(), stuck, now) }, true, "alert.raised PolecatsStuck"},
		{func(now time.Time) (bool, error) { return s.RaiseAlert(t.Context(), stuck, now) }, false, ""},
		{func(now time.Time) (bool, error) { return s.RaiseAlert(t.Context(), told, now) }, true, ""},
		{func(now time.Time) (bool, error) { return s.RaiseAlert(t.Context(), worse, now) }, true, "alert.raised PolecatsStuck"},
	} {
		got := noted(t, s, func() {
			if changed, err := c.do(noon.Add(time.Duration(i) * time.Minute)); err != nil || changed != c.changed {
				t.Fatalf("step %d: %v, %v", i, changed, err)
			}
		})
		if strings.Join(got, " ") != c.want {
			t.Errorf("step %d: %q, want %q", i, got, c.want)
		}
	}
	list, err := s.Alerts(t.Context(), time.Time{})
	if err != nil || len(list) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	if a := list[0]; a.Fingerprint != stored.Fingerprint || a.Severity != SeverityCritical || a.Summary != "5 are stuck" ||
		!maps.Equal(a.Labels, map[string]string{"rig": "web"}) || !a.Since.Equal(noon.Add(time.Minute)) || !a.Changed.Equal(noon.Add(4*time.Minute)) || !a.Fires() {
		t.Errorf("%+v", a)
	}
	for range 2 {
		if _, err := s.EndAlert(t.Context(), stored.Fingerprint, noon.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	if list, err := s.Alerts(t.Context(), time.Time{}); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
	list, err = s.Alerts(t.Context(), noon)
	if err != nil || len(list) != 1 || !list[0].Ended.Equal(noon.Add(time.Hour)) || list[0].Fires() {
		t.Errorf("%+v, %v", list, err)
	}
	// It fires anew, since the second time.
	if _, err := s.RaiseAlert(t.Context(), stuck, noon.Add(2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if list, err = s.Alerts(t.Context(), noon); err != nil || len(list) != 1 || !list[0].Fires() || !list[0].Since.Equal(noon.Add(2*time.Hour)) {
		t.Errorf("%+v, %v", list, err)
	}
}

// Whatever sources settle, in any order, the alerts that fire are those that each one
// last named, and a second settling of the same changes nothing.
func TestSettleAlerts(t *testing.T) {
	s, _ := create(t)
	now := noon
	rapid.Check(t, func(rt *rapid.T) {
		want := map[AlertSource][]string{}
		for _, source := range AlertSources { // what an earlier round left
			if _, err := s.SettleAlerts(t.Context(), source, nil, now); err != nil {
				rt.Fatal(err)
			}
		}
		for range rapid.IntRange(1, 4).Draw(rt, "steps") {
			source := rapid.SampledFrom(AlertSources).Draw(rt, "source")
			names := rapid.SliceOfN(rapid.IntRange(0, 5), 0, 5).Draw(rt, "names")
			var list []Alert
			var keys []string
			for _, n := range names {
				// Each source has names of its own.
				name := fmt.Sprint(source, n)
				list, keys = append(list, Alert{Name: name, Severity: AlertSeverities[n%3]}), append(keys, name)
			}
			now = now.Add(time.Minute)
			slices.Sort(keys)
			want[source] = slices.Compact(keys)
			for again := range 2 {
				changed, err := s.SettleAlerts(t.Context(), source, list, now)
				if err != nil || again == 1 && changed {
					rt.Fatal(changed, err)
				}
			}
		}
		got := map[AlertSource][]string{}
		list, err := s.Alerts(t.Context(), time.Time{})
		if err != nil {
			rt.Fatal(err)
		}
		for _, a := range list {
			got[a.Source] = append(got[a.Source], a.Name)
		}
		for _, source := range AlertSources {
			slices.Sort(got[source])
			if !slices.Equal(got[source], want[source]) {
				rt.Fatalf("%s: %q, want %q", source, got[source], want[source])
			}
		}
	})
}

// What fires for one source is neither ended nor changed by another.
func TestAlertOfAnotherSource(t *testing.T) {
	s, _ := create(t)
	disk := Alert{Name: "disk", Severity: SeverityWarning, Source: FromCheck}
	if _, err := s.RaiseAlert(t.Context(), disk, noon); err != nil {
		t.Fatal(err)
	}
	disk.Severity = SeverityCritical
	for _, list := range [][]Alert{{disk}, nil} {
		if changed, err := s.SettleAlerts(t.Context(), FromRule, list, noon); err != nil || changed {
			t.Errorf("%v, %v", changed, err)
		}
	}
	if list, err := s.Alerts(t.Context(), time.Time{}); err != nil || len(list) != 1 || list[0].Severity != SeverityWarning || list[0].Source != FromCheck {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestAlertOf(t *testing.T) {
	good := Alert{Name: "a", Severity: SeverityError, Source: FromPlugin}
	one, err := AlertOf(Alert{Name: "a\x1b[31m\nb", Severity: SeverityError, Source: FromPlugin, Summary: "x\u202ey\x00" + strings.Repeat("z", 1000),
		Labels: map[string]string{"k": strings.Repeat("\x01v", 1000)}})
	if err != nil || one.Name != "a[31m b" || len(one.Summary) > 512 || strings.ContainsAny(one.Summary+one.Labels["k"], "\u202e\x00\x01") || len(one.Labels["k"]) > 203 {
		t.Errorf("%+v, %v", one, err)
	}
	a, _ := AlertOf(good)
	other := good
	other.Severity, other.Summary = SeverityWarning, "x"
	if b, _ := AlertOf(other); a.Fingerprint != b.Fingerprint || len(a.Fingerprint) != 64 {
		t.Errorf("%q, %q", a.Fingerprint, b.Fingerprint)
	}
	many := map[string]string{}
	for i := range MaxAlertLabels + 1 {
		many[fmt.Sprint("l", i)] = "x"
	}
	for _, bad := range []func(*Alert){
		func(a *Alert) { a.Name = "\x00 " }, func(a *Alert) { a.Severity = "fatal" }, func(a *Alert) { a.Source = "" }, func(a *Alert) { a.Labels = many },
		func(a *Alert) { a.Labels = map[string]string{"1": "x"} }, func(a *Alert) { a.Labels = map[string]string{strings.Repeat("l", 65): "x"} },
	} {
		a := good
		bad(&a)
		if _, err := AlertOf(a); err == nil {
			t.Errorf("%+v is taken", a)
		}
	}
}

// Ended alerts go after 30 days, firing ones never; there may not be too many at once.
func TestAlertsAreBounded(t *testing.T) {
	s, _ := create(t)
	var list []Alert
	for i := range MaxAlerts {
		list = append(list, Alert{Name: fmt.Sprint("n", i), Severity: SeverityWarning})
	}
	if _, err := s.SettleAlerts(t.Context(), FromRule, list, noon); err != nil {
		t.Fatal(err)
	}
	extra := Alert{Name: "extra", Severity: SeverityWarning, Source: FromRule}
	if _, err := s.RaiseAlert(t.Context(), extra, noon); !errors.Is(err, town.ErrRefused) {
		t.Errorf("%v", err)
	}
	extra.Source = FromCheck
	if _, err := s.RaiseAlert(t.Context(), extra, noon); err != nil {
		t.Error(err)
	}
	if _, err := s.SettleAlerts(t.Context(), FromRule, list[:2], noon.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		at      time.Duration
		removed int64
	}{{AlertsKept, 0}, {AlertsKept + 2*time.Hour, MaxAlerts - 2}} {
		if n, err := s.PruneAlerts(t.Context(), noon.Add(c.at)); err != nil || n != c.removed {
			t.Errorf("%d, %v, want %d", n, err, c.removed)
		}
	}
	if left, err := s.Alerts(t.Context(), noon); err != nil || len(left) != 3 {
		t.Errorf("%+v, %v", left, err)
	}
}

// A plane that was made before this step opens, with what it holds.
func TestAlertsInAPlaneOfTheFormerVersion(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "operational")
	db, err := doltdb.CreateStore(t.Context(), options(dir), uuid, migrations[:10])
	if err != nil {
		t.Fatal(err)
	}
	(&Store{db: db}).mustAssign(t, "web-a", nux)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), options(dir), uuid)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if changed, err := s.RaiseAlert(t.Context(), Alert{Name: "a", Severity: SeverityError, Source: FromRule}, noon); err != nil || !changed {
		t.Errorf("%v, %v", changed, err)
	}
	if w, err := s.Work(t.Context()); err != nil || len(w.Assignments) != 1 {
		t.Errorf("%+v, %v", w, err)
	}
}
