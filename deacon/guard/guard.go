// Package guard protects a handler from everything that arrives at its listener.
// Input is treated as hostile until it is checked.
//
// It limits connections, sizes of headers and bodies, and the time a peer may take.
// It accepts only the Town's owner on a unix socket, contains a handler that
// panics, and counts refusals by a reason from a fixed list. It logs the reason now
// and then, and never what the peer sent.
package guard

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/time/rate"

	"gastown/town/socket"
)

// Defaults for values that Options leave out.
const (
	defaultConns  = 256
	defaultBody   = 64 << 10
	defaultHeader = 8 << 10
	// defaultRead is how long a peer may take to send a request, defaultIdle how long
	// it may stay connected without one.
	defaultRead = 5 * time.Second
	defaultIdle = 60 * time.Second
	// defaultWrite is how long a peer may take to read an answer.
	defaultWrite = 10 * time.Second
	// logEvery is how often a reason is logged after its first three times.
	logEvery = 10 * time.Second
)

// The reasons for a refusal; there are no others.
const (
	Peer      = "peer"      // another user's process
	Crowded   = "crowded"   // too many connections
	Slow      = "slow"      // took too long to send a request, or to read its answer
	Malformed = "malformed" // not a request, not JSON, or invalid values
	Oversized = "oversized" // a body above the limit
	Unknown   = "unknown"   // no such path or method
	Unsigned  = "unsigned"  // a notification without a valid signature
	Token     = "token"     // a wrong token of the dashboard, or none where one is needed
	Limited   = "limited"   // more requests a second than allowed
)

// Reasons lists all reasons.
func Reasons() []string {
	return []string{Peer, Crowded, Slow, Malformed, Oversized, Unknown, Unsigned, Token, Limited}
}

// Options configure a guard.
type Options struct {
	// Log gets the reasons of refusals.
	Log logrus.FieldLogger
	// Refused is called for each refusal and must not block.
	Refused func(reason string)
	// Owner accepts only processes of this user and of root. The listener must be a
	// unix socket.
	Owner bool
	// Conns, Body and Read replace the defaults above.
	Conns int
	Body  int64
	Read  time.Duration
	// Write also replaces a default. It bounds the time from a request's headers to
	// the end of its answer. With Owner requests may take long, so it bounds each
	// written piece of the answer instead.
	Write time.Duration
}

// Server serves a handler behind a guard.
type Server struct {
	opts   Options
	http   *http.Server
	cancel context.CancelFunc
	served sync.WaitGroup
	failed chan error

	mu     sync.Mutex
	logged map[string]*rate.Sometimes
}

// Serve serves h on l and closes l at the end.
func Serve(l net.Listener, h http.Handler, o Options) *Server {
	if o.Conns == 0 {
		o.Conns = defaultConns
	}
	if o.Body == 0 {
		o.Body = defaultBody
	}
	if o.Read == 0 {
		o.Read = defaultRead
	}
	if o.Write == 0 {
		o.Write = defaultWrite
	}
	whole := o.Write
	if o.Owner {
		whole = 0 // see conn.Write
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{opts: o, cancel: cancel, failed: make(chan error, 1), logged: map[string]*rate.Sometimes{}}
	s.http = &http.Server{
		Handler: s.handler(h), MaxHeaderBytes: defaultHeader,
		ReadTimeout: o.Read, ReadHeaderTimeout: o.Read, IdleTimeout: defaultIdle, WriteTimeout: whole,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, c)
		},
		ConnState: state,
		// Its messages may quote what the peer sent.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	room := socket.NewRoom(o.Conns, func() { s.refuse(Crowded) })
	s.served.Go(func() {
		err := s.http.Serve(&listener{Listener: l, server: s, room: room})
		if !errors.Is(err, http.ErrServerClosed) {
			s.failed <- err
		}
	})
	return s
}

// Failed delivers the error when the listener fails for good.
func (s *Server) Failed() <-chan error { return s.failed }

// Close cancels the requests under way, waits for their answers until ctx ends, and
// then closes the remaining connections.
func (s *Server) Close(ctx context.Context) error {
	s.cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	s.served.Wait()
	return err
}

// refuse counts a refused request, and logs some of them.
func (s *Server) refuse(reason string) {
	if s.opts.Refused != nil {
		s.opts.Refused(reason)
	}
	s.mu.Lock()
	some := s.logged[reason]
	if some == nil {
		some = &rate.Sometimes{First: 3, Interval: logEvery}
		s.logged[reason] = some
	}
	s.mu.Unlock()
	some.Do(func() {
		if s.opts.Log != nil {
			s.opts.Log.WithField("reason", reason).Warn("a request was refused")
		}
	})
}
