package stores

import (
	"context"
	"fmt"
	"time"
)

const (
	// lendTime is how long current uses of the stores may continue when a command
	// wants the planes. Uses that have not ended by then fail.
	lendTime = 5 * time.Second
	// firstPause is the pause before another attempt to serve the planes again. It
	// doubles with each failure, up to maxPause.
	firstPause = time.Second
	maxPause   = time.Minute
)

// Lend gives up the planes until release is called. There is one lease at a time;
// the next caller waits for it. If the planes are not served here, Lend does
// nothing.
func (s *Stores) Lend(ctx context.Context) (release func(context.Context) error, err error) {
	select {
	case s.lending <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if s.server == nil {
		return func(context.Context) error { <-s.lending; return nil }, nil
	}
	if err := s.opts.Pause(ctx); err != nil {
		s.served()
		<-s.lending
		return nil, fmt.Errorf("pause what uses the planes: %w", err)
	}
	waiting, cancel := context.WithTimeout(ctx, lendTime)
	defer cancel()
	if err := s.shut(waiting); err != nil {
		s.opts.Log.WithError(err).Warn("the stores were not closed in order")
	}
	back, err := s.server.Lend(ctx)
	if err != nil {
		s.notLent(back)
		return nil, err
	}
	s.opts.Log.Info("the planes are not served for a moment: they are lent")
	return func(ctx context.Context) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(s.life, cancel)()
		return s.takeBack(ctx, back)
	}, nil
}

// reopen gives up the planes and takes them back, so that the engine opens them anew.
func (s *Stores) reopen() {
	defer s.reopening.Store(false)
	s.opts.Log.Warn("the disk was full and has room again; the databases are opened anew")
	release, err := s.Lend(s.life)
	if err == nil {
		err = release(s.life)
	}
	if err != nil && s.life.Err() == nil {
		s.opts.Log.WithError(err).Error("the databases could not be opened anew after the disk was full; trying again")
	}
}

// served ends the period in which no store may be opened.
func (s *Stores) served() {
	s.mu.Lock()
	s.unserved = ""
	s.mu.Unlock()
	s.operational.unblock()
	s.ledger.unblock()
	s.opts.Resume()
}

// notLent cleans up after a failed lend. If the planes are not served either, it
// calls back until they are served again, because nothing else would.
func (s *Stores) notLent(back func(context.Context) error) {
	if back == nil {
		s.served()
		<-s.lending
		return
	}
	s.background.Go(func() { _ = s.takeBack(s.life, back) }) // the log and the status tell about it
}

// takeBack ends a lease: it serves the planes again as soon as the other process
// releases them. Until then the Deacon opens planes as a command does, without a
// server.
func (s *Stores) takeBack(ctx context.Context, back func(context.Context) error) error {
	defer func() { <-s.lending }()
	pause := firstPause
	for reported := ""; ; {
		err := back(ctx)
		switch {
		case ctx.Err() != nil:
			return err // the Deacon stops
		case err == nil:
			s.served()
			s.opts.Log.Info("the planes are served again")
			return nil
		case err.Error() != reported:
			reported = err.Error()
			s.mu.Lock()
			s.unserved = reported
			s.mu.Unlock()
			s.opts.Log.WithError(err).Error("the planes cannot be served again after a lease; trying again")
		}
		select {
		case <-time.After(pause):
			pause = min(2*pause, maxPause)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
