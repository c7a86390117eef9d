package front

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"gastown/deacon/invocation"
)

// files are what this front opened for its command in another user's Deacon.
type files struct {
	all []*os.File
	// target is what the command replaces; "" for nothing. Until then its text is in the
	// file temp.
	target, temp string
}

// openFiles opens the files that a Deacon asks for, with the rights of this process and in
// its directory. It opens none that the arguments do not name, and only regular ones: a FIFO
// would keep the Deacon waiting, and a device does what it likes.
func openFiles(args []string, umask int, wanted []invocation.File) (_ *files, err error) {
	out := &files{}
	defer func() {
		if err != nil {
			out.close()
		}
	}()
	for _, w := range wanted {
		switch {
		case !w.Named(args):
			return nil, fmt.Errorf("the Deacon asks for %q, which no argument names", w.Path)
		case w.Write && out.target != "":
			return nil, errors.New("the Deacon asks to write two files")
		case w.Write:
			err = out.create(w.Path, umask)
		default:
			err = out.read(w.Path)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// read opens a file without waiting for a writer of a FIFO.
func (f *files) read(path string) error {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	f.all = append(f.all, file)
	info, err := file.Stat()
	if err != nil {
		return err
	}
	return regular("open", path, info)
}

// create makes the file that later replaces the one at path. A new file has the permissions
// 0666 less the umask; an existing one keeps its own.
func (f *files) create(path string, umask int) error {
	perm := fs.FileMode(0o666 &^ umask)
	switch info, err := os.Stat(path); {
	case err == nil:
		if err := regular("write", path, info); err != nil {
			return err
		}
		perm = info.Mode().Perm()
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"*")
	if err != nil {
		return err
	}
	f.all, f.target, f.temp = append(f.all, file), path, file.Name()
	return file.Chmod(perm)
}

func regular(op, path string, info fs.FileInfo) error {
	if info.Mode().IsRegular() {
		return nil
	}
	return &fs.PathError{Op: op, Path: path, Err: fmt.Errorf("it is not a regular file (mode %s)", info.Mode())}
}

// descriptors are those to pass, in the order in which they were asked for.
func (f *files) descriptors() []int {
	fds := make([]int, len(f.all))
	for i, file := range f.all {
		fds[i] = int(file.Fd())
	}
	return fds
}

// finish gives what was written its name, so that it survives a loss of power.
func (f *files) finish() error {
	if f.target == "" {
		return nil
	}
	for _, file := range f.all {
		if file.Name() == f.temp {
			if err := file.Sync(); err != nil {
				return err
			}
		}
	}
	if err := os.Rename(f.temp, f.target); err != nil {
		return err
	}
	f.temp = ""
	dir, err := os.Open(filepath.Dir(f.target))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// close closes the files, and removes one that was not finished.
func (f *files) close() {
	for _, file := range f.all {
		_ = file.Close()
	}
	if f.temp != "" {
		_ = os.Remove(f.temp)
	}
}
