package deacon

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/sirupsen/logrus"

	"gastown/deacon/check"
	"gastown/planes/doltdb"
	"gastown/sync/federate"
	"gastown/tmux"
	"gastown/town/config"
	"gastown/town/layout"
)

const (
	// stopBudget is how long the end may take, from the signal on.
	stopBudget = 5 * time.Second
	// jobGrace is how much of it the jobs under way have.
	jobGrace = 2500 * time.Millisecond
	// agentLife is how long after its last heartbeat an agent counts.
	agentLife = 5 * time.Minute
	// controlQueue is how many requests of commands wait for their turn. There
	// are more connections than that, so that others find one free.
	controlQueue = 128
)

// Server serves the Town's planes to other processes.
type Server interface {
	// Close stops serving and lets other processes open the planes.
	Close(context.Context) error
	// Lend does so until release is called, which may be called again when it
	// failed. A Lend that failed, and left the planes unserved, returns release,
	// too: it is how to serve them again.
	Lend(context.Context) (release func(context.Context) error, err error)
}

// Options describe a Town to its Deacon.
type Options struct {
	Layout layout.Town
	// Version of gt, Command as others are told who wait for this process.
	Version, Command string
	// Log is where everything goes that is worth telling later.
	Log logrus.FieldLogger
	// Engine returns a new engine for the Town as configured. Each sync uses
	// one of its own.
	Engine func(*config.Config) *federate.Engine
	// Database says how to open a plane, as any command would.
	Database func(cfg *config.Config, plane string) doltdb.Options
	// Serve takes the planes and serves them. May be nil: commands and the
	// Deacon then open them in turn. refused is to be told, by reason, of each
	// connection over the network that is refused.
	Serve func(ctx context.Context, cfg *config.Config, refused func(reason string)) (Server, error)
	// Sessions lists the Town's tmux sessions.
	Sessions func(context.Context) ([]tmux.Session, error)
	// Verify says whether a notification is what it says it is. May be nil:
	// notifications are then refused.
	Verify func(*http.Request) error
	// Checks are more things to look at, beside the built-in ones.
	Checks []check.Check
	// Ready is called once, when the Deacon answers. May be nil.
	Ready func()
	// Reload asks for the configuration and the schedule to be read anew; each
	// value is one request. May be nil.
	Reload <-chan struct{}
	// Now is the clock on the wall; nil means time.Now.
	Now func() time.Time
}

func (o *Options) validate() error {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Ready == nil {
		o.Ready = func() {}
	}
	if o.Layout.Root == "" || o.Log == nil || o.Engine == nil || o.Database == nil || o.Sessions == nil {
		return errors.New("deacon: Layout, Log, Engine, Database and Sessions are needed")
	}
	return nil
}
