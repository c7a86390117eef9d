package records

import (
	"context"
	"errors"

	"gastown/planes/doltdb"
	"gastown/planes/exchange"
	"gastown/sync/gitremote"
	"gastown/sync/sign"
)

// Link is what a session with a remote gives to the records that travel in it.
type Link struct {
	Remote gitremote.Remote
	// Mirror is the federation's, which makes the connections.
	Mirror *gitremote.Mirror
	// State is what is known of the records. The session changes it in place, and
	// calls Save where that must be durable before the next step.
	State *State
	Save  func() error
	// Speaks reports whether this directory speaks for the Town. One that does not
	// takes the Town's records as they come, like those of any other Town. It is called
	// only while no database of the session is open.
	Speaks func(context.Context) (bool, error)
	// Ring reads the keys of all Towns, with which what arrives is checked. It is called
	// like Speaks.
	Ring func(context.Context) (sign.Ring, error)
}

// Session is the part of a session with a remote that is about records. It is
// valid while the caller holds the remote's lock. A nil Session is one in which
// no records are exchanged: its Head is empty and nothing Arrived.
type Session struct {
	*Sharing
	link   Link
	mirror *gitremote.Mirror
	notes  []string // for people; TakeNotes returns them
	// fresh are ids of records that this session adopted; see retain.
	fresh []string
}

// Begin opens the mirror of the records beside the federation's.
func (r *Sharing) Begin(ctx context.Context, link Link) (*Session, error) {
	m, err := link.Mirror.Beside(ctx, mirrorDir, link.Remote.Space.Ledger())
	if err != nil {
		return nil, err
	}
	return &Session{Sharing: r, link: link, mirror: m}, nil
}

// Mended reports that the local copy was damaged and was rebuilt.
func (s *Session) Mended() bool { return s != nil && s.mirror.Mended() }

// TakeNotes returns what people must hear of, and forgets it.
func (s *Session) TakeNotes() []string {
	if s == nil {
		return nil
	}
	notes := s.notes
	s.notes = nil
	return notes
}

// Head is the commit of the records' ref as last seen.
func (s *Session) Head() string {
	if s == nil {
		return ""
	}
	return s.mirror.Head()
}

// Arrived reports that the last fetch found a push of records at the remote
// whose answer was lost.
func (s *Session) Arrived() bool {
	if s == nil {
		return false
	}
	got, _, err := s.mirror.Arrived()
	return err == nil && got.PublishedEarlier
}

// Reset drops from the mirror what was staged and not published.
func (s *Session) Reset(ctx context.Context) error { return s.mirror.Reset(ctx) }

// NeedsFetch reports that the known state does not say what a push of records would
// be added to, so the remote must be asked first.
func (s *Session) NeedsFetch() (bool, error) {
	has, err := s.has(s.link.Remote.Name)
	if err != nil || s.seen() {
		return false, err
	}
	st, known := s.state(), s.Head() != ""
	// An exchange that was lost held records that may have to be taken back.
	return len(st.Tried) > 0 || (st.Head != "") != known || known && !has, nil
}

// seen reports whether a fetch of this session has looked at the records' ref.
func (s *Session) seen() bool {
	_, seen, _ := s.mirror.Arrived()
	return seen
}

// state is what is known of the remote at its present URL, in the Town's present
// federation.
func (s *Session) state() *State {
	*s.link.State = s.link.State.For(s.link.Remote, s.uuid())
	return s.link.State
}

// Mirror is the local copy of the records' ref; nil for a nil Session.
func (s *Session) Mirror() *gitremote.Mirror {
	if s == nil {
		return nil
	}
	return s.mirror
}

// UUID is the identity of the exchange.
func (s *Session) UUID() string { return s.uuid() }

// Base is the last commit that both the mirror's tip and this Town's exchange have; ""
// where there is none.
func (s *Session) Base(ctx context.Context) (base string, err error) {
	name := s.link.Remote.Name
	err = s.with(ctx, name, func(x *exchange.Store) error {
		theirs, err := x.Fetch(ctx, name, s.mirror.Dir())
		if err != nil {
			return err
		}
		err = x.Revisions(ctx, func(r doltdb.Revisions) error {
			base, err = r.MergeBase(ctx, "HEAD", theirs)
			return err
		})
		return errors.Join(err, x.Forget(ctx, name))
	})
	if errors.Is(err, errNoExchange) {
		return "", nil
	}
	return base, err
}
