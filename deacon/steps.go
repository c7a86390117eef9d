package deacon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sirupsen/logrus"
)

// step is done when the Deacon starts and undone when it stops. undo may be nil; it
// is not called when do failed.
type step struct {
	name string
	do   func(context.Context) error
	undo func(context.Context) error
}

// steps does steps in order, and undoes those that were done in reverse order.
type steps struct {
	log  logrus.FieldLogger
	done []step
}

// start ends at the first step that fails. stop then undoes the steps before it.
func (s *steps) start(ctx context.Context, all []step) error {
	for _, st := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		began := time.Now()
		if err := st.do(ctx); err != nil {
			// Not logged: when another Deacon has the lock, the log is that Deacon's.
			return err
		}
		s.log.WithField("step", st.name).WithField("took", time.Since(began).String()).Debug("started")
		s.done = append(s.done, st)
	}
	return nil
}

// stop undoes what start did. It does not wait for a step that does not end when
// ctx does, so that the others are undone, too. All errors are returned.
func (s *steps) stop(ctx context.Context) error {
	var failed []error
	for _, st := range slices.Backward(s.done) {
		if st.undo == nil {
			continue
		}
		ended := make(chan error, 1)
		go func() { ended <- st.undo(ctx) }()
		var err error
		select {
		case err = <-ended:
		case <-ctx.Done():
			// Locks and open files that are left end with the process.
			select {
			case err = <-ended:
			case <-time.After(lastChance):
				err = errors.New("it did not end in time")
			}
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("stop %s: %w", st.name, err))
			s.log.WithError(err).WithField("step", st.name).Error("the stop failed")
		}
	}
	s.done = nil
	return errors.Join(failed...)
}

// lastChance is how long a step has when the time of all steps is over.
const lastChance = 100 * time.Millisecond
