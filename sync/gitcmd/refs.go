package gitcmd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"gastown/town"
)

// The refs of a private repository are loose files and are never packed. So this
// file reads and writes them directly, which saves a process for each operation.

// Ref reads a ref of the private repository. It returns "" if there is none.
func (r *Repo) Ref(ref string) (string, error) {
	if err := CheckRef(ref); err != nil {
		return "", err
	}
	b, err := os.ReadFile(filepath.Join(r.Dir, filepath.FromSlash(ref)))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", town.Fail("read "+ref+" of "+r.Dir, "check the permissions of that directory", "%w", err)
	}
	id := strings.TrimSpace(string(b))
	if !IsID(id) {
		// No step: a mirror whose object cache is damaged is made anew when it is opened.
		return "", town.Fail("read "+ref+" of "+r.Dir, "", "%w: the file holds no object id", ErrCorrupt)
	}
	return id, nil
}

// RefsBelow reads the refs of the private repository below a prefix that ends in
// "/", with their values. A file that holds no object id is left out.
func (r *Repo) RefsBelow(prefix string) (map[string]string, error) {
	if err := CheckRef(prefix + "x"); err != nil {
		return nil, err
	}
	refs := map[string]string{}
	root := filepath.Join(r.Dir, filepath.FromSlash(prefix))
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if id := strings.TrimSpace(string(b)); IsID(id) {
			rel, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			refs[prefix+filepath.ToSlash(rel)] = id
		}
		return nil
	})
	if err != nil {
		return nil, town.Fail("read the refs below "+prefix+" of "+r.Dir, "check the permissions of that directory", "%w", err)
	}
	return refs, nil
}

// DropBelow removes the refs below a prefix that ends in "/".
func (r *Repo) DropBelow(prefix string) error {
	if err := CheckRef(prefix + "x"); err != nil {
		return err
	}
	return os.RemoveAll(filepath.Join(r.Dir, filepath.FromSlash(strings.TrimSuffix(prefix, "/"))))
}

// SetRef gives a ref the value id, atomically: after a loss of power it has the
// former value or the new one. The object must exist; SetRef does not check that.
func (r *Repo) SetRef(ref, id string) error {
	if err := CheckRef(ref); err != nil {
		return err
	}
	if !IsID(id) {
		return fmt.Errorf("set %s: %q is not an object id", ref, town.Clip(id, 64))
	}
	p := filepath.Join(r.Dir, filepath.FromSlash(ref))
	err := os.MkdirAll(filepath.Dir(p), 0o700)
	if err == nil {
		err = writeFile(p, id+"\n")
	}
	if err != nil {
		return town.Fail("write "+ref+" of "+r.Dir, "check its permissions and the free space", "%w", noSpace(err))
	}
	return nil
}

// DeleteRef removes a ref. It does nothing when there is none.
func (r *Repo) DeleteRef(ref string) error {
	if err := CheckRef(ref); err != nil {
		return err
	}
	err := os.Remove(filepath.Join(r.Dir, filepath.FromSlash(ref)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// writeFile replaces a file atomically as git does, through NAME.lock, so that a
// git process which writes the same file is kept out.
func writeFile(path, content string) (err error) {
	tmp := path + ".lock"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(tmp))
		}
	}()
	_, err = f.WriteString(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// noSpace adds the kind to an error of the local file system.
func noSpace(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	return err
}

// older compares the first two numbers of versions.
func older(v, than string) bool {
	a, b := numbers(v), numbers(than)
	return a[0] < b[0] || (a[0] == b[0] && a[1] < b[1])
}

func numbers(v string) (n [2]int) {
	for i, s := range strings.SplitN(v, ".", 3) {
		if i == 2 {
			break
		}
		d, err := strconv.Atoi(s)
		if err != nil {
			break
		}
		n[i] = d
	}
	return n
}
