package deacon

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"gastown/deacon/part"
	"gastown/town/instance"
)

const (
	// askFor is how long what acts in the Town's name waits, after the start, until it is
	// known whether another directory was promoted meanwhile.
	askFor = 10 * time.Second
	// askLonger is how long the others are asked in all.
	askLonger = 5 * time.Minute
)

// askFirst asks, when the Deacon starts in the active directory, whether it still is that
// one. The start does not wait for the answer. Jobs that act in the Town's name do, for
// askFor.
func (d *Deacon) askFirst() step {
	var stop context.CancelFunc
	ended := make(chan struct{})
	return step{
		name: "ask",
		do: func(ctx context.Context) error {
			asking := offering[part.Asking](d.host.parts)
			if len(asking) == 0 || d.host.Role() != instance.Active {
				close(ended)
				return nil
			}
			ctx, stop = context.WithTimeout(ctx, askLonger)
			d.host.jobs.Hold(true)
			answer := make(chan error, 1)
			go func() {
				defer close(ended)
				answer <- d.ask(ctx, asking)
			}()
			d.watches.Go(func() {
				defer d.host.jobs.Hold(false)
				d.heed(ctx, answer)
			})
			return nil
		},
		undo: func(ctx context.Context) error {
			if stop != nil {
				stop()
			}
			select {
			case <-ended:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		},
	}
}

// ask asks, and returns why the answer is not known.
func (d *Deacon) ask(ctx context.Context, asking []part.Asking) (err error) {
	defer func() {
		if p := recover(); p != nil {
			d.log.WithField("stack", string(debug.Stack())).Error("asking which directory is active panicked")
			err = fmt.Errorf("panicked: %v", p)
		}
	}()
	for _, p := range asking {
		err = errors.Join(err, p.Ask(ctx))
	}
	return err
}

// heed waits for the answer, and says so when there is none.
func (d *Deacon) heed(ctx context.Context, answer <-chan error) {
	enough := time.NewTimer(d.askFor)
	defer enough.Stop()
	var err error
	select {
	case err = <-answer:
	case <-enough.C:
		err = fmt.Errorf("no answer within %s", d.askFor)
	case <-ctx.Done():
	}
	if err != nil && !d.stopping() {
		d.log.WithError(err).Warn("it is not known whether another directory of the Town was promoted: not every remote of the federation could be asked. The controllers begin")
	}
}
