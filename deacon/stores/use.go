package stores

import (
	"sync"

	"gastown/planes/doltdb"
	"gastown/town/layout"
)

// user is an open store.
type user interface{ Use() doltdb.Use }

// uses adds up how the stores of each plane use their connections. Stores are reopened
// now and then, and what the closed ones waited counts too.
type uses struct {
	mu   sync.Mutex
	open map[user]string          // their planes
	past map[string]doltdb.Waited // by plane
}

func (u *uses) opened(plane string, s user) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.open == nil {
		u.open, u.past = map[user]string{}, map[string]doltdb.Waited{}
	}
	u.open[s] = plane
}

func (u *uses) closing(s user) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if plane, there := u.open[s]; there {
		u.past[plane] = u.past[plane].Plus(s.Use().Waited)
		delete(u.open, s)
	}
}

// Use says how a plane's connections are used, and what was waited since the Deacon
// started. Most is that of the store that is open, 0 if none is.
func (u *uses) of(plane string) (sum doltdb.Use) {
	u.mu.Lock()
	defer u.mu.Unlock()
	sum.Waited = u.past[plane]
	for s, of := range u.open {
		if of == plane {
			one := s.Use()
			sum.Most = max(sum.Most, one.Most)
			sum.Open, sum.Busy, sum.Waited = sum.Open+one.Open, sum.Busy+one.Busy, sum.Plus(one.Waited)
		}
	}
	return sum
}

// Pooled are the planes whose stores stay open.
var Pooled = []string{layout.Ledger, layout.Operational}

// Use says how the connections to one of Pooled are used, and what was waited for them
// since the Deacon started.
func (s *Stores) Use(plane string) doltdb.Use { return s.uses.of(plane) }

// Shapes are the shapes of SQL statements that took most since the server started; nil
// if there is none that says so.
func (s *Stores) Shapes() []doltdb.StatementShape {
	if m, ok := s.server.(interface {
		Shapes() []doltdb.StatementShape
	}); ok {
		return m.Shapes()
	}
	return nil
}
