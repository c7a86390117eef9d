package gitcmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"gastown/town"
)

// Place is a person's repository, as git finds it from a directory. It is only
// read; gt writes into repositories of its own.
type Place struct {
	// GitDir is the repository as seen from there, CommonDir what its linked
	// working trees share. Both are absolute, as are the following.
	GitDir, CommonDir string
	// Hooks is the directory in which git looks for hooks; it may be missing.
	Hooks string
	// Top is the top of the working tree; "" for a bare repository.
	Top string
	// HooksPath is the value of core.hooksPath, "" when it is not set.
	HooksPath string

	opts Options
}

// Locate asks git which repository a directory, an absolute path, belongs to.
// ErrNotFound when it belongs to none. A path that holds a line end is refused.
func Locate(ctx context.Context, dir string, opts Options) (Place, error) {
	op := "find the Git repository of " + dir
	if opts.Git == "" {
		opts.Git = "git"
	}
	dir, err := absolute(dir)
	if err != nil {
		return Place{}, err
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return Place{}, town.Fail(op, "name one that exists", "%w: there is no such directory", ErrNotFound)
	}
	from := &Repo{Dir: dir, opts: opts}
	lines, err := from.ask(ctx, op, 4, "rev-parse", "--path-format=absolute",
		"--is-bare-repository", "--git-dir", "--git-common-dir", "--git-path", "hooks")
	if err != nil {
		return Place{}, notRepository(op, err)
	}
	p := Place{GitDir: lines[1], CommonDir: lines[2], Hooks: filepath.Clean(lines[3]), opts: opts}
	if lines[0] != "true" {
		top, err := from.ask(ctx, op, 1, "rev-parse", "--path-format=absolute", "--show-toplevel")
		if err != nil {
			return Place{}, notRepository(op, err)
		}
		p.Top = top[0]
	}
	// With a default, "not set" is an answer and not a failure.
	configured, err := from.ask(ctx, op, 1, "config", "--default", "", "--get", "core.hooksPath")
	if err != nil {
		return Place{}, err
	}
	p.HooksPath = configured[0]
	return p, nil
}

// PlaceOf is a repository whose git directory is known: git names it to a hook in
// GIT_DIR. Only GitDir and CommonDir are filled in.
func PlaceOf(gitDir string, opts Options) Place {
	if opts.Git == "" {
		opts.Git = "git"
	}
	return Place{GitDir: gitDir, CommonDir: gitDir, opts: opts}
}

// ask runs git in the Repo's directory and returns its answer, which must have
// exactly count lines.
func (r *Repo) ask(ctx context.Context, op string, count int, args ...string) ([]string, error) {
	out, err := r.run(ctx, command{op: op, args: args, bare: true})
	if err != nil {
		return nil, err
	}
	lines := strings.Split(strings.TrimSuffix(out.stdout, "\n"), "\n")
	if len(lines) != count {
		return nil, town.Fail(op, "use a path without line ends", "git's answer is not understood: %d lines instead of %d", len(lines), count)
	}
	return lines, nil
}

func notRepository(op string, err error) error {
	text := err.Error()
	if strings.Contains(text, "not a git repository") || strings.Contains(text, "must be run in a work tree") {
		return town.Fail(op, "name another directory, or make a repository of it: git init", "%w", ErrNotFound)
	}
	return err
}

// Resolve returns the id of the commit a revision such as HEAD~1 names; "" when
// there is none.
func (p Place) Resolve(ctx context.Context, revision string) (string, error) {
	r := &Repo{Dir: p.GitDir, opts: p.opts}
	out, err := r.run(ctx, command{op: "look up " + revision + " in " + p.GitDir,
		args: []string{"rev-parse", "--quiet", "--verify", "--end-of-options", revision + "^{commit}"}})
	id := strings.TrimSpace(out.stdout)
	switch {
	case err == nil && IsID(id):
		return id, nil
	case ctx.Err() != nil, errors.Is(err, ErrNoGit), errors.Is(err, ErrDeadline):
		return "", err
	}
	return "", nil
}

