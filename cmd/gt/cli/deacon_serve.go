package cli

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"gastown/cmd/internal/host"
	"gastown/deacon"
	"gastown/deacon/logs"
	"gastown/planes/doltdb"
	"gastown/sync/federate"
	"gastown/sync/hooks"
	"gastown/tmux"
	"gastown/town"
	"gastown/town/config"
)

// serve is the Deacon itself.
func (o *deaconOptions) serve(ctx context.Context) (err error) {
	a := o.app
	h, err := a.open()
	if err != nil {
		return err
	}
	ready, err := readiness(a.Getenv(readyEnv))
	if err != nil {
		return err
	}
	var also io.Writer
	if ready == nil {
		also = a.Stderr
	}
	log, closer, err := h.deaconLog(also)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closer.Close()) }()
	reload, ignore := hangups()
	defer ignore()
	verifier := hooks.NewVerifier(hooks.VerifierOptions{
		Secret: func() (hooks.Secret, error) { return hooks.ReadSecret(h.layout.NotifySecret()) }, Now: a.Now,
		Newest: h.layout.NotifyNewest(),
	})
	var d *deacon.Deacon
	d, err = deacon.New(deacon.Options{
		Layout: h.layout, Version: version, Command: "gt deacon", Log: log,
		Engine: func(cfg *config.Config) *federate.Engine { return a.host(h.layout, cfg).engine },
		Database: func(cfg *config.Config, plane string) doltdb.Options {
			return a.host(h.layout, cfg).database(plane)
		},
		Serve: o.planes(h),
		Sessions: func(ctx context.Context) ([]tmux.Session, error) {
			return tmux.Server{Socket: h.layout.Tmux(), Env: os.Environ()}.Sessions(ctx)
		},
		Verify: func(r *http.Request) error { return verifier.Verify(r) },
		Reload: reload,
		Ready: func() {
			if ready != nil {
				_ = json.NewEncoder(ready).Encode(started{os.Getpid(), d.Address(), h.layout.DeaconLog()})
				_ = ready.Close() // whoever started it may be gone
			}
		},
		Now: a.Now,
	})
	if err != nil {
		return err
	}
	return d.Run(ctx)
}

// deaconLog opens the Deacon's log as the configuration wants it.
func (h *workplace) deaconLog(also io.Writer) (*logrus.Logger, io.Closer, error) {
	opts := logs.Options{Path: h.layout.DeaconLog(), Also: also}
	var size, files, age error
	opts.Size, size = h.config.Bytes("deacon.log_size")
	opts.Files, files = h.config.Int("deacon.log_files")
	opts.Age, age = h.config.Duration("deacon.log_age")
	if err := errors.Join(size, files, age, os.MkdirAll(h.layout.Deacon(), 0o700)); err != nil {
		return nil, nil, err
	}
	return logs.Open(opts)
}

// hangups passes SIGHUP on until ignore is called; several that come while one
// is due are one.
func hangups() (reload <-chan struct{}, ignore func()) {
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

// planes takes the Town's planes into this process, unless a server of
// somebody else has them.
func (o *deaconOptions) planes(h *workplace) func(context.Context, *config.Config, func(string)) (deacon.Server, error) {
	if _, ok := host.Serve(h.layout, h.config); !ok {
		return nil
	}
	return func(ctx context.Context, cfg *config.Config, refused func(string)) (deacon.Server, error) {
		opts, _ := host.Serve(h.layout, cfg)
		opts.Command, opts.Wait, opts.Refused = "gt deacon", o.app.Wait, refused
		s, err := doltdb.Serve(ctx, opts)
		if err != nil {
			return nil, err
		}
		return s, nil
	}
}

// readiness is the descriptor to say it on; nil when nobody waits for it. No
// child inherits it.
func readiness(fd string) (*os.File, error) {
	if fd == "" {
		return nil, nil
	}
	n, err := strconv.Atoi(fd)
	if err != nil || n < 3 {
		return nil, town.Fail("start the Deacon", "unset "+readyEnv, "%w: %s is set to %q", town.ErrUsage, readyEnv, town.Clip(fd, 20))
	}
	unix.CloseOnExec(n)
	return os.NewFile(uintptr(n), "ready"), os.Unsetenv(readyEnv)
}
