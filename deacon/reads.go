package deacon

import (
	"context"
	"errors"
	"fmt"

	"gastown/deacon/control"
	"gastown/planes/ledger"
	"gastown/town"
)

// maxReads is how many reads of the ledger are under way at once for commands in
// other processes. Each may hold an answer in memory.
const maxReads = 16

// reads answers commands in other processes from the ledger that is open here.
type reads struct {
	host   *host
	places chan struct{} // one for each read under way
}

func newReads(h *host) *reads { return &reads{h, make(chan struct{}, maxReads)} }

func (r *reads) read(ctx context.Context, q control.Query) (out control.Answer, err error) {
	select {
	case r.places <- struct{}{}:
		defer func() { <-r.places }()
	case <-ctx.Done():
		return out, ctx.Err()
	}
	if r.host.Uncached() != nil || r.host.Budget() == nil {
		return out, fmt.Errorf("%w: nothing is cached here", town.ErrRefused)
	}
	store, release, ok := r.host.stores.Ledger(ctx)
	if !ok {
		return out, town.Fail("read the ledger", "run the command again in a moment", "%w: the planes are lent", town.ErrBusy)
	}
	defer release()
	s := store.As(ledger.Session{Actor: store.Actor(), MaxText: control.MaxTexts, NoSuggestions: true})
	switch q.Read {
	case control.ReadGet:
		out.Details, err = s.Get(ctx, q.IDs, q.Fields)
	case control.ReadList:
		err = s.List(ctx, q.Filter, ledger.Collect(&out.Items))
	case control.ReadReady:
		err = s.Ready(ctx, q.Filter, ledger.Collect(&out.Items))
	case control.ReadBlocked:
		out.Waiting, err = s.Blocked(ctx, q.Filter)
	case control.ReadStats:
		var st ledger.Stats
		st, err = s.Stats(ctx)
		out.Stats = &st
	}
	if err == nil {
		err = out.Fits()
	} else if errors.Is(err, ledger.ErrTooMuch) {
		err = fmt.Errorf("%w: %w", control.ErrTooLarge, err)
	}
	if err != nil {
		return control.Answer{}, err
	}
	out.Queries = s.Queries()
	return out, nil
}
