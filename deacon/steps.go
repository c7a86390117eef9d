package deacon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sirupsen/logrus"
)

// step is something that is done when the Deacon starts and undone when it
// ends. undo is not called when do failed.
type step struct {
	name string
	do   func(context.Context) error
	undo func(context.Context) error
}

// steps does things in order and undoes in reverse what was done.
type steps struct {
	log  logrus.FieldLogger
	done []step
}

// start ends at the first step that fails; what was done before it is then for
// stop to undo.
func (s *steps) start(ctx context.Context, all []step) error {
	for _, st := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		began := time.Now()
		if err := st.do(ctx); err != nil {
			// Not to the log: it is another Deacon's when that one has the lock.
			return err
		}
		s.log.WithField("step", st.name).WithField("took", time.Since(began).String()).Debug("started")
		s.done = append(s.done, st)
	}
	return nil
}

// stop undoes what start did. A step that does not end when ctx does is left
// behind, so that the others have their turn; all errors are returned.
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
			// Whatever is left, locks and files go with the process.
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

// lastChance is what a step still has when the time for all is over.
const lastChance = 100 * time.Millisecond