// Objects returns, for each pair COMMIT and PATH, the id of the object at PATH in
// COMMIT, or "" when there is none. An empty COMMIT has no objects. It starts one
// process.
func (p Place) Objects(ctx context.Context, pairs [][2]string) ([]string, error) {
	op := "look into commits of " + p.GitDir
	ids := make([]string, len(pairs))
	var input bytes.Buffer
	var asked []int
	for i, pair := range pairs {
		commit, path := pair[0], pair[1]
		if commit == "" {
			continue
		}
		if !IsID(commit) || strings.ContainsAny(path, "\n\x00") {
			return nil, town.Fail(op, reportIt, "%q at %q cannot be looked up", town.Clip(path, 120), town.Clip(commit, 64))
		}
		asked = append(asked, i)
		fmt.Fprintf(&input, "%s:%s\n", commit, path)
	}
	if len(asked) == 0 {
		return ids, nil
	}
	answer, err := p.feed(ctx, command{op: op, args: []string{"cat-file", "--batch-check=%(objectname)"}}, &input)
	if err != nil {
		return nil, err
	}
	lines := strings.Split(strings.TrimSuffix(answer, "\n"), "\n")
	if len(lines) != len(asked) {
		return nil, town.Fail(op, advice[ErrTooOld], "git's answer is not understood: %d lines instead of %d", len(lines), len(asked))
	}
	for n, line := range lines {
		if IsID(line) {
			ids[asked[n]] = line
		}
	}
	return ids, nil
}

// feed runs one process that reads input, and returns its answer.
func (p Place) feed(ctx context.Context, c command, input io.Reader) (string, error) {
	inR, inW, err := os.Pipe()
	if err != nil {
		return "", err
	}
	outR, outW, err := os.Pipe()
	if err != nil {
		return "", errors.Join(err, inR.Close(), inW.Close())
	}
	defer outR.Close()
	proc, err := (&Repo{Dir: p.GitDir, opts: p.opts}).start(ctx, c, inR, outW)
	inR.Close()
	outW.Close()
	if err != nil {
		inW.Close()
		return "", err
	}
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		_, _ = io.Copy(inW, input) // a process that ended early says why itself
		inW.Close()
	}()
	var answer bytes.Buffer
	_, rerr := io.Copy(&answer, io.LimitReader(outR, maxOutput+1))
	if answer.Len() > maxOutput {
		proc.stop()
		rerr = fail(c.op, ErrTooLarge, "", nil)
	}
	err = proc.wait()
	<-fed
	if rerr != nil {
		err = rerr
	}
	return answer.String(), err
}

// Indexed reports whether git tracks a path of the working tree.
func (p Place) Indexed(ctx context.Context, path string) (bool, error) {
	r := &Repo{Dir: p.Top, opts: p.opts}
	known, err := r.run(ctx, command{op: "ask git whether it tracks " + path, bare: true, args: []string{"ls-files", "-z", "--", path}})
	return known.stdout != "", err
}

// Tracked reports whether git tracks a path of the working tree or would track it
// when everything is added: git does not ignore it.
func (p Place) Tracked(ctx context.Context, path string) (bool, error) {
	r := &Repo{Dir: p.Top, opts: p.opts}
	out, err := r.run(ctx, command{op: "ask git whether it ignores " + path, bare: true,
		args: []string{"--no-optional-locks", "status", "--porcelain", "--ignored=matching", "--untracked-files=normal", "-z", "--", path}})
	if err != nil {
		return false, err
	}
	// "!!" is ignored; nothing at all is tracked and unchanged, or not there.
	if out.stdout == "" {
		return p.Indexed(ctx, path)
	}
	return !strings.HasPrefix(out.stdout, "!!"), nil
}
