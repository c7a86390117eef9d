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
	// writes says that undo writes files of the Town.
	writes bool
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
			// Not logged: when another Deacon has the lock, the log file belongs to
			// it.
			return err
		}
		s.log.WithField("step", st.name).WithField("took", time.Since(began).String()).Debug("started")
		s.done = append(s.done, st)
	}
	return nil
}

// leave has stop leave out the steps whose undo writes files of the Town.
func (s *steps) leave() {
	s.done = slices.DeleteFunc(s.done, func(st step) bool { return st.writes })
}

// stop undoes the steps of start. When ctx ends it leaves a step that has not
// ended, so that the others are undone, too. It returns all errors.
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
			// The kernel releases the remaining locks and files when the process
			// ends.
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

// lastChance is how long a step has when the time for all steps is over.
const lastChance = 100 * time.Millisecond
