package heartbeat

import (
	"strings"
	"testing"

	"gastown/cmd/gt/install"
	"gastown/cmd/gt/internal/gttest"
	"gastown/cmd/internal/shell"
	"gastown/planes/operational"
	"gastown/town"
)

// Without a Deacon the row is written at once. A hook never fails.
func TestHeartbeat(t *testing.T) {
	w := gttest.New(t, install.Commands, Commands)
	w.Must("install", "alpha")
	w.Must("--town", "alpha", "heartbeat", "--agent", "web/polecats/nux", "--note", "runs the tests")
	w.Must("--town", "alpha", "heartbeat", "idle", "--agent", "mayor/")
	w.Operational("alpha", func(s *operational.Store) {
		beats, err := s.Heartbeats(t.Context(), w.Invocation().Now().AddDate(0, 0, -1))
		if err != nil || len(beats) != 2 || beats[0].Agent != "mayor/" || beats[0].State != "idle" || beats[1].Note != "runs the tests" {
			t.Errorf("%+v, %v", beats, err)
		}
		// A session that is over says nothing any more.
		nux, noon := town.PolecatAddress("web", "nux"), w.Invocation().Now()
		a, err := s.Assign(t.Context(), operational.Order{Bead: "web-a1", Agent: nux}, noon)
		if err == nil {
			_, err = s.Renew(t.Context(), a.Ticket, operational.Renewal{Reason: "a test"}, noon)
		}
		if err == nil {
			old := operational.Heartbeat{Agent: nux.String(), State: "old", At: noon, Run: 1}
			err = s.Record(t.Context(), operational.Batch{Heartbeats: []operational.Heartbeat{old}})
		}
		if err == nil {
			beats, err = s.Heartbeats(t.Context(), noon.AddDate(0, 0, -1))
		}
		if err != nil || len(beats) != 2 || beats[1].State != "working" {
			t.Errorf("%+v, %v", beats, err)
		}
	})
	for run, want := range map[string]int{"1": shell.ExitRefused, "2": 0} {
		w.Env = []string{"GT_ROLE=web/polecats/nux", "GT_RUN=" + run}
		if code, _, stderr := w.Run("--town", "alpha", "heartbeat"); code != want || want != 0 && !strings.Contains(stderr, "run 1 is over, now it is run 2") {
			t.Errorf("run %s: exit %d: %s", run, code, stderr)
		}
	}
	w.Env = nil
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
