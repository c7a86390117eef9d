package federate

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"gastown/planes/doltdb/tables"
)

// VerifyMirror checks the content of a remote's mirror, chunk by chunk. Damage
// is tables.ErrCorrupt. It contacts nobody, and holds the remote's lock.
func (e *Engine) VerifyMirror(ctx context.Context, r Remote) (err error) {
	s, err := e.lockRemote(ctx, r)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.release()) }()
	dir := e.opts.Layout.Remote(r.Name)
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return tables.VerifyFiles(ctx, filepath.Join(dir, mirrorDir), filepath.Join(dir, "verify"))
}

// mirrorDir is the directory of a remote's mirror, below the remote's.
const mirrorDir = "mirror"

// RemakeMirror rebuilds a remote's mirror from its last verified state, and
// returns where the former mirror is now: beside it, under a name with the time.
// What this Town had not published yet is in its plane; the next push sends it.
func (e *Engine) RemakeMirror(ctx context.Context, r Remote) (former string, err error) {
	s, err := e.lockRemote(ctx, r)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, s.release()) }()
	dir := e.opts.Layout.Remote(r.Name)
	former = filepath.Join(dir, mirrorDir+"-damaged-"+e.opts.Now().UTC().Format(time.RFC3339Nano))
	if err := os.Rename(filepath.Join(dir, mirrorDir), former); err != nil {
		return "", err
	}
	if err := s.load(); err != nil {
		return former, err
	}
	if err := s.openMirror(ctx); err != nil {
		return former, err
	}
	return former, s.mirror.Reset(ctx)
}
