// Package builtin has the table of gt's plugin types. To add a type, add a line to Types.
// What a type needs of the Town is a field of Services, which the Deacon and the commands
// fill.
package builtin

import (
	"context"
	"time"

	"github.com/sirupsen/logrus"

	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town/alert/channel"
	"gastown/town/feed"
	"gastown/town/integration"
	"gastown/town/plugin"
	"gastown/town/plugin/health"
	"gastown/town/plugin/program"
)

// Services are what plugins may use of the Town.
type Services struct {
	Now         func() time.Time
	Log         logrus.FieldLogger
	Operational operational.Access
	Ledger      ledger.Access
	Feed        *feed.Feed
	Programs    *program.Runner
	// Look looks at the disk, Dolt, tmux or Git. Query evaluates PromQL; nil where no
	// metrics are kept.
	Look  func(ctx context.Context, what string, a health.Args) (plugin.Finding, error)
	Query func(ctx context.Context, expr string) ([]float64, error)
}

// Types is the table.
func Types(s Services) plugin.Types {
	return plugin.Types{
		channel.Type(),
		integration.Type(integration.Services{Now: s.Now, Log: s.Log, Operational: s.Operational, Ledger: s.Ledger, Feed: s.Feed}),
		health.Type(health.Services{Now: s.Now, Town: s.Look, Query: s.Query, Run: s.run}),
		program.Type(s.Programs),
	}
}

// run runs a program for a health check.
func (s Services) run(ctx context.Context, name string, argv []string) (string, int, error) {
	out, err := s.Programs.Command(ctx, name, argv)
	return out.Stdout, out.Code, err
}
