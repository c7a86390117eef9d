package control

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync/atomic"

	"gastown/planes/ledger"
)

// Reader reads the ledger through the Deacon. Its methods are those of
// ledger.Store, and answer the same where they do not fail; they fail for every
// reason there is, and then the ledger itself is to be asked, for the answer or
// for its own error.
type Reader struct {
	client  *Client
	answers atomic.Int64
	queries atomic.Int64
}

// Reader reads the ledger.
func (c *Client) Reader() *Reader { return &Reader{client: c} }

// Answers is how many reads the Deacon has answered, Queries how many SQL
// statements it needed for them.
func (r *Reader) Answers() int64 { return r.answers.Load() }

// Queries is none when everything came from caches.
func (r *Reader) Queries() int64 { return r.queries.Load() }

// Get is that of ledger.Store.
func (r *Reader) Get(ctx context.Context, ids []string, fields ledger.Fields) ([]ledger.Detail, error) {
	out, err := r.ask(ctx, Query{Read: ReadGet, IDs: ids, Fields: fields})
	if err == nil && len(out.Details) != len(ids) {
		err = fmt.Errorf("%w: %d beads for %d ids", ErrUnasked, len(out.Details), len(ids))
	}
	return out.Details, err
}

// List is that of ledger.Store, but that it calls yield when all is there.
func (r *Reader) List(ctx context.Context, f ledger.Filter, yield func(ledger.Item) error) error {
	return r.items(ctx, Query{Read: ReadList, Filter: f}, yield)
}

// Ready is that of ledger.Store, but that it calls yield when all is there.
func (r *Reader) Ready(ctx context.Context, f ledger.Filter, yield func(ledger.Item) error) error {
	return r.items(ctx, Query{Read: ReadReady, Filter: f}, yield)
}

// Blocked is that of ledger.Store.
func (r *Reader) Blocked(ctx context.Context, f ledger.Filter) ([]ledger.Waiting, error) {
	out, err := r.ask(ctx, Query{Read: ReadBlocked, Filter: f})
	return out.Waiting, err
}

// Stats is that of ledger.Store.
func (r *Reader) Stats(ctx context.Context) (ledger.Stats, error) {
	out, err := r.ask(ctx, Query{Read: ReadStats})
	if err == nil && out.Stats == nil {
		err = fmt.Errorf("%w: no numbers", ErrUnasked)
	}
	if err != nil {
		return ledger.Stats{}, err
	}
	return *out.Stats, nil
}

// Yielded is an error of a caller's own function, as opposed to one of asking.
type Yielded struct{ Err error }

func (y Yielded) Error() string { return y.Err.Error() }
func (y Yielded) Unwrap() error { return y.Err }

func (r *Reader) items(ctx context.Context, q Query, yield func(ledger.Item) error) error {
	out, err := r.ask(ctx, q)
	if err != nil {
		return err
	}
	for _, item := range out.Items {
		if err := yield(item); err != nil {
			return Yielded{err}
		}
	}
	return nil
}

func (r *Reader) ask(ctx context.Context, q Query) (out Answer, err error) {
	if err := q.Validate(); err != nil {
		return out, err
	}
	res, err := r.client.send(ctx, "POST", "ledger", q)
	if err != nil {
		return out, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, maxLedgerAnswer+1))
	switch {
	case err != nil:
		return out, fmt.Errorf("ask the Deacon for the ledger: %w", err)
	case len(data) > maxLedgerAnswer:
		return out, fmt.Errorf("ask the Deacon for the ledger: %w", ErrTooLarge)
	}
	if err := json.Unmarshal(data, &out); err != nil {
		return out, fmt.Errorf("ask the Deacon for the ledger: %w", err)
	}
	r.answers.Add(1)
	r.queries.Add(out.Queries)
	return out, nil
}
