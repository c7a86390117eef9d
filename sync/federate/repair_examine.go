package federate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"gastown/planes/doltdb"
	"gastown/planes/exchange"
	"gastown/planes/federation"
	"gastown/sync/gitremote"
	"gastown/town"
	"gastown/town/layout"
)

// maxTried is how many publications of a remote are tried as the last good one.
const maxTried = 50

// diagnose finds the parts of the remote that Towns refuse.
func (s *session) diagnose(ctx context.Context) (all []*refRepair, err error) {
	fetched, failed := s.askPatiently(ctx)
	if failed == nil && fetched.Empty {
		return nil, s.none()
	}
	if failed != nil && !unusable(failed) {
		return nil, failed
	}
	uuid, _ := s.opts.Stores.Federation()
	examined := []examinedRef{{
		what: "federation", mirror: s.mirror, uuid: uuid, base: s.federationBase,
		copy: func(ctx context.Context, opts doltdb.Options) (remoteCopy, error) {
			return federation.Copy(ctx, opts, s.remote.Name, s.mirror.Dir(), s.opts.ID)
		},
	}}
	failures := []error{failed}
	if m := s.records.Mirror(); m != nil {
		got, seen, err := m.Arrived()
		if err != nil && !unusable(err) {
			return nil, err
		}
		if err != nil || failed != nil || seen && !got.Empty {
			examined = append(examined, examinedRef{
				what: "shared records", mirror: m, uuid: s.records.UUID(), base: s.records.Base,
				copy: func(ctx context.Context, opts doltdb.Options) (remoteCopy, error) {
					return exchange.Copy(ctx, opts, s.remote.Name, m.Dir(), s.opts.ID)
				},
			})
			failures = append(failures, err)
		}
	}
	for i, p := range examined {
		if i > 0 && failures[i] == nil && p.mirror.Head() == "" {
			continue
		}
		// A repair that was killed before it published left its outcome in the mirror.
		if failures[i] == nil && !p.mirror.AtHead() {
			if err := p.mirror.Reset(ctx); err != nil {
				return all, err
			}
		}
		t, err := s.examine(ctx, p, failures[i])
		if t != nil {
			all = append(all, t)
		}
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

// unusable reports an error about what a ref names.
func unusable(err error) bool {
	for _, kind := range []error{gitremote.ErrNotDolt, gitremote.ErrCorrupt, gitremote.ErrTooLarge, doltdb.ErrCorrupt, doltdb.ErrNoBranch} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// federationBase is the last commit that the mirror's tip and the plane have.
func (s *session) federationBase(ctx context.Context) (base string, err error) {
	err = s.with(ctx, func(w *workspace) error {
		theirs, err := w.store.Fetch(ctx, s.remote.Name, s.mirror.Dir())
		if err != nil {
			return err
		}
		c, err := w.store.Compare(ctx, theirs)
		base = c.Base
		return errors.Join(err, w.store.Forget(ctx, s.remote.Name))
	})
	if err == nil && base == "" {
		err = fmt.Errorf("%w", ErrUnrelated)
	}
	return base, err
}

// examine finds out what is wrong with one ref; nil for nothing. failed is the error
// of its fetch.
func (s *session) examine(ctx context.Context, p examinedRef, failed error) (*refRepair, error) {
	t := &refRepair{examinedRef: p, part: RepairPart{What: p.what}}
	if failed == nil {
		err := s.examineContent(ctx, t)
		switch {
		case err == nil && t.found == nil:
			return nil, t.close()
		case err == nil:
			t.part = newRepairPart(p.what, t.found)
			return t, nil
		case !unusable(err):
			return t, err
		}
		failed = err
	}
	t.part.Reason = reason(failed)
	return t, s.findPublication(ctx, t)
}

// newRepairPart describes, for people, what a repair of one database does.
func newRepairPart(what string, found *doltdb.Salvage) RepairPart {
	return RepairPart{
		What: what, Reason: reason(found.Reason), Good: "commit " + town.Clip(found.Good, 10), Commits: found.Commits,
		Kept: found.Kept, Gone: found.Gone, GoneTotal: found.GoneTotal,
	}
}

// reason is an error for a preview.
func reason(err error) string {
	var told *town.Error
	for errors.As(err, &told) {
		err = told.Err
	}
	return town.Clip(err.Error(), 500)
}

// examineContent examines what the mirror holds, in a copy of it.
func (s *session) examineContent(ctx context.Context, t *refRepair) (err error) {
	if t.base, err = t.examinedRef.base(ctx); err != nil {
		return err
	}
	dir := filepath.Join(s.repairDir(), layout.Federation)
	if err := errors.Join(t.close(), os.RemoveAll(dir)); err != nil {
		return err
	}
	opts := doltdb.Options{Dir: dir, Home: s.opts.Layout.Engine(), Actor: s.opts.Actor, Wait: s.opts.Wait, Command: s.opts.Command}
	if t.what != "federation" {
		opts.Dir = filepath.Join(s.repairDir(), "exchange")
		if err := os.RemoveAll(opts.Dir); err != nil {
			return err
		}
	}
	if t.copied, err = t.copy(ctx, opts); err != nil {
		return err
	}
	tip, err := t.copied.Head(ctx)
	if err != nil {
		return err
	}
	if t.base == "" {
		err = t.copied.Revisions(ctx, func(r doltdb.Revisions) error {
			t.base, err = r.First(ctx, tip)
			return err
		})
		if err != nil {
			return err
		}
	}
	t.found, err = t.copied.Examine(ctx, s.remote.Name, t.uuid, t.base, tip)
	return err
}

// repairDir is where copies of a remote's databases are examined.
func (s *session) repairDir() string {
	return filepath.Join(s.opts.Layout.Remote(s.remote.Name), "repair")
}

// findPublication looks for the last publication that is good, along the history of
// the ref.
func (s *session) findPublication(ctx context.Context, t *refRepair) (err error) {
	own := t.mirror.Head()
	if t.held, err = t.mirror.Hold(ctx); err != nil {
		return err
	}
	tried := t.held.Past[min(1, len(t.held.Past)):]
	for i, p := range tried[:min(maxTried, len(tried))] {
		if s.tryPublication(ctx, t, p.ID) {
			t.part.Good, t.part.Unread = "publication "+town.Clip(p.ID, 10)+" ("+p.Subject+")", t.held.Past[:i+1]
			return t.close()
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	if own == "" || !s.tryPublication(ctx, t, own) {
		return town.Fail("repair "+s.remote.Name, "run it in a Town that has exchanged with this remote before",
			"%w: no publication there can be read, and this Town has fetched none (%s)", town.ErrRefused, t.part.Reason)
	}
	t.part.Good, t.part.Own, t.part.Unread = "what this Town fetched last, publication "+town.Clip(own, 10), true, t.held.Past
	return t.close()
}

// tryPublication brings the mirror to a publication and reports whether Towns can take it.
func (s *session) tryPublication(ctx context.Context, t *refRepair, commit string) bool {
	if t.held.Try(ctx, commit) != nil {
		return false
	}
	err := s.examineContent(ctx, t)
	good := err == nil && t.found == nil
	t.found = nil
	return good
}
