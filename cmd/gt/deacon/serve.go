package deacon

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"gastown/cmd/internal/gate"
	"gastown/cmd/internal/host"
	"gastown/cmd/internal/memory"
	"gastown/cmd/internal/shell"
	"gastown/deacon"
	"gastown/deacon/commands"
	"gastown/deacon/logs"
	"gastown/deacon/spending"
	"gastown/planes/doltdb"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/sync/federate"
	"gastown/sync/hooks"
	"gastown/tmux"
	"gastown/town"
	"gastown/town/backup"
	"gastown/town/config"
	"gastown/town/failover"
	"gastown/town/mail"
	"gastown/town/polecat"
	"gastown/town/queue"
	"gastown/town/refinery"
	"gastown/town/rig"
	"gastown/town/secrets"
	"gastown/town/witness"
)

// room is how much memory, in bytes, the Deacon may hold before it collects
// garbage. Its planes and caches need about 90 MB, and each command adds one or two
// MB of garbage. With the limit of an ordinary command it spent a fifth of its time
// collecting.
const room = 160 << 20

// serve runs the Deacon in this process until it is told to stop.
func (o *deaconOptions) serve(ctx context.Context) (err error) {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	ready, err := readyPipe(o.call.Getenv(readyEnv))
	if err != nil {
		return err
	}
	own := without(o.call, readyEnv)
	call := without(own, h.Hidden()...) // what programs get that the Deacon starts
	var also io.Writer
	if ready == nil {
		also = o.call.Stderr
	}
	log, closer, err := openLog(h, also)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closer.Close()) }()
	reload, ignore := reloadSignals()
	defer ignore()
	verifier := hooks.NewVerifier(hooks.VerifierOptions{
		Secret: func() (hooks.Secret, error) { return hooks.ReadSecret(h.Layout.NotifySecret()) }, Now: o.call.Now,
		Newest: h.Layout.NotifyNewest(),
	})
	programs, err := h.Programs("")
	if err != nil {
		return err
	}
	guarded := gate.New(func(err error) {
		log.WithError(err).Error("config/access.yaml is wrong; its last right version stays in force, or without one the owner alone may use the Town")
	})
	call.Gate = guarded // also for what the Deacon does itself
	var d *deacon.Deacon
	d, err = deacon.New(deacon.Options{
		Layout: h.Layout, Version: o.call.Version(), Command: "gt deacon", Log: log, Getenv: own.Getenv,
		Engine: func(cfg *config.Config) *federate.Engine {
			return host.New(call, h.Layout, cfg).Engine(host.EngineOptions{})
		},
		Database: func(cfg *config.Config, plane string) doltdb.Options {
			return host.New(call, h.Layout, cfg).Database(plane)
		},
		Rigs: func() *rig.Yard {
			yard := host.New(call, h.Layout, h.Config).Rigs()
			yard.Git.Progress = nil
			return yard
		},
		Workers: func(cfg *config.Config, rows operational.Access, beads ledger.Access) (*polecat.Controller, queue.Dispatcher, error) {
			return host.New(call, h.Layout, cfg).WorkersWith(rows, beads)
		},
		Refineries: func(cfg *config.Config, rows operational.Access, beads ledger.Access) ([]*refinery.Refinery, error) {
			return host.New(call, h.Layout, cfg).Refineries(rows, beads)
		},
		Patrols: func(cfg *config.Config, rows operational.Access, beads ledger.Access) (*witness.Witness, error) {
			return host.New(call, h.Layout, cfg).WitnessWith(rows, beads)
		},
		Spending: func(cfg *config.Config, rows operational.Access) (spending.Means, error) {
			return host.New(call, h.Layout, cfg).SpendingMeans(rows)
		},
		Backups: func(cfg *config.Config, from *secrets.Resolver) (*backup.Keeper, error) {
			return host.New(call, h.Layout, cfg).WithSecrets(from).Backups()
		},
		Failover: func(cfg *config.Config, from *secrets.Resolver) (*failover.Town, error) {
			return host.New(call, h.Layout, cfg).WithSecrets(from).Failover()
		},
		Serve: o.planes(h),
		Sessions: func(ctx context.Context) ([]tmux.Session, error) {
			return tmux.Server{Socket: h.Layout.Tmux(), Env: call.Env}.Sessions(ctx)
		},
		Typing: func(cfg *config.Config) (mail.Sessions, error) {
			return host.New(call, h.Layout, cfg).Typist()
		},
		Programs: programs,
		Verify:   func(r *http.Request) error { return verifier.Verify(r) },
		Commands: func(l deacon.Lender, c commands.Call) commands.Command {
			return host.Insider{Own: call, Town: h.Layout, Lend: l, Gate: guarded}.Prepare(c)
		},
		Reload: reload,
		Ready: func() {
			memory.Room(room) // only now, because the engine sizes its caches by the smaller limit
			if ready != nil {
				_ = json.NewEncoder(ready).Encode(started{os.Getpid(), d.Address(), h.Layout.DeaconLog()})
				_ = ready.Close() // the process that started it may have gone
			}
		},
		Now: o.call.Now,
	})
	if err != nil {
		return err
	}
	return d.Run(ctx)
}

