package cli

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"

	"gastown/cmd/internal/host"
	"gastown/planes/doltdb"
	"gastown/planes/federation"
	"gastown/planes/operational"
	"gastown/town/durable"
	"gastown/town/layout"
)

// reviews keeps the operational plane's list of open reviews. A small file says
// which set that plane was last told, so that it is opened only when the set
// has changed: most calls change none.
type reviews struct {
	host *workplace
}

// Post tells the operational plane the open reviews, for the engine.
func (r *reviews) Post(ctx context.Context, open []federation.Review) (err error) {
	ids := make([]string, len(open))
	for i, v := range open {
		ids[i] = string(v.ID)
	}
	slices.Sort(ids)
	known, err := r.known()
	if err != nil || slices.Equal(known, ids) {
		return err
	}
	h := r.host
	store, err := operational.Open(ctx, h.database(layout.Operational), h.config.Stores[layout.Operational])
	if err != nil {
		return err
	}
	list := make([]operational.Review, len(open))
	for i, v := range open {
		list[i] = operational.Review{Proposal: v.ID, Name: v.Name}
	}
	_, err = store.Reviews(ctx, list, h.app.Now())
	if err := errors.Join(err, store.Close()); err != nil {
		return err
	}
	return durable.WritePrivate(h.layout.Reviews(), []byte(strings.Join(ids, "\n")))
}

// known is the set last told, sorted.
func (r *reviews) known() ([]string, error) {
	data, err := os.ReadFile(r.host.layout.Reviews())
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return strings.Fields(string(data)), err
}

// left ends a command: with reviewsOpen when a person must decide something.
func (r *reviews) left() error {
	known, err := r.known()
	if err != nil || len(known) == 0 {
		return err
	}
	return reviewsOpen{len(known)}
}

// database says how to open one of the Town's planes.
func (h *workplace) database(plane string) doltdb.Options {
	opts := host.Database(h.layout, h.config, plane)
	opts.Actor, opts.Wait, opts.Command = h.app.actor(h.config.Actor), h.app.Wait, h.app.running
	return opts
}
