package federate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"gastown/planes/doltdb"
	"gastown/sync/gitremote"
	"gastown/town"
)

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

// remoteCopy is a copy of a remote's database, made for a repair.
type remoteCopy interface {
	io.Closer
	Head(context.Context) (string, error)
	Revisions(context.Context, func(doltdb.Revisions) error) error
	Push(ctx context.Context, remote, mirror string) error
	Examine(ctx context.Context, remote, uuid, base, tip string) (*doltdb.Salvage, error)
	Repair(ctx context.Context, remote, uuid, base string, s *doltdb.Salvage) (string, error)
}

// examinedRef is one ref of a remote that a repair examines.
type examinedRef struct {
	what   string
	mirror *gitremote.Mirror
	uuid   string
	// base is the last commit that the mirror's tip and this Town have.
	base func(context.Context) (string, error)
	// copy copies the mirror.
	copy func(ctx context.Context, opts doltdb.Options) (remoteCopy, error)
}

// refRepair is what a repair does about one ref.
type refRepair struct {
	examinedRef
	part RepairPart
	// held is set if the Git layer is broken; else copied, with base and found.
	held   *gitremote.Held
	copied remoteCopy
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
	if err := s.publishRepair(ctx, all); err != nil {
		return out, err
	}
	pulled, err := s.pull(ctx, false)
	out.Pulled = pulled.Pulled
	return out, err
}

// copyAside copies what the refs name into a bare repository among the retired
// stores.
func (s *session) copyAside(ctx context.Context, all []*refRepair) (string, error) {
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

// publishRepair publishes the outcome. When another Town publishes first, nothing is changed.
func (s *session) publishRepair(ctx context.Context, all []*refRepair) error {
	if err := s.mayPublish(); err != nil {
		return err
	}
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
	err := s.patiently(ctx, func() error {
		_, err := s.mirror.Publish(ctx, opts)
		if errors.Is(err, gitremote.ErrUnknownOutcome) {
			return s.repairArrived(ctx, err)
		}
		return err
	})
	if errors.Is(err, gitremote.ErrRejected) {
		return town.Fail("repair "+s.remote.Name, "look again: gt federation repair "+s.remote.Name+" --dry-run",
			"%w: another Town published meanwhile, and nothing was changed: %w", town.ErrBusy, err)
	}
	return err
}

// repairArrived looks at the remote after a repair whose answer was lost, with the
// error lost. It returns nil when the repair has arrived, and lost when the remote is
// as it was.
func (s *session) repairArrived(ctx context.Context, lost error) error {
	before := [2]string{s.mirror.Head(), s.records.Head()}
	fetched, err := s.askPatiently(ctx)
	switch {
	case err == nil && (fetched.PublishedEarlier || s.records.Arrived()):
		return nil
	case err != nil && !unusable(err):
		return fmt.Errorf("%w: %w", errUnknown, errors.Join(lost, err))
	case before != [2]string{s.mirror.Head(), s.records.Head()}:
		return fmt.Errorf("%w (%w)", gitremote.ErrRejected, lost)
	}
	return lost
}

func (t *refRepair) close() error {
	if t.copied == nil {
		return nil
	}
	c := t.copied
	t.copied = nil
	return c.Close()
}

// endRepair removes the copies that were examined, and what was not published from
// the mirrors.
func (s *session) endRepair(ctx context.Context, all []*refRepair) (err error) {
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
func (s *session) forgetUnpublished(ctx context.Context, all []*refRepair) (err error) {
	for _, t := range all {
		if t.mirror.Head() != "" {
			if rerr := t.mirror.Reset(ctx); rerr != nil && !unusable(rerr) {
				err = errors.Join(err, rerr)
			}
		}
	}
	return err
}
