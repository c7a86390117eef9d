package gitcmd

import (
	"bufio"
	"bytes"
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
	"regexp"
	"slices"
	"strings"
	"syscall"

	"gastown/town"
	"gastown/town/durable"
)

// ErrNotOurs: a working tree is not linked to the repository it should belong to.
var ErrNotOurs = errors.New("it is not a working tree of this repository")

// Worktree is a working tree of a Shared repository. Git is told which repository
// and which tree it works on and looks for neither, so what stands in the tree
// cannot lead it elsewhere.
type Worktree struct {
	// Top is the directory of the working tree.
	Top string
	// GitDir is the git directory of this working tree.
	GitDir string
	shared *Shared
	// index replaces the working tree's own index; "" for that.
	index string
}

// Linked is the working tree at a directory, an absolute path. It reports ErrNotOurs
// unless the tree and the repository name each other, and fs.ErrNotExist where there
// is no directory. It starts no process.
func (s *Shared) Linked(top string) (Worktree, error) {
	w, back, err := s.link(top)
	if err != nil {
		return w, err
	}
	if want := filepath.Join(top, ".git"); back != want {
		if _, err := os.Lstat(back); err == nil {
			return w, town.Fail("use the working tree "+top, "look at both; one is a copy of the other", "%w: the repository knows it at %s", ErrNotOurs, filepath.Dir(back))
		}
		// A rename that was cut off: the tree is in its place, the repository does not know yet.
		if err := w.relink(top); err != nil {
			return w, err
		}
	}
	return w, nil
}

// link reads how a tree names its place in the repository, and how that names it.
func (s *Shared) link(top string) (w Worktree, back string, err error) {
	op := "use the working tree " + top
	top, err = absolute(top)
	if err != nil {
		return w, "", err
	}
	info, err := os.Lstat(top)
	if err != nil {
		return w, "", err
	}
	notOurs := func(format string, args ...any) error {
		return town.Fail(op, "look at it: ls -la "+top, "%w: %s", ErrNotOurs, fmt.Sprintf(format, args...))
	}
	if !info.IsDir() {
		return w, "", notOurs("%s is not a directory", top)
	}
	text, err := smallFile(filepath.Join(top, ".git"))
	if err != nil {
		return w, "", notOurs("its .git: %v", err)
	}
	gitDir, ok := strings.CutPrefix(text, "gitdir: ")
	if !ok || filepath.Dir(gitDir) != filepath.Join(s.repo.Dir, "worktrees") || filepath.Clean(gitDir) != gitDir {
		return w, "", notOurs("its .git names %s", clean(gitDir))
	}
	for dir := range map[string]bool{filepath.Dir(gitDir): true, gitDir: true} {
		if info, err := os.Lstat(dir); err != nil || !info.IsDir() {
			return w, "", notOurs("%s is not a directory", dir)
		}
	}
	if common, err := smallFile(filepath.Join(gitDir, "commondir")); err != nil || common != "../.." {
		return w, "", notOurs("its commondir is %q (%v)", clean(common), err)
	}
	if back, err = smallFile(filepath.Join(gitDir, "gitdir")); err != nil {
		return w, "", notOurs("its gitdir: %v", err)
	}
	return Worktree{Top: top, GitDir: gitDir, shared: s}, back, nil
}

// Own is the working tree of a repository that has just one: .git in its top is the
// repository.
func (s *Shared) Own() Worktree {
	return Worktree{Top: filepath.Dir(s.repo.Dir), GitDir: s.repo.Dir, shared: s}
}

// With is a working tree at another place than beside the repository, as a submodule
// has it.
func (s *Shared) With(top string) Worktree { return Worktree{Top: top, GitDir: s.repo.Dir, shared: s} }

// relink makes the repository know where the tree is.
func (w Worktree) relink(top string) error {
	return durable.WriteFile(filepath.Join(w.GitDir, "gitdir"), []byte(filepath.Join(top, ".git")+"\n"), 0o600)
}

// smallFile reads the one line of a regular file of git's.
func smallFile(path string) (string, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || info.Size() > 1<<14 {
		return "", errors.New("it is not a small regular file")
	}
	b, err := os.ReadFile(path)
	line := strings.TrimSuffix(string(b), "\n")
	if err == nil && strings.ContainsAny(line, "\n\x00") {
		err = errors.New("it has more than one line")
	}
	return line, err
}

