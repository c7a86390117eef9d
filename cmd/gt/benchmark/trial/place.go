package trial

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gastown/town"
	"gastown/town/process"
)

// stopFor bounds the stop of a Deacon when a trial ends.
const stopFor = 30 * time.Second

// maxOutput is how much of what a failed program printed an error quotes, in bytes.
const maxOutput = 600

// Place is a scratch directory with Towns, and the environment of what runs in them.
// Nothing of the caller's environment is in it but the search path.
type Place struct {
	Dir string
	Env []string
	// GT and BD are the programs, as absolute paths.
	GT, BD string
	towns  []*Town
	path   string
}

// NewPlace makes a scratch directory below temp. gt is the program to measure; bd is
// beside it, or beside what it links to. path is the search path for git, tmux and sh.
// The caller closes the Place.
func NewPlace(temp, gt, path string) (*Place, error) {
	if _, err := os.Stat(filepath.Join(filepath.Dir(gt), "bd")); err != nil {
		if real, err := filepath.EvalSymlinks(gt); err == nil {
			gt = real
		}
	}
	p := &Place{GT: gt, BD: filepath.Join(filepath.Dir(gt), "bd")}
	for _, program := range []string{p.GT, p.BD} {
		if _, err := os.Stat(program); err != nil {
			return nil, town.Fail("make a Town to measure", "call gt by the path where it and bd are installed", "%s: %w", program, plain(err))
		}
	}
	// Sockets need a short path.
	dir, err := os.MkdirTemp(temp, "gtb")
	if err == nil {
		dir, err = filepath.Abs(dir)
	}
	if err != nil {
		return nil, town.Fail("make a Town to measure", "set TMPDIR to a directory in which you may write", "make a scratch directory: %w", plain(err))
	}
	p.Dir, p.path = dir, filepath.Dir(gt)+string(os.PathListSeparator)+path
	p.Env = []string{
		"PATH=" + p.path, "HOME=" + dir, "TMPDIR=" + dir, "TMUX_TMPDIR=" + dir, "LC_ALL=C", "SHELL=/bin/sh",
		"GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Bench", "GIT_AUTHOR_EMAIL=bench@example.com", "GIT_COMMITTER_NAME=Bench", "GIT_COMMITTER_EMAIL=bench@example.com",
		"GT_MACHINE_CHECK=false", "GT_TRACE=1",
	}
	return p, nil
}

// plain is the cause of an error of the file system.
func plain(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// Close ends everything that runs in the Place and, unless keep, removes it. It works
// also when the context has ended.
func (p *Place) Close(ctx context.Context, keep bool) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopFor)
	defer cancel()
	for _, t := range p.towns {
		if t.deacon {
			_, _ = t.GT(ctx, "deacon", "stop") // what does not stop is killed
		}
	}
	Kill(p.Dir)
	for _, t := range p.towns {
		for _, dir := range Cgroups(t.Root) {
			RemoveCgroup(dir)
		}
	}
	if keep {
		return nil
	}
	if err := os.RemoveAll(p.Dir); err != nil {
		return town.Fail("remove the scratch directory "+p.Dir, "see what still writes there: ls -la "+p.Dir, "%w", plain(err))
	}
	return nil
}

// Sample is the measurement of one process.
type Sample struct {
	Wall time.Duration
	// Queries is how many SQL queries the process reports; -1 when it reports none.
	Queries int
	// Out is what it printed on standard output.
	Out string
}

// Run runs a program in a directory to its end. An exit code other than 0 is an error.
// env is added to the Place's.
func (p *Place) Run(ctx context.Context, dir string, env []string, program string, args ...string) (Sample, error) {
	s := Sample{Queries: -1}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env = dir, slices.Concat(p.Env, env) // the last value of a name counts
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	began := time.Now()
	err := process.Run(ctx, cmd, process.Options{WithParent: true})
	s.Wall, s.Out = time.Since(began), stdout.String()
	if ctx.Err() != nil {
		return s, context.Cause(ctx)
	}
	if err != nil {
		return s, fmt.Errorf("%s %s: %w: %s", filepath.Base(program), strings.Join(args, " "), err, town.Clip(town.Visible(cause(stderr.String())), maxOutput))
	}
	for line := range strings.Lines(stderr.String()) {
		// "queries", or "queries PLANE" of each plane
		if step, n, ok := Traced(line); ok && strings.HasPrefix(step, "queries") {
			s.Queries = max(s.Queries, 0) + int(n.Microseconds())
		}
	}
	return s, nil
}

// cause is what a program says went wrong, without measurements and its next step.
func cause(said string) string {
	var lines []string
	for line := range strings.Lines(said) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "trace ") && !strings.HasPrefix(line, "next: ") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}

// Repository makes a bare repository with one commit of so many files, and returns its
// path.
func (p *Place) Repository(ctx context.Context, name string, files int) (string, error) {
	src, bare := filepath.Join(p.Dir, name+".src"), filepath.Join(p.Dir, name+".git")
	if err := os.MkdirAll(filepath.Join(src, "src"), 0o700); err != nil {
		return "", err
	}
	for i := range files {
		if err := os.WriteFile(filepath.Join(src, "src", fmt.Sprintf("f%d", i)), fmt.Appendf(nil, "%d\n", i), 0o600); err != nil {
			return "", err
		}
	}
	for _, args := range [][]string{
		{"init", "-q", "-b", "main", src}, {"-C", src, "add", "-A"}, {"-C", src, "commit", "-q", "--allow-empty", "-m", "first"}, {"clone", "-q", "--bare", src, bare},
	} {
		if _, err := p.Run(ctx, p.Dir, nil, "git", args...); err != nil {
			return "", err
		}
	}
	return bare, nil
}

// Counting is an environment in which the counter's programs are counted.
func (p *Place) Counting(c Counter) []string { return []string{c.Path(p.path)} }
