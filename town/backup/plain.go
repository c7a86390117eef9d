package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gastown/town"
)

// maxPlain bounds one plain file, and maxPlainAll all of them, in bytes.
const (
	maxPlain    = 64 << 20
	maxPlainAll = 1 << 30
)

// writePlain lists the plain files in the point, and copies those that the destination
// lacks to out. Links are not followed.
func (k *Keeper) writePlain(ctx context.Context, c *catalog, p *Point, notes *notes, out string) (keys []string, err error) {
	if err := os.MkdirAll(filepath.Join(out, filepath.FromSlash(filesDir)), 0o700); err != nil {
		return nil, err
	}
	var all int64
	p.Keys = c.to.keys()
	readable := c.plain()
	for _, from := range k.paths(c.to) {
		err := filepath.WalkDir(filepath.Join(k.Root, filepath.FromSlash(from)), func(path string, e fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(k.Root, path)
			if err != nil {
				return err
			}
			rel = filepath.ToSlash(rel)
			switch {
			case k.Omit != nil && k.Omit(rel) || !localPath(rel):
				if e.IsDir() {
					return fs.SkipDir
				}
				return nil
			case !e.Type().IsRegular():
				return nil
			}
			file, key, err := k.plainFile(path, rel, out)
			if errors.Is(err, fs.ErrNotExist) {
				return nil // removed meanwhile
			}
			if err != nil {
				return err
			}
			if all += file.Size; all > maxPlainAll {
				return town.Fail("back up the plain files", "look what is large: du -a "+filepath.Join(k.Root, from), "%w: they have more than %d bytes", town.ErrRefused, int64(maxPlainAll))
			}
			p.Files = append(p.Files, file)
			if !c.holds(Item{Key: key, Size: file.Size}) || c.to.Encrypts() && !readable[key] || notes.isBad(c.to.Name, key) {
				keys = append(keys, key)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(p.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	slices.Sort(keys)
	return slices.Compact(keys), nil
}

// paths are the files and directories that points of a destination hold.
func (k *Keeper) paths(to Destination) []string {
	if to.Encrypts() {
		return append(slices.Clone(k.Plain), k.Private...)
	}
	return k.Plain
}

// plainFile copies a file to out, under the digest of what was copied.
func (k *Keeper) plainFile(path, rel, out string) (File, string, error) {
	copied := filepath.Join(out, "plain")
	if err := os.Remove(copied); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return File{}, "", err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return File{}, "", err
	}
	if info.Size() > maxPlain {
		return File{}, "", fmt.Errorf("back up %s: %w: it has %d bytes, at most %d are taken", path, town.ErrRefused, info.Size(), int64(maxPlain))
	}
	if err := copyTo(path, copied); err != nil {
		return File{}, "", err
	}
	f := File{Path: rel, Mode: uint32(info.Mode().Perm())}
	if f.Size, f.SHA256, err = sum(copied); err != nil {
		return f, "", err
	}
	key := fileKey(f.SHA256)
	return f, key, os.Rename(copied, filepath.Join(out, filepath.FromSlash(key)))
}