// AddWorktree makes a working tree at a directory that does not exist, at a commit.
// branch is set to that commit and checked out; "" for none.
func (s *Shared) AddWorktree(ctx context.Context, top, branch, commit string) (Worktree, error) {
	if !IsID(commit) {
		return Worktree{}, fmt.Errorf("make a working tree at %q: not an id", clean(commit))
	}
	how := []string{"--detach"}
	if branch != "" {
		if err := CheckBranch(branch); err != nil {
			return Worktree{}, err
		}
		how = []string{"--no-track", "-B", branch}
	}
	args := append(append([]string{"worktree", "add", "--quiet", "--no-guess-remote"}, how...), "--", top, commit)
	if _, err := s.repo.run(ctx, command{op: "make the working tree " + top, args: args}); err != nil {
		return Worktree{}, err
	}
	w, _, err := s.link(top)
	return w, err
}

// Move renames a working tree to a directory that does not exist, on the same file
// system.
func (w Worktree) Move(top string) (Worktree, error) {
	if err := durable.RenameNew(w.Top, top); err != nil {
		return w, err
	}
	w.Top = top
	return w, w.relink(top)
}

// Drop makes the repository forget a linked working tree. The tree's files stay.
func (w Worktree) Drop() error {
	if filepath.Dir(w.GitDir) != filepath.Join(w.shared.repo.Dir, "worktrees") {
		return fmt.Errorf("%s is no linked working tree", w.Top)
	}
	return os.RemoveAll(w.GitDir)
}

// Shared is the repository that the working tree belongs to.
func (w Worktree) Shared() *Shared { return w.shared }

func (w Worktree) command(op string, args ...string) command {
	c := command{op: op + " " + w.Top, dir: w.Top, bare: true}
	c.args = append([]string{"--git-dir=" + w.GitDir, "--work-tree=" + w.Top, "--no-optional-locks", "--literal-pathspecs"}, args...)
	if w.index != "" {
		c.env = []string{"GIT_INDEX_FILE=" + w.index}
	}
	return c
}

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
// index says to overlook.
func (w Worktree) Changes(ctx context.Context) ([]Change, error) {
	var found []Change
	known := map[string]bool{}
	c := w.command("look for changes in", "status", "--porcelain=v2", "-z", "--no-renames", "--untracked-files=all", "--ignored=no", "--ignore-submodules=none")
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

// ids finds what may be a full object id.
var ids = regexp.MustCompile(`\b[0-9a-f]{40}\b`)

// maxState bounds, in bytes, each file of a git directory that is searched for ids.
const maxState = 64 << 20

// stateDirs are the directories of a git directory that hold no state of a working
// tree. Those of a bare repository with linked trees belong to the other trees too.
var stateDirs = []string{"objects", "hooks", "lfs", "modules", "worktrees", "info"}

// Remembered are the ids that git's files about this working tree name: HEAD and its
// history, and what a merge, rebase or bisection under way keeps. They may name
// objects of any type, and ones that are not there.
func (w Worktree) Remembered() ([]string, error) {
	seen := map[string]bool{}
	err := filepath.WalkDir(w.GitDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		if d.IsDir() && path != w.GitDir && slices.Contains(stateDirs, d.Name()) && filepath.Dir(path) == w.GitDir {
			return fs.SkipDir
		}
		if !d.Type().IsRegular() || strings.HasPrefix(d.Name(), "index") || d.Name() == "FETCH_HEAD" {
			return nil
		}
		info, err := d.Info()
		if err != nil || info.Size() > maxState {
			return err
		}
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		for _, id := range ids.FindAll(text, -1) {
			seen[string(id)] = true
		}
		return err
	})
	delete(seen, strings.Repeat("0", 40))
	found := make([]string, 0, len(seen))
	for id := range seen {
		found = append(found, id)
	}
	slices.Sort(found)
	return found, err
}

// Stash is an entry of the stash, which all working trees of a repository share.
type Stash struct {
	ID string
	// Message says on which branch it was made: "WIP on main: ..." or "On main: ...".
	Message string
}

