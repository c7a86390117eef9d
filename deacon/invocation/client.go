package invocation

import (
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Client is a front's end of a connection. Its methods are for one goroutine,
// except Interrupt and Use.
type Client struct{ fd int }

// connectTime bounds how long Dial waits for a Deacon whose queue is full.
const connectTime = 2 * time.Second

// SilentEnv in the environment of an engine says that its front waited in vain for
// the Deacon.
const SilentEnv = "GT_DEACON_SILENT"

// Dial connects to a command socket. os.ErrNotExist or ECONNREFUSED mean that no
// process listens.
//
// It uses system calls, because package net would double the size of a front.
func Dial(socket string) (*Client, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	limit := unix.NsecToTimeval(connectTime.Nanoseconds())
	err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &limit)
	if err == nil {
		err = retry(func() error { return unix.Connect(fd, &unix.SockaddrUnix{Name: socket}) })
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, &os.PathError{Op: "connect", Path: socket, Err: err}
	}
	return &Client{fd}, nil
}

// Close ends the connection, which cancels a running command.
func (c *Client) Close() error { return unix.Close(c.fd) }

// Owner is the user whose process listens, as the kernel says.
func (c *Client) Owner() (int, error) {
	peer, err := unix.GetsockoptUcred(c.fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return 0, os.NewSyscallError("getsockopt", err)
	}
	return int(peer.Uid), nil
}

// Send sends a request, and waits for the answer for as long as patience allows. It
// fails with os.ErrDeadlineExceeded when none comes: nothing was run then, and
// nothing will be without Go. Answer waits longer.
func (c *Client) Send(r Request, patience time.Duration) (Answer, error) {
	data, err := r.Encode()
	if err != nil {
		return Answer{}, err
	}
	limit := unix.NsecToTimeval(connectTime.Nanoseconds())
	if err := unix.SetsockoptTimeval(c.fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &limit); err != nil {
		return Answer{}, os.NewSyscallError("setsockopt", err)
	}
	if err := c.write(data, nil); err != nil {
		return Answer{}, late(err)
	}
	return c.Answer(patience)
}

// Answer waits for the answer to a request that was sent, like Send.
func (c *Client) Answer(patience time.Duration) (Answer, error) {
	limit := unix.NsecToTimeval(patience.Nanoseconds())
	if err := unix.SetsockoptTimeval(c.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit); err != nil {
		return Answer{}, os.NewSyscallError("setsockopt", err)
	}
	a, err := readAnswer(reader{c.fd})
	return a, late(err)
}

// Go starts the command with these streams, and the files that the answer named, in its
// order. From then on the connection has no deadline. After an error nothing was sent, so
// nothing runs.
func (c *Client) Go(streams [Streams]int, files ...int) error {
	var none unix.Timeval
	if err := unix.SetsockoptTimeval(c.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &none); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	return c.write([]byte{KindGo}, unix.UnixRights(append(streams[:], files...)...))
}

// Interrupt asks the command to stop cleanly. It may be called from another
// goroutine.
func (c *Client) Interrupt() error { return c.write([]byte{KindInterrupt}, nil) }

// Use says which of the streams the command may use from now on: KindPause,
// KindBackground or KindContinue. It may be called from another goroutine.
func (c *Client) Use(kind byte) error { return c.write([]byte{kind}, nil) }

// Wait returns how the command ended. io.EOF or io.ErrUnexpectedEOF means that the
// Deacon ended first, so it is unknown how far the command came.
func (c *Client) Wait() (Ended, error) { return readEnded(reader{c.fd}) }

// write sends all of data. The descriptors in rights go with its first byte.
func (c *Client) write(data, rights []byte) error {
	for len(data) > 0 {
		var n int
		err := retry(func() (err error) {
			n, err = unix.SendmsgN(c.fd, data, rights, nil, unix.MSG_NOSIGNAL)
			return err
		})
		if err != nil {
			return os.NewSyscallError("send", err)
		}
		data, rights = data[n:], nil
	}
	return nil
}

// reader reads a socket without Go's poller.
type reader struct{ fd int }

func (r reader) Read(p []byte) (n int, err error) {
	err = retry(func() (err error) { n, err = unix.Read(r.fd, p); return err })
	if err != nil {
		return 0, os.NewSyscallError("read", err)
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// late turns the end of patience into os.ErrDeadlineExceeded.
func late(err error) error {
	if errors.Is(err, unix.EAGAIN) {
		return os.ErrDeadlineExceeded
	}
	return err
}

// retry repeats a call that a signal interrupted.
func retry(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// Shown are the variables of another user that a command in the Deacon sees: what its
// terminal can show. Any other could name programs and files, which the command would use
// with the rights of the Town's owner.
var Shown = []string{"TERM", "COLORTERM", "NO_COLOR", "COLUMNS", "LINES", "LANG", "LC_ALL", "LC_CTYPE", "LC_TIME", "TZ"}

// Told are the variables that a front of a user tells a Deacon of owner: all of them if that
// is the same user, or if the front is root's, whom a Deacon serves like its owner. Another
// user's Deacon has use for Shown only, and the others may be secrets. Whoever can make a
// directory above the one that a front runs in can also listen there.
func Told(owner, user int, env []string) []string {
	if owner == user || user == 0 {
		return env
	}
	return slices.DeleteFunc(slices.Clone(env), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return !slices.Contains(Shown, name)
	})
}
