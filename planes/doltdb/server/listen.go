package server

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"gastown/planes/doltdb/internal/wire"
	"gastown/town"
	"gastown/town/socket"
)

// acceptPause is how long a listener pauses that cannot accept at the moment,
// for instance because the process has too many files open.
const acceptPause = 50 * time.Millisecond

// listen binds all addresses.
func (o Options) listen(r *running) (_ *listeners, err error) {
	if r.socket, err = listenSocket(o.Socket); err != nil {
		return nil, err
	}
	if o.Listen == "" {
		return o.listeners(r.socket), nil
	}
	r.tcp, err = net.Listen("tcp", o.Listen)
	if err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			err = town.Fail("serve the databases", "end the program that has it, or set dolt.listen to another port",
				"%w: another program listens on %s", town.ErrBusy, o.Listen)
		}
		return nil, errors.Join(err, r.socket.Close())
	}
	return o.listeners(r.socket, o.lobby(r.tcp)), nil
}

// listenSocket binds the unix socket. The caller holds the databases' locks, so
// a socket on which nobody answers was left by a process that has ended.
func listenSocket(path string) (*socket.Listener, error) {
	if err := privateDir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	if conn, err := net.DialTimeout("unix", path, wire.DialTimeout); err == nil {
		_ = conn.Close()
		return nil, town.Fail("serve the databases", "end the process that answers there",
			"%w: %s is in use by another process", town.ErrBusy, path)
	}
	l, err := socket.Listen(path)
	if err != nil {
		return nil, fmt.Errorf("serve the databases: %w", err)
	}
	return l, nil
}

// privateDir makes the socket's directory, or checks that it is closed to others. A group
// may pass it, for another socket there, since this one has the mode 0600. The
// directory above it must exist: a Town that was moved is not made anew.
func privateDir(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if perm := info.Mode().Perm(); perm&0o067 != 0 {
		return town.Fail("serve the databases", "close it to others: chmod 700 "+dir,
			"%w: %s, where the socket would be, has mode %04o", town.ErrRefused, dir, perm)
	}
	return nil
}

// listeners are several listeners that look like one. They share the places for
// clients.
type listeners struct {
	room   *socket.Room
	all    []net.Listener
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
	wg     sync.WaitGroup
}

func (o Options) listeners(all ...net.Listener) *listeners {
	room := socket.NewRoom(o.MaxConnections, func() { o.Refused(RefusedCrowded) })
	l := &listeners{room: room, all: all, conns: make(chan net.Conn), closed: make(chan struct{})}
	for _, one := range all {
		l.wg.Go(func() { l.accept(one) })
	}
	return l
}

func (l *listeners) accept(from net.Listener) {
	for {
		conn, err := from.Accept()
		switch {
		case err == nil:
			seat := l.room.Enter(conn)
			if seat == nil {
				continue
			}
			visitor := &visitor{Conn: conn, seat: seat}
			select {
			case l.conns <- visitor:
			case <-l.closed:
				_ = visitor.Close()
				return
			}
		case errors.Is(err, net.ErrClosed):
			return
		default:
			select {
			case <-time.After(acceptPause):
			case <-l.closed:
				return
			}
		}
	}
}

// Accept returns the next connection of any of them.
func (l *listeners) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close closes all of them and waits for their goroutines.
func (l *listeners) Close() (err error) {
	l.once.Do(func() {
		close(l.closed)
		for _, one := range l.all {
			err = errors.Join(err, one.Close())
		}
		l.wg.Wait()
	})
	return err
}

// Addr is the first one's.
func (l *listeners) Addr() net.Addr { return l.all[0].Addr() }
