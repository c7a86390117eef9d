package witness

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town/config"
	"gastown/town/witness"
)

func TestWhatWakes(t *testing.T) {
	for kind, want := range map[string]bool{
		operational.AgentPrefix + "stalled": true, operational.AgentPrefix + "waiting": true, operational.AssignmentPrefix + "returned": true,
		operational.AssignmentPrefix + "blocked": true, operational.AgentPrefix + "working": false, operational.AssignmentPrefix + "working": false,
		operational.Queued: false, "bead.created": false,
	} {
		if wakes(kind) != want {
			t.Errorf("%s wakes: %v", kind, !want)
		}
	}
}

// host stands in for the Deacon.
type host struct {
	rigs []string
	err  error
}

func (host) Config() *config.Config { return config.New("alpha") }
func (host) Log() logrus.FieldLogger {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return log
}
func (host) Now() time.Time { return time.Now() }
func (host) Inputs() string { return "" }
func (host) Operational(context.Context, func(*operational.Store) error) error {
	return errors.New("the plane is closed")
}
func (host) Ledger(context.Context, func(*ledger.Store) error) error { return nil }
func (h host) Patrols() Patrols {
	return func(_ *config.Config, rows operational.Access, _ ledger.Access) (*witness.Witness, error) {
		return &witness.Witness{
			Rows: func(ctx context.Context, fn func(witness.Store) error) error {
				return rows(ctx, func(s *operational.Store) error { return fn(s) })
			},
			Rigs: h.rigs, Now: time.Now,
		}, h.err
	}
}

// A Town without rigs is not patrolled; a patrol that cannot look says why.
func TestRun(t *testing.T) {
	for what, c := range map[string]struct {
		host host
		want string
	}{
		"no rigs":             {host{}, ""},
		"a plane":             {host{rigs: []string{"web"}}, "the plane is closed"},
		"a bad configuration": {host{rigs: []string{"web"}, err: errors.New("rigs.yaml is wrong")}, "rigs.yaml is wrong"},
	} {
		got := ""
		if _, err := New(c.host).run(t.Context()); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", what, got, c.want)
		}
	}
	jobs := New(host{}).Jobs(config.New("alpha"))
	if len(jobs) != 1 || jobs[0].Schedule != "@every 30s" {
		t.Errorf("%+v", jobs)
	}
}
