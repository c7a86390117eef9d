// Package s3server provides a server with the API of Amazon S3 for tests: versitygw, which
// stores objects as files. It builds the program once from Go's module proxy, in a pinned
// version. Clients reach a server through a relay that can lose connections.
package s3server

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"gastown/e2e/internal/built"
)

const (
	program = "github.com/versity/versitygw/cmd/versitygw"
	version = "v1.8.0"
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
	path = filepath.Join(cache, "gastown", "s3server", version+"-"+runtime.Version(), "versitygw")
	return path, built.Program(ctx, path, func(dir string) error {
		// A version after @ is built by its own go.mod, wherever this runs.
		cmd := exec.CommandContext(ctx, "go", "install", program+"@"+version)
		cmd.Env = append(os.Environ(), "GOBIN="+dir, "GOFLAGS=-trimpath -buildvcs=false -ldflags=-s", "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
}
