package doltdb

import (
	"context"
	"errors"
	"time"

	"gastown/planes/doltdb/internal/callers"
	"gastown/town"
)

// Session says on whose behalf an open database is used. Its fields are those of
// Options and have the same defaults.
type Session struct {
	// Actor is recorded as the author of commits.
	Actor town.Actor
	// Command names this caller to others that wait for its write.
	Command string
	// Wait bounds the wait for other writers; 0 means 30 s.
	Wait time.Duration
	// Waiting is called with the reason of a wait that takes more than about a
	// second, from another goroutine. May be nil.
	Waiting func(what string)
}

// As returns a view of the open database for one caller. All views share the
// connections and the turn to write, and may be used at the same time. A view
// costs nothing to make; closing it does nothing, and closing db ends it.
func (db *Local) As(s Session) *Local {
	view := *db
	view.borrowed, view.locks, view.hold = true, nil, nil
	view.opts.Actor, view.opts.Command, view.opts.Wait, view.opts.Waiting = s.Actor, s.Command, s.Wait, s.Waiting
	view.opts = view.opts.withDefaults()
	return &view
}

// Hold keeps the database open until release is called: Close waits for it, for
// a few seconds. It fails with town.ErrBusy once Close was called. View and the
// methods that write hold the database themselves; a caller needs Hold only for
// what must follow a write before the database closes.
func (db *Local) Hold() (release func(), err error) {
	if !db.users.Enter() {
		return nil, town.Fail("use the "+db.opts.name()+" database", "run the command again",
			"%w: it was closed meanwhile", town.ErrBusy)
	}
	return db.users.Leave, nil
}

// closeGrace is how long Close waits for reads and writes under way.
const closeGrace = 5 * time.Second

// errDetachView reports a programming error: a view does not own the directory.
var errDetachView = errors.New("only the caller that opened a database may detach it")

// inTurn runs fn while no other goroutine of this process writes. It waits until
// the deadline for its turn.
func (db *Local) inTurn(ctx context.Context, deadline time.Time, fn func() error) error {
	what := func() string { return "another command (" + town.Clip(db.turn.Writer(), 120) + ") writes it" }
	pass, err := db.turn.Take(ctx, deadline, db.opts.Command, func() (over func()) { return db.opts.waits(what) })
	if errors.Is(err, callers.ErrTimeout) {
		return town.Fail("write the "+db.opts.name()+" database", "wait for it to finish, then run the command again",
			"%w: %s (waited %s)", town.ErrBusy, what(), db.opts.Wait)
	}
	if err != nil {
		return err
	}
	defer pass()
	return fn()
}

// deadline is when a write that begins to wait now gives up.
func (db *Local) deadline() time.Time { return time.Now().Add(db.opts.Wait) }
