package logs

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/fsnotify/fsnotify"

	"gastown/town"
	"gastown/town/durable"
)

// tailBytes bounds how far from the end Tail searches for the last lines.
const tailBytes = 4 << 20

// Tail copies the last lines of the log at path to w. With follow it also copies
// new lines until ctx ends, and continues with the new file after a rotation. It
// waits without polling.
func Tail(ctx context.Context, path string, lines int, follow bool, w io.Writer) (err error) {
	var changes <-chan fsnotify.Event
	if follow {
		// Watch before the first read, so that no line is missed in between.
		watcher, err := fsnotify.NewWatcher()
		if err != nil {
			return fmt.Errorf("watch the log: %w", err)
		}
		defer watcher.Close()
		if err := watcher.Add(filepath.Dir(path)); err != nil {
			return notThere(path, err)
		}
		changes = watcher.Events
	}
	f, err := os.Open(path)
	if err != nil {
		return notThere(path, err)
	}
	defer func() { _ = f.Close() }()
	if err := last(f, lines, w); err != nil || !follow {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case event, open := <-changes:
			if !open {
				return nil
			}
			if event.Name != path {
				continue
			}
		}
		if _, err := io.Copy(w, f); err != nil {
			return err
		}
		if f, err = current(f, path, w); err != nil {
			return err
		}
	}
}

func notThere(path string, err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return town.Fail("read the log", "gt deacon start", "there is none at %s: no Deacon has run in this Town", path)
	}
	return town.Fail("read the log", cmp.Or(durable.Advice(err), "gt doctor says whether the Town is whole"), "%w", err)
}

// last copies the last lines and leaves f at its end.
func last(f *os.File, lines int, w io.Writer) error {
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	from := max(0, end-tailBytes)
	data := make([]byte, end-from)
	if _, err := f.ReadAt(data, from); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	start := len(data)
	if start > 0 && data[start-1] == '\n' {
		start--
	}
	for ; lines > 0 && start >= 0; lines-- {
		start = bytes.LastIndexByte(data[:start], '\n')
	}
	if lines == 0 && start >= 0 {
		start++
	}
	_, err = w.Write(data[max(0, min(start, len(data))):])
	return err
}

// current returns the new file if the log was rotated, otherwise f.
func current(f *os.File, path string, w io.Writer) (*os.File, error) {
	now, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return f, nil // the rotation has renamed the old file and not yet made the new one
	}
	if err != nil {
		return f, err
	}
	if was, err := f.Stat(); err != nil || os.SameFile(was, now) {
		return f, err
	}
	fresh, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return f, err
	}
	_ = f.Close()
	_, err = io.Copy(w, fresh)
	return fresh, err
}
