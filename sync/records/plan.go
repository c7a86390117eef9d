package records

import (
	"context"
	"errors"
	"maps"
	"slices"

	"gastown/sync/gitremote"
	"gastown/sync/share"
	"gastown/sync/sign"
	"gastown/town"
)

// Plan is what of the ledger shall be in the exchange with a remote. It belongs
// to one push: Plan, then Stage for each attempt, Reset and Adapt when another
// Town published first, and Published once the remote has confirmed.
//
// A nil Plan is that of a push without records; its methods do nothing.
type Plan struct {
	session *Session
	*selection
	// exists: this machine has an exchange for the remote.
	exists bool
	// waiting are rules nobody approved: then records are only taken back.
	waiting share.Rules
	// mayEmpty: a person agreed to take back every record, because no rule is left.
	// Without that they stay; held counts them. A file that was emptied or lost by
	// mistake must not take back everything.
	mayEmpty bool
	held     int
	// put and gone count what was staged; a later attempt finds most of it done.
	put, gone int
	// staged: the mirror holds the exchange as of commit.
	staged bool
	commit string
	// sign is that of the exchange's files when it was closed.
	sign string
	// signer is the key that signs the records, once they were looked at.
	signer sign.Public
}

// Plan decides which records a push sends, and has a person approve rules that are
// new for the remote at address. It is nil when the push does not concern the
// ledger. No database is open while the person is asked.
func (s *Session) Plan(ctx context.Context, address string) (*Plan, error) {
	p, err := s.plan()
	if p == nil || err != nil {
		return nil, err
	}
	p.leaves = true
	if same, err := p.unchanged(ctx); err != nil || same {
		return p, err
	}
	if err := p.fillAdopted(ctx); err != nil {
		return nil, err
	}
	if err := p.withdrawLapsed(); err != nil {
		return nil, err
	}
	return p, p.approve(ctx, address)
}

// PlanLeaving plans to take back every record that this Town shares through the
// remote, after the ledger has got what it lacks of them. A person agreed to that. It
// is nil where nothing was ever shared.
func (s *Session) PlanLeaving(ctx context.Context) (*Plan, error) {
	exists, err := s.has(s.link.Remote.Name)
	if err != nil || !exists {
		return nil, err
	}
	p := &Plan{session: s, selection: &selection{sharing: s.Sharing, leaves: true, all: true}, exists: true, mayEmpty: true}
	return p, p.fillAdopted(ctx)
}

// Published lists the records of this Town that the remote is known to hold, by id. It
// contacts no remote.
func (r *Sharing) Published(ctx context.Context, remote gitremote.Remote, st State) ([]string, error) {
	own, err := r.publishedRecords(ctx, remote, st.For(remote, r.uuid()))
	return slices.Sorted(maps.Keys(own)), err
}

// Foretell reports what a push to a remote would do with records. It asks no
// question, needs no mirror and contacts no remote. It returns nil when the push
// does not concern the ledger.
func (r *Sharing) Foretell(ctx context.Context, remote gitremote.Remote, st State) (*Shared, error) {
	s := &Session{Sharing: r, link: Link{Remote: remote, State: &st}}
	p, err := s.plan()
	if p == nil || err != nil {
		return nil, err
	}
	if err := p.fill(ctx); err != nil {
		return nil, err
	}
	out := p.Shared()
	for _, record := range p.changed(p.own) {
		m := Move{ID: record.ID, State: "added", Fields: len(record.Values) + 1}
		if _, there := p.own[record.ID]; there {
			m.State = "changed"
		}
		out.Put++
		out.Records = append(out.Records, m)
	}
	if len(p.waiting) == 0 || s.state().At != "" {
		for _, id := range p.removed() {
			out.Removed++
			out.Records = append(out.Records, Move{ID: id, State: "removed"})
		}
	}
	return out, nil
}

// plan reads the rules; nil where there are none and nothing was ever shared.
func (s *Session) plan() (*Plan, error) {
	sel, err := s.load()
	if err != nil {
		return nil, err
	}
	exists, err := s.has(s.link.Remote.Name)
	if err != nil || len(sel.rules) == 0 && !exists {
		return nil, err
	}
	return &Plan{session: s, selection: sel, exists: exists}, nil
}

