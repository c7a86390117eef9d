package dashboard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"gastown/deacon/dashboard/page"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/sync/federate"
	"gastown/tmux"
	"gastown/town"
	"gastown/town/glance"
	"gastown/town/spending"
)

const (
	// longest is how old a snapshot may get although nothing says that something changed.
	longest = 30 * time.Second
	// afterGap is the pause after a look that could not read a part of the Town.
	afterGap = 5 * time.Second
	// patience is how long each source of a look has.
	patience = 3 * time.Second
	// spendingDays is how many days before today spending is shown for.
	spendingDays = 6
	// sessionsAge is how long tmux is not asked again.
	sessionsAge = 10 * time.Second
)

// snapshot is the Town as the page shows it.
type snapshot struct {
	glance.Snapshot
	alerts   []operational.Alert
	silences []operational.Silence // in force
	details  map[town.Epoch]operational.MergeRequest
	reviews  int
	titles   map[string]string // of beads that are shown
	contacts []federate.Contact
	checks   map[string][]string // the names of a rig's checks
	spent    []spending.Row      // the last days, oldest first
	// lent says that the planes are lent, so this is what was read before.
	lent bool
}

// reader keeps the newest snapshot.
type reader struct {
	host Host

	look sync.Mutex // held while the planes are read

	mu      sync.Mutex // guards what follows
	now     snapshot
	inputs  string // with which it was read; "" when it may be out of date
	at      time.Time
	paused  bool
	cancel  context.CancelFunc // ends the look under way
	tmux    []tmux.Session
	tmuxErr error
	tmuxAt  time.Time
}

// pause makes the reader leave the planes alone, and waits until it does.
func (r *reader) pause(context.Context) error {
	r.mu.Lock()
	r.paused = true
	if r.cancel != nil {
		r.cancel()
	}
	r.mu.Unlock()
	r.look.Lock()
	defer r.look.Unlock()
	return nil
}

func (r *reader) resume() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.paused, r.inputs = false, ""
}

// read returns the newest snapshot. It reads the planes if they may have changed.
func (r *reader) read(ctx context.Context) (snapshot, error) {
	r.look.Lock()
	defer r.look.Unlock()
	inputs, now := r.host.Inputs(), r.host.Now()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r.mu.Lock()
	s, age, known := r.now, now.Sub(r.at), !r.at.IsZero()
	s.lent = r.paused
	gap := len(s.Missing) > 0
	fresh := known && age >= 0 && (inputs != "" && inputs == r.inputs && age < longest && !gap || gap && age < afterGap)
	if fresh || r.paused {
		r.mu.Unlock()
		if !known {
			s = snapshot{Snapshot: glance.Snapshot{Town: r.host.Config().Town.Name, At: now}, lent: true}
		}
		return s, nil
	}
	r.cancel = cancel
	r.mu.Unlock()
	s, err := r.all(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cancel = nil
	if err != nil {
		if r.paused { // it was interrupted
			s = r.now
			s.lent, err = true, nil
		}
		return s, err
	}
	r.now, r.inputs, r.at = s, inputs, now
	return s, nil
}

// all reads the Town.
func (r *reader) all(ctx context.Context) (s snapshot, err error) {
	rigs, rigsErr := r.host.RigSettings()
	s.Snapshot, err = glance.Read(ctx, glance.Sources{
		Town: r.host.Config().Town.Name, Now: r.host.Now, Patience: patience,
		Operational: r.host.Operational, Ledger: r.host.Ledger, Sessions: r.sessions,
		Rigs: func(context.Context) (names []string, err error) {
			for _, one := range rigs {
				names = append(names, one.Name)
			}
			return names, rigsErr
		},
	})
	if err != nil {
		return s, err
	}
	s.checks = map[string][]string{}
	for _, one := range rigs {
		for _, c := range one.Checks {
			s.checks[one.Name] = append(s.checks[one.Name], c.Name)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	prices, err := r.host.Prices()
	s.lacks("prices", err)
	s.lacks("alerts and reviews", r.host.Operational(ctx, func(o *operational.Store) error { return s.readRows(ctx, o, prices) }))
	s.lacks("titles", r.host.Ledger(ctx, func(l *ledger.Store) error { return s.readTitles(ctx, l) }))
	s.contacts, err = r.host.Contacts()
	s.lacks(glance.PartFederation, err)
	return s, nil
}

// lacks notes that a part could not be read.
func (s *snapshot) lacks(what string, err error) {
	if err != nil {
		s.Missing = append(s.Missing, glance.Missing{Part: what, Why: town.Plain(err.Error()), Next: town.Next(err), Err: err})
	}
}

func (s *snapshot) readRows(ctx context.Context, o *operational.Store, prices spending.Prices) (err error) {
	sums, failed := o.Spending(ctx, spending.Day(s.At.Add(-spendingDays*24*time.Hour)))
	s.spent, _ = spending.Group(sums, prices, func(sum spending.Sum) []string { return []string{sum.Day} })
	if s.alerts, err = o.Alerts(ctx, time.Time{}); err != nil {
		failed = errors.Join(failed, err)
	}
	if s.silences, err = o.Silences(ctx, s.At); err != nil {
		failed = errors.Join(failed, err)
	}
	reviews, err := o.OpenReviews(ctx)
	s.reviews, failed = len(reviews), errors.Join(failed, err)
	s.details = map[town.Epoch]operational.MergeRequest{}
	var read []string
	for _, m := range s.Merges {
		if slices.Contains(read, m.Agent.Rig) {
			continue
		}
		read = append(read, m.Agent.Rig)
		all, _, err := o.Merges(ctx, m.Agent.Rig, 0)
		if err != nil {
			return errors.Join(failed, fmt.Errorf("read merge requests: %w", err))
		}
		for _, d := range all {
			s.details[d.Epoch] = d
		}
	}
	return failed
}

// readTitles reads the titles of the beads that the page shows, in one query.
func (s *snapshot) readTitles(ctx context.Context, l *ledger.Store) error {
	s.titles = map[string]string{}
	var ids []string
	for _, a := range s.shownAgents() {
		ids = append(ids, a.Bead)
	}
	for _, w := range s.Queue[:min(len(s.Queue), page.MaxRows)] {
		ids = append(ids, w.Bead)
	}
	for _, m := range s.Merges[:min(len(s.Merges), page.MaxRows)] {
		ids = append(ids, m.Bead)
	}
	slices.Sort(ids)
	ids = slices.DeleteFunc(slices.Compact(ids), func(id string) bool { return id == "" })
	if len(ids) == 0 {
		return nil
	}
	return l.List(ctx, ledger.Filter{IDs: ids, Fields: ledger.Fields{"id", "title"}}, func(i ledger.Item) error {
		s.titles[i.ID] = i.Title
		return nil
	})
}

// sessions asks tmux, but not often: it starts a process.
func (r *reader) sessions(ctx context.Context) ([]tmux.Session, error) {
	now := r.host.Now()
	r.mu.Lock()
	age := now.Sub(r.tmuxAt)
	list, err := r.tmux, r.tmuxErr
	r.mu.Unlock()
	if age >= 0 && age < sessionsAge {
		return list, err
	}
	list, err = r.host.Sessions(ctx)
	if ctx.Err() != nil {
		return list, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tmux, r.tmuxErr, r.tmuxAt = list, err, now
	return list, err
}
