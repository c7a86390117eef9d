package guard

import (
	"fmt"
	"net"
	"os"
	"path/filepath"

	"gastown/town"
)

// maxSocketPath is the longest path the kernel takes for a unix socket, in bytes.
const maxSocketPath = 107

// ListenUnix listens on a unix socket that only its owner can use, in a directory
// that it closes to others. The caller must hold a lock that excludes other
// listeners: an existing socket at path is then the leftover of a killed process
// and is replaced. Any other file at path is an error.
func ListenUnix(path string) (*net.UnixListener, error) {
	if err := CheckSocket(path); err != nil {
		return nil, err
	}
	if info, err := os.Lstat(path); err == nil {
		if info.Mode().Type() != os.ModeSocket {
			return nil, town.Fail("listen on "+path, "move it aside", "%w: it exists and is not a socket", town.ErrRefused)
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	// The directory is closed to others, so no one can connect before the mode is
	// set.
	if err := os.Chmod(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = l.Close()
		return nil, err
	}
	return l, nil
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
