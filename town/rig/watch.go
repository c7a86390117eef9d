package rig

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"gastown/town"
)

// Lead is how far the branch of a polecat is.
type Lead struct {
	// Head is its commit, as the rig's clone has it, if the target branch does not lead
	// there; Pushed is the one that the remote has, as the rig last heard of it.
	Head, Pushed string
}

// Leads are the branches of polecats, such as polecat/nux/web-a, with commits that the
// target branch does not have, by one process. Agents can write to the clone that is
// asked, and the remote is not asked.
func (r *Rig) Leads(ctx context.Context) (map[string]Lead, error) {
	refs, err := r.repo.Ahead(ctx, r.target(), "refs/heads/"+town.PolecatBranches, originRefs+town.PolecatBranches)
	all := map[string]Lead{}
	for ref, id := range refs {
		if branch, ok := strings.CutPrefix(ref, "refs/heads/"); ok {
			l := all[branch]
			l.Head = id
			all[branch] = l
		} else if branch, ok := strings.CutPrefix(ref, originRefs); ok {
			l := all[branch]
			l.Pushed = id
			all[branch] = l
		}
	}
	return all, err
}

// maxTraced is how many files of a sandbox Trace looks at.
const maxTraced = 20_000

// errTraced ends a walk that has seen enough.
var errTraced = errors.New("enough was seen")

// Trace stands for what the sandbox of a polecat holds: it is another one after a file was
// written, made or removed that git does not ignore. What a build or a test writes is no
// progress. It looks at names, sizes and times, follows no link and starts no process. Only
// the first 20,000 files count. "" when there is no sandbox.
func (r *Rig) Trace(name string) (string, error) {
	if err := town.CheckHandle("sandbox", name); err != nil {
		return "", err
	}
	top := r.path(string(Polecats), name)
	if err := r.inside(top); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return "", nil
		}
		return "", err
	}
	sum := fnv.New128a()
	left := maxTraced
	ignores := newIgnored(top, r.path("repo.git", "info", "exclude"))
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if os.IsNotExist(err) || os.IsPermission(err) {
				return nil
			}
			return err
		}
		if d.Name() == ".git" {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if left--; left < 0 {
			return errTraced
		}
		if path != top && ignores.has(path, d.IsDir()) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() {
			// The time of a directory changes with ignored files in it, too.
			ignores.enter(path)
			fmt.Fprintf(sum, "%s\x00%s\x00", path, d.Type())
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return nil // it has just gone
		}
		fmt.Fprintf(sum, "%s\x00%d %s %d\x00", path, info.ModTime().UnixNano(), info.Mode(), info.Size())
		return nil
	})
	if errors.Is(err, errTraced) {
		err = nil
	}
	return hex.EncodeToString(sum.Sum(nil)), err
}
