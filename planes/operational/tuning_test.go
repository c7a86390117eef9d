package operational

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
	"gastown/town/noise"
)

// Changes are tried one at a time, each step is an event that says why, and a step that
// somebody else made first changes nothing.
func TestTuning(t *testing.T) {
	s, _ := create(t)
	now := time.Date(2031, 3, 10, 12, 0, 0, 0, time.UTC)
	before := noise.Summary{N: 60, Median: 2, Low: 1, High: 3}
	c := Tuning{Setting: "dolt.max_open_conns", From: "25", To: "38", Cause: "waits\nand more", Figure: "seconds", Before: before, Why: "5 % of the time was waiting"}
	first, err := s.Try(t.Context(), c, now)
	if err != nil || first.ID != 1 || first.State != TuningTrying {
		t.Fatal(first, err)
	}
	if _, err := s.Try(t.Context(), c, now); !errors.Is(err, town.ErrBusy) {
		t.Fatalf("two at once: %v", err)
	}
	since := noise.Summary{N: 60, Median: 1}
	if counted, err := s.SettleTuning(t.Context(), first, TuningKept, since, "from 2 to 1", "gt autotune", now.Add(time.Hour)); err != nil || !counted {
		t.Fatal(counted, err)
	}
	if counted, err := s.SettleTuning(t.Context(), first, TuningTakenBack, since, "too late", "gt autotune", now); err != nil || counted {
		t.Fatal(counted, err)
	}
	second, err := s.Try(t.Context(), c, now.Add(time.Hour))
	if err != nil || second.ID != 2 {
		t.Fatal(second, err)
	}
	if counted, err := s.SettleTuning(t.Context(), second, TuningTakenBack, since, "not better", "gt autotune", now.Add(2*time.Hour)); err != nil || !counted {
		t.Fatal(counted, err)
	}
	all, err := s.Tunings(t.Context())
	if err != nil || len(all) != 2 || all[0].State != TuningKept || all[0].Since != since || all[0].Before != before || !all[0].Ended.Equal(now.Add(time.Hour)) ||
		all[0].Cause == c.Cause || all[1].State != TuningTakenBack || all[1].Why != "not better" {
		t.Fatalf("%+v, %v", all, err)
	}
	page, err := s.FeedAfter(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, e := range page.Entries {
		told = append(told, e.Kind+" "+e.Subject+" "+e.Detail)
	}
	want := []string{
		"tuning.trying dolt.max_open_conns dolt.max_open_conns from 25 to 38: 5 % of the time was waiting",
		"tuning.kept dolt.max_open_conns dolt.max_open_conns from 25 to 38: from 2 to 1",
		"tuning.trying dolt.max_open_conns dolt.max_open_conns from 25 to 38: 5 % of the time was waiting",
		"tuning.taken_back dolt.max_open_conns dolt.max_open_conns to 38 was taken back: not better",
	}
	if !slices.Equal(told, want) {
		t.Errorf("the feed tells\n%s", strings.Join(told, "\n"))
	}
	// A row that another program wrote is left out.
	err = s.db.Write(t.Context(), func(tx *doltdb.Tx) error {
		_, err := tx.Exec(t.Context(), "UPDATE tuning SET state = 'nonsense' WHERE id = 1")
		return err
	})
	if all, more := s.Tunings(t.Context()); err != nil || more != nil || len(all) != 1 || all[0].ID != 2 {
		t.Errorf("%+v, %v, %v", all, err, more)
	}
}

// A row that another program made unreadable while it was tried does not keep all others from
// being tried: it is taken back, and told.
func TestTuningGivesUpWhatItCannotRead(t *testing.T) {
	s, _ := create(t)
	now := time.Date(2031, 3, 10, 12, 0, 0, 0, time.UTC)
	c := Tuning{Setting: "dolt.max_open_conns", From: "25", To: "38", Why: "waits"}
	first, err := s.Try(t.Context(), c, now)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.db.Write(t.Context(), func(tx *doltdb.Tx) error {
		_, err := tx.Exec(t.Context(), "UPDATE tuning SET before_it = 'nonsense' WHERE id = ?", first.ID)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if all, err := s.Tunings(t.Context()); err != nil || len(all) != 0 {
		t.Fatalf("%+v, %v", all, err)
	}
	second, err := s.Try(t.Context(), c, now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	all, err := s.Tunings(t.Context())
	if err != nil || len(all) != 2 || all[0].State != TuningTakenBack || !strings.Contains(all[0].Why, "cannot be read") || all[1].ID != second.ID || all[1].State != TuningTrying {
		t.Errorf("%+v, %v", all, err)
	}
	if _, err := s.Try(t.Context(), c, now.Add(time.Hour)); !errors.Is(err, town.ErrBusy) {
		t.Errorf("two at once: %v", err)
	}
}

// A store that was made before the step gets the table.
func TestTuningOfAnOldStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "operational")
	db, err := doltdb.CreateStore(t.Context(), options(dir), uuid, migrations[:len(migrations)-1])
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), options(dir), uuid)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Try(t.Context(), Tuning{Setting: "cache.ttl", From: "300", To: "600"}, time.Now()); err != nil {
		t.Error(err)
	}
}
