package federate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"gastown/planes/federation"
	"gastown/town"
	"gastown/town/durable"
	"gastown/town/layout"
)

// maxPreviews bounds how often a join is previewed because the Town's own
// documents were edited while a person looked at the preview.
const maxPreviews = 5

// takeOver merges what the Town holds into the store theirs, a copy of from that
// lies in dir, and puts it in the place of the Town's own. It closes theirs. agreed
// is the commit that the person who confirmed has seen. damaged says that the Town's
// own plane cannot be read.
func (s *session) takeOver(ctx context.Context, theirs *federation.Store, from federation.Origin, dir string, damaged bool, confirm Confirm, out *Joined) (agreed string, err error) {
	t := takeover{session: s, dir: dir, damaged: damaged, theirs: theirs, close: sync.OnceValue(theirs.Close), out: out}
	for n := 0; err == nil && !t.exchanged; n++ {
		if n == maxPreviews {
			err = town.Fail("join the federation at "+s.remote.Name, "run it again when nobody edits the Town's documents",
				"%w: they were edited %d times while the join was being confirmed", town.ErrBusy, n)
			break
		}
		var p Preview
		previewed := s.step("preview")
		p, err = t.preview(ctx)
		previewed()
		if err == nil {
			err = confirm(p)
		}
		if err == nil {
			err = t.attempt(ctx)
		}
	}
	err = errors.Join(err, t.close())
	if !t.exchanged {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	if err != nil {
		return "", err
	}
	if out.Retired, err = s.retire(dir); err != nil {
		return "", err
	}
	s.state.Commit = from.Commit
	return t.agreed, s.save()
}

// takeover is one join on its way from the preview to the exchange.
type takeover struct {
	*session
	dir    string
	theirs *federation.Store
	close  func() error
	out    *Joined

	// damaged: the Town's own plane is of the same federation and cannot be read.
	damaged bool

	head      string // the tip of the Town's own plane, as previewed
	holdings  federation.Holdings
	agreed    string // the tip of theirs with what was previewed
	exchanged bool
}

// attempt does what was previewed. It does nothing if the Town's own plane or files
// have changed since. The plane stays locked until it has been replaced, so that
// nothing is recorded in the former one.
func (t *takeover) attempt(ctx context.Context) error {
	if t.damaged {
		return t.attemptDamaged(ctx)
	}
	ours, err := t.open(ctx)
	if err != nil {
		return err
	}
	ready, err := t.adoptPreviewed(ctx, ours)
	unlock, cerr := ours.Detach()
	if err = errors.Join(err, cerr); err == nil && ready {
		err = t.replace(ctx)
	}
	return errors.Join(err, unlock())
}

// adoptPreviewed merges the holdings into theirs if they are still those that
// were previewed.
func (t *takeover) adoptPreviewed(ctx context.Context, ours *federation.Store) (ready bool, err error) {
	w, err := t.workspace(ours)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	w.publishing = true
	rec, err := w.record(ctx, "")
	if err != nil {
		return false, err
	}
	t.out.Invalid = rec.Invalid
	head, err := ours.Head(ctx)
	if err != nil || head != t.head {
		return false, err
	}
	adopted := t.step("adopt")
	adoption, err := t.theirs.Adopt(ctx, t.holdings, t.opts.Starter, t.entry(), false)
	adopted()
	err = t.spokenFor(ctx, "join the federation at "+t.remote.Name, err)
	t.out.Offered, t.out.Notes = adoption.Offered, adoption.Notes
	if err == nil {
		// What is recorded from here on was not in the preview.
		t.agreed, err = t.theirs.Head(ctx)
	}
	return err == nil, errors.Join(err, t.close())
}

// preview reads what the Town holds and tries its adoption, without writing.
func (t *takeover) preview(ctx context.Context) (p Preview, err error) {
	if err := t.onlyFederation(); err != nil {
		return p, err
	}
	if !t.damaged {
		err = t.readOwn(ctx)
	}
	if err != nil {
		return p, err
	}
	adoption, err := t.theirs.Adopt(ctx, t.holdings, t.opts.Starter, t.entry(), true)
	if err != nil {
		return p, err
	}
	if err := t.searchHoldings(t.holdings, adoption.Offered); err != nil {
		return p, err
	}
	p = Preview{
		Remote: t.remote, Why: t.why, Address: t.address, Store: t.out.Store, Documents: adoption.Offered, Notes: adoption.Notes, Commits: 1,
		Member:  federation.Member{ID: t.opts.ID, Name: t.opts.Name, Revision: 1},
		Authors: []string{t.opts.Actor.String()}, Former: t.holdings.Former(),
	}
	if t.damaged {
		p.Notes = append(p.Notes, "the federation plane here is damaged: it is retired, and taken anew from "+t.remote.Name)
	}
	p.Arrives, err = t.theirs.Count(ctx)
	return p, err
}

// readOwn records edited files and reads what the Town holds.
func (t *takeover) readOwn(ctx context.Context) error {
	return t.with(ctx, func(w *workspace) (err error) {
		w.publishing = true
		if _, err := w.record(ctx, ""); err != nil {
			return err
		}
		if t.head, err = w.store.Head(ctx); err != nil {
			return err
		}
		t.holdings, err = w.store.Holdings(ctx)
		return err
	})
}

// replace puts the new directory in the place of the plane's in one step. Stores
// names both stores meanwhile, so an interruption at any point leaves either the
// old or the new one in use (see Engine.open).
func (t *takeover) replace(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	stores, current := t.opts.Stores, t.opts.Layout.Data(layout.Federation)
	previous, _ := stores.Federation()
	if err := stores.SetFederation(t.out.Store, previous); err != nil {
		return err
	}
	// From here on the directory may hold the Town's former store.
	if err := errors.Join(t.endCopy(t.remote.Name), durable.SyncDir(filepath.Dir(t.dir))); err != nil {
		return errors.Join(err, stores.SetFederation(previous, ""))
	}
	if err := t.swap(t.dir, current); err != nil {
		return errors.Join(fmt.Errorf("replace %s: %w", current, err), stores.SetFederation(previous, ""))
	}
	t.exchanged = true
	// Stores may name the new store alone only once the exchange would survive a
	// loss of power.
	if err := errors.Join(durable.SyncDir(filepath.Dir(t.dir)), durable.SyncDir(filepath.Dir(current))); err != nil {
		return err
	}
	return stores.SetFederation(t.out.Store, "")
}

// onlyFederation refuses to take over another federation's store while the Town
// exchanges with a remote of its present one: that remote would become useless, and
// what other Towns shared there would be passed on to the new one.
func (t *takeover) onlyFederation() error {
	if known, _ := t.opts.Stores.Federation(); known == t.out.Store {
		return nil // the same federation, with another history
	}
	all, err := t.agreements()
	for _, a := range all {
		if name := a.remote.Name; name != t.remote.Name {
			return town.Fail("join the federation at "+t.remote.Name,
				"make another Town for it, or leave the present one first: gt federation remote remove "+name,
				"%w: this Town is in another federation, which it shares with remote %s", town.ErrRefused, name)
		}
	}
	return err
}
