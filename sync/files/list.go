package files

import (
	"context"
	"encoding/binary"
	"strings"

	"golang.org/x/sys/unix"
)

// defaultListBytes is how much of a directory is asked of the kernel at once.
const defaultListBytes = 64 << 10

// nameBatch is one answer of getdents64, which has the same form on every
// architecture: inode u64, offset u64, length u16, type u8, name ended by NUL.
type nameBatch string

// list sends the directory's raw listing in pieces.
func (d *dir) list(ctx context.Context, to chan<- nameBatch) error {
	// A descriptor of its own begins at the beginning.
	fd, err := openat(d.fd, ".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	buf := make([]byte, defaultListBytes)
	for {
		n := 0
		if err := retryInterrupted(func() (err error) { n, err = unix.Getdents(fd, buf); return err }); err != nil {
			return err
		}
		if n == 0 {
			return nil
		}
		select {
		case to <- nameBatch(buf[:n]):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// names yields the names of a batch but "." and "..".
func (b nameBatch) names(yield func(string) bool) {
	const header = 8 + 8 + 2 + 1
	for len(b) >= header {
		length := int(binary.NativeEndian.Uint16([]byte(b[16:18])))
		if length < header || length > len(b) {
			return
		}
		name := string(b[header:length])
		if end := strings.IndexByte(name, 0); end >= 0 {
			name = name[:end]
		}
		if b = b[length:]; name == "" || name == "." || name == ".." {
			continue
		}
		if !yield(name) {
			return
		}
	}
}
