package server

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/dolthub/vitess/go/mysql"

	"gastown/planes/doltdb/internal/wire"
)

// queue makes the sessions that ask for one of gt's named locks wait in order, so
// that each gets the lock in its turn and need not ask repeatedly. The lock itself
// is the engine's: a session is passed on to the engine when no other session of
// the queue has the lock. The engine's own waiting has no order, and prevents a
// garbage collection.
type queue struct {
	mu    sync.Mutex
	locks map[string]*turns
	ended chan struct{} // closed when nobody may wait any more
}

// turns is the row of one lock.
type turns struct {
	owner   uint32 // connection; connections are numbered from 1
	waiting []*waiter
}

type waiter struct {
	conn uint32
	turn chan struct{}
}

// lockPattern and unlockPattern match wire.GetLock and wire.ReleaseLock with their
// arguments.
var (
	lockPattern   = regexp.MustCompile(`^SELECT GET_LOCK\('(gt-[a-z]+-[^']+)', ([0-9]{1,4})\)$`)
	unlockPattern = regexp.MustCompile(`^SELECT RELEASE_LOCK\('(gt-[a-z]+-[^']+)'\)$`)
)

func newQueue() *queue {
	return &queue{locks: map[string]*turns{}, ended: make(chan struct{})}
}

// before waits until the session may run the statement, if the statement asks for
// a lock. When the time that the statement names is over, before fails with
// errNotYet.
func (q *queue) before(ctx context.Context, conn uint32, query string) error {
	asked := lockPattern.FindStringSubmatch(query)
	if asked == nil {
		return nil
	}
	seconds, err := strconv.Atoi(asked[2])
	if err != nil {
		return err
	}
	q.mu.Lock()
	lock := q.locks[asked[1]]
	if lock == nil {
		lock = &turns{}
		q.locks[asked[1]] = lock
	}
	if lock.owner == 0 || lock.owner == conn {
		lock.owner = conn
		q.mu.Unlock()
		return nil
	}
	mine := &waiter{conn: conn, turn: make(chan struct{})}
	lock.waiting = append(lock.waiting, mine)
	q.mu.Unlock()
	timer := time.NewTimer(time.Duration(seconds) * time.Second)
	defer timer.Stop()
	select {
	case <-mine.turn:
		return nil
	case <-timer.C:
		err = errNotYet
	case <-ctx.Done():
		err = ctx.Err()
	case <-q.ended:
		err = mysql.NewSQLError(wire.ErrServerShutdown, "08S01", "the server stops")
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	select {
	case <-mine.turn: // it has come meanwhile
		return nil
	default:
	}
	lock.waiting = slices.DeleteFunc(lock.waiting, func(w *waiter) bool { return w == mine })
	return err
}

// errNotYet tells a client that its time is over and others still have the lock.
var errNotYet = mysql.NewSQLError(mysql.ERLockWaitTimeout, "HY000", "others have the lock")

// after passes the turn on when the statement released a lock.
func (q *queue) after(conn uint32, query string) {
	if given := unlockPattern.FindStringSubmatch(query); given != nil {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.locks[given[1]].pass(conn)
	}
}

// closed passes on the turns of a connection that has ended.
func (q *queue) closed(conn uint32) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, lock := range q.locks {
		lock.pass(conn)
	}
}

// pass gives conn's turn to the next in the row.
func (t *turns) pass(conn uint32) {
	if t == nil || t.owner != conn {
		return
	}
	t.owner = 0
	if len(t.waiting) > 0 {
		next := t.waiting[0]
		t.waiting = t.waiting[1:]
		t.owner = next.conn
		close(next.turn)
	}
}

// end fails everybody who waits, now or later.
func (q *queue) end() { close(q.ended) }
