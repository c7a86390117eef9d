package mirror

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/sirupsen/logrus"

	"gastown/sync/leaks"
	"gastown/town"
	"gastown/town/tracker"
)

const (
	// defaultSettle is how long a tracker may take to find an issue that it made. It is
	// far longer than a request may take.
	defaultSettle = 3 * time.Minute
	// defaultLinks is how many links a pass takes.
	defaultLinks = 500
	// pageSize is how many events are read at once, compareBeads how many beads.
	pageSize, compareBeads = 500, 500
	// enough is the time that must be left for a further request.
	enough = 2 * time.Second
	// deniedPause is how long a tracker that does not take the credentials is left alone.
	deniedPause = 10 * time.Minute
	// illAfter is after how many failures in a row a tracker counts as ill.
	illAfter = 3
)

// Options are the options of a Mirror.
type Options struct {
	// Plugin is the plugin's name, Ledger the identity of the ledger.
	Plugin, Ledger string
	Tracker        tracker.Tracker
	Rows           Rows
	Beads          Beads
	Events         Events
	// Select decides which beads get issues.
	Select Selection
	// Prefix begins the ids of beads that are made of issues.
	Prefix string
	// Settle is how long a tracker may take to find what it made; 0 means 3 minutes.
	Settle time.Duration
	Log    logrus.FieldLogger
	Now    func() time.Time
}

// Mirror mirrors beads to one tracker. It keeps nothing between its calls.
type Mirror struct {
	o   Options
	run *pass // nil outside of Run
}

// pass is one run.
type pass struct {
	dry     bool
	scanner *leaks.Scanner // made when there is something to send
}

// New returns a Mirror.
func New(o Options) *Mirror {
	if o.Settle == 0 {
		o.Settle = defaultSettle
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		quiet := logrus.New()
		quiet.SetLevel(logrus.PanicLevel)
		o.Log = quiet
	}
	return &Mirror{o: o}
}

// errStop ends a pass that is over for now.
var errStop = errors.New("the pass is over")

// Run takes what the feed tells and sends what is due. It ends before ctx does; the rest is
// for the next run.
func (m *Mirror) Run(ctx context.Context, r Request) (rep Report, err error) {
	run := &Mirror{o: m.o, run: &pass{dry: r.DryRun}}
	rep = Report{DryRun: r.DryRun, Did: []Did{}}
	now := m.o.Now()
	st, fresh, err := run.begin(ctx, now)
	if err != nil {
		return rep, err
	}
	extra, err := run.take(ctx, st, r, now, fresh)
	if err != nil {
		return rep, err
	}
	if r.Retry && !r.DryRun {
		st.Until, st.Reason = time.Time{}, ""
		if err := errors.Join(m.o.Rows.MarkRefused(ctx, now), m.o.Rows.SetStanding(ctx, st)); err != nil {
			return rep, err
		}
	}
	if now.Before(st.Until) && !r.DryRun {
		rep.Until, rep.Reason = st.Until, st.Reason
		return rep, run.count(ctx, &rep, now)
	}
	limit := r.Links
	if limit <= 0 {
		limit = defaultLinks
	}
	due, err := run.due(ctx, extra, now, limit)
	if err == nil && len(due) > 0 {
		run.run.scanner, err = leaks.NewScanner()
	}
	if err != nil {
		return rep, err
	}
	if err := run.links(ctx, due, st, &rep); err != nil {
		return rep, err
	}
	return rep, run.count(context.WithoutCancel(ctx), &rep, now)
}

func (m *Mirror) count(ctx context.Context, rep *Report, now time.Time) error {
	all, err := m.o.Rows.Pending(ctx)
	for _, l := range all {
		switch {
		case !l.Next.IsZero():
			rep.Waiting++
		case l.Refused():
			rep.Refused = append(rep.Refused, Did{Bead: l.Bead, What: Refused, URL: l.URL, Reason: l.Reason})
		}
	}
	return err
}

// begin reads the standing. The first run begins at the end of the feed.
func (m *Mirror) begin(ctx context.Context, now time.Time) (st tracker.Standing, fresh bool, err error) {
	st, found, err := m.o.Rows.Standing(ctx)
	if err != nil || found {
		return st, false, err
	}
	st = tracker.Standing{Began: now}
	if m.run.dry {
		return st, true, nil
	}
	if err := m.o.Events.Skip(ctx); err != nil {
		return st, true, err
	}
	return st, true, m.o.Rows.SetStanding(ctx, st)
}

// take marks the beads that the feed tells of, and acknowledges the events. A dry run
// returns those beads instead.
func (m *Mirror) take(ctx context.Context, st tracker.Standing, r Request, now time.Time, fresh bool) (extra map[string]tracker.State, err error) {
	extra = map[string]tracker.State{}
	mark := func(beads map[string]tracker.State) error {
		if m.run.dry {
			for id, state := range beads {
				if extra[id] != tracker.Wanted {
					extra[id] = state
				}
			}
			return nil
		}
		if len(beads) == 0 {
			return nil
		}
		return m.o.Rows.MarkDue(ctx, beads, now)
	}
	if r.All {
		if err := m.compare(ctx, st.Began, mark); err != nil {
			return extra, err
		}
	}
	for {
		if m.run.dry && fresh {
			return extra, nil // a first run begins at the end of the feed
		}
		page, err := m.o.Events.Read(ctx, pageSize)
		if err != nil {
			return extra, err
		}
		if page.Lost {
			since := page.After
			if since.IsZero() {
				since = st.Began
			}
			if err := m.compare(ctx, since, mark); err != nil {
				return extra, err
			}
		}
		beads, err := m.selected(ctx, page.Beads)
		if err == nil {
			err = mark(beads)
		}
		if err != nil {
			return extra, err
		}
		if page.Count == 0 && !page.Lost || m.run.dry {
			return extra, nil // a dry run shows the first page
		}
		if err := m.o.Events.Acknowledge(ctx, page.Next); err != nil {
			return extra, err
		}
	}
}

