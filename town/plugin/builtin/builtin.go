// Package builtin is the table of the types of plugins that gt has. A type is added by
// one line in Types. What it needs of the Town is a field of Services, which the Deacon
// and the commands fill.
package builtin

import (
	"time"

	"github.com/sirupsen/logrus"

	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town/alert/channel"
	"gastown/town/feed"
	"gastown/town/integration"
	"gastown/town/plugin"
)

// Services are what plugins may use of the Town.
type Services struct {
	Now         func() time.Time
	Log         logrus.FieldLogger
	Operational operational.Access
	Ledger      ledger.Access
	Feed        *feed.Feed
}

// Types is the table.
func Types(s Services) plugin.Types {
	return plugin.Types{
		channel.Type(),
		integration.Type(integration.Services{Now: s.Now, Log: s.Log, Operational: s.Operational, Ledger: s.Ledger, Feed: s.Feed}),
	}
}