// openLog opens the Deacon's log as configured.
func openLog(h *host.Host, also io.Writer) (*logrus.Logger, io.Closer, error) {
	opts := logs.Options{Path: h.Layout.DeaconLog(), Also: also}
	var size, files, age error
	opts.Size, size = h.Config.Bytes("deacon.log_size")
	opts.Files, files = h.Config.Int("deacon.log_files")
	opts.Age, age = h.Config.Duration("deacon.log_age")
	if err := errors.Join(size, files, age, os.MkdirAll(h.Layout.Deacon(), 0o700)); err != nil {
		return nil, nil, err
	}
	return logs.Open(opts)
}

// reloadSignals passes SIGHUP on until ignore is called. Signals that arrive before
// the last one was read are merged into one.
func reloadSignals() (reload <-chan struct{}, ignore func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	out, over, ended := make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-signals:
				select {
				case out <- struct{}{}:
				default:
				}
			case <-over:
				return
			}
		}
	}()
	return out, func() { signal.Stop(signals); close(over); <-ended }
}

// planes serves the Town's planes from this process. It returns nil when they are
// on an external server.
func (o *deaconOptions) planes(h *host.Host) func(context.Context, *config.Config, func(string)) (deacon.Server, error) {
	if _, ok := host.Serve(h.Layout, h.Config); !ok {
		return nil
	}
	return func(ctx context.Context, cfg *config.Config, refused func(string)) (deacon.Server, error) {
		opts, _ := host.Serve(h.Layout, cfg)
		opts.Command, opts.Wait, opts.Refused, opts.Getenv = "gt deacon", o.call.Wait, refused, o.call.Getenv
		s, err := doltdb.Serve(ctx, opts)
		if err != nil {
			return nil, err
		}
		return s, nil
	}
}

// readyPipe is the pipe on which to report that the Deacon is ready; nil if no
// process waits for it. Child processes do not inherit it.
func readyPipe(fd string) (*os.File, error) {
	if fd == "" {
		return nil, nil
	}
	n, err := strconv.Atoi(fd)
	if err != nil || n < 3 {
		return nil, town.Fail("start the Deacon", "unset "+readyEnv, "%w: %s is set to %q", town.ErrUsage, readyEnv, town.Clip(fd, 20))
	}
	unix.CloseOnExec(n)
	return os.NewFile(uintptr(n), "ready"), nil
}

// without returns the call without some variables in its environment.
func without(call *shell.Call, names ...string) *shell.Call {
	i := *call.Invocation
	i.Env = slices.DeleteFunc(slices.Clone(i.Env), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(names, name)
	})
	out := *call
	out.Invocation = &i
	return &out
}
