package hook

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gastown/cmd/gt/install"
	"gastown/cmd/gt/internal/gttest"
	"gastown/cmd/internal/shell"
	"gastown/planes/operational"
	"gastown/town"
)

// Who calls is told by the session, and believed as far as the rows agree. Where the
// command runs gives nobody the right to act for an agent.
func TestWhoMayAct(t *testing.T) {
	w := gttest.New(t, install.Commands, Commands)
	w.Must("install", "alpha")
	nux := town.PolecatAddress("web", "nux")
	w.Operational("alpha", func(s *operational.Store) {
		for _, bead := range []string{"web-a1", "web-a2"} { // run 1 is over
			a, err := s.Assign(t.Context(), operational.Order{Bead: bead, Agent: nux}, time.Now())
			if err == nil && bead == "web-a1" {
				err = s.End(t.Context(), a.Ticket, town.Released, "", "ada", time.Now())
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	})
	root := filepath.Join(w.Dir, "alpha")
	sandbox, clone := filepath.Join(root, "rigs/web/polecats/nux"), filepath.Join(root, "rigs/web/crew/ann")
	for _, dir := range []string{sandbox, clone} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range map[string]struct {
		dir  string
		env  []string
		code int
		want string
	}{
		"a person":                       {root, nil, shell.ExitUsage, "GT_ROLE is not set"},
		"a person in a sandbox":          {sandbox, nil, shell.ExitUsage, "GT_ROLE or GT_RUN is not set"},
		"a person in a clone":            {clone, nil, shell.ExitUsage, "GT_ROLE or GT_RUN is not set"},
		"a run without an agent":         {sandbox, []string{"GT_RUN=2"}, shell.ExitUsage, "GT_ROLE or GT_RUN is not set"},
		"an agent without a run":         {sandbox, []string{"GT_ROLE=web/polecats/nux"}, shell.ExitUsage, "GT_ROLE or GT_RUN is not set"},
		"an old run":                     {sandbox, []string{"GT_ROLE=web/polecats/nux", "GT_RUN=1"}, shell.ExitRefused, "this session is over"},
		"a run that never was":           {sandbox, []string{"GT_ROLE=web/polecats/nux", "GT_RUN=9"}, shell.ExitRefused, "another session took over"},
		"no number":                      {sandbox, []string{"GT_ROLE=web/polecats/nux", "GT_RUN=2; x"}, shell.ExitUsage, "is not the number of a run"},
		"two names":                      {sandbox, []string{"GT_ROLE=web/polecats/nux", "GT_POLECAT=amber", "GT_RUN=2"}, shell.ExitUsage, `GT_POLECAT is "amber"`},
		"two rigs":                       {sandbox, []string{"GT_ROLE=web/polecats/nux", "GT_RIG=api", "GT_RUN=2"}, shell.ExitUsage, `GT_RIG is "api"`},
		"no address":                     {sandbox, []string{"GT_ROLE=polecat", "GT_RUN=2"}, shell.ExitUsage, "is not the address of an agent"},
		"another agent, from a sandbox":  {sandbox, []string{"GT_ROLE=web/polecats/amber", "GT_RUN=2"}, shell.ExitRefused, "nothing is on the hook"},
		"a person of the crew":           {clone, []string{"GT_ROLE=web/crew/ann", "GT_RUN=1"}, shell.ExitRefused, "git push hands in"},
		"the Mayor":                      {root, []string{"GT_ROLE=mayor/", "GT_RUN=1"}, shell.ExitRefused, "only polecats are given beads"},
		"an actor that claims a session": {root, []string{"BD_ACTOR=web/polecats/nux", "GT_RUN=1"}, shell.ExitRefused, "this session is over"},
	} {
		for _, args := range [][]string{{"hook"}, {"done"}, {"done", "--no-change", "--reason", "x"}, {"handoff", "-m", "x"}} {
			var stderr bytes.Buffer
			i := w.Invocation(append([]string{"--town", root}, args...)...)
			i.Dir, i.Env, i.Stderr = test.dir, append(i.Env, test.env...), &stderr
			if code := w.Program(i).Prepare().Run(t.Context()); code != test.code || !strings.Contains(stderr.String(), test.want) {
				t.Errorf("%s: gt %s: exit %d: %s", name, strings.Join(args, " "), code, &stderr)
			}
		}
	}
	w.Operational("alpha", func(s *operational.Store) {
		work, err := s.Work(t.Context())
		if held, ok := work.HeldBy(nux); err != nil || !ok || held.Bead != "web-a2" || held.Run != 2 || len(work.Merges) != 0 {
			t.Errorf("somebody acted for it: %+v, %v", work, err)
		}
	})
}
