package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"gastown/town"
	"gastown/town/durable"
)

// pending is a restore of plain files that has begun. It is written when everything is
// fetched, checked and staged, and removed at the end. Whoever works with the keeper next
// finishes it, so that the files are all of the point, also after a kill.
type pending struct {
	Point string `json:"point"`
	// Kept is where the replaced files go.
	Kept  string `json:"kept"`
	Files []File `json:"files"`
}

func (k *Keeper) pendingFile() string { return filepath.Join(k.Dir, "restoring.json") }

// staged is where the content of a file of a pending restore is.
func (k *Keeper) staged(f File) string { return filepath.Join(k.Dir, "restoring", f.SHA256) }

// RestoreFiles replaces the plain files that differ from those of a point of kind Files,
// and makes those that are missing. Files that the point does not have stay. Files for
// which Stays says so stay if they exist; the point's are put beside what is kept. With
// dry it only says which would be replaced.
func (k *Keeper) RestoreFiles(ctx context.Context, to Destination, e Entry, dry bool) (out Restored, err error) {
	if e.Point == nil {
		return out, e.Fault
	}
	if e.Kind != Files {
		return out, town.Fail("restore files", "gt backup list shows what a point holds", "%w: the point %s has no files", town.ErrUsage, e.Name)
	}
	err = k.locked(ctx, "gt backup restore", func(scratch string) error {
		p, _, err := k.fetchPoint(ctx, to, e.Name, 0)
		if err != nil {
			return err
		}
		out.Point = p
		plan := pending{Point: p.Name, Kept: filepath.Join(k.Retired, "restore-"+k.Now().UTC().Format(nameForm))}
		for _, f := range p.Files {
			if k.Spare != nil && k.Spare(f.Path) {
				continue
			}
			if !k.covers(to, f.Path) {
				return fmt.Errorf("%w: the point %s has %s, which no backup takes", ErrDamaged, p.Name, town.Typed(f.Path))
			}
			same, err := k.sameFile(f)
			if err != nil {
				return err
			}
			if !same {
				plan.Files = append(plan.Files, f)
				out.Files = append(out.Files, f.Path)
			}
		}
		if dry || len(plan.Files) == 0 {
			return nil
		}
		// All files are checked, also those that are not needed: the point is whole or
		// nothing happens.
		got := filepath.Join(scratch, "files")
		if err := fetch(ctx, to, p.Items(), got); err != nil {
			return err
		}
		if err := k.stage(plan, got); err != nil {
			return err
		}
		k.tell("replacing files")
		out.Kept = plan.Kept
		return k.finish()
	})
	return out, err
}

// covers reports whether a path is one of those that points of a destination hold. Whoever
// can write there may have put another one into a point.
func (k *Keeper) covers(to Destination, path string) bool {
	return (k.Omit == nil || !k.Omit(path)) &&
		slices.ContainsFunc(k.paths(to), func(from string) bool { return path == from || strings.HasPrefix(path, from+"/") })
}

// sameFile reports whether a file is what it was.
func (k *Keeper) sameFile(f File) (bool, error) {
	at := filepath.Join(k.Root, filepath.FromSlash(f.Path))
	info, err := os.Lstat(at)
	if absent(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if !info.Mode().IsRegular() || info.Size() != f.Size {
		return false, nil
	}
	_, digest, err := sum(at)
	return digest == f.SHA256, err
}

// absent reports whether an error says that there is no such file, or that a file stands where
// a directory on the way to it belongs.
func absent(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) }

// stage makes a restore pending.
func (k *Keeper) stage(plan pending, got string) error {
	if err := os.RemoveAll(filepath.Join(k.Dir, "restoring")); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(got, filepath.FromSlash(filesDir)), filepath.Join(k.Dir, "restoring")); err != nil {
		return err
	}
	if err := flush(k.Dir); err != nil {
		return err
	}
	text, err := json.Marshal(plan)
	if err != nil {
		return err
	}
	k.tell("beginning to replace files")
	return durable.WritePrivate(k.pendingFile(), text)
}

// finish carries out a pending restore of files; it may have been begun by a process that
// was killed.
func (k *Keeper) finish() error {
	text, err := os.ReadFile(k.pendingFile())
	if errors.Is(err, fs.ErrNotExist) {
		return os.RemoveAll(filepath.Join(k.Dir, "restoring"))
	}
	if err != nil {
		return err
	}
	var plan pending
	if err := json.Unmarshal(text, &plan); err != nil {
		return fmt.Errorf("finish the restore that %s describes: %w", k.pendingFile(), err)
	}
	for _, f := range plan.Files {
		if !localPath(f.Path) || !isDigest(f.SHA256) {
			return fmt.Errorf("finish the restore that %s describes: %w: %q", k.pendingFile(), ErrDamaged, f.Path)
		}
		if err := k.putBack(plan, f); err != nil {
			return fmt.Errorf("restore %s: %w", f.Path, err)
		}
		k.tell("replaced a file")
	}
	if err := os.Remove(k.pendingFile()); err != nil {
		return err
	}
	return errors.Join(durable.SyncDir(k.Dir), os.RemoveAll(filepath.Join(k.Dir, "restoring")))
}

// putBack replaces one file, unless that was done, and keeps what was there.
func (k *Keeper) putBack(plan pending, f File) error {
	if same, err := k.sameFile(f); same || err != nil {
		return err
	}
	content, err := os.ReadFile(k.staged(f))
	if err != nil {
		return err
	}
	at, kept := filepath.Join(k.Root, filepath.FromSlash(f.Path)), filepath.Join(plan.Kept, "files", filepath.FromSlash(f.Path))
	mode := fs.FileMode(f.Mode) & 0o777
	_, err = os.Lstat(at)
	switch {
	case err == nil && slices.Contains(k.Stays, f.Path):
		at = filepath.Join(plan.Kept, "of-"+plan.Point, filepath.FromSlash(f.Path))
	case err == nil:
		if err := k.keep(at, kept); err != nil {
			return err
		}
	case !absent(err):
		return err
	}
	if err := k.way(plan, filepath.Dir(at)); err != nil {
		return err
	}
	return durable.WriteFile(at, content, mode)
}

// way makes a directory and its parents below the Town's directory. What stands in the place
// of one and is not a directory is moved to what is kept.
func (k *Keeper) way(plan pending, dir string) error {
	rel, err := filepath.Rel(k.Root, dir)
	if err != nil || !filepath.IsLocal(rel) {
		return makeDirs(k.Root, dir) // below what is kept
	}
	at := k.Root
	for name := range strings.SplitSeq(rel, string(filepath.Separator)) {
		at = filepath.Join(at, name)
		info, err := os.Stat(at)
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return err
		}
		if !info.IsDir() {
			kept := filepath.Join(plan.Kept, "files", strings.TrimPrefix(at, k.Root))
			if err := k.keep(at, kept); err != nil {
				return err
			}
			if err := os.Remove(at); err != nil && !errors.Is(err, fs.ErrNotExist) { // a regular one was copied
				return err
			}
			break
		}
	}
	return makeDirs(k.Root, dir)
}

// keep copies what is replaced, or moves it if it is not a regular file.
func (k *Keeper) keep(at, kept string) error {
	info, err := os.Lstat(at)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(kept), 0o700); err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return durable.Rename(at, kept)
	}
	content, err := os.ReadFile(at)
	if err != nil {
		return err
	}
	return durable.WriteFile(kept, content, 0o600)
}
