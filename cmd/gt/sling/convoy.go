package sling

import (
	"context"
	"strings"

	"gastown/cmd/internal/host"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/convoy"
)

// expand replaces convoys among the words by those of their beads that are ready and that
// nobody has. A convoy is named by its id, or by its name if that contains a blank, which
// no id does.
func expand(ctx context.Context, h *host.Host, words []string) (ids []string, err error) {
	for _, word := range words {
		if !strings.HasPrefix(word, convoy.Prefix) && !strings.Contains(word, " ") {
			ids = append(ids, word)
			continue
		}
		some, err := readyOf(ctx, h, word)
		if err != nil {
			return nil, err
		}
		ids = append(ids, some...)
	}
	return ids, nil
}

// readyOf are the ready beads of a convoy.
func readyOf(ctx context.Context, h *host.Host, word string) (ids []string, err error) {
	id := ""
	err = h.WithLedger(ctx, func(l *ledger.Store) error {
		id, err = convoy.Find(ctx, l, word)
		return err
	})
	if err != nil {
		return nil, err
	}
	all, err := h.Convoys().Read(ctx, convoy.Select{IDs: []string{id}})
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		for _, m := range c.Members {
			if m.State == convoy.Ready {
				ids = append(ids, m.ID)
			}
		}
	}
	if len(ids) == 0 {
		return nil, town.Fail("sling "+id, "gt convoy status "+id+" shows where its beads stand", "%w: none of its beads is ready", errNotReady)
	}
	return ids, nil
}
