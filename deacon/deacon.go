package deacon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/sirupsen/logrus"

	"gastown/deacon/check"
	"gastown/deacon/guard"
	"gastown/deacon/schedule"
	"gastown/deacon/web"
	"gastown/town/lockfile"
)

// Deacon is the daemon of one Town. It runs once.
type Deacon struct {
	opts    Options
	log     logrus.FieldLogger
	started time.Time
	owner   string

	lock      *lockfile.Lock
	server    Server
	lending   chan struct{} // holds a value while the planes are lent
	reads     *reads
	behind    sync.WaitGroup // what goes on by itself
	scheduler *schedule.Scheduler
	records   *recorder
	metrics   *web.Metrics
	board     board
	dolt      *check.Dolt
	control   *guard.Server
	http      *guard.Server
	address   string // of http, once it listens

	looking   sync.Mutex // held by whoever runs checks
	reloading sync.Mutex // held by whoever replaces the settings

	mu       sync.Mutex
	now      *settings
	limits   []*guard.Limiter // of the listeners
	first    *settings        // of the start
	noticed  [2]fileStamp
	problem  string
	pending  []string // settings that were changed and need a restart
	unserved string   // why a lease cannot be taken back yet
	stopping bool
	cause    error // why it stops by itself
	life     context.Context
	stop     context.CancelFunc
}

// New returns the Deacon of a Town. It opens nothing yet.
func New(opts Options) (*Deacon, error) {
	if err := opts.validate(); err != nil {
		return nil, err
	}
	d := &Deacon{opts: opts, log: opts.Log, started: opts.Now().UTC(), owner: owner(), lending: make(chan struct{}, 1)}
	d.metrics = web.NewMetrics(opts.Version, d.started, guard.Reasons())
	d.records = newRecorder(opts.Now)
	d.reads = newReads(d)
	d.metrics.Caches(d.reads.cacheLevels)
	d.dolt = &check.Dolt{Latency: d.latency, Data: opts.Layout.Data(""), Seen: d.metrics.Dolt, Now: opts.Now}
	return d, nil
}

// Run starts the Deacon, calls Options.Ready, and keeps it running until ctx
// ends or a command asks it to stop; it then returns nil, within 5 s. Any other
// end, and a start that fails, is an error: town.ErrBusy when the Town has a
// Deacon already.
func (d *Deacon) Run(ctx context.Context) (err error) {
	ctx, d.stop = context.WithCancel(ctx)
	defer d.stop()
	d.life = ctx
	life := &steps{log: d.log}
	if err := life.start(ctx, d.steps()); err != nil {
		return errors.Join(err, d.end(life))
	}
	d.log.WithFields(logrus.Fields{"version": d.opts.Version, "pid": os.Getpid(), "http": d.Address()}).Info("the Deacon runs")
	_, _ = daemon.SdNotify(false, daemon.SdNotifyReady) // outside systemd nobody listens
	d.opts.Ready()
	d.attend(ctx)
	_, _ = daemon.SdNotify(false, daemon.SdNotifyStopping)
	d.log.Info("the Deacon stops")
	err = errors.Join(d.failed(), d.end(life))
	d.log.Info("the Deacon has stopped")
	return err
}

// attend waits for the end, and reloads when asked to.
func (d *Deacon) attend(ctx context.Context) {
	httpFailed := (<-chan error)(nil)
	if d.http != nil {
		httpFailed = d.http.Failed()
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.opts.Reload:
			_ = d.reload() // told in the log and by status
		case err := <-d.control.Failed():
			d.fail(fmt.Errorf("the control socket: %w", err))
		case err := <-httpFailed:
			d.fail(fmt.Errorf("the HTTP listener: %w", err))
		}
	}
}

// end undoes the steps within the time there is.
func (d *Deacon) end(life *steps) error {
	d.mu.Lock()
	d.stopping = true
	d.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), stopBudget)
	defer cancel()
	return life.stop(ctx)
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

// Address is where it answers over HTTP, once Ready was called; "" for nowhere.
func (d *Deacon) Address() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.address
}

// owner names the user the Deacon runs as.
func owner() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return fmt.Sprintf("uid %d", os.Getuid())
}

// tcp listens on an address of the configuration.
func tcp(ctx context.Context, address string) (net.Listener, error) {
	return new(net.ListenConfig).Listen(ctx, "tcp", address)
}
