package check

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"

	"gastown/town"
)

const (
	// staleLock is the age from which a lock file of git's counts as left behind.
	staleLock = 10 * time.Minute
	// maxRefs is how many references of one repository are checked.
	maxRefs = 1000
)

// Git checks repositories without running git and without writing.
type Git struct {
	// Repositories lists the directories of the repositories.
	Repositories func() ([]string, error)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Check returns the check named git.
func (g Git) Check() Check {
	return Check{Name: "git", Help: "the Town's Git repositories: readable, whole, not locked", Slow: true, Run: g.run}
}

func (g Git) run(ctx context.Context) (Result, error) {
	dirs, err := g.Repositories()
	if err != nil {
		return Result{}, err
	}
	out := Result{State: Healthy, Figure: fmt.Sprintf("%d repositories", len(dirs)), Threshold: "no damage, no lock older than " + staleLock.String()}
	if len(dirs) == 1 {
		out.Figure = "1 repository"
	}
	for _, dir := range dirs {
		if err := ctx.Err(); err != nil {
			return Result{}, err
		}
		locks, err := g.look(ctx, dir)
		if err != nil {
			out.State = Critical
			out.Details = append(out.Details, dir+": "+town.Plain(err.Error()))
			out.Next = "git -C '" + dir + "' fsck says what is damaged; a clone of another Town or the remote has it whole"
		}
		for _, l := range locks {
			out.State = Worse(out.State, Warning)
			out.Details = append(out.Details, l+": a lock held for more than "+staleLock.String())
			if out.Next == "" {
				out.Next = "end the git program that holds " + l + "; if none runs, move the file aside"
			}
		}
	}
	return out, nil
}

// look checks the object of each reference, and finds locks that were left behind.
func (g Git) look(ctx context.Context, dir string) (locks []string, err error) {
	repo, err := git.PlainOpenWithOptions(dir, &git.PlainOpenOptions{EnableDotGitCommonDir: true})
	if err != nil {
		return nil, err
	}
	if head, err := repo.Reference(plumbing.HEAD, true); err == nil {
		if err := readable(repo.Storer, head.Hash()); err != nil {
			return nil, fmt.Errorf("HEAD: %w", err)
		}
	} else if !errors.Is(err, plumbing.ErrReferenceNotFound) { // a branch without commits
		return nil, fmt.Errorf("HEAD: %w", err)
	}
	refs, err := repo.References()
	if err != nil {
		return nil, err
	}
	defer refs.Close()
	seen := 0
	err = refs.ForEach(func(r *plumbing.Reference) error {
		if seen++; seen > maxRefs {
			return storer.ErrStop
		}
		if r.Type() != plumbing.HashReference {
			return nil
		}
		if err := readable(repo.Storer, r.Hash()); err != nil {
			return fmt.Errorf("%s: %w", r.Name(), err)
		}
		return ctx.Err()
	})
	if err != nil {
		return nil, err
	}
	return g.locks(dir)
}

// readable reads an object and, for a commit, its tree.
func readable(s storer.EncodedObjectStorer, h plumbing.Hash) error {
	o, err := object.GetObject(s, h)
	if err != nil {
		return fmt.Errorf("%s: %w", h, err)
	}
	switch o := o.(type) {
	case *object.Commit:
		if _, err := o.Tree(); err != nil {
			return fmt.Errorf("tree %s of commit %s: %w", o.TreeHash, h, err)
		}
	case *object.Tag:
		return readable(s, o.Target)
	}
	return nil
}

func (g Git) locks(dir string) (stale []string, err error) {
	if _, err := os.Stat(filepath.Join(dir, ".git")); err == nil {
		dir = filepath.Join(dir, ".git")
	}
	now := time.Now
	if g.Now != nil {
		now = g.Now
	}
	for _, name := range []string{"index.lock", "HEAD.lock", "packed-refs.lock", "config.lock", "shallow.lock"} {
		info, err := os.Lstat(filepath.Join(dir, name))
		if err == nil && now().Sub(info.ModTime()) > staleLock {
			stale = append(stale, filepath.Join(dir, name))
		}
	}
	return stale, nil
}
