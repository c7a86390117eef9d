package settings

import (
	"os"
	"testing"

	"gastown/town/config"
)

// What is tuned counts only while autotune is enabled and nobody set the setting, and it
// is never written.
func TestTune(t *testing.T) {
	at := place(t)
	changes := 0
	o := own(t, at, func(*Settings) error { return nil }, func(_, _ *Settings) { changes++ })
	want := func(value string, source config.Source) {
		t.Helper()
		if got, from, err := o.Config().Get("dolt.max_open_conns"); err != nil || got != value || from != source {
			t.Fatalf("%s, %s, %v; want %s, %s", got, from, err, value, source)
		}
	}
	tune := func(value string) {
		t.Helper()
		if err := o.Tune(map[string]string{"dolt.max_open_conns": value}); err != nil {
			t.Fatal(err)
		}
	}
	tune("38") // it is off
	want("25", config.SourceDefault)
	set(t, at, "autotune.enabled", "true")
	before, err := os.ReadFile(at.Config())
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Reload(); err != nil {
		t.Fatal(err)
	}
	want("38", config.SourceTuned)
	seen := changes
	if tune("38"); changes != seen {
		t.Error("the same value was put in force again")
	}
	tune("57")
	want("57", config.SourceTuned)
	tune("many") // another program wrote the row
	want("25", config.SourceDefault)
	tune("57")
	set(t, at, "dolt.max_open_conns", "20")
	if err := o.Reload(); err != nil {
		t.Fatal(err)
	}
	want("20", config.SourceSet)
	c, err := config.Load(at.Config())
	if err == nil {
		err = c.Unset("dolt.max_open_conns")
	}
	if err == nil {
		err = c.Save(at.Config())
	}
	if err == nil {
		err = o.Reload()
	}
	if err != nil {
		t.Fatal(err)
	}
	want("57", config.SourceTuned)
	if err := o.Config().Save(at.Config()); err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(at.Config()); err != nil || string(after) != string(before) {
		t.Errorf("the file was changed to\n%s", after)
	}
	first, err := Read(at, nil)
	if err != nil {
		t.Fatal(err)
	}
	o = New(first, Options{Town: at})
	o.Begin(map[string]string{"dolt.max_open_conns": "57"})
	want("57", config.SourceTuned)
	if got, _, _ := first.Config.Get("dolt.max_open_conns"); got != "25" {
		t.Error("settings that were read were changed")
	}
}
