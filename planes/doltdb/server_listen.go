package doltdb

import (
	"errors"
	"net"
	"sync"
	"time"
)

// acceptPause is how long a listener rests that cannot accept for the moment,
// for instance because the process has too many files open.
const acceptPause = 50 * time.Millisecond

// listeners are several that look like one.
type listeners struct {
	all    []net.Listener
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
	wg     sync.WaitGroup
}

func newListeners(all ...net.Listener) *listeners {
	l := &listeners{all: all, conns: make(chan net.Conn), closed: make(chan struct{})}
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
			select {
			case l.conns <- conn:
			case <-l.closed:
				_ = conn.Close()
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

// Close closes all and waits for what they started.
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
