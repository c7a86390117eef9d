package hooks

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"gastown/sync/gitcmd"
	"gastown/town"
	"gastown/town/lockfile"
)

const (
	// defaultWait bounds the wait for another gt that changes the same hooks.
	defaultWait = 10 * time.Second
	// maxHook is the size, in bytes, of the largest hook that is read.
	maxHook = 1 << 20
)

// Directory is where git looks for the hooks of one repository.
type Directory struct {
	// Path is the directory with its links resolved; it may be missing.
	Path string
	// Configured is the value of core.hooksPath; "" when it is not set.
	Configured string
	// InTree: it lies in the working tree, where its files may be tracked.
	InTree bool
	// Bare: the repository has no working tree.
	Bare bool
	// mode is what the group and others may do with the repository.
	mode os.FileMode
}

// Find finds the directory of a repository's hooks. A directory outside of the
// repository is town.ErrRefused: a core.hooksPath for all of a person's repositories
// may name it, and then a hook in it would run in all of them.
func Find(p gitcmd.Place) (Directory, error) {
	d := Directory{Configured: p.HooksPath, Bare: p.Top == ""}
	info, err := os.Stat(p.CommonDir)
	if err != nil {
		return d, err
	}
	d.mode = info.Mode().Perm() & 0o055
	if d.Path, err = resolve(p.Hooks); err != nil {
		return d, err
	}
	common, err := filepath.EvalSymlinks(p.CommonDir)
	if err != nil {
		return d, err
	}
	if Within(common, d.Path) {
		return d, nil
	}
	if p.Top != "" {
		top, err := filepath.EvalSymlinks(p.Top)
		if err != nil {
			return d, err
		}
		if d.InTree = Within(top, d.Path); d.InTree {
			return d, nil
		}
	}
	// An absolute path, because linked working trees have another .git.
	next := "let this repository have hooks of its own: git -C " + quote(common) + " config core.hooksPath " + quote(filepath.Join(common, "hooks"))
	if p.HooksPath == "" {
		next = "put a directory in the place of the link " + p.Hooks
	}
	return d, town.Fail("find the hooks of "+p.CommonDir, next,
		"%w: git takes them from %s, which lies outside the repository and may serve others too", town.ErrRefused, d.Path)
}

// resolve follows links as far as the path exists.
func resolve(path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if !errors.Is(err, os.ErrNotExist) {
		return real, err
	}
	if _, err := os.Lstat(path); err == nil {
		return "", fmt.Errorf("%s is a link to what does not exist", path)
	}
	parent, err := resolve(filepath.Dir(path))
	return filepath.Join(parent, filepath.Base(path)), err
}

// Within reports whether a path is a directory or lies in it; both are clean.
func Within(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}

// State says what the file of a hook's name is.
type State string

// The states of a hook.
const (
	Absent    State = "absent"
	Installed State = "installed"
	// Edited: gt installed it, and a person changed it.
	Edited State = "edited"
	// Foreign: gt did not install it, or it is not a regular file.
	Foreign State = "foreign"
)

// Hook is what is found under one name.
type Hook struct {
	Name  string
	Path  string
	State State
	// Chained: a former hook stands beside it and runs first.
	Chained bool
	// Program is the gt that an installed hook starts; Missing says that it
	// cannot be executed.
	Program string
	Missing bool
	// text is the content of a hook that is Installed or Edited.
	text string
}

// List looks at each of All, in that order.
func (d Directory) List() ([]Hook, error) {
	all := make([]Hook, 0, len(All))
	for _, name := range All {
		h, err := d.look(name)
		if err != nil {
			return all, err
		}
		all = append(all, h)
	}
	return all, nil
}

func (d Directory) look(name string) (Hook, error) {
	h := Hook{Name: name, Path: filepath.Join(d.Path, name), State: Absent}
	if _, err := os.Lstat(h.Path + chainedSuffix); err == nil {
		h.Chained = true
	}
	info, err := os.Lstat(h.Path)
	if errors.Is(err, os.ErrNotExist) {
		return h, nil
	}
	if err != nil {
		return h, err
	}
	h.State = Foreign
	if !info.Mode().IsRegular() || info.Size() > maxHook {
		return h, nil
	}
	text, err := os.ReadFile(h.Path)
	if err != nil {
		return h, err
	}
	marked, intact := ours(string(text))
	if !marked {
		return h, nil
	}
	h.text, h.Program = string(text), program(string(text))
	h.Missing = h.Program == "" || unix.Access(h.Program, unix.X_OK) != nil
	if h.State = Edited; intact {
		h.State = Installed
	}
	return h, nil
}

// Args are the arguments that an installed hook gives to gt.
func (h Hook) Args() []string {
	if h.State != Installed {
		return nil
	}
	return arguments(h.text)
}

// lock keeps other gt processes from changing the same hooks. It locks the directory
// itself, because a lock file of gt does not belong among a repository's hooks.
func (d Directory) lock(ctx context.Context) (*lockfile.Lock, error) {
	return lockfile.AcquireDir(ctx, d.Path, lockfile.Options{
		Wait: defaultWait, Op: "change the hooks in " + d.Path, Next: "run the command again"})
}
