package autotune

import (
	"path/filepath"
	"strings"
	"testing"

	settings "gastown/cmd/gt/config"
	"gastown/cmd/gt/install"
	"gastown/cmd/gt/internal/gttest"
	"gastown/cmd/internal/shell"
	"gastown/planes/operational"
	"gastown/town/config"
	"gastown/town/layout"
	"gastown/town/noise"
)

// Undo takes the newest change back, or one with the later ones of its setting, and the
// value before counts again.
func TestUndo(t *testing.T) {
	w := gttest.New(t, install.Commands, Commands, settings.Commands)
	w.Must("install", "harbour")
	w.Dir = filepath.Join(w.Dir, "harbour")
	w.Must("autotune", "enable")
	w.Operational(".", func(s *operational.Store) {
		for _, c := range []operational.Tuning{
			{Setting: "dolt.max_open_conns", From: "25", To: "38"}, {Setting: "cache.ttl", From: "300", To: "600"},
			{Setting: "dolt.max_open_conns", From: "38", To: "57", Why: "evil\x1b[31m"},
		} {
			c, err := s.Try(t.Context(), c, w.Invocation().Now())
			if err != nil {
				t.Fatal(err)
			}
			if counted, err := s.SettleTuning(t.Context(), c, operational.TuningKept, noise.Summary{}, c.Why, "test", c.At); err != nil || !counted {
				t.Fatal(err)
			}
		}
	})
	says := func(want string, args ...string) {
		t.Helper()
		code, out, stderr := w.Run(args...)
		if code != shell.ExitOK || !strings.Contains(out, want) || strings.Contains(out, "\x1b") {
			t.Fatalf("%v: %d, %s%s", args, code, out, stderr)
		}
	}
	says("dolt.max_open_conns   57     tuned", "autotune", "status")
	says("57 ", "config", "list")
	says("tuned", "config", "list")
	says("57", "config", "dolt.max_open_conns")
	says(`"source": "tuned"`, "config", "get", "dolt.max_open_conns", "--json")
	says("dolt.max_idle_conns", "config", "list")
	says("cache.ttl is 300 again", "autotune", "undo", "2")
	says("dolt.max_open_conns is 25 again", "autotune", "undo", "1")
	says("dolt.max_open_conns   25 ", "autotune", "status")
	w.Operational(".", func(s *operational.Store) {
		all, err := s.Tunings(t.Context())
		if err != nil || len(all) != 3 {
			t.Fatal(all, err)
		}
		for _, c := range all {
			if c.State != operational.TuningUndone || !strings.HasPrefix(c.Why, "undone by ") {
				t.Errorf("%+v", c)
			}
		}
	})
	if code, _, stderr := w.Run("autotune", "undo"); code != shell.ExitRefused || !strings.Contains(stderr, "no change is in force") {
		t.Errorf("%d, %s", code, stderr)
	}
	text, err := config.Load(layout.Town{Root: w.Dir}.Config())
	if err != nil || len(text.Settings) != 1 {
		t.Errorf("the configuration has %v, %v", text.Settings, err)
	}
}
