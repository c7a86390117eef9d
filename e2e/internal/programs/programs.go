// Package programs finds the programs under test: gt, bd and gt-engine, as make
// build makes them.
package programs

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Env names a directory that already has the programs. It must be absolute.
const Env = "GT_TEST_BIN"

var names = []string{"gt", "bd", "gt-engine"}

// Dir returns a directory with the programs, and a function that removes it. Unless
// Env is set it builds them, which takes about 15 s when nothing has changed.
func Dir() (dir string, remove func(), err error) {
	if dir = os.Getenv(Env); dir != "" {
		for _, name := range names {
			if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
				return "", nil, fmt.Errorf("%s: %w; make build makes it", Env, err)
			}
		}
		return dir, func() {}, nil
	}
	if dir, err = os.MkdirTemp("", "gte-bin-"); err != nil {
		return "", nil, err
	}
	remove = func() { _ = os.RemoveAll(dir) }
	if err := os.Chmod(dir, 0o755); err != nil { // some tests run them as another user
		remove()
		return "", nil, err
	}
	args := []string{"build", "-ldflags", "-s -w", "-o", dir + string(filepath.Separator)}
	for _, name := range names {
		args = append(args, "gastown/cmd/"+name)
	}
	if out, err := exec.CommandContext(context.Background(), "go", args...).CombinedOutput(); err != nil {
		remove()
		return "", nil, fmt.Errorf("build the programs: %w\n%s", err, out)
	}
	return dir, remove, nil
}
