package records

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"

	"gastown/planes/doltdb"
	"gastown/planes/exchange"
	"gastown/sync/gitremote"
	"gastown/sync/sign"
	"gastown/town"
	"gastown/town/durable"
)

// exchangeName is the database's name.
const exchangeName = "exchange"

// errNoExchange: this machine has no exchange for the remote that belongs to the
// Town's federation.
var errNoExchange = errors.New("nothing is shared here yet")

// database opens the exchange in a directory. It is always opened in this
// process: it is small, and nobody else reads it while it is written.
func (r *Sharing) database(dir string) doltdb.Options {
	return doltdb.Options{
		Dir: dir, Home: r.opts.Layout.Engine(), Actor: r.opts.Actor, Wait: r.opts.Wait, Command: r.opts.Command,
		Checked: r.opts.Checked,
	}
}

// uuid is the identity of the exchanges of the Town's federation.
func (r *Sharing) uuid() string {
	uuid, _ := r.opts.Membership.Federation()
	return exchange.UUID(uuid)
}

// has reports whether this machine has an exchange for a remote.
func (r *Sharing) has(remote string) (bool, error) {
	_, err := os.Lstat(r.opts.Layout.Exchange(remote))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// with runs fn with the exchange of a remote open. It fails with errNoExchange
// when there is none, or only that of a federation the Town has left.
func (r *Sharing) with(ctx context.Context, remote string, fn func(*exchange.Store) error) (err error) {
	return r.withAs(ctx, remote, r.opts.Town.ID, fn)
}

// withAs is with for another owner of rows; "" owns none.
func (r *Sharing) withAs(ctx context.Context, remote string, owner town.ID, fn func(*exchange.Store) error) (err error) {
	if has, err := r.has(remote); err != nil || !has {
		return cmp.Or(err, errNoExchange)
	}
	x, err := exchange.Open(ctx, r.database(r.opts.Layout.Exchange(remote)), r.uuid(), owner)
	if errors.Is(err, doltdb.ErrOtherStore) {
		return errNoExchange
	}
	if err != nil {
		return unusable(ctx, remote, err)
	}
	defer func() { err = errors.Join(err, x.Close()) }()
	return fn(x)
}

// withSigned is withAs for writing and merging: with the keys of all Towns.
func (s *Session) withSigned(ctx context.Context, owner town.ID, fn func(*exchange.Store) error) error {
	keys, err := s.opts.Keys()
	if err != nil {
		return err
	}
	if has, err := s.has(s.link.Remote.Name); err != nil || !has {
		return cmp.Or(err, errNoExchange)
	}
	ring, err := s.link.Ring(ctx)
	if err != nil {
		return err
	}
	return s.withAs(ctx, s.link.Remote.Name, owner, func(x *exchange.Store) error {
		x.Keys, x.Ring = keys, ring
		return fn(x)
	})
}

// sign is the sign of the files of the exchange; "" where there is none.
func (s *Session) sign() string { return s.signOf(s.link.Remote.Name) }

func (r *Sharing) signOf(remote string) string {
	sign, _, _ := doltdb.Sign(r.database(r.opts.Layout.Exchange(remote)))
	return sign
}

// holds reports whether the exchange contains what is noted of the remote. It is not
// so when the exchange is missing, or was restored from an older copy. The exchange
// is opened only if its files have changed since that was last seen.
func (s *Session) holds(ctx context.Context) (held bool, err error) {
	if has, err := s.has(s.link.Remote.Name); err != nil || !has {
		return false, err
	}
	st := s.state()
	if sign := s.sign(); sign != "" && sign == st.Exchange {
		return true, nil
	}
	if held, err = s.contains(ctx, s.link.Remote.Name, *st); err == nil && held {
		st.Exchange = s.sign()
	}
	return held, err
}

// contains reports whether the exchange with a remote has the commit that a state
// notes.
func (r *Sharing) contains(ctx context.Context, remote string, st State) (held bool, err error) {
	err = r.with(ctx, remote, func(x *exchange.Store) error {
		base, err := published(ctx, x, st)
		held = base != ""
		return err
	})
	if errors.Is(err, errNoExchange) {
		return false, nil
	}
	return held, err
}

// Older reports whether the exchange with a remote lacks what a state notes of it.
// An exchange that is missing, or that cannot be read, is not older.
func (r *Sharing) Older(ctx context.Context, remote gitremote.Remote, st State) (bool, error) {
	st = st.For(remote, r.uuid())
	if has, err := r.has(remote.Name); err != nil || !has || st.Commit == "" {
		return false, err
	}
	if sign := r.signOf(remote.Name); sign != "" && sign == st.Exchange {
		return false, nil
	}
	held, err := r.contains(ctx, remote.Name, st)
	if err != nil && !errors.Is(err, town.ErrBusy) {
		return false, nil // examined by Verify
	}
	return !held && err == nil, err
}

// unusable adds the way back from an exchange that does not open: everything in
// it can be derived again.
func unusable(ctx context.Context, remote string, err error) error {
	if ctx.Err() != nil || errors.Is(err, town.ErrBusy) || errors.Is(err, doltdb.ErrNewerSchema) {
		return err
	}
	return town.Fail("open the records exchanged with "+remote, "gt doctor --fix puts them aside; the next sync brings them again", "%w", err)
}

// Verify opens the exchange of a remote, if there is one. An error that is not
// town.ErrBusy says that the exchange cannot be used.
func (r *Sharing) Verify(ctx context.Context, remote string) error {
	err := r.with(ctx, remote, func(x *exchange.Store) error {
		_, err := x.Others(ctx)
		return err
	})
	if errors.Is(err, errNoExchange) {
		return nil
	}
	return err
}

// VerifySigned counts the records that were exchanged with a remote, and the names of Towns
// there, which their Town has signed. It yields the others.
func (r *Sharing) VerifySigned(ctx context.Context, remote string, ring sign.Ring, yield func(exchange.Unsigned)) (signed int, err error) {
	err = r.with(ctx, remote, func(x *exchange.Store) error {
		x.Ring = ring
		signed, err = x.Verify(ctx, yield)
		return err
	})
	if errors.Is(err, errNoExchange) {
		return 0, nil
	}
	return signed, err
}

// create makes an empty exchange for a remote. One that is there is retired.
func (r *Sharing) create(ctx context.Context, remote string) (head string, err error) {
	if _, err := r.retire(ctx, remote); err != nil {
		return "", err
	}
	x, err := exchange.Create(ctx, r.database(r.opts.Layout.Exchange(remote)), r.uuid(), r.opts.Town.ID)
	if err != nil {
		return "", err
	}
	head, err = x.Head(ctx)
	return head, errors.Join(err, x.Close())
}

// copyMirror makes the exchange a copy of what the remote holds. One that is
// there is retired: this Town's records are put into the copy again, from the
// ledger.
func (s *Session) copyMirror(ctx context.Context) (retired string, err error) {
	defer s.opts.Step("copy records")()
	remote := s.link.Remote.Name
	dir := filepath.Join(s.opts.Layout.Remote(remote), mirrorDir, "copy", exchangeName)
	// A call that was interrupted may have left a copy. It holds only what the
	// remote holds.
	if err := os.RemoveAll(filepath.Dir(dir)); err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(filepath.Dir(dir))) }()
	ring, err := s.link.Ring(ctx)
	if err != nil {
		return "", err
	}
	x, err := exchange.Clone(ctx, s.database(dir), remote, s.mirror.Dir(), s.uuid(), s.opts.Town.ID, ring)
	if err != nil {
		return "", err
	}
	if err := x.Close(); err != nil {
		return "", err
	}
	if retired, err = s.retire(ctx, remote); err != nil {
		return "", err
	}
	data := s.opts.Layout.Exchange(remote)
	if err := os.MkdirAll(filepath.Dir(data), 0o700); err != nil {
		return retired, err
	}
	return retired, durable.Rename(dir, data)
}

// retire moves the exchange of a remote to the retired stores, once whoever has
// it open has closed it. It returns "" where there is none.
func (r *Sharing) retire(ctx context.Context, remote string) (retired string, err error) {
	if has, err := r.has(remote); err != nil || !has {
		return "", err
	}
	db, err := doltdb.OpenShared(ctx, r.database(r.opts.Layout.Exchange(remote)))
	if err != nil {
		return "", err
	}
	release, err := db.Detach()
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, release()) }()
	return r.PutAside(remote)
}

// PutAside moves the exchange of a remote, which nobody has open, to the retired
// stores, and returns where it is. The next pull or push rebuilds it from the
// remote and the ledger.
func (r *Sharing) PutAside(remote string) (retired string, err error) {
	return doltdb.Retire(r.opts.Layout.Exchange(remote), r.opts.Layout.Retired(), exchangeName, r.opts.Now())
}
