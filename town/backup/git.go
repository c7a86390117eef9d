package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gastown/sync/gitcmd"
	"gastown/town"
	"gastown/town/lockfile"
)

// Git is a Store on a ref of a Git repository. Its tree has the files at their keys, and
// a file INDEX that names them with their sizes. Everything that Put stores, and
// everything that Remove removes, is one commit, which is pushed only if nobody else has
// moved the ref meanwhile. A copy of all objects is in Dir.
type Git struct {
	URL string
	// Ref is the ref, such as refs/gt/backups/main.
	Ref string
	// Dir is for the copy; a lock file lies beside it.
	Dir string
	// Options are git's.
	Options gitcmd.Options
	// Wait bounds the wait for another process that uses Dir.
	Wait time.Duration
	// Now is the current time.
	Now func() time.Time
}

const (
	// gitIndex is the name of the list of files.
	gitIndex = "INDEX"
	// gitInto is the ref of the copy that has what the repository had last.
	gitInto = "refs/gt/backups"
	// maxIndex bounds the list, in bytes.
	maxIndex = 64 << 20
)

// gitKey matches the keys of files.
var gitKey = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*$`)

// indexed is a file in the repository.
type indexed struct {
	size int64
	id   string
}

// Encrypts implements Store.
func (g Git) Encrypts() bool { return false }

// with calls fn with the copy, and what the repository holds now.
func (g Git) with(ctx context.Context, fn func(r *gitcmd.Repo, head string, files map[string]indexed) error) (err error) {
	if err := os.MkdirAll(filepath.Dir(g.Dir), 0o700); err != nil {
		return err
	}
	lock, err := lockfile.Acquire(ctx, g.Dir+".lock", lockfile.Options{Command: "gt backup", Wait: g.Wait})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	r, err := gitcmd.Init(g.Dir, g.Options)
	if err != nil {
		return err
	}
	got, err := r.Fetch(ctx, gitcmd.FetchSpec{URL: g.URL, Ref: g.Ref, Into: gitInto})
	if err != nil {
		return err
	}
	files := map[string]indexed{}
	if got.ID != "" {
		if files, err = g.read(ctx, r, got.ID); err != nil {
			return err
		}
	}
	return fn(r, got.ID, files)
}

// read reads the list of files of a commit.
func (g Git) read(ctx context.Context, r *gitcmd.Repo, commit string) (_ map[string]indexed, err error) {
	o := r.Objects(ctx)
	defer func() { err = errors.Join(err, o.Close()) }()
	c, err := o.Commit(commit)
	if err != nil {
		return nil, err
	}
	entries, err := o.Tree(c.Tree, maxIndex)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(entries, func(e gitcmd.Entry) bool { return e.Name == gitIndex })
	if i < 0 {
		return nil, fmt.Errorf("%w: %s of %s has no list of files", ErrDamaged, g.Ref, gitcmd.Redact(g.URL))
	}
	text, err := o.Blob(entries[i].ID, maxIndex)
	if err != nil {
		return nil, err
	}
	files := map[string]indexed{}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) != 3 || !gitcmd.IsID(f[1]) || !gitKey.MatchString(f[2]) {
			return nil, fmt.Errorf("%w: the list of files of %s cannot be read", ErrDamaged, gitcmd.Redact(g.URL))
		}
		size, err := strconv.ParseInt(f[0], 10, 64)
		if err != nil || size < 0 {
			return nil, fmt.Errorf("%w: the list of files of %s cannot be read", ErrDamaged, gitcmd.Redact(g.URL))
		}
		files[f[2]] = indexed{size, f[1]}
	}
	return files, nil
}

// List implements Store.
func (g Git) List(ctx context.Context) (map[string]int64, error) {
	all := map[string]int64{}
	err := g.with(ctx, func(_ *gitcmd.Repo, _ string, files map[string]indexed) error {
		for key, f := range files {
			all[key] = f.size
		}
		return nil
	})
	return all, err
}

// Get implements Store.
func (g Git) Get(ctx context.Context, keys []string, dir string) error {
	return g.with(ctx, func(r *gitcmd.Repo, _ string, files map[string]indexed) (err error) {
		o := r.Objects(ctx)
		defer func() { err = errors.Join(err, o.Close()) }()
		for _, key := range keys {
			f, ok := files[key]
			if !ok {
				return fmt.Errorf("%s at %s: %w", key, gitcmd.Redact(g.URL), fs.ErrNotExist)
			}
			if err := g.copy(o, f, filepath.Join(dir, filepath.FromSlash(key))); err != nil {
				return err
			}
		}
		return nil
	})
}

func (g Git) copy(o *gitcmd.Objects, f indexed, to string) (err error) {
	target, err := create(to)
	if err != nil {
		return err
	}
	_, err = o.Copy(target, f.id, f.size)
	if errors.Is(err, gitcmd.ErrCorrupt) {
		err = fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return errors.Join(err, target.Close())
}

// Put implements Store.
func (g Git) Put(ctx context.Context, dir string, keys []string) error {
	return g.with(ctx, func(r *gitcmd.Repo, head string, files map[string]indexed) error {
		i := r.Import(ctx)
		for _, key := range keys {
			f, err := blob(i, filepath.Join(dir, filepath.FromSlash(key)))
			if err != nil {
				i.Discard()
				return err
			}
			files[key] = f
		}
		return g.commit(ctx, r, i, head, head, files)
	})
}

// blob stores a file.
func blob(i *gitcmd.Importer, path string) (indexed, error) {
	f, err := os.Open(path)
	if err != nil {
		return indexed{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return indexed{}, err
	}
	id, err := i.Blob(info.Size(), f)
	return indexed{info.Size(), id}, err
}

// Remove implements Store. The commit has no parent, so that the repository can remove
// what is in no tree any more.
func (g Git) Remove(ctx context.Context, keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	return g.with(ctx, func(r *gitcmd.Repo, head string, files map[string]indexed) error {
		before := len(files)
		for _, key := range keys {
			delete(files, key)
		}
		if len(files) == before {
			return nil
		}
		return g.commit(ctx, r, r.Import(ctx), head, "", files)
	})
}

// commit commits files and pushes them in the place of head.
func (g Git) commit(ctx context.Context, r *gitcmd.Repo, i *gitcmd.Importer, head, parent string, files map[string]indexed) error {
	var list strings.Builder
	spec := gitcmd.CommitSpec{Ref: gitInto, Parent: parent, When: g.Now(), Message: "backup\n"}
	for _, key := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&list, "%d %s %s\n", files[key].size, files[key].id, key)
		spec.Entries = append(spec.Entries, gitcmd.Entry{Mode: gitcmd.ModeFile, ID: files[key].id, Name: key})
	}
	id, err := i.Blob(int64(list.Len()), io.Reader(strings.NewReader(list.String())))
	if err != nil {
		i.Discard()
		return err
	}
	spec.Entries = append(spec.Entries, gitcmd.Entry{Mode: gitcmd.ModeFile, ID: id, Name: gitIndex})
	commit, err := i.Commit(spec)
	if err != nil {
		i.Discard()
		return err
	}
	if err := i.Close(); err != nil {
		return err
	}
	_, err = r.Push(ctx, g.URL, gitcmd.Update{Ref: g.Ref, Old: head, New: commit})
	if errors.Is(err, gitcmd.ErrRejected) {
		return fmt.Errorf("%w: somebody else has just written to %s: %w", town.ErrBusy, gitcmd.Redact(g.URL), err)
	}
	return err
}
