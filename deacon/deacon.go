package deacon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/sirupsen/logrus"

	"gastown/deacon/guard"
	"gastown/deacon/part"
	"gastown/deacon/web"
	"gastown/planes/ledger"
	"gastown/town/socket"
)

// Deacon is the daemon of one Town. It runs once.
type Deacon struct {
	opts    Options
	log     logrus.FieldLogger
	owner   string // the user it runs as
	host    *host
	metrics *web.Metrics

	controlSocket *socket.Listener
	control       *guard.Server
	http          *guard.Server // nil where it does not answer over HTTP
	limits        []*guard.Limiter
	watches       sync.WaitGroup // goroutines that end with the run

	// stopFor and askFor are the bounds of those names; tests give a busy machine more.
	stopFor, askFor time.Duration

	mu      sync.Mutex
	address string // of http, once it listens
	ending  bool
	// displaced says that the Deacon's directory is not its own any more.
	displaced bool
	cause     error // the error that ended the Deacon
	stop      context.CancelFunc
}

// New returns the Deacon of a Town. It opens nothing yet.
func New(opts Options) (*Deacon, error) {
	if err := opts.validate(); err != nil {
		return nil, err
	}
	opts.defaults()
	d := &Deacon{opts: opts, log: opts.Log, owner: owner(), stopFor: stopBudget, askFor: askFor}
	d.host = newHost(opts)
	d.metrics = web.NewMetrics(opts.Version, d.host.started, guard.Reasons(), part.Seconds)
	d.host.refused, d.host.gatherer = d.metrics.Refused, d.metrics.Gatherer()
	d.host.jobsChanged = func() { d.setJobs(d.host.settings.Current()) }
	for _, p := range offering[part.Measured](d.host.parts) {
		d.metrics.Add(p.Metrics()...)
	}
	return d, nil
}

// Run starts the Deacon, calls Options.Ready, and keeps it running until ctx ends
// or a command asks it to stop; it then returns nil, within 5 s. Any other end,
// and a start that fails, is an error: town.ErrBusy when the Town has a Deacon
// already.
func (d *Deacon) Run(ctx context.Context) (err error) {
	ctx, d.stop = context.WithCancel(ctx)
	defer d.stop()
	run := &steps{log: d.log}
	if err := run.start(ctx, d.steps()); err != nil {
		return errors.Join(err, d.end(run))
	}
	d.log.WithFields(logrus.Fields{"version": d.opts.Version, "pid": os.Getpid(), "http": d.Address()}).Info("the Deacon runs")
	_, _ = daemon.SdNotify(false, daemon.SdNotifyReady) // outside systemd nobody listens
	d.opts.Ready()
	d.attend(ctx)
	_, _ = daemon.SdNotify(false, daemon.SdNotifyStopping)
	d.log.Info("the Deacon stops")
	err = errors.Join(d.failed(), d.end(run))
	d.log.Info("the Deacon has stopped")
	return err
}

// attend reloads on request until ctx ends.
func (d *Deacon) attend(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.opts.Reload:
			_ = d.host.settings.Reload() // the log and the status tell about it
		}
	}
}

// watch ends the Deacon when something it needs fails for good.
func (d *Deacon) watch(ctx context.Context, what string, failed <-chan error) {
	d.watches.Go(func() {
		select {
		case err := <-failed:
			d.fail(fmt.Errorf("%s: %w", what, err))
		case <-ctx.Done():
		}
	})
}

// end undoes the steps within stopFor.
func (d *Deacon) end(run *steps) error {
	d.mu.Lock()
	d.ending = true
	d.mu.Unlock()
	d.stop()
	ctx, cancel := context.WithTimeout(context.Background(), d.stopFor)
	defer cancel()
	if d.isDisplaced() {
		run.leave()
	}
	err := run.stop(ctx)
	d.watches.Wait()
	return err
}

// fail ends the Deacon with an error.
func (d *Deacon) fail(err error) {
	d.log.WithError(err).Error("the Deacon cannot go on")
	d.mu.Lock()
	d.cause = errors.Join(d.cause, err)
	d.mu.Unlock()
	d.stop()
}

func (d *Deacon) failed() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.cause
}

func (d *Deacon) stopping() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ending
}

// Address is the HTTP address, once Ready was called; "" without HTTP.
func (d *Deacon) Address() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.address
}

// Ledger is the Town's ledger, open with its caches, for a command in this process
// until release is called. ok is false when the Deacon does not have it now,
// because the planes are lent or another process serves them. The command then
// opens the ledger itself.
func (d *Deacon) Ledger(ctx context.Context) (s *ledger.Store, release func(), ok bool) {
	return d.host.stores.Ledger(ctx)
}

// owner names the user the Deacon runs as.
func owner() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return fmt.Sprintf("uid %d", os.Getuid())
}
