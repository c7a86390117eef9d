package federation

import (
	"context"
	"slices"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Comparison compares the plane's tip with a commit that was fetched.
type Comparison struct {
	// Ours is the plane's tip. Base is the last commit that both histories have;
	// empty when they have none.
	Ours, Base string
	// Commits is how many commits of theirs the plane does not have; 0 where Base
	// is empty.
	Commits int
}

// Compare compares the plane's tip with the commit theirs.
func (s *Store) Compare(ctx context.Context, theirs string) (c Comparison, err error) {
	err = s.Revisions(ctx, func(r doltdb.Revisions) error {
		if c.Ours, err = r.Head(ctx); err != nil {
			return err
		}
		if c.Base, err = r.MergeBase(ctx, c.Ours, theirs); err != nil {
			return err
		}
		if c.Base != "" && c.Base != theirs {
			c.Commits, err = r.Count(ctx, c.Ours, theirs)
		}
		return err
	})
	return c, err
}

// Known returns commit if the plane's history has it, else "".
func (s *Store) Known(ctx context.Context, commit string) (known string, err error) {
	if commit == "" {
		return "", nil
	}
	err = s.Revisions(ctx, func(r doltdb.Revisions) error {
		known, err = knownIn(ctx, r, commit)
		return err
	})
	return known, err
}

func knownIn(ctx context.Context, r doltdb.Revisions, commit string) (string, error) {
	if commit == "" {
		return "", nil
	}
	hash, err := r.Resolve(ctx, commit)
	if err != nil || hash == "" {
		return "", err
	}
	base, err := r.MergeBase(ctx, commit, "HEAD")
	if base != commit {
		return "", err
	}
	return commit, err
}

// Ahead counts the commits of the plane that come after one of its commits; all
// of them if the plane's history does not have that one.
func (s *Store) Ahead(ctx context.Context, of string) (n int, err error) {
	err = s.Revisions(ctx, func(r doltdb.Revisions) error {
		n, err = countAfter(ctx, r, of)
		return err
	})
	return n, err
}

func countAfter(ctx context.Context, r doltdb.Revisions, of string) (n int, err error) {
	known, err := knownIn(ctx, r, of)
	if err != nil {
		return 0, err
	}
	return r.Count(ctx, known, "HEAD")
}

// Standing is how the plane stands to a remote.
type Standing struct {
	// Unpublished counts the commits that the plane has and the remote does not.
	Unpublished int
	// Unmerged counts the commits that were fetched from the remote and not merged.
	Unmerged int
	// Older: the plane lacks the commit that the remote is known to hold.
	// Unpublished then counts from the last one that was fetched or sent.
	Older bool
}

// Standing compares the plane with a remote, published being the last commit the
// remote is known to hold. head is the plane's Head: for a remote in step with it,
// as most are, no history is walked.
func (s *Store) Standing(ctx context.Context, head, remote, published string) (st Standing, err error) {
	err = s.Revisions(ctx, func(r doltdb.Revisions) error {
		tip, err := r.Resolve(ctx, doltdb.Tracking(remote))
		if err != nil {
			return err
		}
		if published != head {
			known, err := knownIn(ctx, r, published)
			if err == nil && known == "" && published != "" {
				st.Older = true
				if tip != "" {
					known, err = r.MergeBase(ctx, tip, "HEAD")
				}
			}
			if err == nil && known != head {
				st.Unpublished, err = r.Count(ctx, known, "HEAD")
			}
			if err != nil {
				return err
			}
		}
		if tip == "" || tip == head {
			return nil
		}
		st.Unmerged, err = r.Count(ctx, "HEAD", tip)
		return err
	})
	return st, err
}

// Committers counts the plane's commits and names who is recorded in them.
func (s *Store) Committers(ctx context.Context) (commits int, names []string, err error) {
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		if commits, err = tx.Count(ctx, "", "HEAD"); err != nil {
			return err
		}
		return tx.Each(ctx, func(r *doltdb.Rows) error {
			var name, email string
			err := r.Scan(&name, &email)
			names = append(names, town.Actor{Name: name, Email: email}.String())
			return err
		}, "SELECT DISTINCT committer, email FROM dolt_log")
	})
	slices.Sort(names)
	return commits, names, err
}
