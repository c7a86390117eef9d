package process

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Command is exec.CommandContext for a program that runs only in the given
// environment (NAME=value). The program is found by PATH in that environment, and
// nothing of this process's own environment reaches it. If the program cannot be
// found, starting the command returns exec.ErrNotFound.
func Command(ctx context.Context, env []string, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append([]string{}, env...) // never nil, which means this process's
	if !strings.Contains(program, "/") {
		cmd.Path, cmd.Err = lookPath(program, env)
	}
	return cmd
}

// lookPath finds a program in the absolute directories of PATH. A relative one
// would name another directory here than where the environment comes from.
func lookPath(program string, env []string) (string, error) {
	path := ""
	for _, kv := range env { // the last one counts, as in exec.Cmd
		if value, ok := strings.CutPrefix(kv, "PATH="); ok {
			path = value
		}
	}
	for _, dir := range filepath.SplitList(path) {
		if !filepath.IsAbs(dir) {
			continue
		}
		file := filepath.Join(dir, program)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return file, nil
		}
	}
	return program, &exec.Error{Name: program, Err: exec.ErrNotFound}
}
