package federate

import (
	"context"
	"errors"
	"os"

	"gastown/planes/doltdb"
	"gastown/planes/exchange"
)

// errUnpublished: no commit of the exchange is known to be anywhere else.
var errUnpublished = errors.New("the exchange holds nothing that was published")

// rewind takes the exchange back to the last commit that a remote confirmed or
// that was merged with one. Whatever a push committed after that and did not
// publish is made anew from rules and ledger as they are by then: what a person
// took out meanwhile must not leave as a part of the history. errUnpublished
// when there is no such commit.
func (e *Engine) rewind(ctx context.Context, s *exchange.Store, l *remoteLock) (tip string, err error) {
	tip, err = s.Head(ctx)
	if err != nil {
		return "", err
	}
	base, err := e.published(ctx, s, tip)
	if err != nil || base == tip {
		return tip, err
	}
	l.dropped = tip
	// The mirror may hold the same.
	if err := l.ledger.Reset(ctx); err != nil {
		return "", err
	}
	if base == "" {
		return "", errUnpublished
	}
	return base, s.Rewind(ctx, base)
}

// published is the newest commit of the exchange that a remote's state names;
// "" when none does.
func (e *Engine) published(ctx context.Context, s *exchange.Store, tip string) (base string, err error) {
	entries, err := os.ReadDir(e.opts.Layout.Remote(""))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	var known []string
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		st, err := e.loadState(entry.Name())
		if err != nil {
			return "", err
		}
		if st.Shared.Commit == tip {
			return tip, nil
		}
		if st.Shared.Commit != "" {
			known = append(known, st.Shared.Commit)
		}
	}
	fewest := -1
	err = s.View(ctx, func(tx *doltdb.Tx) error {
		for _, commit := range known {
			n, err := tx.Count(ctx, commit, tip)
			if err != nil {
				continue // of a history that is no longer here
			}
			if contained, err := tx.MergeBase(ctx, commit, tip); err != nil || contained != commit {
				continue
			}
			if fewest < 0 || n < fewest {
				base, fewest = commit, n
			}
		}
		return ctx.Err()
	})
	return base, err
}

// settle is rewind before a merge of theirs, unless that shows that what was
// taken for unpublished had arrived.
func (e *Engine) settle(ctx context.Context, s *exchange.Store, l *remoteLock, theirs string) (tip string, err error) {
	if tip, err = s.Head(ctx); err != nil {
		return "", err
	}
	for _, mine := range []string{tip, l.dropped} {
		if mine == "" {
			continue
		}
		var base string
		err := s.View(ctx, func(tx *doltdb.Tx) error {
			base, err = tx.MergeBase(ctx, mine, theirs)
			return err
		})
		if err != nil {
			return "", err
		}
		if base != mine {
			continue
		}
		if mine != tip {
			err = s.Rewind(ctx, mine)
		}
		return mine, err
	}
	mirror := l.ledger.Head()
	if tip, err = e.rewind(ctx, s, l); errors.Is(err, errUnpublished) && mirror != "" {
		return "", errOtherHistory
	}
	return tip, err
}
