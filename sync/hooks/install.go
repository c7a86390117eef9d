package hooks

import (
	"context"
	"errors"
	"os"
	"strings"

	"gastown/town"
	"gastown/town/durable"
)

// Did is what Install or Remove did with one hook.
type Did string

// What Install and Remove do.
const (
	DidInstall Did = "installed"
	DidChain   Did = "installed, the former hook runs first"
	DidUpdate  Did = "updated"
	DidNothing Did = "unchanged"
	DidRemove  Did = "removed"
	DidRestore Did = "removed, the former hook is back"
	DidKeep    Did = "left alone"
)

// Change is one hook and what was done with it.
type Change struct {
	Name string
	Path string
	Did  Did
	// Reason is why a hook was left alone.
	Reason string
}

// Install puts the hooks in place. Doing it again changes nothing. A foreign hook
// gets a second name first and runs before gt's, so there is no moment at which git
// does not run it. A hook that cannot be moved is left alone; the others are
// installed, and the error wraps town.ErrRefused.
func (d Directory) Install(ctx context.Context, scripts []Script) ([]Change, error) {
	for _, s := range scripts {
		if err := s.check(); err != nil {
			return nil, err
		}
	}
	if err := d.make(); err != nil {
		return nil, town.Fail("install hooks in "+d.Path, "check the permissions of that directory", "%w", err)
	}
	return d.each(ctx, "install", names(scripts), func(i int, h Hook) (Change, error) { return d.install(scripts[i], h) })
}

func names(scripts []Script) (all []string) {
	for _, s := range scripts {
		all = append(all, s.Name)
	}
	return all
}

// each changes the named hooks under the lock.
func (d Directory) each(ctx context.Context, verb string, names []string, change func(int, Hook) (Change, error)) (all []Change, err error) {
	op := verb + " hooks in " + d.Path
	lock, err := d.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	var left []string
	for i, name := range names {
		h, err := d.look(name)
		if err != nil {
			return all, town.Fail(op, "check the permissions of that directory", "%w", err)
		}
		c, err := change(i, h)
		if err != nil {
			return all, town.Fail(op, "check the permissions of that directory", "%s: %w", name, err)
		}
		c.Name, c.Path = h.Name, h.Path
		if c.Did == DidKeep {
			left = append(left, c.Path+": "+c.Reason)
		}
		all = append(all, c)
	}
	if len(left) > 0 {
		return all, town.Fail(op, "move what you want to keep elsewhere, then run the command again",
			"%w: left alone: %s", town.ErrRefused, strings.Join(left, "; "))
	}
	return all, durable.SyncDir(d.Path)
}

func (d Directory) install(s Script, h Hook) (Change, error) {
	want := s.Text()
	did := DidInstall
	switch {
	case h.State == Edited:
		return Change{Did: DidKeep, Reason: "it was edited after gt installed it"}, nil
	case h.State == Installed && h.text == want && d.executable(h.Path):
		return Change{Did: DidNothing}, nil
	case h.State == Installed:
		did = DidUpdate
	case h.State == Foreign:
		c, err := d.moveAside(h)
		if err != nil || c.Did == DidKeep {
			return c, err
		}
		did = DidChain
	}
	return Change{Did: did}, durable.Replace(h.Path, []byte(want), 0o700|d.mode)
}

// moveAside gives a foreign hook a second name, beside the one it has.
func (d Directory) moveAside(h Hook) (Change, error) {
	info, err := os.Lstat(h.Path)
	if err != nil {
		return Change{}, err
	}
	if info.IsDir() || info.Mode()&(os.ModeNamedPipe|os.ModeSocket|os.ModeDevice) != 0 {
		return Change{Did: DidKeep, Reason: "it is not a regular file or a link"}, nil
	}
	if there, err := os.Lstat(h.Path + chainedSuffix); err == nil {
		if os.SameFile(info, there) { // an installation that was interrupted here
			return Change{}, nil
		}
		return Change{Did: DidKeep, Reason: "there is another former hook already, " + h.Name + chainedSuffix}, nil
	}
	if err := os.Link(h.Path, h.Path+chainedSuffix); err != nil {
		// Without hard links there is a moment at which the hook is missing.
		return Change{}, os.Rename(h.Path, h.Path+chainedSuffix)
	}
	return Change{}, durable.SyncDir(d.Path)
}

// Remove removes gt's hooks and puts back those that were there before. A hook that
// was edited is left alone, and the error wraps town.ErrRefused.
func (d Directory) Remove(ctx context.Context, names []string) ([]Change, error) {
	if _, err := os.Stat(d.Path); errors.Is(err, os.ErrNotExist) {
		var all []Change
		for _, name := range names {
			all = append(all, Change{Name: name, Did: DidNothing})
		}
		return all, nil
	}
	return d.each(ctx, "remove", names, func(_ int, h Hook) (Change, error) { return d.remove(h) })
}

func (d Directory) remove(h Hook) (Change, error) {
	switch {
	case h.State == Edited:
		return Change{Did: DidKeep, Reason: "it was edited after gt installed it"}, nil
	case h.Chained && h.State != Foreign:
		return Change{Did: DidRestore}, os.Rename(h.Path+chainedSuffix, h.Path)
	case h.State == Installed:
		return Change{Did: DidRemove}, os.Remove(h.Path)
	case h.State == Foreign && h.Chained:
		return d.unlink(h)
	}
	return Change{Did: DidNothing}, nil
}

// unlink undoes an installation that was interrupted when the former hook had both
// names.
func (d Directory) unlink(h Hook) (Change, error) {
	a, err := os.Lstat(h.Path)
	if err != nil {
		return Change{}, err
	}
	b, err := os.Lstat(h.Path + chainedSuffix)
	if err != nil {
		return Change{}, err
	}
	if !os.SameFile(a, b) {
		return Change{Did: DidKeep, Reason: "it is not gt's, and " + h.Name + chainedSuffix + " is another former hook"}, nil
	}
	return Change{Did: DidRestore}, os.Remove(h.Path + chainedSuffix)
}

// make makes the directory with the permissions that the repository has.
func (d Directory) make() error {
	if _, err := os.Stat(d.Path); err == nil {
		return nil
	}
	if err := os.MkdirAll(d.Path, 0o700); err != nil {
		return err
	}
	return os.Chmod(d.Path, 0o700|d.mode)
}

func (d Directory) executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().Perm() == 0o700|d.mode
}
