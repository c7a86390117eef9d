package feed

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
)

const (
	// firstEvents and firstAge bound what a new feed takes over from the ledger's
	// audit trail: entries, and how old they may be.
	firstEvents = 1000
	firstAge    = 30 * 24 * time.Hour
	// maxRaces is how often Collect begins anew because another process collected
	// meanwhile. Each time that process has done the work.
	maxRaces = 5
)

// Collected is what a Collect did.
type Collected struct {
	// Events is how many were appended; Omitted how many older ones were not,
	// because there were more than the feed holds.
	Events  int
	Omitted int64
	// Commit is the commit of the ledger up to which the feed has its changes.
	Commit string
	// Lineage says how Commit stands to the one collected before.
	Lineage ledger.Lineage
}

// Collect appends what changed in the ledger since it was last called, by
// whichever process. When nothing did, it costs one query of each plane and no
// comparison of commits. A call that was cut off is made up for by the next one.
func (f *Feed) Collect(ctx context.Context) (c Collected, err error) {
	if f.opts.Ledger == nil {
		return Collected{}, nil
	}
	select {
	case f.collecting <- struct{}{}:
		defer func() { <-f.collecting }()
	case <-ctx.Done():
		return Collected{}, ctx.Err()
	}
	return f.collect(ctx)
}

// collectChanged is Collect if the ledger's sign says that there may be something
// to collect: else it costs a few stat calls.
func (f *Feed) collectChanged(ctx context.Context) error {
	if f.opts.Ledger == nil {
		return nil
	}
	select {
	case f.collecting <- struct{}{}:
		defer func() { <-f.collecting }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if !f.ledger.changed() {
		return nil
	}
	_, err := f.collect(ctx)
	if err == nil {
		f.ledger.looked()
	}
	return err
}

// collect does the work. The caller holds collecting.
func (f *Feed) collect(ctx context.Context) (c Collected, err error) {
	for race := 1; ; race++ {
		c, err = f.collectOnce(ctx)
		if !errors.Is(err, operational.ErrMoved) || race == maxRaces {
			return c, err
		}
	}
}

func (f *Feed) collectOnce(ctx context.Context) (c Collected, err error) {
	var noted string
	var rows int64
	err = f.opts.Operational(ctx, func(s *operational.Store) error {
		st, err := s.FeedState(ctx)
		noted, rows = st.Ledger, s.Rows()
		return err
	})
	if err != nil {
		return c, err
	}
	var events []Event
	var omittedUntil time.Time
	err = f.opts.Ledger(ctx, func(l *ledger.Store) error {
		if c.Commit, err = l.Head(ctx); err != nil || c.Commit == noted {
			return err
		}
		if noted == "" {
			events, err = f.begin(ctx, l, c.Commit)
			return err
		}
		found, err := l.Changes(ctx, noted, c.Commit, int(rows))
		c.Lineage, c.Omitted, omittedUntil = found.Lineage, found.Omitted, found.OmittedUntil
		events = f.fromChanges(found, noted, c.Commit)
		return err
	})
	if err != nil || c.Commit == noted {
		return c, err
	}
	a := operational.Arrival{Omitted: c.Omitted, OmittedUntil: omittedUntil}
	for _, e := range events {
		a.Entries = append(a.Entries, e.Entry())
	}
	c.Events = len(events)
	err = f.opts.Operational(ctx, func(s *operational.Store) error {
		_, err := s.Join(ctx, noted, c.Commit, a)
		return err
	})
	if err != nil {
		return Collected{}, err
	}
	f.Wake()
	return c, nil
}

// begin makes the first events of the ledger in a feed.
func (f *Feed) begin(ctx context.Context, l *ledger.Store, commit string) ([]Event, error) {
	now := f.opts.Now()
	trail, err := l.Recent(ctx, commit, now.Add(-firstAge), firstEvents)
	if err != nil {
		return nil, err
	}
	events := []Event{{At: now, Kind: Began, Subject: "ledger",
		Text: fmt.Sprintf("the feed begins here, with the ledger's newest %d change(s)", len(trail)),
		Data: map[string]string{"changes": strconv.Itoa(len(trail))}}}
	for _, e := range trail {
		events = append(events, fromTrail(e))
	}
	return events, nil
}

// fromChanges makes events of what happened between two commits.
func (f *Feed) fromChanges(found ledger.Changes, from, to string) []Event {
	var events []Event
	commits := map[string]string{"from": from, "to": to}
	switch found.Lineage {
	case ledger.Diverged:
		commits["vanished"] = strconv.FormatInt(found.Vanished, 10)
		events = append(events, Event{At: f.opts.Now(), Kind: LedgerDiverged, Subject: "ledger", Data: commits, Text: fmt.Sprintf(
			"the ledger was set back or replaced: it does not contain commit %s; %d change(s) reported before are not in it",
			short(from), found.Vanished)})
	case ledger.Unknown:
		events = append(events, Event{At: f.opts.Now(), Kind: LedgerUnknown, Subject: "ledger", Data: commits, Text: fmt.Sprintf(
			"commit %s of the ledger does not exist any more: changes between it and commit %s are not in the feed", short(from), short(to))})
	}
	for _, e := range found.Trail {
		events = append(events, fromTrail(e))
	}
	for _, c := range found.Foreign {
		events = append(events, fromForeign(c))
	}
	return events
}

func short(commit string) string { return town.Clip(commit, 8) }
