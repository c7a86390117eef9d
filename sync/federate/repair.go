package federate

import (
	"context"
	"errors"
	"fmt"
	"io"
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

// Repair is what is wrong with a remote, or with this Town's own plane, and what a
// repair makes of it.
type Repair struct {
	// Remote is empty for this Town's own plane.
	Remote string
	// Parts is empty when there is nothing to repair.
	Parts []RepairPart
	// Copy is where what was at the remote is now; empty before that is so, and for
	// this Town's own plane, whose history retains everything.
	Copy string
	// Pulled is what arrived after the repair.
	Pulled Pulled
}

// RepairPart is the repair of one database.
type RepairPart struct {
	// What is "federation" or "shared records".
	What string
	// Reason is why Towns refuse it.
	Reason string
	// Good names the last good state, for people. Own: it is what this Town fetched
	// last, because nothing older can be read at the remote.
	Good string
	Own  bool
	// Commits is how many commits follow Good, and Kept how many rows that they changed
	// stay.
	Commits, Kept int
	// Gone names what goes; GoneTotal counts all.
	Gone      []string
	GoneTotal int
	// Unread are publications that cannot be read. What only they held goes.
	Unread []gitremote.Publication
}

// ConfirmRepair asks a person before anything is changed.
type ConfirmRepair func(Repair) error

// stranger is a copy of a database that came from a remote.
type stranger interface {
	io.Closer
	Head(context.Context) (string, error)
	Revisions(context.Context, func(doltdb.Revisions) error) error
	Push(ctx context.Context, remote, mirror string) error
	Examine(ctx context.Context, remote, uuid, base, tip string) (*doltdb.Salvage, error)
	Repair(ctx context.Context, remote, uuid, base string, s *doltdb.Salvage) (string, error)
}

// patient is one ref of a remote.
type patient struct {
	what   string
	mirror *gitremote.Mirror
	uuid   string
	// base is the last commit that the mirror's tip and this Town have.
	base func(context.Context) (string, error)
	// copy copies the mirror.
	copy func(ctx context.Context, opts doltdb.Options) (stranger, error)
}

// treatment is a patient with what is to be done.
type treatment struct {
	patient
	part RepairPart
	// held is set if the Git layer is broken; else copied, with base and found.
	held   *gitremote.Held
	copied stranger
	base   string
	found  *doltdb.Salvage
}

// RepairRemote takes a remote that holds what no Town can take back to its last good
// state, with every later change that is valid. The database stays one history: Towns
// that stood still go on with their next pull. What was there is copied before. With
// dry set nothing is changed. An outcome without Parts found nothing to repair.
func (e *Engine) RepairRemote(ctx context.Context, remote Remote, dry bool, confirm ConfirmRepair) (out Repair, err error) {
	op := "repair " + remote.Name
	out.Remote = remote.Name
	s, err := e.begin(ctx, remote)
	if err != nil {
		return out, e.advise(op, remote, err)
	}
	defer func() { err = e.advise(op, remote, s.end(err, &s.state.Push)) }()
	all, err := s.diagnose(ctx)
	defer func() { err = errors.Join(err, s.endRepair(ctx, all)) }()
	if err != nil {
		return out, err
	}
	for _, t := range all {
		out.Parts = append(out.Parts, t.part)
	}
	if dry || len(all) == 0 {
		return out, nil
	}
	if err := confirm(out); err != nil {
		return out, err
	}
	if out.Copy, err = s.copyAside(ctx, all); err != nil {
		return out, err
	}
	if err := s.treat(ctx, all); err != nil {
		return out, err
	}
	pulled, err := s.pull(ctx, false)
	out.Pulled = pulled.Pulled
	return out, err
}

// diagnose finds the parts of the remote that Towns refuse.
func (s *session) diagnose(ctx context.Context) (all []*treatment, err error) {
	fetched, failed := s.ask(ctx)
	if failed == nil && fetched.Empty {
		return nil, s.none()
	}
	if failed != nil && !unusable(failed) {
		return nil, failed
	}
	uuid, _ := s.opts.Stores.Federation()
	patients := []patient{{
		what: "federation", mirror: s.mirror, uuid: uuid, base: s.federationBase,
		copy: func(ctx context.Context, opts doltdb.Options) (stranger, error) {
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
			patients = append(patients, patient{
				what: "shared records", mirror: m, uuid: s.records.UUID(), base: s.records.Base,
				copy: func(ctx context.Context, opts doltdb.Options) (stranger, error) {
					return exchange.Copy(ctx, opts, s.remote.Name, m.Dir(), s.opts.ID)
				},
			})
			failures = append(failures, err)
		}
	}
	for i, p := range patients {
		if i > 0 && failures[i] == nil && p.mirror.Head() == "" {
			continue
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
func (s *session) examine(ctx context.Context, p patient, failed error) (*treatment, error) {
	t := &treatment{patient: p, part: RepairPart{What: p.what}}
	if failed == nil {
		err := s.examineContent(ctx, t)
		switch {
		case err == nil && t.found == nil:
			return nil, t.close()
		case err == nil:
			f := t.found
			t.part.Reason, t.part.Good = reason(f.Reason), "commit "+town.Clip(f.Good, 10)
			t.part.Commits, t.part.Kept, t.part.Gone, t.part.GoneTotal = f.Commits, f.Kept, f.Gone, f.GoneTotal
			return t, nil
		case !unusable(err):
			return t, err
		}
		failed = err
	}
	t.part.Reason = reason(failed)
	return t, s.findPublication(ctx, t)
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
func (s *session) examineContent(ctx context.Context, t *treatment) (err error) {
	if t.base, err = t.patient.base(ctx); err != nil {
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
func (s *session) findPublication(ctx context.Context, t *treatment) (err error) {
	own := t.mirror.Head()
	if t.held, err = t.mirror.Hold(ctx); err != nil {
		return err
	}
	tried := t.held.Past[min(1, len(t.held.Past)):]
	for i, p := range tried[:min(maxTried, len(tried))] {
		if s.try(ctx, t, p.ID) {
			t.part.Good, t.part.Unread = "publication "+town.Clip(p.ID, 10)+" ("+p.Subject+")", t.held.Past[:i+1]
			return t.close()
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	if own == "" || !s.try(ctx, t, own) {
		return town.Fail("repair "+s.remote.Name, "run it in a Town that has exchanged with this remote before",
			"%w: no publication there can be read, and this Town has fetched none (%s)", town.ErrRefused, t.part.Reason)
	}
	t.part.Good, t.part.Own, t.part.Unread = "what this Town fetched last, publication "+town.Clip(own, 10), true, t.held.Past
	return t.close()
}

// try brings the mirror to a publication and reports whether Towns can take it.
func (s *session) try(ctx context.Context, t *treatment, commit string) bool {
	if t.held.Try(ctx, commit) != nil {
		return false
	}
	err := s.examineContent(ctx, t)
	good := err == nil && t.found == nil
	t.found = nil
	return good
}

// copyAside copies what the refs name into a bare repository among the retired
// stores.
func (s *session) copyAside(ctx context.Context, all []*treatment) (string, error) {
	dir := s.opts.Layout.Retired()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	dir = filepath.Join(dir, "remote-"+s.remote.Name+"-"+s.opts.Now().UTC().Format("20060102T150405.000000000")+".git")
	for _, t := range all {
		if err := t.mirror.CopyTo(ctx, dir); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// treat publishes the outcome. When another Town publishes first, nothing is changed.
func (s *session) treat(ctx context.Context, all []*treatment) error {
	opts := gitremote.PublishOptions{
		AuthorName: s.opts.Actor.Name, AuthorEmail: s.opts.Actor.Email,
		Message: "repair by Town " + s.opts.Name,
	}
	for _, t := range all {
		opts.Beside = opts.Beside || t.mirror != s.mirror
		if t.held != nil {
			t.held.Replace()
			continue
		}
		if _, err := t.copied.Repair(ctx, s.remote.Name, t.uuid, t.base, t.found); err != nil {
			return err
		}
		if err := t.copied.Push(ctx, s.remote.Name, t.mirror.Dir()); err != nil {
			return err
		}
	}
	_, err := s.mirror.Publish(ctx, opts)
	if errors.Is(err, gitremote.ErrRejected) {
		return town.Fail("repair "+s.remote.Name, "look again: gt federation repair "+s.remote.Name+" --dry-run",
			"%w: another Town published meanwhile, and nothing was changed: %w", town.ErrBusy, err)
	}
	return err
}

func (t *treatment) close() error {
	if t.copied == nil {
		return nil
	}
	c := t.copied
	t.copied = nil
	return c.Close()
}

// endRepair removes the copies that were examined, and what was not published from
// the mirrors.
func (s *session) endRepair(ctx context.Context, all []*treatment) (err error) {
	ctx = context.WithoutCancel(ctx)
	for _, t := range all {
		err = errors.Join(err, t.close())
		if t.held != nil {
			err = errors.Join(err, t.held.Release())
		}
	}
	return errors.Join(err, os.RemoveAll(s.repairDir()), s.forgetUnpublished(ctx, all))
}

// forgetUnpublished takes the mirrors back to what the remote is known to hold.
func (s *session) forgetUnpublished(ctx context.Context, all []*treatment) (err error) {
	for _, t := range all {
		if t.mirror.Head() != "" {
			if rerr := t.mirror.Reset(ctx); rerr != nil && !unusable(rerr) {
				err = errors.Join(err, rerr)
			}
		}
	}
	return err
}
