package deacon

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gastown/planes/doltdb"
	"gastown/planes/operational"
	"gastown/town/layout"
)

// leasePause is how long it takes until the planes are tried to be served again
// that could not be; it doubles with each failure, up to maxLeasePause.
const (
	leasePause    = time.Second
	maxLeasePause = time.Minute
)

// operational opens the operational plane for fn, as any command would: through
// the socket when the planes are served, else from the disk.
func (d *Deacon) operational(ctx context.Context, fn func(*operational.Store) error) (err error) {
	cfg := d.settings().config
	s, err := operational.Open(ctx, d.opts.Database(cfg, layout.Operational), cfg.Stores[layout.Operational])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return fn(s)
}

// collect is a job: it collects the garbage of each plane, or only of those
// whose journal has outgrown its limit.
func (d *Deacon) collect(all bool) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		var packed []string
		var failed []error
		for _, plane := range []string{layout.Operational, layout.Ledger, layout.Federation} {
			did, err := d.collectPlane(ctx, plane, all)
			if err != nil {
				failed = append(failed, fmt.Errorf("collect the garbage of the %s plane: %w", plane, err))
			}
			if did {
				packed = append(packed, plane)
			}
		}
		if len(packed) == 0 {
			return "", errors.Join(failed...)
		}
		return "packed: " + strings.Join(packed, ", "), errors.Join(failed...)
	}
}

func (d *Deacon) collectPlane(ctx context.Context, plane string, all bool) (did bool, err error) {
	opts := d.opts.Database(d.settings().config, plane)
	var db *doltdb.Local
	if plane == layout.Federation {
		shared, err := doltdb.OpenShared(ctx, opts)
		if err != nil {
			return false, err
		}
		db = &shared.Local
	} else if db, err = doltdb.OpenLocal(ctx, opts); err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if all {
		return true, db.GC(ctx)
	}
	return db.MaybeGC(ctx)
}

// lend gives up the planes until release is called. There is one lease at a
// time; the next waits for it.
func (d *Deacon) lend(ctx context.Context) (release func(context.Context) error, err error) {
	select {
	case d.lending <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if d.server == nil { // nothing is held
		return func(context.Context) error { <-d.lending; return nil }, nil
	}
	if err := d.reads.pause(); err != nil {
		d.log.WithError(err).Warn("the ledger was not closed in order")
	}
	back, err := d.server.Lend(ctx)
	if err != nil {
		d.notLent(back)
		return nil, err
	}
	d.metrics.Lent()
	d.log.Info("the planes are lent to a command")
	return func(ctx context.Context) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(d.life, cancel)()
		return d.takeBack(ctx, back)
	}, nil
}

// notLent goes on after planes could not be lent. Where they are not served
// either, back serves them again, as often as it takes: nobody else would.
func (d *Deacon) notLent(back func(context.Context) error) {
	if back == nil {
		d.reads.resume()
		<-d.lending
		return
	}
	d.behind.Go(func() { _ = d.takeBack(d.life, back) }) // told by the log and by status
}

// takeBack ends a lease: it serves the planes again, as soon as whoever has them
// gives them up. Until then the Deacon goes on without, as commands do, and says
// so.
func (d *Deacon) takeBack(ctx context.Context, back func(context.Context) error) error {
	defer func() { <-d.lending }()
	pause := leasePause
	for told := ""; ; {
		err := back(ctx)
		switch {
		case ctx.Err() != nil:
			return err // it stops
		case err == nil:
			d.setUnserved("")
			d.reads.resume()
			d.log.Info("the planes are served again")
			return nil
		case err.Error() != told:
			told = err.Error()
			d.setUnserved(told)
			d.log.WithError(err).Error("the planes cannot be served again after a lease; trying on")
		}
		select {
		case <-time.After(pause):
			pause = min(2*pause, maxLeasePause)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (d *Deacon) setUnserved(why string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.unserved = why
}
