package federate

import (
	"context"
	"errors"

	"gastown/planes/doltdb"
	"gastown/town"
)

// adoptForeign makes what programs other than gt wrote into the plane like what gt
// wrote: rows without a commit get one under their own author, and rows without the
// right digest get that, and the texts they replaced are archived. The files
// follow with the next show. It costs one query where no other program wrote.
func (w *workspace) adoptForeign(ctx context.Context) error {
	if _, err := w.store.CommitOthers(ctx); err != nil {
		return err
	}
	head, err := w.store.Head(ctx)
	if err != nil || head == w.index.Head {
		return err
	}
	defer w.engine.step("foreign")()
	from, err := w.store.Known(ctx, w.index.Head)
	if err != nil {
		return err
	}
	if w.unfit = w.fit(ctx, "this Town", from); w.unfit != nil {
		return ctx.Err()
	}
	if _, err = w.store.Claim(ctx, from); err != nil {
		return err
	}
	_, err = w.store.Mend(ctx, from, head)
	return err
}

// showFit is show. A plane that is not fit may hold what cannot be shown: then the files
// stay as they are, until what arrives or a repair has put the plane right.
func (w *workspace) showFit(ctx context.Context) error {
	err := w.show(ctx)
	if err == nil || w.unfit == nil || ctx.Err() != nil {
		return err
	}
	w.unshown = true
	w.engine.opts.Log.WithError(err).Warn("the plane holds what files cannot show")
	w.tip, err = w.store.Head(ctx)
	return err
}

// fit fails when other Towns would refuse what the plane holds since a commit.
func (w *workspace) fit(ctx context.Context, remote, base string) error {
	uuid, _ := w.engine.opts.Stores.Federation()
	return w.store.CheckOutgoing(ctx, remote, uuid, base)
}

// foreignAttempts bounds how often a merge begins again because another program
// wrote rows without a commit meanwhile.
const foreignAttempts = 5

// undisturbed runs fn, which begins with adoptForeign, again while other programs
// write rows in between.
func undisturbed(fn func() error) (err error) {
	for range foreignAttempts {
		if err = fn(); !errors.Is(err, doltdb.ErrUncommitted) {
			return err
		}
	}
	return town.Fail("use the federation plane", "end that program's transaction with CALL DOLT_COMMIT, then run this again", "%w", err)
}