// Stashes lists the stash, newest first.
func (s *Shared) Stashes(ctx context.Context) ([]Stash, error) {
	if tip, err := s.Resolve(ctx, "refs/stash"); err != nil || tip == "" {
		return nil, err
	}
	var found []Stash
	c := command{op: "read the stash of " + s.repo.Dir, args: []string{"log", "--walk-reflogs", "--no-show-signature", "--no-color", "-z", "--format=%H %gs", "refs/stash", "--"}}
	err := s.stream(ctx, c, nil, splitNUL, func(entry string) error {
		if id, message, _ := strings.Cut(strings.TrimLeft(entry, "\n"), " "); IsID(id) {
			found = append(found, Stash{ID: id, Message: clean(message)})
		}
		return nil
	})
	return found, err
}

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

// At is a directory seen as a working tree of this repository with an empty index.
// release removes that index.
func (s *Shared) At(top string) (w Worktree, release func() error, err error) {
	dir, err := os.MkdirTemp("", "gt-index-")
	if err != nil {
		return w, nil, noSpace(err)
	}
	return Worktree{Top: top, GitDir: s.repo.Dir, shared: s, index: filepath.Join(dir, "index")}, func() error { return os.RemoveAll(dir) }, nil
}

// Reset puts a branch at a commit and checks it out. It throws away every change and
// every file that git does not ignore, and ends a merge or rebase under way: the
// caller has saved them.
func (w Worktree) Reset(ctx context.Context, branch, commit string) error {
	if !IsID(commit) {
		return fmt.Errorf("reset %s to %q: not an id", w.Top, clean(commit))
	}
	how := []string{"--detach", commit}
	if branch != "" {
		if err := CheckBranch(branch); err != nil {
			return err
		}
		how = []string{"--no-track", "-B", branch, commit}
	}
	if err := w.forget(); err != nil {
		return err
	}
	r := w.shared.repo
	if _, err := r.run(ctx, w.writing("reset", slices.Concat([]string{"checkout", "--quiet", "--force", "--no-guess", "--no-recurse-submodules"}, how, []string{"--"})...)); err != nil {
		return err
	}
	_, err := r.run(ctx, w.writing("clean", "clean", "--quiet", "-d", "-f", "-f"))
	return err
}

// writing is a command that may lock.
func (w Worktree) writing(op string, args ...string) command {
	c := w.command(op)
	c.args = append(slices.DeleteFunc(c.args, func(s string) bool { return s == "--no-optional-locks" || s == "--literal-pathspecs" }), args...)
	return c
}

// Switch puts a branch at the commit that is checked out already, without looking at
// the files.
func (w Worktree) Switch(ctx context.Context, branch, commit string) error {
	if err := CheckBranch(branch); err != nil {
		return err
	}
	if err := w.shared.ForceRef(ctx, "refs/heads/"+branch, commit); err != nil {
		return err
	}
	_, err := w.shared.repo.run(ctx, w.writing("switch", "symbolic-ref", "-m", "gt", "HEAD", "refs/heads/"+branch))
	return err
}

// underWay are the files and directories by which git knows of an operation that is
// not finished, and locks.
var underWay = []string{"MERGE_HEAD", "MERGE_MSG", "MERGE_MODE", "MERGE_RR", "MERGE_AUTOSTASH", "AUTO_MERGE", "SQUASH_MSG", "CHERRY_PICK_HEAD", "REVERT_HEAD",
	"REBASE_HEAD", "BISECT_HEAD", "BISECT_LOG", "BISECT_START", "BISECT_EXPECTED_REV", "BISECT_TERMS", "BISECT_NAMES", "BISECT_RUN", "BISECT_ANCESTORS_OK",
	"BISECT_FIRST_PARENT", "rebase-merge", "rebase-apply", "sequencer", "refs/bisect", "index.lock", "HEAD.lock", "config.worktree.lock", "logs/HEAD.lock"}

// forget removes what an operation under way, or one that was killed, left in the
// git directory of a linked working tree.
func (w Worktree) forget() error {
	for _, name := range underWay {
		if err := os.RemoveAll(filepath.Join(w.GitDir, name)); err != nil {
			return err
		}
	}
	return nil
}

// ClearLock removes the lock that a killed git left on the index of this working tree.
// The caller knows that no git works in it.
func (w Worktree) ClearLock() error {
	err := os.Remove(filepath.Join(w.GitDir, "index.lock"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Locked is the reason for which a person locked a working tree (git worktree lock).
func (w Worktree) Locked() (reason string, locked bool) {
	text, err := os.ReadFile(filepath.Join(w.GitDir, "locked"))
	return clean(string(text)), err == nil
}
