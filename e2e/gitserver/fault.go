package gitserver

import "time"

// Fault is one way to misbehave.
type Fault int

const (
	// None: behave.
	None Fault = iota
	// DropBefore receives a push, or at least its beginning, and cuts the
	// connection without applying any of it.
	DropBefore
	// DropAnswer applies a push and cuts the connection instead of reporting.
	DropAnswer
	// BlackHole accepts new connections and never says a word on them. Another
	// fault, None or Close cuts the connections so held.
	BlackHole
	// RefuseAuth lets nobody in, whatever key, password or token they show.
	RefuseAuth
	// ReadOnly serves fetches and refuses pushes before any data is sent, as a
	// host does for a key or user without write access.
	ReadOnly
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
	}
	return "unknown fault"
}

// Set switches to a fault until the next Set or Once.
func (s *Server) Set(f Fault) { s.set(f, false) }

// Once switches to a fault that strikes one connection, request or push, and
// then behaves again.
func (s *Server) Once(f Fault) { s.set(f, true) }

func (s *Server) set(f Fault, once bool) {
	s.mu.Lock()
	s.fault, s.once = f, once
	s.mu.Unlock()
	if f != BlackHole {
		s.line.releaseHeld()
	}
}

// take reports whether f strikes now, and uses it up when it was set by Once.
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

// BeforePush calls f each time a client's push has begun to arrive and before
// git sees any of it: the place to let another client win the race. It is
// called on the server's goroutine; nil calls nothing.
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

// Throttle limits every connection to so many bytes a second in each
// direction. Zero is no limit.
func (s *Server) Throttle(bytesPerSecond int64) { s.rate.Store(bytesPerSecond) }

// CutAfter cuts every connection accepted from now on once the server has sent
// this many bytes on it, wherever that falls. Zero cuts none.
func (s *Server) CutAfter(bytes int64) { s.cut.Store(bytes) }
