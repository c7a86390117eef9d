package gitcmd

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Usage is what the private repository takes on disk.
type Usage struct {
	Packs int
	Bytes int64
}

// Usage looks at the pack directory. It starts no process.
func (r *Repo) Usage() (Usage, error) {
	entries, err := os.ReadDir(filepath.Join(r.Dir, "objects", "pack"))
	if err != nil {
		return Usage{}, err
	}
	var u Usage
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			continue // removed meanwhile
		}
		u.Bytes += info.Size()
		if strings.HasSuffix(e.Name(), ".pack") {
			u.Packs++
		}
	}
	return u, nil
}

// Consolidate merges small packs, so that their number stays logarithmic in the
// size of the repository. It drops no object and starts at most two processes.
func (r *Repo) Consolidate(ctx context.Context) error {
	_, err := r.run(ctx, command{op: "consolidate the object cache", args: []string{"repack", "--geometric=2", "-d", "-q"}})
	return err
}

// Prune rewrites the repository to what its refs reach and drops the rest. It
// costs as much as copying what remains.
func (r *Repo) Prune(ctx context.Context) error {
	const op = "prune the object cache"
	if _, err := r.run(ctx, command{op: op, args: []string{"repack", "-a", "-d", "-q"}}); err != nil {
		return err
	}
	_, err := r.run(ctx, command{op: op, args: []string{"prune", "--expire=now"}})
	return err
}

// HistoryBytes measures the size on disk of everything a commit reaches. It walks
// all of it, so it is only for commits that do not record the size themselves.
func (r *Repo) HistoryBytes(ctx context.Context, commit string) (int64, error) {
	const op = "measure the history of the remote"
	if !IsID(commit) {
		return 0, fail(op, ErrCorrupt, "not an object id", nil)
	}
	out, err := r.run(ctx, command{op: op, args: []string{"rev-list", "--objects", "--disk-usage", commit}, remote: true})
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(strings.TrimSpace(out.stdout), 10, 64)
	if err != nil {
		return 0, fail(op, nil, "git's answer is not understood", err)
	}
	return n, nil
}
