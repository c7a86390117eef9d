package deacon

import (
	"gastown/deacon/alerts"
	"gastown/deacon/backups"
	"gastown/deacon/caches"
	"gastown/deacon/check"
	"gastown/deacon/checks"
	"gastown/deacon/collector"
	"gastown/deacon/commands"
	"gastown/deacon/convoys"
	"gastown/deacon/dashboard"
	"gastown/deacon/deliverer"
	"gastown/deacon/dispatcher"
	"gastown/deacon/escalations"
	"gastown/deacon/events"
	"gastown/deacon/failover"
	"gastown/deacon/federation"
	"gastown/deacon/heartbeat"
	"gastown/deacon/machine"
	"gastown/deacon/part"
	"gastown/deacon/plugins"
	"gastown/deacon/pool"
	"gastown/deacon/refinery"
	"gastown/deacon/retention"
	"gastown/deacon/secrets"
	"gastown/deacon/series"
	"gastown/deacon/spending"
	"gastown/deacon/tune"
	"gastown/deacon/witness"
	"gastown/town/config"
)

// parts lists what the Deacon does. The parts start in this order and stop in
// reverse; gt deacon status lists their jobs in this order. A function returns nil
// if these Options have no such part. To add a part, write its package and add a line.
var parts = []func(*host) part.Part{
	func(h *host) part.Part { return tune.New(h) }, // first: the others begin with what is tuned
	func(h *host) part.Part { return events.New(h) },
	func(h *host) part.Part { return machine.New(h) },
	func(h *host) part.Part { return secrets.New(h) },
	func(h *host) part.Part { return federation.New(h) },
	func(h *host) part.Part { return failover.New(h) },
	func(h *host) part.Part { return plugins.New(h) },
	func(h *host) part.Part { return checks.New(h) },
	func(h *host) part.Part { return heartbeat.New(h) },
	func(h *host) part.Part { return collector.New(h) },
	func(h *host) part.Part { return retention.New(h) },
	func(h *host) part.Part { return caches.New(h) },
	func(h *host) part.Part {
		if !h.opts.makes(h.opts.Backups != nil) {
			return nil
		}
		return backups.New(h)
	},
	func(h *host) part.Part {
		if !h.opts.makes(h.opts.Rigs != nil) {
			return nil
		}
		return pool.New(h)
	},
	func(h *host) part.Part {
		if !h.opts.makes(h.opts.Typing != nil) {
			return nil
		}
		return deliverer.New(h)
	},
	func(h *host) part.Part {
		if !h.opts.makes(h.opts.Workers != nil) {
			return nil
		}
		return dispatcher.New(h)
	},
	func(h *host) part.Part {
		if !h.opts.makes(h.opts.Refineries != nil) {
			return nil
		}
		return refinery.New(h)
	},
	func(h *host) part.Part {
		if !h.opts.makes(h.opts.Patrols != nil) {
			return nil
		}
		return witness.New(h)
	},
	func(h *host) part.Part { return convoys.New(h) },
	func(h *host) part.Part {
		if !h.opts.makes(h.opts.Spending != nil) {
			return nil
		}
		return spending.New(h)
	},
	func(h *host) part.Part { return escalations.New(h) },
	func(h *host) part.Part { return alerts.New(h) },
	func(h *host) part.Part { return dashboard.New(h) },
	func(h *host) part.Part { return series.New(h) },
	func(h *host) part.Part { return given{h} },
	func(h *host) part.Part {
		if !h.opts.makes(h.opts.Commands != nil) {
			return nil
		}
		return commands.NewPart(h)
	},
}

// offering are the parts that implement an interface.
func offering[T any](all []part.Part) (some []T) {
	for _, p := range all {
		if t, ok := p.(T); ok {
			some = append(some, t)
		}
	}
	return some
}

// given is the part for the checks of Options.
type given struct{ host *host }

var _ part.Checked = given{}

func (g given) Name() string { return "options" }

func (g given) Checks(*config.Config) []check.Check { return g.host.opts.Checks }
