package federate

import (
	"context"
	"errors"

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
	return e.retire(e.opts.Layout.Exchange(r.Name), exchangeName)
}
