package guard

import (
	"os"
	"path/filepath"

	"gastown/town"
	"gastown/town/socket"
)

// maxSocketPath is the longest path the kernel takes for a unix socket, in bytes.
const maxSocketPath = 107

// ListenUnix listens on a unix socket that only its owner can use, in a directory
// that it closes to others; see socket.Listen.
func ListenUnix(path string) (*socket.Listener, error) {
	if err := CheckSocket(path); err != nil {
		return nil, err
	}
	// The directory is closed to others, so no one can connect before the socket's
	// mode is set.
	if err := os.Chmod(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	return socket.Listen(path)
}

// CheckSocket returns an error for a path that the kernel does not accept for a
// socket.
func CheckSocket(path string) error {
	if len(path) <= maxSocketPath {
		return nil
	}
	return town.Fail("listen on "+path, "move the Town to a directory with a shorter path: gt install there, then gt federation join",
		"%w: the path of a socket has at most %d bytes, this one %d", town.ErrRefused, maxSocketPath, len(path))
}
