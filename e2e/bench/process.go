package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sample is one run of a process.
type sample struct {
	wall time.Duration
	// work is how long processors were busy with the process, on all of them
	// together. Unlike wall it hardly depends on what else the machine does.
	work time.Duration
	// memory is the most the process itself held, in MB.
	memory float64
	// steps are the process's own measurements, added up by name; only gt has
	// them.
	steps map[string]time.Duration
	// queries is how many SQL queries it says it sent; -1 when it does not.
	queries int
}

// queriesStep is the step whose line tells a number of queries.
const queriesStep = "queries"

// program is a command under measurement, and the path of the one that starts
// and measures it.
type program struct {
	path  string
	env   []string
	timed string
}

// with adds to the environment.
func (p program) with(env ...string) program {
	p.env = append(slices.Clone(p.env), env...)
	return p
}

// run runs the program in dir to its end; an exit code other than 0 is an error.
func (p program) run(ctx context.Context, dir string, args ...string) (sample, error) {
	s := sample{steps: map[string]time.Duration{}, queries: -1}
	report, w, err := os.Pipe()
	if err != nil {
		return s, err
	}
	defer report.Close()
	cmd := exec.CommandContext(ctx, p.timed, append([]string{p.path}, args...)...)
	cmd.Dir, cmd.Env, cmd.ExtraFiles = dir, p.env, []*os.File{w}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	_ = w.Close() // nothing was written through it here
	if err != nil {
		return s, fmt.Errorf("%s %s: %w: %s", filepath.Base(p.path), strings.Join(args, " "), err, tail(out.String()))
	}
	var kilobytes int64
	if _, err := fmt.Fscan(report, (*int64)(&s.wall), &kilobytes, (*int64)(&s.work)); err != nil {
		return s, fmt.Errorf("measure %s: %w", filepath.Base(p.path), err)
	}
	s.memory = float64(kilobytes) * 1024 / 1e6
	for line := range strings.Lines(out.String()) {
		switch name, took, ok := traced(line); {
		case ok && name == queriesStep:
			s.queries = max(s.queries, 0) + int(took.Microseconds())
		case ok:
			s.steps[name] += took
		}
	}
	return s, nil
}

// buildTimed builds the program that measures others.
func buildTimed(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "timed")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", path, "gastown/e2e/bench/timed").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build what measures: %w: %s", err, tail(string(out)))
	}
	return path, nil
}

// traced reads a line that gt prints when GT_TRACE is set: "trace STEP MICROSECONDS".
func traced(line string) (name string, took time.Duration, ok bool) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(line), "trace ")
	cut := strings.LastIndexByte(rest, ' ')
	if !ok || cut < 0 {
		return "", 0, false
	}
	us, err := strconv.ParseInt(rest[cut+1:], 10, 64)
	return rest[:cut], time.Duration(us) * time.Microsecond, err == nil
}

func tail(s string) string {
	const most = 2000
	if s = strings.TrimSpace(s); len(s) > most {
		return "..." + s[len(s)-most:]
	}
	return s
}

// counter counts the git processes a program starts, by a wrapper that is
// first in its search path. The wrapper costs time, so what it counts is never
// timed.
type counter struct{ dir string }

func newCounter(dir string) (counter, error) {
	git, err := exec.LookPath("git")
	if err != nil {
		return counter{}, err
	}
	c := counter{dir: dir}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return c, err
	}
	script := fmt.Sprintf("#!/bin/sh\necho >>'%s'\nexec '%s' \"$@\"\n", c.tally(), git)
	return c, os.WriteFile(filepath.Join(dir, "git"), []byte(script), 0o700)
}

func (c counter) tally() string { return filepath.Join(c.dir, "tally") }

// path is the environment entry that puts the wrapper first.
func (c counter) path() string {
	return "PATH=" + c.dir + string(os.PathListSeparator) + os.Getenv("PATH")
}

// take returns the count since the last call.
func (c counter) take() (int, error) {
	data, err := os.ReadFile(c.tally())
	if os.IsNotExist(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return len(data), os.Remove(c.tally())
}
