// Package s3server provides a server with the API of Amazon S3 for tests: versitygw, which
// stores objects as files. It builds the program once from Go's module proxy, in a pinned
// version. Clients reach a server through a relay that can lose connections.
package s3server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/gofrs/flock"
)

const (
	program = "github.com/versity/versitygw/cmd/versitygw"
	version = "v1.8.0"

	// poll is the pause between two looks while another process builds.
	poll = 200 * time.Millisecond
)

// Build returns the path of the program below os.UserCacheDir, and builds it if it is
// missing: that takes about a minute of one core. Processes that call Build at the same time
// share one build.
func Build(ctx context.Context) (path string, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("build versitygw: %w", err)
		}
	}()
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "gastown", "s3server", version+"-"+runtime.Version())
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	lock := flock.New(filepath.Join(dir, "lock"))
	if _, err := lock.TryLockContext(ctx, poll); err != nil {
		return "", fmt.Errorf("wait for another build: %w", err)
	}
	defer lock.Close() // releases the lock; nothing was written
	path = filepath.Join(dir, "versitygw")
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
		return path, nil
	}
	work := filepath.Join(dir, "unfinished")
	if err := os.RemoveAll(work); err != nil {
		return "", err
	}
	// A version after @ is built by its own go.mod, wherever this runs.
	cmd := exec.CommandContext(ctx, "go", "install", program+"@"+version)
	cmd.Env = append(os.Environ(), "GOBIN="+work, "GOFLAGS=-trimpath -buildvcs=false -ldflags=-s", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, errors.Join(os.Rename(filepath.Join(work, "versitygw"), path), os.RemoveAll(work))
}
