package deacon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"gastown/deacon/part"
	"gastown/town"
	"gastown/town/instance"
	"gastown/town/lockfile"
	"gastown/town/ticks"
)

// ownEvery is how often the Deacon looks whether its files are still its own.
const ownEvery = time.Second

// errDisplaced reports that the Deacon's directory, or a lock in it, is not its own
// any more.
var errDisplaced = errors.New("the Town was moved, removed or replaced while its Deacon ran")

// watchOwn looks, until ctx ends, whether the Deacon can be reached and is the only
// one. It puts back what somebody removed. A Deacon that has lost its directory or a
// lock ends, because another one may work in that place. The same goroutine looks at the
// files of settings and for what a killed gt left, so that an idle Deacon wakes once for
// all.
func (d *Deacon) watchOwn(ctx context.Context) error {
	d.watches.Go(func() {
		reported, role := "", instance.Active
		for look := 1; ; look++ {
			select {
			case <-ticks.Next(ownEvery):
			case <-ctx.Done():
				return
			}
			d.host.settings.Look()
			if look%orphansEvery == 0 {
				d.endOrphans()
			}
			role = d.lookAtDuty(ctx, role)
			err := d.lookAtOwn(ctx)
			switch {
			case err == nil || ctx.Err() != nil:
				reported = ""
			case errors.Is(err, lockfile.ErrReplaced), errors.Is(err, errDisplaced):
				d.displace(err)
				return
			case err.Error() != reported: // such as a disk without room
				reported = err.Error()
				d.log.WithError(err).Error("the Deacon cannot be reached; trying again")
			}
		}
	})
	return nil
}

// own is what says that the Deacon is the one of its Town. It is safe for
// concurrent use.
type own struct {
	path      string
	link      func() error // makes the link to the directory, if there is to be one
	directory fs.FileInfo  // of the lock, as it was at the start

	mu   sync.Mutex
	lock *lockfile.Lock
	lost error // why the place is not the Deacon's any more
}

// check reports why the Deacon's directory and lock are not its own, and puts back
// its lock file if somebody removed it. Whatever opens files by their paths asks
// first: what is there may belong to another Deacon. The first error stays.
func (o *own) check(log logrus.FieldLogger) (err error) {
	if o == nil {
		return nil // nothing was taken, as when only the settings are checked
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.lost != nil {
		return o.lost
	}
	defer func() {
		if errors.Is(err, lockfile.ErrReplaced) || errors.Is(err, errDisplaced) {
			o.lost = err
		}
	}()
	now, err := os.Stat(o.path)
	if errors.Is(err, fs.ErrNotExist) && o.link() == nil { // git clean removes it
		now, err = os.Stat(o.path)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %s is gone", errDisplaced, o.path)
	case err != nil:
		return err
	case !os.SameFile(now, o.directory):
		return fmt.Errorf("%w: %s is another directory", errDisplaced, o.path)
	}
	if err := o.lock.Intact(); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := o.lock.Retake(); err != nil {
		return err
	}
	log.Warn("somebody removed the Deacon's lock file; it was put back")
	return nil
}

// lose notes that something else than the directory and the lock was replaced.
func (o *own) lose(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lost = err
}

// checkOwn fails when the place is not the Deacon's any more.
func (h *host) checkOwn() error { return h.own.check(h.opts.Log) }

// ownJob runs a job only while the place is the Deacon's own.
func (h *host) ownJob(run func(context.Context) (string, error)) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		if err := h.checkOwn(); err != nil {
			return "", err
		}
		return run(ctx)
	}
}

// lookAtOwn makes one round.
func (d *Deacon) lookAtOwn(ctx context.Context) error {
	if err := d.host.checkOwn(); err != nil {
		return err
	}
	if err := d.host.stores.Renew(ctx); err != nil {
		return err
	}
	renewed, err := d.controlSocket.Renew()
	if renewed {
		d.log.Warn("somebody removed the Deacon's control socket; it was put back")
	}
	failed := []error{err}
	for _, p := range offering[part.Renewed](d.host.parts) {
		failed = append(failed, p.Renew())
	}
	return errors.Join(failed...)
}

// displace ends the Deacon without touching the files in its place: what is there
// may belong to another one.
func (d *Deacon) displace(err error) {
	d.mu.Lock()
	d.displaced = true
	d.mu.Unlock()
	d.host.own.lose(err)
	d.fail(town.Fail("keep the Town "+d.opts.Layout.Root, "gt deacon start, in the place where the Town is now",
		"%w; every change that was acknowledged is in its former place", err))
}

func (d *Deacon) isDisplaced() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.displaced
}
