package federate

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
// that was merged with one of its. Whatever a push committed after that and did
// not publish is made anew from rules and ledger as they are by then: what a
// person took out meanwhile must not leave as a part of the history.
// errUnpublished when there is no such commit.
func (e *Engine) rewind(ctx context.Context, s *exchange.Store, l *remoteLock) (tip string, err error) {
	tip, err = s.Head(ctx)
	if err != nil {
		return "", err
	}
	base, err := e.published(ctx, s, l.remote)
	if err != nil || base == tip {
		return tip, err
	}
	// The mirror may hold the same.
	if err := l.ledger.Reset(ctx); err != nil {
		return "", err
	}
	if base == "" {
		return "", errUnpublished
	}
	return base, s.Rewind(ctx, base)
}

// published is the commit of the exchange that the remote's state names; "" when
// that is of no history that is here.
func (e *Engine) published(ctx context.Context, s *exchange.Store, remote Remote) (base string, err error) {
	st, err := e.stateOf(remote)
	if err != nil || st.Shared.Commit == "" {
		return "", err
	}
	err = s.Revisions(ctx, func(r doltdb.Revisions) error {
		if found, err := r.Contains(ctx, "HEAD", st.Shared.Commit); err != nil || !found {
			return err
		}
		base = st.Shared.Commit
		return nil
	})
	return base, err
}

// settle is rewind before a merge of theirs, unless that shows that what was
// taken for unpublished had arrived: it is this Town's then, whatever became of
// the rules since.
func (e *Engine) settle(ctx context.Context, s *exchange.Store, l *remoteLock, theirs string) (tip string, err error) {
	if tip, err = s.Head(ctx); err != nil {
		return "", err
	}
	st, err := e.stateOf(l.remote)
	if err != nil {
		return "", err
	}
	candidates := append(slices.Clone(st.Shared.Tried), tip)
	slices.Reverse(candidates)
	arrived := ""
	err = s.Revisions(ctx, func(r doltdb.Revisions) error {
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
		return arrived, s.Rewind(ctx, arrived)
	}
	if tip, err = e.rewind(ctx, s, l); errors.Is(err, errUnpublished) {
		return "", errOtherHistory
	}
	return tip, err
}
