package stockdolt

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// defaultWaitDelay is how long to wait for the output of dolt's helpers after dolt
// has ended.
const defaultWaitDelay = 5 * time.Second

// Runner runs the stock dolt command with its own home directory.
type Runner struct {
	// Bin is the command's path.
	Bin string
	// Home is HOME and Dolt's root. It holds global settings and credentials.
	Home string

	extra []string
}

// New builds the command if needed (see Build, with its default cache). It prepares
// home, a directory the caller owns, with a committer's name and metrics off.
func New(ctx context.Context, home string) (*Runner, error) {
	bin, err := Build(ctx, "")
	if err != nil {
		return nil, err
	}
	return At(ctx, bin, home)
}

// At is New for a command that is already built.
func At(ctx context.Context, bin, home string) (*Runner, error) {
	home, err := filepath.Abs(home)
	if err != nil {
		return nil, fmt.Errorf("prepare stock dolt: %w", err)
	}
	if err := os.MkdirAll(home, 0o700); err != nil {
		return nil, fmt.Errorf("prepare stock dolt: %w", err)
	}
	gitconfig := "[user]\n\tname = Stock\n\temail = stock@localhost\n"
	if err := os.WriteFile(filepath.Join(home, ".gitconfig"), []byte(gitconfig), 0o600); err != nil {
		return nil, fmt.Errorf("prepare stock dolt: %w", err)
	}
	r := &Runner{Bin: bin, Home: home}
	for _, setting := range [][2]string{
		{"metrics.disabled", "true"}, // first, so that the next command sends no metrics
		{"versioncheck.disabled", "true"},
		{"user.name", "Stock"},
		{"user.email", "stock@localhost"},
		{"init.defaultbranch", "main"},
	} {
		if _, err := r.Run(ctx, home, "config", "--global", "--add", setting[0], setting[1]); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// With returns a Runner with more environment entries, such as a git server's Env.
func (r *Runner) With(env ...string) *Runner {
	changed := *r
	changed.extra = append(append([]string(nil), r.extra...), env...)
	return &changed
}

// Env is the whole environment of a run. Only the search path and the temporary
// directory come from the user. Git never prompts.
func (r *Runner) Env() []string {
	env := []string{
		"PATH=" + os.Getenv("PATH"),
		"TMPDIR=" + os.TempDir(),
		"LC_ALL=C",
		"HOME=" + r.Home,
		"DOLT_ROOT_PATH=" + r.Home,
		"DOLT_DISABLE_EVENT_FLUSH=true",
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_GLOBAL=" + filepath.Join(r.Home, ".gitconfig"),
		"GIT_TERMINAL_PROMPT=0",
		"NO_COLOR=1",
	}
	return append(env, r.extra...)
}

// Command is a run of dolt in dir for callers that start, measure or kill it
// themselves.
func (r *Runner) Command(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, r.Bin, args...)
	cmd.Dir = dir
	cmd.Env = r.Env()
	cmd.WaitDelay = defaultWaitDelay
	return cmd
}

// Run runs dolt in dir and returns its standard output. An error contains both
// streams. Run does not retry.
func (r *Runner) Run(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := r.Command(ctx, dir, args...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		said := strings.TrimSpace(stdout.String() + "\n" + stderr.String())
		return stdout.String(), fmt.Errorf("dolt %s: %w: %s", strings.Join(args, " "), err, said)
	}
	return stdout.String(), nil
}
