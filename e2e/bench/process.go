package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gastown/cmd/gt/benchmark/trial"
)

// sample is the measurement of one process.
type sample struct {
	wall time.Duration
	// work is the processor time of the process, over all cores. Unlike wall time
	// it hardly depends on the machine's other load.
	work time.Duration
	// memory is the most memory that the process itself held, in MB.
	memory float64
	// steps are the process's own measurements, summed by name. Only gt reports
	// them.
	steps map[string]time.Duration
	// queries is how many SQL queries the process reports; -1 when it reports none.
	queries int
}

// queriesStep is the step whose line reports the number of queries.
const queriesStep = "queries"

// program is a command to measure, and the path of the program that starts and
// measures it.
type program struct {
	path  string
	env   []string
	timed string
}

// with adds entries to the environment.
func (p program) with(env ...string) program {
	p.env = append(slices.Clone(p.env), env...)
	return p
}

// run runs the program in dir until it ends. An exit code other than 0 is an error.
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
	_ = w.Close() // nothing is written here, so closing loses nothing
	if err != nil {
		return s, fmt.Errorf("%s %s: %w: %s", filepath.Base(p.path), strings.Join(args, " "), err, tail(out.String()))
	}
	var kilobytes int64
	if _, err := fmt.Fscan(report, (*int64)(&s.wall), &kilobytes, (*int64)(&s.work)); err != nil {
		return s, fmt.Errorf("measure %s: %w", filepath.Base(p.path), err)
	}
	s.memory = float64(kilobytes) * 1024 / 1e6
	for line := range strings.Lines(out.String()) {
		switch name, took, ok := trial.Traced(line); {
		case ok && name == queriesStep:
			s.queries = max(s.queries, 0) + int(took.Microseconds())
		case ok:
			s.steps[name] += took
		}
	}
	return s, nil
}

// buildTimed builds the program that measures other programs.
func buildTimed(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "timed")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", path, "gastown/e2e/bench/timed").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build what measures: %w: %s", err, tail(string(out)))
	}
	return path, nil
}

func tail(s string) string {
	const most = 2000
	if s = strings.TrimSpace(s); len(s) > most {
		return "..." + s[len(s)-most:]
	}
	return s
}
