package heartbeat

import (
	"path/filepath"
	"strings"
	"testing"

	"gastown/cmd/gt/install"
	"gastown/cmd/gt/internal/gttest"
	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/planes/operational"
	"gastown/town/config"
	"gastown/town/layout"
)

// Without a Deacon the row is written at once. A hook never fails.
func TestHeartbeat(t *testing.T) {
	w := gttest.New(t, install.Commands, Commands)
	w.Must("install", "alpha")
	w.Must("--town", "alpha", "heartbeat", "--agent", "web/polecats/nux", "--note", "runs the tests")
	w.Must("--town", "alpha", "heartbeat", "idle", "--agent", "mayor/")
	where := layout.Town{Root: filepath.Join(w.Dir, "alpha")}
	cfg, err := config.Load(where.Config())
	if err != nil {
		t.Fatal(err)
	}
	s, err := operational.Open(t.Context(), host.Database(where, cfg, layout.Operational), cfg.Stores[layout.Operational])
	if err != nil {
		t.Fatal(err)
	}
	beats, err := s.Heartbeats(t.Context(), w.Invocation().Now().AddDate(0, 0, -1))
	if err != nil || len(beats) != 2 || beats[0].Agent != "mayor/" || beats[0].State != "idle" || beats[1].Note != "runs the tests" {
		t.Errorf("%+v, %v", beats, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"--agent", "nobody"}, {}, {"Odd State", "--agent", "mayor/"}} {
		args = append([]string{"--town", "alpha", "heartbeat"}, args...)
		if code, _, stderr := w.Run(args...); code != shell.ExitUsage || stderr == "" {
			t.Errorf("%v: exit %d: %s", args, code, stderr)
		}
		if code, stdout, stderr := w.Run(append(args, "--hook")...); code != 0 || stdout != "" || !strings.Contains(stderr, "gt heartbeat: ") {
			t.Errorf("%v --hook: exit %d: %s%s", args, code, stdout, stderr)
		}
	}
}
