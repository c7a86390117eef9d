package socket

import "testing"

// closed counts how often a connection was closed.
type closed int

func (c *closed) Close() error { *c++; return nil }

func TestRoom(t *testing.T) {
	crowded := 0
	room := NewRoom(3, func() { crowded++ })
	conns := make([]closed, 6)
	seats := make([]*Seat, len(conns))
	enter := func(n int) *Seat {
		seats[n] = room.Enter(&conns[n])
		return seats[n]
	}
	is := func(want ...closed) {
		t.Helper()
		total := 0
		for n, c := range want {
			if total += int(c); conns[n] != c {
				t.Errorf("connection %d was closed %d times, want %d", n, conns[n], c)
			}
		}
		if crowded != total {
			t.Errorf("%d were counted, %d closed", crowded, total)
		}
	}
	enter(0)
	enter(1)
	enter(2)
	for range 2 {
		if !seats[0].Hold() {
			t.Error("there was no seat to hold")
		}
	}
	is(0, 0, 0)
	// 1 has been silent longest.
	if enter(3) == nil {
		t.Error("the fourth got no seat")
	}
	is(0, 1, 0, 0)
	if seats[1].Hold() || !seats[1].Lost() || seats[2].Lost() {
		t.Error("who was closed still has a seat")
	}
	seats[1].Leave() // as the server does when it notices; it must not free another seat
	if !seats[2].Hold() || !seats[3].Hold() {
		t.Error("there was no seat to hold")
	}
	// Nobody is silent.
	if enter(4) != nil {
		t.Error("a full room gave a seat")
	}
	is(0, 1, 0, 0, 1)
	seats[0].Leave()
	seats[0].Leave()
	if enter(5) == nil {
		t.Error("the seat of one that left was not given")
	}
	is(0, 1, 0, 0, 1, 0)
	if enter(4) == nil {
		t.Error("a silent one did not give its seat")
	}
	is(0, 1, 0, 0, 1, 1)
}
