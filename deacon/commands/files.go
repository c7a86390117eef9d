package commands

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"gastown/deacon/invocation"
)

// Files are what the front of another user opened for its command. Before Command.Run there
// are none. Every descriptor is one of a regular file.
type Files struct {
	opened map[invocation.File]*os.File
	// written says that the command wrote its file to the end.
	written atomic.Bool
}

// Open returns a file that the front opened under this path for reading, from its beginning;
// ok is false when it opened none. Close does nothing: the connection owns the descriptor.
func (f *Files) Open(path string) (_ io.ReadCloser, ok bool) {
	file, ok := f.opened[invocation.File{Path: path}]
	if !ok {
		return nil, false
	}
	// Two flags may name one file, so none may move the offset.
	return io.NopCloser(io.NewSectionReader(file, 0, 1<<62)), true
}

// WriteFile writes the file that the front opened under this path. The front gives it its
// name if write succeeds. ok is false when it opened none.
func (f *Files) WriteFile(path string, write func(io.Writer) error) (ok bool, err error) {
	file, ok := f.opened[invocation.File{Path: path, Write: true}]
	if !ok {
		return false, nil
	}
	if err := write(file); err != nil {
		return true, err
	}
	f.written.Store(true)
	return true, nil
}

// open takes the descriptors that came, in the order in which the answer named them.
func (f *Files) open(names []invocation.File, files []*os.File) {
	f.opened = map[invocation.File]*os.File{}
	for i, name := range names {
		f.opened[name] = files[i]
	}
}

// errNotRegular refuses a descriptor that could keep the Deacon waiting, or do something when
// it is read or written.
var errNotRegular = errors.New("it is not a regular file")

// regular reports what is wrong with a descriptor that another user passed as a file.
func regular(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w (mode %s)", errNotRegular, info.Mode())
	}
	return ordinary(f)
}

// ordinary refuses files of special file systems.
func ordinary(f *os.File) error {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil {
		return err
	}
	for _, kind := range special {
		if int64(st.Type) == kind {
			return errors.New("it is on a file system of the kernel's")
		}
	}
	return nil
}
