package records

import (
	"context"

	"gastown/planes/exchange"
)

// begin takes a copy of the records that the remote holds or, where it holds
// none, makes an empty exchange.
func (p *Plan) begin(ctx context.Context) error {
	s := p.session
	p.exists = false
	if s.Head() != "" {
		if err := s.Reset(ctx); err != nil {
			return err
		}
		if _, err := s.copyMirror(ctx); err != nil {
			return err
		}
		p.exists = true
		err := s.with(ctx, s.link.Remote.Name, func(x *exchange.Store) error {
			head, err := x.Head(ctx)
			if err != nil {
				return err
			}
			return s.noteBase(head)
		})
		if err != nil {
			return err
		}
		p.filled = false // the copy may hold records that were not looked at
		return p.fillAdopted(ctx)
	}
	if err := p.fill(ctx); err != nil || len(p.records) == 0 {
		return err // nothing leaves, not even an empty database
	}
	head, err := s.create(ctx, s.link.Remote.Name)
	if err != nil {
		return err
	}
	p.exists = true
	// That commit has no records of any Town yet.
	return s.noteBase(head)
}

// noteBase notes a commit of the exchange that rewind may go back to.
func (s *Session) noteBase(commit string) error {
	st := s.state()
	st.Commit = commit
	st.madeFromUnknown()
	st.From, st.Store = s.link.Remote.URL, s.uuid()
	return s.link.Save()
}
