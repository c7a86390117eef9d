package gitserver

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// BareOptions configure a repository. With the zero value it accepts every push.
type BareOptions struct {
	// FirstCommit creates a branch main with one empty commit, as hosts do when
	// asked for a README. Stock Dolt needs at least one branch.
	FirstCommit bool
	// ReadOnly installs an update hook that rejects each ref by name.
	ReadOnly bool
	// Refuse installs a pre-receive hook that prints this line and rejects every
	// push.
	Refuse string
	// DenyNonFastForwards refuses forced updates, as many hosts do.
	DenyNonFastForwards bool
	// AutoGC lets a push collect garbage before it is answered. Without it the
	// repository grows until something else collects.
	AutoGC bool
}

// Bare creates a bare repository at dir, which must not exist or be empty.
// Hooks act on every transport, local paths included.
func Bare(ctx context.Context, dir string, o BareOptions) error {
	if err := run(ctx, "", "init", "--quiet", "--bare", "--initial-branch=main", dir); err != nil {
		return err
	}
	for key, on := range map[string]bool{
		"receive.denyNonFastForwards": o.DenyNonFastForwards,
		"receive.autogc":              o.AutoGC,
	} {
		if err := run(ctx, dir, "config", key, fmt.Sprint(on)); err != nil {
			return err
		}
	}
	if o.FirstCommit {
		if err := firstCommit(ctx, dir); err != nil {
			return err
		}
	}
	if o.ReadOnly {
		if err := hook(dir, "update", `echo "$1: this repository is read-only" >&2; exit 1`); err != nil {
			return err
		}
	}
	if o.Refuse != "" {
		if err := hook(dir, "pre-receive", "echo "+quote(o.Refuse)+" >&2; exit 1"); err != nil {
			return err
		}
	}
	return nil
}

// hook installs a shell hook that reads all of its input before it runs body, so
// that git never writes to a closed pipe.
func hook(dir, name, body string) error {
	script := "#!/bin/sh\ncat >/dev/null\n" + body + "\n"
	if name == "update" { // git gives an update hook no input
		script = "#!/bin/sh\n" + body + "\n"
	}
	path := filepath.Join(dir, "hooks", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("install hook %s: %w", name, err)
	}
	// Whoever is forked while the file is open has it open, too, and git cannot run it.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		return fmt.Errorf("install hook %s: %w", name, err)
	}
	return nil
}

func firstCommit(ctx context.Context, dir string) error {
	tree, err := output(ctx, dir, "hash-object", "-t", "tree", "-w", os.DevNull)
	if err != nil {
		return err
	}
	commit, err := output(ctx, dir, "-c", "user.name=gitserver", "-c", "user.email=gitserver@localhost",
		"commit-tree", "-m", "An empty beginning", tree)
	if err != nil {
		return err
	}
	return run(ctx, dir, "update-ref", "refs/heads/main", commit)
}

func run(ctx context.Context, dir string, args ...string) error {
	_, err := output(ctx, dir, args...)
	return err
}

// output runs git without the user's configuration and returns what it printed.
func output(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "GIT_") { // GIT_DIR of a surrounding hook would point git elsewhere
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(cmd.Env, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull, "LC_ALL=C")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(string(out)), nil
}

// quote makes text one word for a POSIX shell.
func quote(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