// selected sorts beads that the feed tells of. One that is not selected, such as a message
// between agents, or that is gone, matters only if there is a link of it.
func (m *Mirror) selected(ctx context.Context, news map[string]bool) (map[string]tracker.State, error) {
	if len(news) == 0 {
		return nil, nil
	}
	beads, err := m.o.Beads.Light(ctx, slices.Collect(maps.Keys(news)))
	out := map[string]tracker.State{}
	for id, made := range news {
		b, exists := beads[id]
		switch {
		case !exists || !m.o.Select.Takes(b):
			out[id] = ""
		case made:
			out[id] = tracker.Wanted
		default:
			out[id] = tracker.Seen
		}
	}
	return out, err
}

// compare marks all beads that may need something: those that are open, those that were
// made since a time, and those that have an issue.
func (m *Mirror) compare(ctx context.Context, since time.Time, mark func(map[string]tracker.State) error) error {
	some := map[string]tracker.State{}
	add := func(id string, state tracker.State) error {
		if some[id] != tracker.Wanted {
			some[id] = state
		}
		if len(some) < compareBeads {
			return nil
		}
		err := mark(some)
		some = map[string]tracker.State{}
		return err
	}
	err := m.o.Beads.Each(ctx, func(b town.Bead) error {
		switch {
		case !m.o.Select.Takes(b):
		case !b.CreatedAt.Before(since):
			return add(b.ID, tracker.Wanted)
		case b.Open():
			return add(b.ID, tracker.Seen)
		}
		return nil
	})
	if err != nil {
		return err
	}
	links, err := m.o.Rows.Links(ctx)
	for _, l := range links {
		if err == nil && l.State != tracker.Seen {
			err = add(l.Bead, "")
		}
	}
	if err == nil && len(some) > 0 {
		err = mark(some)
	}
	return err
}

// due are the links of a pass. A dry run adds what the feed tells.
func (m *Mirror) due(ctx context.Context, extra map[string]tracker.State, now time.Time, limit int) ([]tracker.Link, error) {
	due, err := m.o.Rows.Due(ctx, now, limit)
	if err != nil || len(extra) == 0 {
		return due, err
	}
	all, err := m.o.Rows.Links(ctx)
	if err != nil {
		return nil, err
	}
	known := map[string]tracker.Link{}
	for _, l := range all {
		known[l.Bead] = l
	}
	for _, l := range due {
		delete(extra, l.Bead)
	}
	for id, state := range extra {
		l, found := known[id]
		if !found && state == "" {
			continue
		}
		if !found {
			l = tracker.Link{Plugin: m.o.Plugin, Bead: id, State: state}
		}
		if state == tracker.Wanted && l.State == tracker.Seen {
			l.State = tracker.Wanted
		}
		due = append(due, l)
	}
	slices.SortStableFunc(due, func(a, b tracker.Link) int { return a.Next.Compare(b.Next) })
	return due[:min(len(due), limit)], nil
}

// links handles links one after the other. What concerns one of them alone does not hold
// up the rest.
func (m *Mirror) links(ctx context.Context, due []tracker.Link, st tracker.Standing, rep *Report) error {
	failures := 0
	for some := range slices.Chunk(due, 50) {
		ids := make([]string, len(some))
		for i, l := range some {
			ids[i] = l.Bead
		}
		beads, err := m.o.Beads.Get(ctx, ids)
		if err != nil {
			return err
		}
		for _, l := range some {
			if left, ok := ctx.Deadline(); ok && time.Until(left) < enough {
				return nil
			}
			bead, exists := beads[l.Bead]
			one := &work{Mirror: m, link: l, bead: bead, exists: exists, rep: rep}
			err := one.do(ctx)
			var later *tracker.LaterError
			switch {
			case err == nil:
				failures = 0
			case errors.As(err, &later):
				if failures++; later.Whole || failures >= illAfter {
					return m.pause(ctx, st, later.After, later.Error(), rep)
				}
			case errors.Is(err, tracker.ErrDenied):
				return m.pause(ctx, st, deniedPause, err.Error()+"; correct the credentials, then: gt plugin run "+m.o.Plugin+" --retry", rep)
			case ctx.Err() != nil:
				return nil // the rest is for the next run
			default:
				return err
			}
		}
	}
	return nil
}

// pause notes that the tracker is to be left alone for a while.
func (m *Mirror) pause(ctx context.Context, st tracker.Standing, after time.Duration, reason string, rep *Report) error {
	st.Until, st.Reason = m.o.Now().Add(after), town.Clip(reason, 500)
	rep.Until, rep.Reason = st.Until, st.Reason
	return m.o.Rows.SetStanding(context.WithoutCancel(ctx), st)
}
