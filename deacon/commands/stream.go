package commands

import (
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// atomicWrite is how much a pipe that poll calls writable takes without
// blocking, in bytes: PIPE_BUF.
const atomicWrite = 4096

// errGone is what a command reads and writes after its front has gone.
var errGone = &os.PathError{Op: "use", Path: "the caller's streams", Err: os.ErrClosed}

// stream is one of the caller's standard streams. The descriptor shares its file
// description with the caller, so it is never made non-blocking. Instead a read
// and a write wait in poll, where an event ends them: a command that was cancelled
// must not take the next line a person types.
type stream struct {
	file *os.File
	fd   int
	// ended ends a wait.
	ended *event
	// held keeps the command from the stream while its front is stopped: what a
	// person types then is for somebody else.
	held *hold
	// broken is shared by output and error: once the reader of standard output
	// has gone, nothing is written to either.
	broken *atomic.Bool
	output bool
	wrote  atomic.Bool
}

// noStream is the descriptor of a stream that was not opened.
const noStream = -1

// open gives the stream its file.
func (s *stream) open(f *os.File) { s.file, s.fd = f, int(f.Fd()) }

// Fd is the descriptor, for questions about a terminal. It implements the
// interface package term asks for.
func (s *stream) Fd() uintptr { return uintptr(s.fd) }

// Read waits until there is something to read.
func (s *stream) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		if err := s.await(unix.POLLIN); err != nil {
			return 0, err
		}
		n, err := unix.Read(s.fd, p)
		switch {
		case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
		case err != nil:
			return 0, os.NewSyscallError("read", err)
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

// Write writes all of p, in pieces that do not block.
func (s *stream) Write(p []byte) (n int, err error) {
	for n < len(p) {
		if s.broken.Load() {
			return n, unix.EPIPE
		}
		if err := s.await(unix.POLLOUT); err != nil {
			return n, err
		}
		did, err := unix.Write(s.fd, p[n:min(len(p), n+atomicWrite)])
		switch {
		case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			if s.output && errors.Is(err, unix.EPIPE) {
				s.broken.Store(true)
			}
			return n, os.NewSyscallError("write", err)
		}
		s.wrote.Store(true)
		n += did
	}
	return n, nil
}

// await waits until the descriptor is ready and not held, or the stream has ended.
func (s *stream) await(events int16) error {
	for {
		if over := s.held.waits(); over != nil {
			select {
			case <-over:
			case <-s.ended.done:
				return errGone
			}
		}
		fds := []unix.PollFd{
			{Fd: int32(s.fd), Events: events}, {Fd: int32(s.ended.fd), Events: unix.POLLIN}, {Fd: int32(s.held.fd), Events: unix.POLLIN},
		}
		_, err := unix.Poll(fds, -1)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return os.NewSyscallError("poll", err)
		case fds[1].Revents != 0:
			return errGone
		case fds[2].Revents != 0: // held now
		case fds[0].Revents != 0:
			return nil
		}
	}
}

// hold keeps a command from streams for a while. Its descriptor is readable then,
// which wakes every poll that waits for it.
type hold struct {
	fd int

	mu     sync.Mutex
	over   chan struct{} // closed at the end of the hold; nil while there is none
	closed bool
}

func newHold() (*hold, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("eventfd", err)
	}
	return &hold{fd: fd}, nil
}

// waits returns what tells the end of the hold; nil if there is none.
func (h *hold) waits() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.over
}

// set begins or ends the hold. After close it does nothing.
func (h *hold) set(held bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var count [8]byte
	switch {
	case h.closed || held == (h.over != nil):
	case held:
		h.over = make(chan struct{})
		_, _ = unix.Write(h.fd, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	default:
		_, _ = unix.Read(h.fd, count[:])
		close(h.over)
		h.over = nil
	}
}

func (h *hold) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	_ = unix.Close(h.fd)
}

// event wakes every poll that waits for it, once and for good.
type event struct {
	fd   int
	done chan struct{} // closed then, for what waits without a poll

	mu          sync.Mutex
	was, closed bool
}

func newEvent() (*event, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("eventfd", err)
	}
	return &event{fd: fd, done: make(chan struct{})}, nil
}

// set wakes them. After close it does nothing: the number may be another file's.
func (e *event) set() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.was || e.closed {
		return
	}
	e.was = true
	close(e.done)
	_, _ = unix.Write(e.fd, []byte{1, 0, 0, 0, 0, 0, 0, 0})
}

func (e *event) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	_ = unix.Close(e.fd)
}
