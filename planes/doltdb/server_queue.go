package doltdb

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/dolthub/vitess/go/mysql"
)

// queue puts the sessions that ask for one of gt's named locks in a row, so
// that each gets it in its turn and none asks again and again. The lock itself
// stays the engine's: a session is let through to it when nobody of the queue
// has it. The engine's own way to wait keeps a collection of garbage from
// beginning, and knows no order.
type queue struct {
	mu    sync.Mutex
	locks map[string]*turns
	ended chan struct{} // closed when nobody is to wait any more
}

// turns are of one lock.
type turns struct {
	owner   uint32 // connection; connections are numbered from 1
	waiting []*waiter
}

type waiter struct {
	conn uint32
	turn chan struct{}
}

// lockPattern and unlockPattern are the statements of Tx.lock and Tx.giveBack.
var (
	lockPattern   = regexp.MustCompile(`^SELECT GET_LOCK\('(gt-[a-z]+-[^']+)', ([0-9]{1,4})\)$`)
	unlockPattern = regexp.MustCompile(`^SELECT RELEASE_LOCK\('(gt-[a-z]+-[^']+)'\)$`)
)

func newQueue() *queue {
	return &queue{locks: map[string]*turns{}, ended: make(chan struct{})}
}

// before waits until the session may run the statement, if that asks for a lock.
// When the time the statement names is over it is let through: the engine says
// that it has not got the lock.
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
		err = mysql.NewSQLError(errServerShutdown, "08S01", "the server stops")
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	select {
	case <-mine.turn: // it came meanwhile
		return nil
	default:
	}
	lock.waiting = slices.DeleteFunc(lock.waiting, func(w *waiter) bool { return w == mine })
	return err
}

// errNotYet tells a client that its time is over and others are still before it.
var errNotYet = mysql.NewSQLError(mysql.ERLockWaitTimeout, "HY000", "others have the lock")

// after passes the turn on when the statement gave a lock back.
func (q *queue) after(conn uint32, query string) {
	if given := unlockPattern.FindStringSubmatch(query); given != nil {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.locks[given[1]].pass(conn)
	}
}

// closed passes on whatever the connection had.
func (q *queue) closed(conn uint32) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, lock := range q.locks {
		lock.pass(conn)
	}
}

// pass gives the lock of conn to the next in the row.
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

// end sends away everybody who waits, now or later.
func (q *queue) end() { close(q.ended) }
