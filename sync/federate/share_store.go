package federate

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"gastown/planes/doltdb"
	"gastown/planes/exchange"
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

// withExchange runs fn with the exchange open. errNoExchange when there is none,
// or only that of a federation the Town has left.
func (e *Engine) withExchange(ctx context.Context, fn func(*exchange.Store) error) (err error) {
	dir := e.opts.Layout.Exchange()
	if _, err := os.Lstat(dir); errors.Is(err, os.ErrNotExist) {
		return errNoExchange
	}
	s, err := exchange.Open(ctx, e.exchangeDir(dir), e.exchangeUUID(), e.opts.ID)
	if errors.Is(err, doltdb.ErrOtherStore) {
		return errNoExchange
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return fn(s)
}

// Exchange runs fn with what other Towns share. Without any, found is false and
// fn is not called.
func (e *Engine) Exchange(ctx context.Context, fn func(*exchange.Store) error) (found bool, err error) {
	err = e.withExchange(ctx, fn)
	if errors.Is(err, errNoExchange) {
		return false, nil
	}
	return true, err
}

// makeExchange makes an empty one where there is none of this federation's.
func (e *Engine) makeExchange(ctx context.Context) (head string, err error) {
	if _, err := e.retireExchange(ctx); err != nil {
		return "", err
	}
	s, err := exchange.Create(ctx, e.exchangeDir(e.opts.Layout.Exchange()), e.exchangeUUID(), e.opts.ID)
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
	if kept, err = e.retireExchange(ctx); err != nil {
		return "", err
	}
	data := e.opts.Layout.Exchange()
	if err := os.MkdirAll(filepath.Dir(data), 0o700); err != nil {
		return kept, err
	}
	if err := os.Rename(dir, data); err != nil {
		return kept, err
	}
	return kept, syncDir(filepath.Dir(data))
}

// retireExchange keeps the exchange that is there under a name of its own.
func (e *Engine) retireExchange(ctx context.Context) (kept string, err error) {
	dir := e.opts.Layout.Exchange()
	if _, err := os.Lstat(dir); errors.Is(err, os.ErrNotExist) {
		return "", nil
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
	if err := os.MkdirAll(e.opts.Layout.Retired(), 0o700); err != nil {
		return "", err
	}
	kept = filepath.Join(e.opts.Layout.Retired(), exchangeName+"-"+e.opts.Now().UTC().Format("20060102T150405.000000000"))
	if err := os.Rename(dir, kept); err != nil {
		return "", err
	}
	return kept, errors.Join(syncDir(filepath.Dir(kept)), syncDir(filepath.Dir(dir)))
}

// elsewhere reports whether another remote holds records of the exchange that
// is here.
func (e *Engine) elsewhere(remote string) (bool, error) {
	entries, err := os.ReadDir(e.opts.Layout.Remote(""))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	for _, entry := range entries {
		if !entry.IsDir() || entry.Name() == remote {
			continue
		}
		if st, err := e.loadState(entry.Name()); err == nil && st.Confirmed != "" && st.Shared.Head != "" {
			return true, nil
		}
	}
	return false, nil
}
