package federate

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"gastown/planes/doltdb"
	"gastown/planes/exchange"
	"gastown/town"
)

// damaged tells the way back from an exchange that does not open: all that it
// holds can be derived again.
func damaged(ctx context.Context, remote string, err error) error {
	if ctx.Err() != nil || errors.Is(err, town.ErrBusy) || errors.Is(err, doltdb.ErrNewerSchema) {
		return err
	}
	return town.Fail("open the records exchanged with "+remote, "gt doctor --fix puts them aside; the next sync brings them again", "%w", err)
}

// VerifyExchange opens what is exchanged of records with a remote, if there is
// anything. An error that is not town.ErrBusy says that it cannot be used.
func (e *Engine) VerifyExchange(ctx context.Context, r Remote) error {
	err := e.withExchange(ctx, r.Name, func(s *exchange.Store) error {
		_, err := s.Others(ctx)
		return err
	})
	if errors.Is(err, errNoExchange) {
		return nil
	}
	return err
}

// PutExchangeAside keeps an exchange that cannot be used with what was replaced.
// The next pull or push makes it anew from the remote and the ledger. It contacts
// nobody, and fails with town.ErrBusy while the remote is in use.
func (e *Engine) PutExchangeAside(ctx context.Context, r Remote) (kept string, err error) {
	l, err := e.lockRemote(ctx, r)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, l.release()) }()
	if has, err := e.hasExchange(r.Name); err != nil || !has {
		return "", err
	}
	return e.putAside(e.opts.Layout.Exchange(r.Name))
}

// putAside keeps the directory of an exchange that nobody has open under a name
// of its own.
func (e *Engine) putAside(dir string) (kept string, err error) {
	if err := os.MkdirAll(e.opts.Layout.Retired(), 0o700); err != nil {
		return "", err
	}
	kept = filepath.Join(e.opts.Layout.Retired(), exchangeName+"-"+e.opts.Now().UTC().Format("20060102T150405.000000000"))
	if err := os.Rename(dir, kept); err != nil {
		return "", err
	}
	return kept, errors.Join(syncDir(filepath.Dir(kept)), syncDir(filepath.Dir(dir)))
}
