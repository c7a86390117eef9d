package federate

import (
	"errors"
	"os"
	"path/filepath"

	"gastown/town/durable"
	"gastown/town/layout"
)

// aside is where the Town's store is while it is replaced on a file system that
// cannot exchange directories.
func (e *Engine) aside() string { return e.opts.Layout.Data(layout.Federation) + ".former" }

// swap exchanges a store with the Town's current one, whose lock is held. It takes
// three steps where the file system cannot do it in one. Stores names both stores
// meanwhile, and putBack undoes the first step after an interruption.
func (e *Engine) swap(dir, current string) error {
	err := e.exchange(dir, current)
	if !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	if err := os.Rename(current, e.aside()); err != nil {
		return err
	}
	if err := os.Rename(dir, current); err != nil {
		return errors.Join(err, os.Rename(e.aside(), current))
	}
	return os.Rename(e.aside(), dir)
}

// putBack undoes the first step of swap after an interruption. It needs no lock:
// neither it nor the second step of swap replaces a directory that is not empty, so
// of two processes one fails and changes nothing.
func (e *Engine) putBack() bool {
	current := e.opts.Layout.Data(layout.Federation)
	return durable.Rename(e.aside(), current) == nil
}

// copyMark is a file that exists while the directory for a join holds a copy of the
// remote's store, and so does not hold the Town's former one.
func (e *Engine) copyMark(remote string) string {
	return filepath.Join(e.opts.Layout.Remote(remote), "adopt", "copy")
}

// beginCopy makes room for a copy of the remote's store in dir. What an
// interrupted join left there is retired if it may be the Town's former store.
func (e *Engine) beginCopy(remote, dir string) error {
	mark := e.copyMark(remote)
	_, err := os.Lstat(mark)
	switch {
	case err == nil:
		err = os.RemoveAll(dir)
	case errors.Is(err, os.ErrNotExist):
		_, err = e.retire(dir)
	}
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(mark), 0o700); err != nil {
		return err
	}
	return errors.Join(os.WriteFile(mark, nil, 0o600), durable.SyncDir(filepath.Dir(mark)))
}

// endCopy removes the mark, if there is one.
func (e *Engine) endCopy(remote string) error {
	if err := os.Remove(e.copyMark(remote)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