// unchanged reports that the remote holds what the rules and the ledger still
// select, under an approval that is still valid.
func (p *Plan) unchanged(ctx context.Context) (same bool, err error) {
	s, st := p.session, p.session.state()
	if !p.exists || st.Head == "" || st.Rules != p.rules.Digest() || len(p.rules) > 0 && st.At != s.link.Remote.URL {
		return false, nil
	}
	if keys, err := s.opts.Keys(); err != nil || keys.Public() != st.Signer {
		return false, err
	}
	l, err := s.opts.Ledger.OpenLedger(ctx)
	if err != nil {
		return false, err
	}
	p.head, err = p.headOf(ctx, l)
	return p.head == st.Ledger, errors.Join(err, l.Close())
}

// fill reads what is published and what the rules select, unless that was done.
func (p *Plan) fill(ctx context.Context) (err error) {
	s := p.session
	if !p.filled {
		defer s.opts.Step("select records")()
		if p.own, err = s.publishedRecords(ctx, s.link.Remote, *s.state()); err != nil {
			return err
		}
		if err := p.read(ctx, *s.state()); err != nil {
			return err
		}
	}
	p.waiting = p.rules.Unconfirmed(s.state().agreed(s.link.Remote), p.prefixes)
	return nil
}

// fillAdopted is fill after the ledger has got what it lacks of this Town's records
// at the remote.
func (p *Plan) fillAdopted(ctx context.Context) error {
	if err := p.fill(ctx); err != nil {
		return err
	}
	changed, err := p.session.adopt(ctx, p.selection)
	if err != nil {
		return err
	}
	if changed {
		p.filled = false
		if err := p.fill(ctx); err != nil {
			return err
		}
	}
	if p.all {
		return nil
	}
	return p.session.retain(p.selection)
}

// withdrawLapsed forgets the approval of rules that are no longer there: a rule
// that comes back is asked about again.
func (p *Plan) withdrawLapsed() error {
	st := p.session.state()
	still := p.rules.StillAgreed(st.Agreed, p.prefixes)
	if len(still) == len(st.Agreed) {
		return nil
	}
	st.Agreed = still
	return p.session.link.Save()
}

// empties reports that no rule is left and that records would be taken back.
func (p *Plan) empties() bool { return len(p.rules) == 0 && len(p.removed()) > 0 }

// approve shows a person what the rules that are not approved would send, or that
// everything would be taken back.
func (p *Plan) approve(ctx context.Context, address string) error {
	s := p.session
	empties := p.empties()
	if len(p.waiting) == 0 && !empties || s.opts.Approver == nil {
		return nil
	}
	preview := p.preview()
	preview.Remote, preview.Address = s.link.Remote, address
	for _, r := range p.waiting {
		preview.Unconfirmed = append(preview.Unconfirmed, r.Name)
	}
	switch err := s.opts.Approver.ApproveRules(ctx, preview); {
	case errors.Is(err, town.ErrRefused):
		return nil // Shared.Waiting lists them, or Shared.Held counts the records
	case err != nil:
		return err
	}
	if p.mayEmpty = empties; empties {
		return nil
	}
	p.waiting = nil
	st := s.state()
	st.Agreed, st.At = p.rules.Agreed(p.prefixes), s.link.Remote.URL
	return s.link.Save()
}

// Shared is the plan for people; nil for a nil Plan. It is empty if the ledger was
// not read because nothing seemed to have changed.
func (p *Plan) Shared() *Shared {
	if p == nil {
		return nil
	}
	if !p.filled {
		return &Shared{}
	}
	out := &Shared{Total: len(p.records), Withheld: p.withheld, Put: p.put, Removed: p.gone, Held: p.held}
	for _, r := range p.waiting {
		out.Waiting = append(out.Waiting, r.Name)
	}
	return out
}

// Staged reports that the mirror holds something to publish.
func (p *Plan) Staged() bool { return p != nil && p.staged }
