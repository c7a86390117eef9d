package layout

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"gastown/town"
)

// GitPlace is where the private directory of a Town is whose own directory is the
// work tree of a Git repository: inside the repository's own directory, which
// git clean never touches. Private is then a link to it. ok is false when there is
// no repository at the Town's root.
//
// In a linked worktree the place is in the directory that all worktrees share, since
// git removes the worktree's own directory when it believes that the worktree is
// gone. A Town in a subdirectory of a work tree has its place in that repository.
func (t Town) GitPlace() (path string, ok bool) {
	if path, ok := t.ownGitPlace(); ok {
		return path, true
	}
	for dir := filepath.Dir(t.Root); ; dir = filepath.Dir(dir) {
		outer := Town{Root: dir}
		if place, ok := outer.ownGitPlace(); ok {
			rel, err := filepath.Rel(dir, t.Root)
			if err != nil || !isRepository(filepath.Dir(place)) {
				return "", false
			}
			return filepath.Join(place+towns, rel+".gt"), true
		}
		if dir == filepath.Dir(dir) {
			return "", false
		}
	}
}

// isRepository reports whether a directory, or one above it, is that of a repository,
// and not an empty one that git init completes.
func isRepository(dir string) bool {
	for range 2 {
		if _, err := os.Stat(filepath.Join(dir, "HEAD")); err == nil {
			return true
		}
		dir = filepath.Dir(dir)
	}
	return false
}

// ownGitPlace is GitPlace for a Town at the top of a work tree.
func (t Town) ownGitPlace() (path string, ok bool) {
	own := t.join(".git")
	info, err := os.Stat(own)
	if err != nil {
		return "", false
	}
	if info.IsDir() {
		return filepath.Join(own, "gt"), true
	}
	dir, ok := pointer(own, "gitdir: ")
	if !ok {
		return "", false
	}
	shared, ok := pointer(filepath.Join(dir, "commondir"), "")
	if !ok {
		return filepath.Join(dir, "gt"), true // a repository whose directory is elsewhere
	}
	return filepath.Join(shared, "gt-worktrees", filepath.Base(dir)), true
}

// pointer reads a file of Git that names a directory, relative to the file's own.
func pointer(path, prefix string) (dir string, ok bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", false
	}
	dir, ok = strings.CutPrefix(strings.TrimSpace(string(text)), prefix)
	if ok && !filepath.IsAbs(dir) {
		dir = filepath.Join(filepath.Dir(path), dir)
	}
	return filepath.Clean(dir), ok
}

// Link makes the link that leads to the private directory in GitPlace, if that
// exists and nothing is in the link's place: git clean removes the link.
func (t Town) Link() error {
	if _, err := os.Lstat(t.Private()); !errors.Is(err, fs.ErrNotExist) {
		if err != nil {
			return err
		}
		return t.follow()
	}
	place, ok := t.GitPlace()
	if !ok {
		return nil
	}
	if _, err := os.Stat(filepath.Join(place, "data")); err != nil {
		return nil // it is not a Town's
	}
	err := os.Symlink(t.target(place), t.Private())
	if err != nil && !errors.Is(err, fs.ErrExist) { // another process may be faster
		return err
	}
	return nil
}

// towns is the suffix of the directory that holds the private directories of Towns in
// subdirectories of a repository, by their paths. It stands beside the place of a Town
// at the repository's top.
const towns = "-towns"

// follow moves the private directory of a Town that was moved within its repository,
// and the link with it. A Town that was copied there leaves the other one's alone.
func (t Town) follow() error {
	target, err := os.Readlink(t.Private())
	if err != nil || exists(t.Private()) {
		return nil
	}
	_, former, sub := strings.Cut(target, towns+"/")
	place, ok := t.GitPlace()
	base, _, in := strings.Cut(place, towns+"/")
	if !sub || !ok || !in {
		return nil
	}
	former = filepath.Join(base+towns, former)
	owner, err := os.ReadFile(filepath.Join(former, "owner"))
	if err != nil || exists(strings.TrimSpace(string(owner))) || exists(place) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(place), 0o700); err != nil {
		return err
	}
	return errors.Join(os.Rename(former, place), os.Remove(t.Private()), os.Symlink(t.target(place), t.Private()))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Claim fails with town.ErrRefused when the private directory is that of another
// directory: cp -a of a linked worktree copies the link, and two directories would
// take each other's files for edits. A private directory in the Town's own directory
// or repository is copied with it, so there is nothing to claim.
func (t Town) Claim() error {
	target, err := os.Readlink(t.Private())
	if err != nil || filepath.IsLocal(target) {
		return nil
	}
	if !exists(t.Private()) {
		return town.Fail("use the Town "+t.Root, "copy the whole repository, whose own directory holds the databases, or work in the original",
			"%w: its databases are not there: %s leads to %s", town.ErrRefused, t.Private(), target)
	}
	note := t.join(".gt", "owner")
	text, err := os.ReadFile(note)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	owner := Town{Root: strings.TrimSpace(string(text))}
	switch {
	case owner.Root == t.Root, sameFile(owner.Root, t.Root):
		return nil
	case owner.Root != "" && sameFile(owner.Private(), t.Private()):
		return town.Fail("use the Town "+t.Root, "work in "+owner.Root+"; for another directory make a worktree (git worktree add DIR), then gt install DIR",
			"%w: it is a copy of %s, and its databases are those of that directory", town.ErrRefused, owner.Root)
	}
	// There is no owner, or the owner's directory no longer leads here.
	next := fmt.Sprint(note, ".", os.Getpid())
	if err := os.WriteFile(next, []byte(t.Root+"\n"), 0o600); err != nil {
		return nil // a Town that cannot be written to is only read
	}
	return os.Rename(next, note)
}

// Is reports whether a path leads to the Town's directory.
func (t Town) Is(path string) bool { return path == t.Root || sameFile(t.Root, path) }

func sameFile(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

// target is what the link holds: a path that a copy of the whole Town understands,
// where that is possible. In a subdirectory of a repository that is a copy of the whole
// repository.
func (t Town) target(place string) string {
	rel, err := filepath.Rel(t.Root, place)
	if err != nil {
		return place
	}
	if _, own := t.ownGitPlace(); own && !filepath.IsLocal(rel) {
		return place
	}
	return rel
}
