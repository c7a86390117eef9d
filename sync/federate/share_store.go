package federate

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"

	"gastown/planes/doltdb"
	"gastown/planes/exchange"
	"gastown/town/durable"
)

// exchangeName is the database's name.
const exchangeName = "exchange"

// errNoExchange: there is no exchange here that belongs to the Town's federation.
var errNoExchange = errors.New("nothing is shared here yet")

// exchangeDir opens the exchange wherever it lies. It is always opened in this
// process: it is small, and nobody else reads it while it is written.
func (e *Engine) exchangeDir(dir string) doltdb.Options {
	return doltdb.Options{
		Dir: dir, Home: e.opts.Layout.Engine(), Actor: e.opts.Actor, Wait: e.opts.Wait, Command: e.opts.Command,
	}
}

func (e *Engine) exchangeUUID() string {
	uuid, _ := e.opts.Stores.Federation()
	return exchange.UUID(uuid)
}

// hasExchange reports whether there is one for a remote on this machine.
func (e *Engine) hasExchange(remote string) (bool, error) {
	_, err := os.Lstat(e.opts.Layout.Exchange(remote))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// withExchange runs fn with the exchange of a remote open. errNoExchange when
// there is none, or only that of a federation the Town has left.
func (e *Engine) withExchange(ctx context.Context, remote string, fn func(*exchange.Store) error) (err error) {
	if has, err := e.hasExchange(remote); err != nil || !has {
		return cmp.Or(err, errNoExchange)
	}
	s, err := exchange.Open(ctx, e.exchangeDir(e.opts.Layout.Exchange(remote)), e.exchangeUUID(), e.opts.ID)
	if errors.Is(err, doltdb.ErrOtherStore) {
		return errNoExchange
	}
	if err != nil {
		return damaged(ctx, remote, err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return fn(s)
}

// agreedTo lists the remotes that a person agreed to exchange with, by name.
func (e *Engine) agreedTo() (remotes []Remote, err error) {
	entries, err := os.ReadDir(e.opts.Layout.Remote(""))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		st, err := e.loadState(entry.Name())
		if err != nil {
			return nil, err
		}
		if st.Confirmed != "" {
			remotes = append(remotes, Remote{entry.Name(), st.Confirmed})
		}
	}
	return remotes, err
}

// makeExchange makes an empty one for a remote; one that is there is kept aside.
func (e *Engine) makeExchange(ctx context.Context, remote string) (head string, err error) {
	if _, err := e.retireExchange(ctx, remote); err != nil {
		return "", err
	}
	s, err := exchange.Create(ctx, e.exchangeDir(e.opts.Layout.Exchange(remote)), e.exchangeUUID(), e.opts.ID)
	if err != nil {
		return "", err
	}
	head, err = s.Head(ctx)
	return head, errors.Join(err, s.Close())
}

// copyExchange makes the exchange a copy of what the remote holds. One that is
// there is kept aside: records of this Town are put into the copy again, from
// the ledger.
func (e *Engine) copyExchange(ctx context.Context, l *remoteLock) (kept string, err error) {
	defer e.step("copy records")()
	dir := filepath.Join(e.opts.Layout.Remote(l.remote.Name), ledgerMirror, "copy", exchangeName)
	// Only ever a copy of the remote's: a call that was interrupted left it.
	if err := os.RemoveAll(filepath.Dir(dir)); err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(filepath.Dir(dir))) }()
	s, err := exchange.Clone(ctx, e.exchangeDir(dir), l.remote.Name, l.ledger.Dir(), e.exchangeUUID(), e.opts.ID)
	if err != nil {
		return "", err
	}
	if err := s.Close(); err != nil {
		return "", err
	}
	if kept, err = e.retireExchange(ctx, l.remote.Name); err != nil {
		return "", err
	}
	data := e.opts.Layout.Exchange(l.remote.Name)
	if err := os.MkdirAll(filepath.Dir(data), 0o700); err != nil {
		return kept, err
	}
	return kept, durable.Rename(dir, data)
}

// retireExchange keeps the exchange that is there for a remote under a name of
// its own.
func (e *Engine) retireExchange(ctx context.Context, remote string) (kept string, err error) {
	dir := e.opts.Layout.Exchange(remote)
	if has, err := e.hasExchange(remote); err != nil || !has {
		return "", err
	}
	// Whoever has it open is waited for.
	db, err := doltdb.OpenShared(ctx, e.exchangeDir(dir))
	if err != nil {
		return "", err
	}
	release, err := db.Detach()
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, release()) }()
	return e.retire(dir, exchangeName)
}
