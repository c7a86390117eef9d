package integration

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/feed"
	"gastown/town/tracker"
	"gastown/town/tracker/mirror"
)

// rows are the rows of a plugin.
type rows struct {
	access operational.Access
	plugin string
}

var _ mirror.Rows = rows{}

// with calls fn with the plane and returns its values.
func with[T any](ctx context.Context, access operational.Access, fn func(*operational.Store) (T, error)) (out T, err error) {
	err = access(ctx, func(s *operational.Store) error {
		out, err = fn(s)
		return err
	})
	return out, err
}

func (r rows) Standing(ctx context.Context) (st tracker.Standing, found bool, err error) {
	err = r.access(ctx, func(s *operational.Store) error {
		st, found, err = s.TrackerStanding(ctx, r.plugin)
		return err
	})
	return st, found, err
}

func (r rows) SetStanding(ctx context.Context, st tracker.Standing) error {
	return r.access(ctx, func(s *operational.Store) error { return s.SetTrackerStanding(ctx, r.plugin, st) })
}

func (r rows) MarkDue(ctx context.Context, beads map[string]tracker.State, now time.Time) error {
	return r.access(ctx, func(s *operational.Store) error { return s.MarkTrackerBeads(ctx, r.plugin, beads, now) })
}

func (r rows) MarkRefused(ctx context.Context, now time.Time) error {
	return r.access(ctx, func(s *operational.Store) error { return s.MarkTrackerRefused(ctx, r.plugin, now) })
}

func (r rows) Due(ctx context.Context, now time.Time, limit int) ([]tracker.Link, error) {
	return with(ctx, r.access, func(s *operational.Store) ([]tracker.Link, error) { return s.TrackerDue(ctx, r.plugin, now, limit) })
}

func (r rows) Links(ctx context.Context) ([]tracker.Link, error) {
	return with(ctx, r.access, func(s *operational.Store) ([]tracker.Link, error) { return s.TrackerLinks(ctx, r.plugin) })
}

func (r rows) Pending(ctx context.Context) ([]tracker.Link, error) {
	return with(ctx, r.access, func(s *operational.Store) ([]tracker.Link, error) { return s.PendingTrackerLinks(ctx, r.plugin) })
}

func (r rows) ByIssue(ctx context.Context, issue string) (l tracker.Link, found bool, err error) {
	err = r.access(ctx, func(s *operational.Store) error {
		l, found, err = s.TrackerLinkOf(ctx, r.plugin, issue)
		return err
	})
	return l, found, err
}

func (r rows) Save(ctx context.Context, l tracker.Link) (stored tracker.Link, saved bool, err error) {
	err = r.access(ctx, func(s *operational.Store) error {
		stored, saved, err = s.SaveTrackerLink(ctx, l)
		return err
	})
	return stored, saved, err
}

func (r rows) Adopt(ctx context.Context, l tracker.Link) error {
	return r.access(ctx, func(s *operational.Store) error { return s.AdoptTrackerLink(ctx, l) })
}

func (r rows) Drop(ctx context.Context, l tracker.Link) error {
	return r.access(ctx, func(s *operational.Store) error { return s.DropTrackerLink(ctx, l) })
}

func (r rows) Comments(ctx context.Context, bead string) (map[string]tracker.Comment, error) {
	return with(ctx, r.access, func(s *operational.Store) (map[string]tracker.Comment, error) {
		return s.TrackerComments(ctx, r.plugin, bead)
	})
}

func (r rows) AskComment(ctx context.Context, bead string, before tracker.Comment, now time.Time) (bool, error) {
	return with(ctx, r.access, func(s *operational.Store) (bool, error) {
		return s.AskTrackerComment(ctx, r.plugin, bead, before, now)
	})
}

func (r rows) SaveComment(ctx context.Context, bead string, c tracker.Comment) error {
	return r.access(ctx, func(s *operational.Store) error { return s.SaveTrackerComment(ctx, r.plugin, bead, c) })
}

// beads are those of the ledger.
type beads struct{ access ledger.Access }

var _ mirror.Beads = beads{}

func (b beads) Get(ctx context.Context, ids []string) (map[string]town.Bead, error) {
	return b.get(ctx, ids, nil)
}

func (b beads) Light(ctx context.Context, ids []string) (map[string]town.Bead, error) {
	return b.get(ctx, ids, light)
}

