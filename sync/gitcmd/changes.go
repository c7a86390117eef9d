package gitcmd

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"gastown/town"
)

// Head is the commit that is checked out, "" for none, and the branch, "" for none.
func (w Worktree) Head(ctx context.Context) (id, branch string, err error) {
	line, err := smallFile(filepath.Join(w.GitDir, "HEAD"))
	if err != nil {
		return "", "", town.Fail("read HEAD of "+w.Top, "git fsck says more", "%w: %w", ErrCorrupt, err)
	}
	if IsID(line) {
		return line, "", nil
	}
	ref, ok := strings.CutPrefix(line, "ref: ")
	if !ok || checkFullRef(ref) != nil {
		return "", "", town.Fail("read HEAD of "+w.Top, "git fsck says more", "%w: %s", ErrCorrupt, clean(line))
	}
	id, err = Place{GitDir: w.GitDir, opts: w.shared.repo.opts}.Resolve(ctx, "HEAD")
	return id, strings.TrimPrefix(ref, "refs/heads/"), err
}

// Change is one path that differs between HEAD, the index and the working tree, or
// that git does not know and does not ignore.
type Change struct {
	// Path is relative to the top, with forward slashes, hostile text.
	Path string
	// Index and Work are git's letters for how the index differs from HEAD and the
	// working tree from the index; '.' for not at all.
	Index, Work byte
	// Unmerged: a merge left both sides. Untracked: git does not know it.
	Unmerged, Untracked bool
	// Nested: a repository of its own, below this path.
	Nested bool
}

// Changes lists what a commit of everything would change. It also sees files that the
// index says to overlook. Git starts no process in a submodule, whose configuration is
// its own: repositories finds it.
func (w Worktree) Changes(ctx context.Context) ([]Change, error) {
	var found []Change
	known := map[string]bool{}
	c := w.command("look for changes in", "status", "--porcelain=v2", "-z", "--no-renames", "--untracked-files=all", "--ignored=no", "--ignore-submodules=dirty")
	err := w.shared.stream(ctx, c, nil, splitNUL, func(entry string) error {
		change, ok := parseStatus(entry)
		if !ok {
			return fail(c.op, nil, "git's answer is not understood: "+clean(entry), nil)
		}
		known[change.Path] = true
		found = append(found, change)
		return nil
	})
	if err != nil {
		return nil, err
	}
	entries, err := w.entries(ctx)
	if err != nil {
		return nil, err
	}
	inside := w.repositories(entries)
	for _, path := range inside {
		if !known[path] {
			found = append(found, Change{Path: path, Index: '.', Work: '.', Nested: true})
		}
	}
	for _, e := range entries {
		if !e.overlooked || known[e.Path] {
			continue
		}
		work, err := w.differs(e)
		if err != nil {
			return nil, err
		}
		if work != '.' {
			found = append(found, Change{Path: e.Path, Index: '.', Work: work})
		}
	}
	return found, nil
}

// parseStatus reads an entry of `git status --porcelain=v2 -z`.
func parseStatus(entry string) (Change, bool) {
	kind, rest, _ := strings.Cut(entry, " ")
	if kind == "?" {
		path, nested := strings.CutSuffix(rest, "/")
		return Change{Path: path, Index: '.', Work: '?', Untracked: true, Nested: nested}, path != ""
	}
	columns := map[string]int{"1": 8, "u": 10}[kind]
	f := strings.SplitN(rest, " ", columns)
	if columns == 0 || len(f) != columns || len(f[0]) != 2 || f[1] == "" || f[columns-1] == "" {
		return Change{}, false
	}
	return Change{Path: f[columns-1], Index: f[0][0], Work: f[0][1], Unmerged: kind == "u", Nested: f[1][0] == 'S'}, true
}

// IndexEntry is one entry of an index.
type IndexEntry struct {
	Mode, ID, Path string
	// Stage is not 0 for the sides of a merge.
	Stage byte
	// overlooked: the index tells git not to look at the file.
	overlooked bool
}

// entries reads the index.
func (w Worktree) entries(ctx context.Context) ([]IndexEntry, error) {
	var found []IndexEntry
	c := w.command("read the index of", "ls-files", "-v", "--stage", "-z")
	err := w.shared.stream(ctx, c, nil, splitNUL, func(entry string) error {
		head, path, ok := strings.Cut(entry, "\t")
		f := strings.Fields(head)
		if !ok || len(f) != 4 || !IsID(f[2]) {
			return fail(c.op, nil, "git's answer is not understood: "+clean(entry), nil)
		}
		found = append(found, IndexEntry{Mode: f[1], ID: f[2], Path: path, Stage: f[3][0] - '0', overlooked: f[0] == "S" || f[0] >= "a"})
		return nil
	})
	return found, err
}

// repositories are the directories of tracked files that hold a repository of their own:
// a submodule, or one that somebody made there. Git does not tell of what is in it.
func (w Worktree) repositories(entries []IndexEntry) (found []string) {
	looked := map[string]bool{".": true}
	for _, e := range entries {
		dir := e.Path
		if e.Mode != "160000" {
			dir = path.Dir(e.Path)
		}
		for ; !looked[dir]; dir = path.Dir(dir) {
			looked[dir] = true
			if _, err := os.Lstat(filepath.Join(w.Top, filepath.FromSlash(dir), ".git")); err == nil {
				found = append(found, dir)
			}
		}
	}
	return found
}

// differs compares a file with its entry in the index, byte by byte.
func (w Worktree) differs(e IndexEntry) (byte, error) {
	if e.Mode == "160000" {
		return '.', nil
	}
	file := filepath.Join(w.Top, filepath.FromSlash(e.Path))
	info, err := os.Lstat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return '.', nil // not checked out, which a sparse checkout means by the same mark
	case err != nil:
		return 0, err
	}
	switch mode := info.Mode(); {
	case mode.IsDir():
		return '.', nil // its files are untracked
	case mode&fs.ModeSymlink != 0:
		target, err := os.Readlink(file)
		if err != nil || BlobID([]byte(target)) != e.ID || e.Mode != "120000" {
			return 'M', err
		}
	case mode.IsRegular():
		id, err := fileID(file)
		if err != nil || id != e.ID || e.Mode != FileMode(mode) {
			return 'M', err
		}
	}
	return '.', nil
}

// fileID is the id that git gives the content of a regular file.
func fileID(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	h := sha1.New()
	fmt.Fprintf(h, "blob %d\x00", info.Size())
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// FileMode is how git writes the mode of a regular file.
func FileMode(mode fs.FileMode) string {
	if mode&0o100 != 0 {
		return "100755"
	}
	return ModeFile
}

// ListFiles are the files of a directory, as paths relative to it, that are tracked
// by the index or not ignored. A directory with a repository of its own is one path
// that ends in "/".
func (w Worktree) ListFiles(ctx context.Context) ([]string, error) {
	var found []string
	c := w.command("list the files of", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	err := w.shared.stream(ctx, c, nil, splitNUL, func(path string) error { found = append(found, path); return nil })
	slices.Sort(found)
	return slices.Compact(found), err
}
