package instance

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Place is where a directory is.
type Place struct {
	// Machine identifies the machine; Host is its name, for people.
	Machine string `json:"machine"`
	Host    string `json:"host"`
	// Root is the absolute path, without symbolic links.
	Root string `json:"root"`
	// Device and Inode identify the directory on the machine, with Born, when it was
	// made, in nanoseconds since 1970; 0 where the file system does not tell.
	Device uint64 `json:"device"`
	Inode  uint64 `json:"inode"`
	Born   int64  `json:"born,omitempty"`
}

// String names the place for people.
func (p Place) String() string { return p.Root + " on " + p.Host }

// sameDirectory reports whether two places on one machine are the same directory,
// maybe under two paths. The number of a device may change when the machine starts,
// so the time of birth counts more.
func (p Place) sameDirectory(o Place) bool {
	if p.Born != 0 && o.Born != 0 {
		return p.Inode == o.Inode && p.Born == o.Born
	}
	return p.Inode == o.Inode && p.Device == o.Device
}

// find returns the place of a directory.
func find(root, machine, host string) (Place, error) {
	real, err := filepath.EvalSymlinks(root)
	if err != nil {
		return Place{}, err
	}
	var st unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, real, 0, unix.STATX_INO|unix.STATX_BTIME, &st); err != nil {
		return Place{}, &os.PathError{Op: "statx", Path: real, Err: err}
	}
	p := Place{Machine: machine, Host: host, Root: real, Device: unix.Mkdev(st.Dev_major, st.Dev_minor), Inode: st.Ino}
	if st.Mask&unix.STATX_BTIME != 0 {
		p.Born = st.Btime.Sec*1e9 + int64(st.Btime.Nsec)
	}
	return p, nil
}

// machineIDs are the files that may identify the machine. They differ between
// machines and stay the same when a machine starts again.
var machineIDs = []string{"/etc/machine-id", "/var/lib/dbus/machine-id"}

// Machine identifies this machine: by a hash of its id, which must not be told to
// others as it is, or by its name where it has none.
func Machine() (id, host string, err error) {
	host, err = os.Hostname()
	for _, path := range machineIDs {
		data, err := os.ReadFile(path)
		if text := strings.TrimSpace(string(data)); err == nil && text != "" && text != "uninitialized" {
			return hashed(text), host, nil
		}
	}
	if err != nil || host == "" {
		return "", "", fmt.Errorf("tell which machine this is: there is no %s, and the machine has no name", machineIDs[0])
	}
	return hashed("host " + host), host, nil
}

func hashed(id string) string {
	sum := sha256.Sum256([]byte("gastown instance " + id))
	return hex.EncodeToString(sum[:16])
}
