package records

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gastown/planes/exchange"
	"gastown/planes/ledger"
	"gastown/sync/share"
)

// A Town may be older than what it published: its ledger, or all of it, was restored
// from an older copy. What carries its name at the remote and is unknown here becomes
// part of the ledger again. A Town takes back only what its ledger knows: a bead that
// no rule selects any more, or that was deleted.

// maxListed is how many ids a note names.
const maxListed = 20

// unknown lists this Town's published records that the ledger never had.
func (sel *selection) unknown() (ids []string) {
	for id := range sel.own {
		if _, known := sel.known[id]; !known && sel.records[id].Record.ID == "" {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// differing lists this Town's published records that are not what the rules select.
func (sel *selection) differing() (ids []string) {
	for id, digest := range sel.own {
		if s, ok := sel.records[id]; !ok || s.Record.Digest(sel.sharing.opts.Town.ID) != digest {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// learn asks the ledger what it knows of the published records that no rule selects.
func (sel *selection) learn(ctx context.Context, l Ledger) (err error) {
	var ids []string
	for id := range sel.own {
		if _, ok := sel.records[id]; !ok {
			ids = append(ids, id)
		}
	}
	if sel.known = nil; len(ids) > 0 {
		sel.known, err = l.Known(ctx, ids)
	}
	return err
}

// older reports whether the ledger lacks the commit that this Town's records at the
// remote were made from, or whether that commit is unknown.
func (sel *selection) older(ctx context.Context, l Ledger, st State) (bool, error) {
	if st.Ledger == "" || st.Ledger == sel.head {
		return st.Ledger == "", nil
	}
	contained, err := l.Contains(ctx, st.Ledger)
	return !contained, err
}

// adopt makes records of this Town that the remote holds and the ledger does not know
// beads of the ledger. It reports whether the ledger has changed; then the selection
// is out of date.
func (s *Session) adopt(ctx context.Context, sel *selection) (changed bool, err error) {
	ids := sel.unknown()
	if sel.suspect {
		ids = sel.differing()
	}
	if len(ids) == 0 || s.opts.Ledger == nil {
		return false, nil
	}
	found := map[string]publishedRecord{}
	err = s.with(ctx, s.link.Remote.Name, func(x *exchange.Store) error {
		now, err := x.Records(ctx, ids)
		for id, r := range now {
			found[id] = publishedRecord{Record: r, selected: sel.records[id].Record}
		}
		return err
	})
	if err != nil || len(found) == 0 {
		return false, err
	}
	if err := s.lost(ctx, found); err != nil || len(found) == 0 {
		return false, err
	}
	added, merged, err := s.store(ctx, found)
	if err != nil || len(added)+len(merged) == 0 {
		return false, err
	}
	if len(added) > 0 {
		s.notes = append(s.notes, fmt.Sprintf("adopted %d record(s) of this Town that its ledger did not have (%s)", len(added), listed(added)))
	}
	if len(merged) > 0 {
		s.notes = append(s.notes, fmt.Sprintf("merged into the ledger %d record(s) of this Town that were newer at %s (%s)",
			len(merged), s.link.Remote.Name, listed(merged)))
	}
	s.fresh = append(s.fresh, added...)
	s.fresh = append(s.fresh, merged...)
	return true, nil
}

// lost leaves of found the records of which the ledger does not know that state, with
// their former states where the ledger has a bead.
func (s *Session) lost(ctx context.Context, found map[string]publishedRecord) error {
	var here []string
	err := s.ask(ctx, found, func(id string, h ledger.Held) (*ledger.Taken, error) {
		if !found[id].unknown(h) {
			delete(found, id)
		} else if h.Bead != nil {
			here = append(here, id)
		}
		return nil, nil
	})
	if err != nil || len(here) == 0 {
		return err
	}
	return s.with(ctx, s.link.Remote.Name, func(x *exchange.Store) error {
		former, err := x.Former(ctx, here)
		for id, list := range former {
			r := found[id]
			r.former = list
			found[id] = r
		}
		return err
	})
}

// ask has the ledger decide about records.
func (s *Session) ask(ctx context.Context, found map[string]publishedRecord, decide func(string, ledger.Held) (*ledger.Taken, error)) (err error) {
	l, err := s.opts.Ledger.OpenLedger(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	_, err = l.Adopt(ctx, slices.Sorted(maps.Keys(found)), decide)
	return err
}

// store writes records into the ledger, in one commit.
func (s *Session) store(ctx context.Context, found map[string]publishedRecord) (added, merged []string, err error) {
	err = s.ask(ctx, found, func(id string, h ledger.Held) (*ledger.Taken, error) {
		added = slices.DeleteFunc(added, func(a string) bool { return a == id }) // it may be asked again
		merged = slices.DeleteFunc(merged, func(m string) bool { return m == id })
		b, err := found[id].adopted(h, s.opts.Now().UTC())
		switch {
		case b == nil || err != nil:
		case h.Bead != nil:
			merged = append(merged, id)
		default:
			added = append(added, id)
		}
		return b, err
	})
	return added, merged, err
}

// retain notes which adopted records no rule selects here. They stay shared until a
// rule selects them or the bead is deleted: another state of this Town shared them.
func (s *Session) retain(sel *selection) error {
	st := s.state()
	retained := slices.Concat(st.Adopted, s.fresh)
	slices.Sort(retained)
	retained = slices.DeleteFunc(slices.Compact(retained), func(id string) bool {
		_, selected := sel.records[id]
		_, shared := sel.own[id]
		return selected || !shared || sel.isWithheld(id)
	})
	var left []string
	for _, id := range s.fresh {
		if slices.Contains(retained, id) {
			left = append(left, id)
		}
	}
	if s.fresh = nil; len(left) > 0 {
		s.notes = append(s.notes, fmt.Sprintf("no rule selects %d of them here (%s), and they stay shared through %s; a rule keeps them up to date (gt federation share add), and bd delete takes one back",
			len(left), listed(left), s.link.Remote.Name))
	}
	if slices.Equal(retained, st.Adopted) {
		return nil
	}
	st.Adopted = retained
	sel.adopted = retained
	return s.link.Save()
}

func (sel *selection) isWithheld(id string) bool {
	return slices.ContainsFunc(sel.withheld, func(w Withheld) bool { return w.ID == id })
}

// adoptPublished adopts what a pull has brought.
func (s *Session) adoptPublished(ctx context.Context) error {
	p, err := s.plan()
	if p == nil || err != nil {
		return err
	}
	if p.own, err = s.publishedRecords(ctx, s.link.Remote, *s.state()); err != nil || len(p.own) == 0 {
		return err
	}
	p.records, p.suspect = map[string]share.Selection{}, true
	if err := p.selectRecords(ctx, *s.state()); err != nil {
		return err
	}
	p.suspect = true
	_, err = s.adopt(ctx, p.selection)
	return err
}

func listed(ids []string) string {
	if len(ids) > maxListed {
		return strings.Join(ids[:maxListed], ", ") + ", ..."
	}
	return strings.Join(ids, ", ")
}
