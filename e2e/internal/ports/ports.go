// Package ports finds ports for servers that must be told theirs before they listen.
package ports

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Hold finds a free port of 127.0.0.1 and keeps the system from giving it to anybody else
// until release. A server that is told the port can listen on it meanwhile, again and again,
// if it sets SO_REUSEADDR, as nearly all do.
func Hold() (port int, release func(), err error) {
	// The socket is bound and never listens.
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, nil, fmt.Errorf("hold a port: %w", err)
	}
	release = func() { _ = unix.Close(s) }
	if err = unix.SetsockoptInt(s, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err == nil {
		err = unix.Bind(s, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	}
	var bound unix.Sockaddr
	if err == nil {
		bound, err = unix.Getsockname(s)
	}
	if err != nil {
		release()
		return 0, nil, fmt.Errorf("hold a port: %w", err)
	}
	return bound.(*unix.SockaddrInet4).Port, release, nil
}
