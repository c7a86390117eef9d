// Package socket listens on unix sockets whose files can be put back.
//
// A socket is reached by its file, and a listener does not notice when that file is
// gone: a cleaner of old files removes sockets, too. Renew looks whether the file is
// still the listener's own, and otherwise binds the path again. Connections that
// were accepted go on.
//
// Room bounds the connections of a listener, so that silent ones hold nobody up.
package socket

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync"

	"gastown/town"
)

// Listener listens on a unix socket. Its methods may be called from any goroutine.
type Listener struct {
	path string
	// group may connect too; none for the owner alone.
	group int

	mu     sync.Mutex
	bound  *net.UnixListener
	file   fs.FileInfo // of the socket that was bound
	closed bool
}

// none is the group of a socket that only its owner may connect to.
const none = -1

// ListenGroup is Listen for the owner and the processes of a group, by its id (0660).
// Nobody but the owner may write in the directory, so nobody can put another file in the
// socket's place before its mode is set.
func ListenGroup(path string, group int) (*Listener, error) {
	l := &Listener{path: path, group: group}
	if err := l.bind(); err != nil {
		return nil, err
	}
	return l, nil
}

// Listen binds a path, for its owner only (0600). The caller must hold a lock that
// excludes other listeners: an existing socket was left by a process that has ended
// and is replaced. Any other file at path is an error (town.ErrRefused).
func Listen(path string) (*Listener, error) { return ListenGroup(path, none) }

// bind listens on the path. The caller holds mu, or has l to itself.
func (l *Listener) bind() error {
	if info, err := os.Lstat(l.path); err == nil {
		if info.Mode().Type() != os.ModeSocket {
			return town.Fail("listen on "+l.path, "move it aside", "%w: it exists and is not a socket", town.ErrRefused)
		}
		if err := os.Remove(l.path); err != nil {
			return err
		}
	}
	bound, err := net.ListenUnix("unix", &net.UnixAddr{Name: l.path, Net: "unix"})
	if err != nil {
		return fmt.Errorf("listen on %s: %w", l.path, err)
	}
	// Only Close removes the file, and only while it is this listener's.
	bound.SetUnlinkOnClose(false)
	mode := os.FileMode(0o600)
	if l.group != none {
		mode = 0o660
		err = os.Lchown(l.path, -1, l.group)
	}
	if err == nil {
		err = os.Chmod(l.path, mode)
	}
	var file fs.FileInfo
	if err == nil {
		file, err = os.Lstat(l.path)
	}
	if err != nil {
		return errors.Join(err, bound.Close())
	}
	l.bound, l.file = bound, file
	return nil
}

// Renew binds the path again if its file is missing or is another one, and reports
// whether it did. The caller still holds the lock of Listen.
func (l *Listener) Renew() (renewed bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.own() {
		return false, nil
	}
	former := l.bound
	if err := l.bind(); err != nil {
		return false, err
	}
	return true, former.Close() // which makes Accept use the new one
}

// own reports whether the file at the path is the socket that was bound.
func (l *Listener) own() bool {
	info, err := os.Lstat(l.path)
	return err == nil && os.SameFile(info, l.file)
}

// AcceptUnix returns the next connection. After Close it fails with net.ErrClosed.
func (l *Listener) AcceptUnix() (*net.UnixConn, error) {
	for {
		l.mu.Lock()
		bound := l.bound
		l.mu.Unlock()
		c, err := bound.AcceptUnix()
		if err == nil || !l.replaced(bound) {
			return c, err
		}
	}
}

// replaced reports whether Renew bound the path again after that listener.
func (l *Listener) replaced(bound *net.UnixListener) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.closed && l.bound != bound
}

// Accept is AcceptUnix, for net.Listener.
func (l *Listener) Accept() (net.Conn, error) {
	c, err := l.AcceptUnix()
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Close stops listening, and removes the file if it is still the listener's own.
func (l *Listener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	var err error
	if l.own() {
		err = os.Remove(l.path)
	}
	return errors.Join(err, l.bound.Close())
}

// Addr is the address of the path.
func (l *Listener) Addr() net.Addr { return &net.UnixAddr{Name: l.path, Net: "unix"} }
