package alert

import (
	"testing"
	"time"

	"gastown/planes/operational"
	"gastown/town/plugin"
)

// routed is a plugin that says what it gets.
type routed struct {
	plugin.Plugin
	routing Routing
}

func (r routed) Routing() Routing { return r.routing }

func TestChannelOf(t *testing.T) {
	for _, c := range []struct {
		p    plugin.Plugin
		want Routing
	}{
		{nil, Routing{Wait: DefaultWait, Interval: DefaultInterval, Repeat: DefaultRepeat}},
		{routed{routing: Routing{Wait: time.Second, Quiet: true}}, Routing{Wait: time.Second, Interval: DefaultInterval, Repeat: DefaultRepeat, Quiet: true}},
	} {
		got := ChannelOf("x", c.p)
		if got.Name != "x" || got.Wait != c.want.Wait || got.Interval != c.want.Interval || got.Repeat != c.want.Repeat || got.Quiet != c.want.Quiet {
			t.Errorf("%+v, want %+v", got, c.want)
		}
	}
}

// The words in a channel's settings are those of the rows.
func TestSeverityWords(t *testing.T) {
	for _, s := range operational.AlertSeverities {
		if _, err := (plugin.RoutingSettings{Severity: []string{string(s)}}).Routing(); err != nil {
			t.Error(err)
		}
	}
}
