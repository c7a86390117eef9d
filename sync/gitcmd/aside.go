package gitcmd

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gastown/town/durable"
)

// Aside is the working tree with a copy of its index, which is changed in its place.
// release removes the copy.
func (w Worktree) Aside() (copied Worktree, release func() error, err error) {
	dir, err := os.MkdirTemp("", "gt-index-")
	if err != nil {
		return w, nil, noSpace(err)
	}
	release = func() error { return os.RemoveAll(dir) }
	copied = w
	copied.index = filepath.Join(dir, "index")
	from, err := os.Open(filepath.Join(w.GitDir, "index"))
	if errors.Is(err, fs.ErrNotExist) {
		return copied, release, nil // git makes an empty one
	}
	if err == nil {
		err = durable.Write(copied.index, 0o600, func(to io.Writer) error {
			_, err := io.Copy(to, from)
			return err
		})
		err = errors.Join(err, from.Close())
	}
	if err != nil {
		return w, nil, errors.Join(noSpace(err), release())
	}
	return copied, release, nil
}

// Unmerged are the sides of the paths that a merge left.
func (w Worktree) Unmerged(ctx context.Context) ([]IndexEntry, error) {
	all, err := w.entries(ctx)
	return slices.DeleteFunc(all, func(e IndexEntry) bool { return e.Stage == 0 }), err
}

// Paths are the paths of the index.
func (w Worktree) Paths(ctx context.Context) (map[string]bool, error) {
	all, err := w.entries(ctx)
	paths := make(map[string]bool, len(all))
	for _, e := range all {
		paths[e.Path] = true
	}
	return paths, err
}

// EmptyIndex removes every entry of an index put aside.
func (w Worktree) EmptyIndex(ctx context.Context) error {
	_, err := w.shared.repo.run(ctx, w.aside("read-tree", "--empty"))
	return err
}

// PutEntries adds entries to an index put aside, and removes the paths of those
// without an id. Names that git does not accept are left out: see Paths.
func (w Worktree) PutEntries(ctx context.Context, entries []IndexEntry) error {
	if len(entries) == 0 {
		return nil
	}
	var input bytes.Buffer
	for _, e := range entries {
		if e.ID == "" {
			e.Mode, e.ID = "0", strings.Repeat("0", 40)
		}
		fmt.Fprintf(&input, "%s %s\t%s\x00", e.Mode, e.ID, e.Path)
	}
	return w.shared.stream(ctx, w.aside("update-index", "-z", "--index-info"), &input, bufio.ScanLines, func(string) error { return nil })
}

// WriteTree stores the tree of an index put aside.
func (w Worktree) WriteTree(ctx context.Context) (string, error) {
	c := w.aside("write-tree")
	out, err := w.shared.repo.run(ctx, c)
	if err != nil {
		return "", err
	}
	id := strings.TrimSpace(out.stdout)
	if !IsID(id) {
		return "", fail(c.op, nil, "git's answer is not understood", nil)
	}
	return id, nil
}

// aside is a command on an index put aside. Every name that a file system has may
// stand in such an index: it is never checked out.
func (w Worktree) aside(args ...string) command {
	c := w.command("save the index of", args...)
	c.config = [][2]string{{"core.protectNTFS", "false"}, {"core.protectHFS", "false"}}
	return c
}

// At is a directory seen as a working tree of this repository with an empty index.
// release removes that index.
func (s *Shared) At(top string) (w Worktree, release func() error, err error) {
	dir, err := os.MkdirTemp("", "gt-index-")
	if err != nil {
		return w, nil, noSpace(err)
	}
	return Worktree{Top: top, GitDir: s.repo.Dir, shared: s, index: filepath.Join(dir, "index")}, func() error { return os.RemoveAll(dir) }, nil
}
