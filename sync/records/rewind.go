package records

import (
	"context"
	"errors"
	"slices"

	"gastown/planes/doltdb"
	"gastown/planes/exchange"
)

// errUnpublished: no commit of the exchange is known to be anywhere else.
var errUnpublished = errors.New("the exchange holds nothing that was published")

// rewind takes the exchange back to the last commit that the remote confirmed or
// that was merged with one of the remote's. Whatever a push committed after that
// and did not publish is selected again from the rules and the ledger as they are now:
// a record that a person withdrew meanwhile must not leave as part of the
// history. It fails with errUnpublished when there is no such commit.
func (s *Session) rewind(ctx context.Context, x *exchange.Store) (tip string, err error) {
	if tip, err = s.ownTip(ctx, x); err != nil {
		return "", err
	}
	base, err := published(ctx, x, *s.state())
	if err != nil || base == tip {
		return tip, err
	}
	// The mirror may hold the same unpublished commits.
	if err := s.Reset(ctx); err != nil {
		return "", err
	}
	if base == "" {
		return "", errUnpublished
	}
	return base, x.Rewind(ctx, base)
}

// ownTip is the exchange's tip after rows that another program wrote there were put
// apart. What an exchange holds of this Town comes from the ledger by approved rules,
// so such rows do not leave.
func (s *Session) ownTip(ctx context.Context, x *exchange.Store) (tip string, err error) {
	branch, err := x.PutApart(ctx)
	if err != nil {
		return "", err
	}
	if branch != "" {
		s.notes = append(s.notes, "another program wrote rows into "+x.Dir()+
			"; they do not leave, and are there on the branch "+branch+" (share the record by a rule instead)")
	}
	return x.Head(ctx)
}

// published is the commit of the exchange that the remote is known to hold; ""
// when the exchange's history does not have it.
func published(ctx context.Context, x *exchange.Store, st State) (base string, err error) {
	if st.Commit == "" {
		return "", nil
	}
	err = x.Revisions(ctx, func(r doltdb.Revisions) error {
		if found, err := r.Contains(ctx, "HEAD", st.Commit); err != nil || !found {
			return err
		}
		base = st.Commit
		return nil
	})
	return base, err
}

// settle is rewind before a merge of theirs. If theirs includes a commit that
// counted as unpublished, its push had arrived after all: the exchange continues
// from that commit, whatever the rules are now.
func (s *Session) settle(ctx context.Context, x *exchange.Store, theirs string) (tip string, err error) {
	if tip, err = s.ownTip(ctx, x); err != nil {
		return "", err
	}
	candidates := append(slices.Clone(s.state().Tried), tip)
	slices.Reverse(candidates)
	arrived := ""
	err = x.Revisions(ctx, func(r doltdb.Revisions) error {
		for _, mine := range candidates {
			if found, err := r.Contains(ctx, theirs, mine); err != nil || found {
				arrived = mine
				return err
			}
		}
		return nil
	})
	switch {
	case err != nil || arrived == tip:
		return tip, err
	case arrived != "":
		return arrived, x.Rewind(ctx, arrived)
	}
	if tip, err = s.rewind(ctx, x); errors.Is(err, errUnpublished) {
		return "", errOtherHistory
	}
	return tip, err
}
