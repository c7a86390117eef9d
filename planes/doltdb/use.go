package doltdb

import "time"

// Use says how the connections of an open database were used, in all its views.
type Use struct {
	// Most is how many connections there may be; 0 for any number. Open are those that
	// there are, Busy those in use.
	Most, Open, Busy int
	Waited
}

// Waited are sums since the database was opened. They only grow.
type Waited struct {
	// ForConnection counts those that waited for a connection because Most were in use;
	// ForTurn those that waited for another writer of this process.
	ForConnection, ForTurn Waits
	// Closed counts connections that were closed because more were idle than may be.
	Closed int64
}

// Waits are how many waits there were, and how long they took in all.
type Waits struct {
	Count int64
	Took  time.Duration
}

// Plus is the sum of both.
func (w Waited) Plus(o Waited) Waited {
	add := func(a, b Waits) Waits { return Waits{a.Count + b.Count, a.Took + b.Took} }
	return Waited{add(w.ForConnection, o.ForConnection), add(w.ForTurn, o.ForTurn), w.Closed + o.Closed}
}

// Use says how the database's connections are and were used. It costs a few hundred
// nanoseconds and asks no server.
func (db *Local) Use() Use {
	s := db.sql.Stats()
	turns, waited := db.turn.Waits()
	return Use{Most: s.MaxOpenConnections, Open: s.OpenConnections, Busy: s.InUse, Waited: Waited{
		ForConnection: Waits{s.WaitCount, s.WaitDuration}, ForTurn: Waits{turns, waited}, Closed: s.MaxIdleClosed,
	}}
}
