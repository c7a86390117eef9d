package guard

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"

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
	// mode is set. A group that Admit let through stays: the socket is not for it.
	info, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(filepath.Dir(path), 0o700|info.Mode()&0o010); err != nil {
		return nil, err
	}
	return socket.Listen(path)
}

// ListenGroup is ListenUnix for the owner and the processes of a group, which Admit let
// into the directory.
func ListenGroup(path string, group int) (*socket.Listener, error) {
	if err := CheckSocket(path); err != nil {
		return nil, err
	}
	return socket.ListenGroup(path, group)
}

// NoGroup is the group of what is for the owner alone.
const NoGroup = -1

// Admit lets the processes of a group through directories, which it names from the outer
// to the inner one, without letting them list or read anything there (0710). With NoGroup
// it closes those that another call opened. It changes no other directory: one that anybody
// may pass stays as it is.
func Admit(group int, dirs ...string) error {
	for _, path := range dirs {
		if err := admit(group, path); err != nil {
			return town.Fail("let a group through "+path, "be a member of that group, as id shows, or name another: gt config deacon.group", "%w", err)
		}
	}
	return nil
}

func admit(group int, path string) error {
	dir, err := os.Open(path) // what it leads to now is what changes
	if err != nil {
		return err
	}
	defer dir.Close()
	info, err := dir.Stat()
	if err != nil {
		return err
	}
	sys, ok := info.Sys().(*syscall.Stat_t)
	switch mode := info.Mode().Perm(); {
	case !ok || !info.IsDir():
		return errors.New("it is not a directory")
	case mode&0o001 != 0: // anybody may pass
		return nil
	case group == NoGroup && mode&0o070 == 0o010:
		return dir.Chmod(mode &^ 0o070)
	case group == NoGroup || mode&0o070 == 0o010 && int(sys.Gid) == group:
		return nil
	}
	if err := dir.Chown(-1, group); err != nil {
		return err
	}
	return dir.Chmod(info.Mode().Perm()&^0o067 | 0o010)
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
