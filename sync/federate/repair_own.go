package federate

import (
	"context"
	"errors"
	"os"

	"gastown/planes/doltdb"
)

// RepairOwn makes this Town's own plane fit to be published again: a further commit
// leaves out what other Towns would refuse. The plane's history retains it. It
// contacts nobody. With dry set nothing is changed.
func (e *Engine) RepairOwn(ctx context.Context, dry bool, confirm ConfirmRepair) (out Repair, err error) {
	const own = "this Town"
	uuid, _ := e.opts.Stores.Federation()
	err = e.with(ctx, func(w *workspace) error {
		if !dry {
			if _, err := w.store.CommitOthers(ctx); err != nil {
				return err
			}
		}
		head, err := w.store.Head(ctx)
		if err != nil {
			return err
		}
		base, err := e.publishedBase(ctx, w)
		if err != nil {
			return err
		}
		found, err := w.store.Examine(ctx, own, uuid, base, head)
		if err != nil || found == nil {
			return err
		}
		out.Parts = []RepairPart{newRepairPart("federation", found)}
		if dry {
			return nil
		}
		if err := confirm(out); err != nil {
			return err
		}
		commit, err := w.store.Repair(ctx, own, uuid, base, found)
		if err != nil {
			return err
		}
		if _, err := w.store.Mend(ctx, base, commit); err != nil {
			return err
		}
		if err := w.show(ctx); err != nil {
			return err
		}
		out.Pulled.Documents, out.Pulled.FileReport = w.written, w.report()
		_, err = w.postReviews(ctx)
		return err
	})
	return out, e.advise("repair this Town's federation plane", Remote{}, err)
}

// publishedBase is a commit of the plane that a remote is known to hold; the first
// commit if there is none.
func (e *Engine) publishedBase(ctx context.Context, w *workspace) (base string, err error) {
	entries, err := os.ReadDir(e.opts.Layout.Remote(""))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	for _, entry := range entries {
		st, err := e.loadState(entry.Name())
		if err != nil {
			return "", err
		}
		if base, err = w.store.Known(ctx, st.Commit); err != nil || base != "" {
			return base, err
		}
	}
	err = w.store.Revisions(ctx, func(r doltdb.Revisions) error {
		base, err = r.First(ctx, "HEAD")
		return err
	})
	return base, err
}
