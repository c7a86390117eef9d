package socket

import (
	"container/list"
	"io"
	"sync"
)

// Room bounds the connections of a server. A connection is silent until its first
// request has arrived. In a full room the connection that has been silent longest
// gives its seat to a new one, so connections that say nothing hold nobody up. The
// methods of a Room and of its seats may be called from any goroutine.
type Room struct {
	seats   int
	crowded func()

	mu     sync.Mutex
	taken  int
	silent list.List // of *Seat, the longest silent one in front
}

// NewRoom returns a room for that many connections. crowded is called for each
// connection that the room closes, and must not block.
func NewRoom(seats int, crowded func()) *Room { return &Room{seats: seats, crowded: crowded} }

// Seat is a connection's place in a Room.
type Seat struct {
	room *Room
	conn io.Closer

	// The room's mu guards these.
	silent *list.Element // in the room's list; nil after the first request
	left   bool          // the seat was given back
	lost   bool          // the room closed the connection
}

// Enter gives a connection a seat. If the room is full and nobody in it is silent,
// it closes the connection and returns nil.
func (r *Room) Enter(conn io.Closer) *Seat {
	s, closed := r.enter(conn)
	if closed != nil {
		r.crowded()
		_ = closed.Close()
	}
	return s
}

// enter also returns the connection for which there is no seat any more.
func (r *Room) enter(conn io.Closer) (s *Seat, without io.Closer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.taken >= r.seats {
		longest := r.silent.Front()
		if longest == nil {
			return nil, conn
		}
		out := longest.Value.(*Seat)
		out.leave()
		out.lost = true
		without = out.conn
	}
	s = &Seat{room: r, conn: conn}
	s.silent = r.silent.PushBack(s)
	r.taken++
	return s, without
}

// Hold is called when the first request has arrived. From then on the seat is the
// connection's until it leaves. Hold returns false if the room has closed the
// connection: its request must not run, because nobody gets the answer.
func (s *Seat) Hold() bool {
	s.room.mu.Lock()
	defer s.room.mu.Unlock()
	if s.lost {
		return false
	}
	s.speak()
	return true
}

// Leave gives the seat back. Later calls do nothing. It does not close the
// connection.
func (s *Seat) Leave() {
	s.room.mu.Lock()
	defer s.room.mu.Unlock()
	s.leave()
}

// Lost reports whether the room has closed the connection.
func (s *Seat) Lost() bool {
	s.room.mu.Lock()
	defer s.room.mu.Unlock()
	return s.lost
}

// speak takes the seat off the list of silent ones. The caller holds mu.
func (s *Seat) speak() {
	if s.silent != nil {
		s.room.silent.Remove(s.silent)
		s.silent = nil
	}
}

// leave frees the seat. The caller holds mu.
func (s *Seat) leave() {
	if !s.left {
		s.left = true
		s.speak()
		s.room.taken--
	}
}
