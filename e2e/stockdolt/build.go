// Package stockdolt provides the unmodified dolt command, in the version that
// go.mod pins, for interoperability tests and for benchmarks. It builds the command
// once from the module cache. Runs are isolated from the user's settings and send
// no metrics.
package stockdolt

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"gastown/e2e/internal/built"
)

const (
	module  = "github.com/dolthub/dolt/go"
	command = "github.com/dolthub/dolt/go/cmd/dolt"
	tags    = "gms_pure_go"
)

// Build returns the path of the stock dolt command in the directory cache, and
// builds it if it is missing. A build takes seconds when Go's build cache has
// Dolt's packages, minutes otherwise. An empty cache means a directory of this
// module in os.UserCacheDir. Processes that call Build at the same time share one
// build.
//
// Build must be called below this module's directory, where go finds the pinned
// version. Another version of Dolt or of Go is built under another name.
func Build(ctx context.Context, cache string) (string, error) {
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("build stock dolt: %w: set XDG_CACHE_HOME", err)
		}
		cache = filepath.Join(user, "gastown", "stockdolt")
	}
	name, err := binaryName(ctx)
	if err != nil {
		return "", fmt.Errorf("build stock dolt: %w", err)
	}
	if cache, err = filepath.Abs(cache); err != nil {
		return "", fmt.Errorf("build stock dolt: %w", err)
	}
	binary := filepath.Join(cache, name)
	err = built.Program(ctx, binary, func(dir string) error {
		_, err := goCommand(ctx, "build", "-tags", tags, "-o", filepath.Join(dir, name), command)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("build stock dolt: %w", err)
	}
	return binary, nil
}

// binaryName names a binary by everything it depends on.
func binaryName(ctx context.Context) (string, error) {
	version, err := goCommand(ctx, "list", "-m", "-f", "{{.Version}}{{with .Replace}}{{.Path}}{{.Version}}{{end}}", module)
	if err != nil {
		return "", err
	}
	toolchain, err := goCommand(ctx, "env", "GOVERSION", "CGO_ENABLED")
	if err != nil {
		return "", err
	}
	return nameOf(version, toolchain), nil
}

func nameOf(version, toolchain string) string {
	key := strings.Join([]string{version, toolchain, tags, runtime.GOOS, runtime.GOARCH}, "\n")
	return fmt.Sprintf("dolt-%x", sha256.Sum256([]byte(key)))[:len("dolt-")+16]
}

// goCommand runs go in the current directory.
func goCommand(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w: %s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(string(out)), nil
}
