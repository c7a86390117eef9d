package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"gastown/town/process"
)

// wholeReport is what gt benchmark says of the smallest scenario: a whole Town with scripted
// agents in tmux.
type wholeReport struct {
	// Text is the table of gt benchmark, Result the same as it writes it to a file.
	Text   string          `json:"-"`
	Result json.RawMessage `json:"result,omitempty"`
	// Missing says why there is none.
	Missing string `json:"missing,omitempty"`
}

// wholeTown runs gt benchmark. That a machine cannot run it is no error; the report says so.
func wholeTown(ctx context.Context, o options) (r wholeReport, err error) {
	path, err := filepath.Abs(o.gt)
	if err != nil {
		return r, err
	}
	if _, err := exec.LookPath("tmux"); err != nil {
		return wholeReport{Missing: "there is no tmux"}, nil
	}
	dir, err := os.MkdirTemp("", "gtb")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	output := filepath.Join(dir, "result.json")
	cmd := exec.CommandContext(ctx, path, "benchmark", "--type", "polecat", "--scenario", "small", "--runs", strconv.Itoa(o.runs), "--output", output)
	cmd.Dir, cmd.Env = dir, []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir(), "HOME=" + dir, "LC_ALL=C"}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := process.Run(ctx, cmd, process.Options{WithParent: true}); err != nil {
		if ctx.Err() != nil {
			return r, context.Cause(ctx)
		}
		return wholeReport{Missing: strings.TrimSpace(fmt.Sprintf("%v: %s", err, stderr.String()))}, nil
	}
	r.Text = stdout.String()
	r.Result, err = os.ReadFile(output)
	return r, err
}

// reportWhole prints it.
func reportWhole(w io.Writer, r wholeReport) error {
	text := r.Text
	if r.Missing != "" {
		text = "not run: " + r.Missing + "\n"
	}
	_, err := fmt.Fprintf(w, "\ngt benchmark --type polecat --scenario small\n%s", text)
	return err
}
