package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"gastown/cmd/internal/shell"
	"gastown/town/layout"
	"gastown/town/lockfile"
)

// permissions looks for private files that others may read, and for files that the
// Town's owner may not write.
func (d *doctor) permissions(ctx context.Context) (found []finding, err error) {
	t := d.layout
	for _, p := range []struct {
		path string
		mode fs.FileMode
		why  string
	}{
		{t.Private(), 0o700, "it holds the Town's databases"},
		{t.Config(), 0o600, "addresses of remotes stand in it"}, {t.Access(), 0o600, "it says who may do what"},
		{t.NotifySecret(), 0o600, "whoever reads it can make this Town pull"},
		{t.SQLSocket(), 0o600, "whoever may connect can read and write every plane"},
		{t.ControlSocket(), 0o600, "whoever may connect can stop the Deacon"},
		{t.CommandSocket(), 0o600, "whoever may connect can ask for commands"},
	} {
		path := p.path
		if path == t.Private() { // a link where Git tracks the Town
			if real, err := filepath.EvalSymlinks(path); err == nil {
				path = real
			}
		}
		info, err := os.Lstat(path)
		if err != nil || info.Mode()&fs.ModeSymlink != 0 || info.Mode().Perm()&0o077&^d.admitted(p.path) == 0 {
			continue
		}
		found = append(found, finding{Severity: problem, What: fmt.Sprintf("%s is open to others (mode %04o)", p.path, info.Mode().Perm()),
			Why: p.why, Fix: fmt.Sprintf("makes it %04o", p.mode), repair: func(context.Context) error { return os.Chmod(p.path, p.mode) }})
	}
	if d.call.Gate != nil {
		if _, err := d.call.Gate.Policy(t); err != nil {
			found = append(found, finding{Severity: problem, What: shell.Message(err), Why: "what the file says about who may do what is not in force",
				Next: "correct config/access.yaml in an editor; gt access list says whether it is in force"})
		}
	}
	return d.writable(ctx, found)
}

// admitted is what deacon.group lets others do with a path: pass it, or connect to it.
func (d *doctor) admitted(path string) fs.FileMode {
	if d.host == nil { // the configuration cannot be read
		return 0
	}
	if group, _, err := d.host.Config.Get("deacon.group"); err != nil || group == "" {
		return 0
	}
	switch path {
	case d.layout.Private():
		return 0o010
	case d.layout.CommandSocket():
		return 0o060
	}
	return 0
}

// writable finds files that the Town's owner cannot use.
func (d *doctor) writable(ctx context.Context, found []finding) ([]finding, error) {
	other := 0
	for _, root := range []string{filepath.Dir(d.layout.Config()), d.layout.Private(), d.layout.Files()} {
		if real, err := filepath.EvalSymlinks(root); err == nil {
			root = real
		}
		err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			info, serr := os.Lstat(path)
			if serr != nil {
				return nil // removed meanwhile
			}
			want := fs.FileMode(0o400)
			if info.IsDir() {
				want = 0o700
			} else if !info.Mode().IsRegular() {
				return nil
			}
			if sys, ok := info.Sys().(*syscall.Stat_t); ok && int(sys.Uid) != d.call.User {
				if other++; other <= maxShown {
					found = append(found, finding{Severity: problem, What: fmt.Sprintf("%s belongs to user %d", path, sys.Uid),
						Why: "gt runs as another user and may not be able to replace it", Next: "as root: chown -R of the Town to its owner"})
				}
			} else if have := info.Mode().Perm(); have&want != want {
				found = append(found, finding{Severity: problem, What: fmt.Sprintf("%s cannot be used by its owner (mode %04o)", path, have),
					Why: "gt has to read it, and to write in directories", Fix: fmt.Sprintf("makes it %04o", have|want),
					repair: func(context.Context) error { return os.Chmod(path, have|want) }})
			}
			if err != nil && info.IsDir() {
				return fs.SkipDir
			}
			return nil
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return found, err
		}
	}
	return found, nil
}

// locks reports which process holds each lock.
func (d *doctor) locks(context.Context) (found []finding, err error) {
	t := d.layout
	var paths []string
	for _, dir := range []string{filepath.Dir(t.Lock("x")), filepath.Dir(t.Data(layout.Federation)), t.Deacon()} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			// With --fix the doctor itself holds the lock of gt install.
			if strings.HasSuffix(e.Name(), ".lock") && e.Type().IsRegular() && e.Name() != filepath.Base(t.Lock("install")) {
				paths = append(paths, filepath.Join(dir, e.Name()))
			}
		}
	}
	for _, path := range paths {
		holder, held, err := lockfile.Look(path)
		if err != nil {
			return found, err
		}
		if held {
			found = append(found, finding{Severity: note, What: path + " is held by " + holder.String(), Why: "commands that need it wait"})
		}
	}
	return found, nil
}
