package vault

import (
	"context"
	"errors"
	"time"
)

// Run tends the source until ctx ends. changed is called when secrets are other ones than
// before, but not for those of the first reading.
func (s *Source) Run(ctx context.Context, changed func()) {
	for {
		first := !s.attempted()
		different, next := s.Tend(ctx)
		if different && !first && ctx.Err() == nil {
			changed()
		}
		timer := time.NewTimer(max(next.Sub(s.opts.Now()), 10*time.Millisecond))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

func (s *Source) attempted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.began
}

// Tend does what is due: it reads, renews the token and the leases, or tries again after
// a failure. next is when to call it again.
func (s *Source) Tend(ctx context.Context) (changed bool, next time.Time) {
	if err := s.take(ctx); err != nil {
		return false, s.opts.Now().Add(firstPause)
	}
	defer s.give()
	now := s.opts.Now()
	if s.reads(now) {
		changed, _ = s.refresh(ctx) // State has the error
	}
	if s.answers() {
		changed = s.renew(ctx, now) || changed
	}
	s.mu.Lock()
	if s.problem == nil {
		s.failures = 0
	}
	s.mu.Unlock()
	return changed, s.next()
}

// answers reports that Vault served the last request for the Town's secrets. Some
// credentials may be missing all the same.
func (s *Source) answers() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answering
}

// reads reports whether everything is to be read.
func (s *Source) reads(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.problem != nil {
		return !now.Before(s.attempt.Add(pause(s.failures)))
	}
	return s.at.IsZero() || !now.Before(s.at.Add(s.opts.Every))
}

// pause is the time until the next attempt.
func pause(failures int) time.Duration {
	d := firstPause
	for n := 1; n < failures && d < lastPause; n++ {
		d *= 2
	}
	return min(d, lastPause)
}

// renew renews what is due. What cannot be renewed is replaced: the token by a login,
// credentials by new ones.
func (s *Source) renew(ctx context.Context, now time.Time) (changed bool) {
	if due := s.token.due(); !due.IsZero() && !now.Before(due) {
		again, err := s.renewToken(ctx, now)
		if err != nil {
			return s.undone(ctx, err)
		}
		if again {
			changed, _ = s.refresh(ctx)
			return changed
		}
	}
	for i := range s.leases {
		l := &s.leases[i]
		if due := l.due(); due.IsZero() || now.Before(due) {
			continue
		}
		replaced, err := s.renewLease(ctx, l, now)
		changed = changed || replaced
		if err != nil {
			return s.undone(ctx, err) || changed
		}
	}
	return changed
}

// undone notes that something could not be renewed. If Vault refuses, everything is read
// again with another login, which tells whether anything is left.
func (s *Source) undone(ctx context.Context, err error) (changed bool) {
	if ctx.Err() != nil {
		return false
	}
	if errors.Is(err, ErrDenied) {
		s.forgetToken()
		changed, _ = s.refresh(ctx)
		return changed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed(err)
	s.answering = false
	return false
}

// renewToken renews the token. again reports that there is another one instead, for which
// everything is to be read again.
func (s *Source) renewToken(ctx context.Context, now time.Time) (again bool, err error) {
	if s.token.renewable {
		answer, err := s.client.Auth().Token().RenewSelfWithContext(ctx, 0)
		if err != nil {
			return false, s.fail("renew the token", err)
		}
		if answer != nil && answer.Auth != nil && !s.token.lasts(answer, now) {
			return false, nil
		}
	}
	if s.token.again {
		return true, s.enter(ctx)
	}
	// A person has to give another one. State says so.
	s.token.renewable = false
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ends = s.token.expires()
	return false, nil
}

// renewLease renews credentials or reads new ones. replaced reports the latter.
func (s *Source) renewLease(ctx context.Context, l *lease, now time.Time) (replaced bool, err error) {
	if l.renewable {
		answer, err := s.client.Sys().RenewWithContext(ctx, l.id, int(l.ttl/time.Second))
		if err != nil {
			// A lease that is gone is answered with 400: new credentials are asked for.
			if err = s.fail("renew "+l.of.Path, err); !errors.Is(err, errAnswer) {
				return false, err
			}
		} else if answer != nil && !l.lasts(answer, now) {
			s.extend(*l)
			return false, nil
		}
	}
	fresh, fields, err := s.readLeased(ctx, l.of)
	if err != nil {
		return false, err
	}
	*l = fresh
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, v := range fields {
		if old := s.held[name]; old != nil {
			clear(old.text)
		}
		s.held[name] = v
	}
	return true, nil
}

// extend has credentials last as long as their lease.
func (s *Source) extend(l lease) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.held {
		if v.prefix == l.of.Prefix && v.prefix != "" {
			v.expires = l.expires()
		}
	}
}

// next is when something is due.
func (s *Source) next() time.Time {
	s.mu.Lock()
	at := s.at.Add(s.opts.Every)
	if s.problem != nil {
		at = s.attempt.Add(pause(s.failures))
	}
	answering := s.answering
	s.mu.Unlock()
	for _, l := range append([]lease{s.token}, s.leases...) {
		if due := l.due(); answering && !due.IsZero() && due.Before(at) {
			at = due
		}
	}
	return at
}
