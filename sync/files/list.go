package files

import (
	"context"
	"encoding/binary"
	"strings"

	"golang.org/x/sys/unix"
)

// defaultListBytes is how many bytes of a directory one system call reads.
const defaultListBytes = 64 << 10

// nameBatch is what one getdents64 returned. Its entries have the same form on every
// architecture: inode u64, offset u64, length u16, type u8, name ended by NUL.
type nameBatch string

// list passes on the raw listing of a directory, batch by batch.
func list(ctx context.Context, dir int, to func(nameBatch) error) error {
	// A new descriptor starts at the beginning of the directory.
	fd, err := openat(dir, ".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
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
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := to(nameBatch(buf[:n])); err != nil {
			return err
		}
	}
}

// list sends the raw listing of the directory to a channel.
func (d *dir) list(ctx context.Context, to chan<- nameBatch) error {
	return list(ctx, d.fd, func(b nameBatch) error {
		select {
		case to <- b:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
}

// eachName calls f with every name in a directory until f fails. f may remove the
// name.
func eachName(ctx context.Context, dir int, f func(string) error) error {
	return list(ctx, dir, func(b nameBatch) error {
		for name := range b.names {
			if err := f(name); err != nil {
				return err
			}
		}
		return nil
	})
}

// names yields the names of a batch, except "." and "..".
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
