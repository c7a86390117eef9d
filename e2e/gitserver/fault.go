package gitserver

import "time"

// Fault is one way to misbehave.
type Fault int

const (
	// None serves normally.
	None Fault = iota
	// DropBefore receives a push, or at least its beginning, and cuts the
	// connection without applying any of it.
	DropBefore
	// DropAnswer applies a push and closes the connection without the report.
	DropAnswer
	// BlackHole accepts new connections and never answers on them. Setting another
	// fault, None, or calling Close closes these connections.
	BlackHole
	// RefuseAuth rejects every key, password and token.
	RefuseAuth
	// ReadOnly serves fetches and refuses pushes before any data is sent, as a
	// host does for a key or user without write access.
	ReadOnly
	// Busy serves nobody for now: HTTP requests are answered by turns with 429 and
	// 503, and SSH connections are closed before the first line.
	Busy
)

func (f Fault) String() string {
	switch f {
	case None:
		return "none"
	case DropBefore:
		return "drop before applying"
	case DropAnswer:
		return "lost answer"
	case BlackHole:
		return "black hole"
	case RefuseAuth:
		return "refuse authentication"
	case ReadOnly:
		return "read-only"
	case Busy:
		return "busy"
	}
	return "unknown fault"
}

// Set switches to a fault until the next Set or Once.
func (s *Server) Set(f Fault) { s.set(f, false) }

// Once sets a fault that affects one connection, request or push; afterwards the
// server behaves normally.
func (s *Server) Once(f Fault) { s.set(f, true) }

func (s *Server) set(f Fault, once bool) {
	s.mu.Lock()
	s.fault, s.once = f, once
	s.mu.Unlock()
	if f != BlackHole {
		s.line.releaseHeld()
	}
}

// take reports whether f applies now, and clears it when it was set by Once.
func (s *Server) take(f Fault) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault != f {
		return false
	}
	if s.once {
		s.fault, s.once = None, false
	}
	return true
}

// BeforePush has f called when a client's push has begun to arrive, before git sees
// any of it, so that a test can let another client win the race. f runs on the
// server's goroutine. nil removes it.
func (s *Server) BeforePush(f func()) {
	s.mu.Lock()
	s.beforePush = f
	s.mu.Unlock()
}

func (s *Server) pushBegins() {
	s.mu.Lock()
	f := s.beforePush
	s.mu.Unlock()
	if f != nil {
		f()
	}
}

// Delay makes each new connection wait this long before the server reads or
// says anything on it, as a distant host would. Zero is no delay.
func (s *Server) Delay(d time.Duration) { s.delay.Store(int64(d)) }

// Throttle limits every connection to this many bytes a second in each direction.
// Zero is no limit.
func (s *Server) Throttle(bytesPerSecond int64) { s.rate.Store(bytesPerSecond) }

// CutAfter closes every connection accepted from now on once the server has sent
// this many bytes on it. Zero is no limit.
func (s *Server) CutAfter(bytes int64) { s.cut.Store(bytes) }