func (b beads) get(ctx context.Context, ids []string, fields ledger.Fields) (map[string]town.Bead, error) {
	out := map[string]town.Bead{}
	err := b.access(ctx, func(l *ledger.Store) error {
		list, err := l.Existing(ctx, ids, fields)
		for _, d := range list {
			out[d.ID] = d.Bead
		}
		return err
	})
	return out, err
}

// light are the fields that the selection of beads needs.
var light = ledger.Fields{"id", "status", "issue_type", "labels", "created_at", "ephemeral", "is_template", "pinned"}

func (b beads) Each(ctx context.Context, fn func(town.Bead) error) error {
	// The query must be over before fn uses a plane.
	var all []town.Bead
	err := b.access(ctx, func(l *ledger.Store) error {
		return l.List(ctx, ledger.Filter{Fields: light}, func(i ledger.Item) error {
			all = append(all, i.Bead)
			return nil
		})
	})
	for _, one := range all {
		if err == nil {
			err = fn(one)
		}
	}
	return err
}

func (b beads) SetRef(ctx context.Context, bead, ref string) error {
	return b.access(ctx, func(l *ledger.Store) error {
		list, err := l.Existing(ctx, []string{bead}, ledger.Fields{"id", "external_ref"})
		if err != nil || len(list) == 0 || list[0].ExternalRef != "" {
			return err
		}
		_, err = l.Update(ctx, []ledger.Patch{{ID: bead, ExternalRef: &ref}})
		if errors.Is(err, ledger.ErrUnknown) { // it was deleted meanwhile
			err = nil
		}
		return err
	})
}

func (b beads) ByRef(ctx context.Context, ref string) (bead string, found bool, err error) {
	err = b.access(ctx, func(l *ledger.Store) error {
		return l.List(ctx, ledger.Filter{Details: ledger.Details{ExternalRef: ref}, Fields: ledger.Fields{"id"}, Limit: 1}, func(i ledger.Item) error {
			bead, found = i.ID, true
			return nil
		})
	})
	return bead, found, err
}

func (b beads) Create(ctx context.Context, bead town.Bead) error {
	return b.access(ctx, func(l *ledger.Store) error {
		_, err := l.Create(ctx, []ledger.NewBead{{Bead: bead, NoPriority: true}})
		if errors.Is(err, ledger.ErrExists) {
			err = mirror.ErrTaken
		}
		return err
	})
}

func (b beads) Relate(ctx context.Context, bead, other string) error {
	return b.access(ctx, func(l *ledger.Store) error {
		_, err := l.DepAdd(ctx, []town.Dependency{{Bead: bead, Target: other, Type: town.DepRelated}})
		if errors.Is(err, ledger.ErrUnknown) { // one was deleted meanwhile
			err = nil
		}
		return err
	})
}

// events is the plugin's reader of the feed.
type events struct {
	feed   *feed.Feed
	reader string
}

var _ mirror.Events = (*events)(nil)

func (e *events) Skip(ctx context.Context) error { return e.feed.SkipToEnd(ctx, e.reader) }

func (e *events) Acknowledge(ctx context.Context, next int64) error {
	return e.feed.Acknowledge(ctx, e.reader, next)
}

// made are the kinds of events after which a bead is new.
var made = []string{feed.BeadPrefix + "created", feed.BeadPrefix + "imported", feed.BeadPrefix + "restored"}

func (e *events) Read(ctx context.Context, limit int) (mirror.News, error) {
	page, err := e.feed.Read(ctx, e.reader, limit)
	if err != nil {
		return mirror.News{}, err
	}
	n := mirror.News{Beads: map[string]bool{}, Count: len(page.Events), Next: page.Next}
	if page.Loss != nil {
		n.Lost, n.After = true, page.Loss.After
	}
	for _, ev := range page.Events {
		switch {
		case ev.Kind == feed.LedgerDiverged, ev.Kind == feed.LedgerUnknown, ev.Kind == feed.Dropped, ev.Kind == feed.Began:
			n.Lost = true // the feed does not have everything that happened
		case strings.HasPrefix(ev.Kind, feed.BeadPrefix) && ev.Subject != "":
			n.Beads[ev.Subject] = n.Beads[ev.Subject] || slices.Contains(made, ev.Kind)
		}
	}
	return n, nil
}
