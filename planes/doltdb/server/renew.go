package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"gastown/planes/doltdb/internal/engine"
	"gastown/town/lockfile"
)

// Renew looks whether the server can still be reached and still owns the databases.
// It puts back the socket, and lock files that somebody removed. It fails with
// lockfile.ErrReplaced when a lock or a database's directory is another one: then
// the server has open what is not at its path any more, and must not be closed in
// order, because the engine would write by that path. While the server is lent,
// starts or stops, Renew does nothing.
func (s *Server) Renew(context.Context) error {
	if !s.mu.TryLock() {
		return nil
	}
	defer s.mu.Unlock()
	if s.run == nil {
		return nil
	}
	now, err := s.opts.directories()
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", lockfile.ErrReplaced, err)
	}
	if err != nil {
		return err
	}
	for i, info := range now {
		if !os.SameFile(info, s.dirs[i]) {
			return fmt.Errorf("the directory of a database, %s: %w", info.Name(), lockfile.ErrReplaced)
		}
	}
	for _, l := range s.locks {
		if err := l.Intact(); errors.Is(err, fs.ErrNotExist) {
			err = l.Retake()
			if err != nil {
				return err
			}
		} else if err != nil {
			return err
		}
	}
	_, err = s.run.socket.Renew()
	return err
}

// directories are those that hold the databases, and their files.
func (o Options) directories() (all []fs.FileInfo, err error) {
	for _, plane := range o.Planes {
		for _, dir := range []string{filepath.Join(o.Dir, plane), filepath.Join(o.Dir, plane, engine.StoreDir)} {
			info, err := os.Stat(dir)
			if err != nil {
				return nil, err
			}
			all = append(all, info)
		}
	}
	return all, nil
}
