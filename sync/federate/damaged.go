package federate

import (
	"context"
	"errors"
	"path/filepath"

	"gastown/planes/doltdb"
	"gastown/planes/doltdb/tables"
	"gastown/planes/federation"
	"gastown/town"
	"gastown/town/layout"
)

// adviseDamaged adds the next step to the error of a plane that cannot be read: a
// remote holds what the Town has published.
func (e *Engine) adviseDamaged(err error) error {
	all, aerr := e.agreements()
	if aerr != nil {
		e.opts.Log.WithError(aerr).Warn("read what is known of the remotes")
	}
	if len(all) == 0 {
		return err
	}
	r := all[0].remote
	return town.Fail("use the federation plane", "gt federation join "+r.URL+" --name "+r.Name+
		" takes it anew from there; the files in "+e.opts.Layout.Files()+" stay", "%w", err)
}

// damaged reports whether the Town's own plane cannot be read. It checks every chunk.
func (e *Engine) damaged(ctx context.Context) (bool, error) {
	err := e.Read(ctx, func(*federation.Store) error { return nil })
	if dir := e.database(); err == nil && dir.External == nil {
		err = tables.VerifyFiles(ctx, dir.Dir, filepath.Join(filepath.Dir(dir.Dir), ".verify-"+layout.Federation))
	}
	if errors.Is(err, doltdb.ErrCorrupt) {
		return true, nil
	}
	return false, err
}

// attemptDamaged replaces a plane that cannot be read. Its documents are those in the
// Town's files, which count as edits where the remote has another text; the next push
// sends them.
func (t *takeover) attemptDamaged(ctx context.Context) error {
	unlock, err := doltdb.LockDirectory(ctx, t.database())
	if err != nil {
		return err
	}
	adoption, err := t.theirs.Adopt(ctx, federation.Holdings{}, t.opts.Starter, t.entry(), false)
	err = t.spokenFor(ctx, "join the federation at "+t.remote.Name, err)
	t.out.Notes = append(adoption.Notes, "the damaged federation plane was retired; edits in files stay")
	if err == nil {
		t.agreed, err = t.theirs.Head(ctx)
	}
	if err = errors.Join(err, t.close()); err == nil {
		err = t.replace(ctx)
	}
	return errors.Join(err, unlock())
}
