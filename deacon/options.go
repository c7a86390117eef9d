package deacon

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/sirupsen/logrus"

	"gastown/deacon/check"
	"gastown/deacon/commands"
	"gastown/deacon/deliverer"
	"gastown/deacon/dispatcher"
	"gastown/deacon/refinery"
	"gastown/deacon/spending"
	"gastown/deacon/stores"
	"gastown/deacon/witness"
	"gastown/planes/doltdb"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/sync/federate"
	"gastown/tmux"
	"gastown/town/backup"
	"gastown/town/config"
	"gastown/town/failover"
	"gastown/town/layout"
	"gastown/town/plugin/program"
	"gastown/town/rig"
	"gastown/town/secrets"
)

const (
	// stopBudget is the most time that the stop may take.
	stopBudget = 5 * time.Second
	// jobGrace is how long a job under way has to end after it was cancelled.
	jobGrace = 2500 * time.Millisecond
	// controlQueue is how many requests of commands may wait for their turn. More
	// connections than that are allowed, so that requests without a limit are still
	// accepted.
	controlQueue = 128
)

// Server serves the Town's planes to other processes.
type Server = stores.Server

// Lender lends the planes that the Deacon has open to a command in its process.
type Lender interface {
	// Ledger is open, with its caches, until release is called. ok is false when
	// the Deacon does not have it now, because the planes are lent or another
	// process serves them. The command then opens the ledger itself.
	Ledger(ctx context.Context) (s *ledger.Store, release func(), ok bool)
	// LendOperational does the same for the operational plane.
	LendOperational(ctx context.Context) (s *operational.Store, release func(), ok bool)
}

// Options describe a Town to its Deacon.
type Options struct {
	Layout layout.Town
	// Version is the version of gt. Command names this process to others that wait
	// for it.
	Version, Command string
	// Getenv returns the variables that override settings. May be nil.
	Getenv func(string) string
	// Log is the Deacon's log.
	Log logrus.FieldLogger
	// Rigs are the Town's projects. May be nil.
	Rigs func() *rig.Yard
	// Engine returns a new engine for the Town as configured. Each sync uses its
	// own.
	Engine func(*config.Config) *federate.Engine
	// Workers makes what drives the Town's workers. nil means that it has none.
	Workers dispatcher.Workers
	// Refineries makes the merge queues of the Town's rigs. nil means that it has none.
	Refineries refinery.Refineries
	// Patrols makes the Witness of the Town's rigs. nil means that nobody patrols.
	Patrols witness.Patrols
	// Spending makes the means to follow what agents spend. nil: spending is not followed.
	Spending spending.Spending
	// Backups makes what takes the Town's backups, with the Deacon's secrets. nil means that
	// none are taken.
	Backups func(*config.Config, *secrets.Resolver) (*backup.Keeper, error)
	// Failover makes what keeps the directory up to date while it stands by for another
	// one. nil means that it does not.
	Failover func(*config.Config, *secrets.Resolver) (*failover.Town, error)
	// Database says how to open a plane, as any command would.
	Database func(cfg *config.Config, plane string) doltdb.Options
	// Serve takes the planes and serves them. It is nil when they are on an
	// external server. refused counts, by reason, the connections over the network
	// that were refused.
	Serve func(ctx context.Context, cfg *config.Config, refused func(reason string)) (Server, error)
	// Sessions lists the Town's tmux sessions.
	Sessions func(context.Context) ([]tmux.Session, error)
	// Typing returns the sessions that nudges are typed into. nil means that the
	// Deacon types none.
	Typing deliverer.Typing
	// Programs runs the programs of plugins. nil means without limits and environment.
	Programs *program.Runner
	// Verify checks whether a notification is authentic. If it is nil, all are
	// refused.
	Verify func(*http.Request) error
	// Commands parses the call of a front. The command may use the planes that the
	// Deacon has open. If it is nil, the Deacon runs no commands.
	Commands func(Lender, commands.Call) commands.Command
	// Checks are additional checks beside those of the parts.
	Checks []check.Check
	// Ready is called once, when the Deacon answers. May be nil.
	Ready func()
	// Each value of Reload requests a reload. May be nil.
	Reload <-chan struct{}
	// Now returns the current time; nil means time.Now.
	Now func() time.Time

	// everyPart makes every part, even without the options it needs, only to list the jobs
	// that there can be. Such a host is never started.
	everyPart bool
}

// makes reports whether a part is made. configured says that the options it needs are set.
func (o *Options) makes(configured bool) bool { return configured || o.everyPart }

func (o *Options) defaults() {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Ready == nil {
		o.Ready = func() {}
	}
	if o.Programs == nil {
		o.Programs = &program.Runner{Town: o.Layout.Root, Dir: o.Layout.PluginRuns()}
	}
}

func (o *Options) validate() error {
	if o.Layout.Root == "" || o.Log == nil || o.Engine == nil || o.Database == nil || o.Sessions == nil {
		return errors.New("deacon: Layout, Log, Engine, Database and Sessions are needed")
	}
	return nil
}
