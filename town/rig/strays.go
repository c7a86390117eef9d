package rig

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gastown/town"
)

// Strays is what a rig has that nobody may know of any more.
type Strays struct {
	// Gone are the names of polecats whose working trees somebody removed without gt. The
	// clone still knows of them, and Remove rescues the commits that only it remembers.
	Gone []string
	// NotOurs are directories among the polecats' that are not their working trees.
	NotOurs []string
	// Halves are directories of operations that were cut off; Sweep removes them.
	Halves []string
	// Lost are directories that were moved aside because nobody knew what they were.
	Lost []string
}

// Strays looks at the rig's directories. It asks no remote and runs no git.
func (r *Rig) Strays() (s Strays, err error) {
	admins, err := r.linked()
	if err != nil {
		return s, err
	}
	for _, a := range admins {
		name := filepath.Base(a.top)
		if a.top != r.path(string(Polecats), name) || town.CheckHandle("sandbox", name) != nil {
			continue
		}
		if _, err := os.Lstat(a.top); errors.Is(err, fs.ErrNotExist) && r.owner(a) == "" {
			s.Gone = append(s.Gone, name)
		}
	}
	names, err := r.Sandboxes(Polecats)
	for _, name := range names {
		if _, err := r.tree(Polecats, name); err != nil {
			s.NotOurs = append(s.NotOurs, r.path(string(Polecats), name))
		}
	}
	pool, poolErr := os.ReadDir(r.path("pool"))
	for _, e := range pool {
		info, err := e.Info()
		operation := strings.HasPrefix(e.Name(), makingPrefix) || strings.HasPrefix(e.Name(), removingPrefix)
		if err == nil && operation && r.yard.now().Sub(info.ModTime()) >= time.Hour { // an operation takes no hour
			s.Halves = append(s.Halves, r.path("pool", e.Name()))
		}
	}
	lost, lostErr := os.ReadDir(r.path("lost"))
	for _, e := range lost {
		s.Lost = append(s.Lost, r.path("lost", e.Name()))
	}
	for _, e := range []error{poolErr, lostErr} {
		if !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return s, err
}

// Branch is a branch of the remote.
type Branch struct {
	Name, Head string
	// Merged: the target has its commits, or there is none that it does not have.
	Merged bool
}

// PolecatBranches are the branches of polecats that the remote had when it was fetched
// last, sorted, and whether the target, as it is at the remote now, has them.
func (r *Rig) PolecatBranches(ctx context.Context) (all []Branch, err error) {
	prefix := originRefs + town.PolecatBranches
	if !r.HasRemote() {
		prefix = "refs/heads/" + town.PolecatBranches
	}
	refs, err := r.repo.Refs(ctx, prefix)
	if err != nil || len(refs) == 0 {
		return nil, err
	}
	t, err := r.Latest(ctx)
	if err != nil {
		return nil, err
	}
	landed, err := r.Landed(ctx, t.Tip, slices.Collect(maps.Values(refs)))
	for _, ref := range slices.Sorted(maps.Keys(refs)) {
		_, merged := landed[refs[ref]]
		all = append(all, Branch{Name: town.PolecatBranches + strings.TrimPrefix(ref, prefix), Head: refs[ref], Merged: merged})
	}
	return all, err
}

// Rescued are the rescue refs that the clone knows, sorted by name, which begins with whose
// work it was and has the time.
func (r *Rig) Rescued(ctx context.Context) ([]string, error) {
	refs, err := r.repo.Refs(ctx, rescueRefs)
	return slices.Sorted(maps.Keys(refs)), err
}

// Drop removes a polecat's branch from the remote, if it is at a head that the target
// has, and lets the clone forget it.
func (r *Rig) Drop(ctx context.Context, b Branch) error {
	t, err := r.Latest(ctx, b.Head)
	if err != nil {
		return err
	}
	landed, err := r.Landed(ctx, t.Tip, []string{b.Head})
	if err != nil {
		return err
	}
	if landed[b.Head] == "" || !strings.HasPrefix(b.Name, town.PolecatBranches) {
		return town.Fail("remove the branch "+b.Name, "gt refinery status", "%w: %s does not have its commits", town.ErrRefused, r.Branch)
	}
	if err := r.Tidy(ctx, b.Name, b.Head); err != nil {
		return err
	}
	if !r.HasRemote() {
		return r.repo.SetRef(ctx, "refs/heads/"+b.Name, "", b.Head)
	}
	err = r.repo.SetRef(ctx, originRefs+b.Name, "", b.Head)
	if at, e := r.repo.Resolve(ctx, originRefs+b.Name); e == nil && at == "" {
		return nil // the push removed it
	}
	return err
}
