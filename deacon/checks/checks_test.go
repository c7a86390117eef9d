package checks

import (
	"context"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"gastown/deacon/check"
	"gastown/planes/operational"
)

// town has the checks that a test says.
type town struct{ all []check.Check }

func (*town) Version() string                                                   { return "1" }
func (*town) Started() time.Time                                                { return time.Time{} }
func (*town) Now() time.Time                                                    { return time.Unix(1000, 0) }
func (*town) CheckChanged(operational.CheckState, string)                       {}
func (*town) Operational(context.Context, func(*operational.Store) error) error { return nil }
func (t *town) Checks() []check.Check                                           { return t.all }
func (*town) Log() logrus.FieldLogger                                           { log, _ := logtest.NewNullLogger(); return log }

// A check that is gone, such as that of a disabled plugin, leaves no metric behind: a rule
// would go on firing for it.
func TestNoMetricOfAGoneCheck(t *testing.T) {
	state := check.Healthy
	one := check.Check{Name: "plugin-a", Run: func(context.Context) (check.Result, error) { return check.Result{State: state}, nil }}
	h := &town{all: []check.Check{one}}
	p := New(h)
	p.board.recall(nil)
	run := func(states, changes int) {
		t.Helper()
		if _, err := p.run(t.Context(), quick); err != nil {
			t.Fatal(err)
		}
		if s, c := testutil.CollectAndCount(p.states), testutil.CollectAndCount(p.changes); s != states || c != changes {
			t.Errorf("%d states and %d changes, want %d and %d", s, c, states, changes)
		}
	}
	run(1, 0)
	state = check.Critical
	run(1, 1)
	h.all = nil
	run(0, 0)
	h.all = []check.Check{one}
	run(1, 0)
}
