// Package wire defines what clients of databases and the server share: names of
// locks, users and states, and how to describe the process that holds a database.
package wire

import (
	"fmt"
	"time"

	"gastown/town"
	"gastown/town/lockfile"
)

const (
	// LockSuffix, after a database's directory, names the lock of the process that
	// has the directory open.
	LockSuffix = ".lock"
	// TurnFile, beside the databases, is locked by a server that waits for them.
	TurnFile = "server.lock"
	// SocketUser is the name clients use on the server's socket. Whoever may open
	// the socket may do everything, so the name decides nothing.
	SocketUser = "gt"
	// DialTimeout bounds the wait for a server to take a connection.
	DialTimeout = 5 * time.Second
	// DefaultWait is how long an opening waits for another process.
	DefaultWait = 30 * time.Second
)

// State is what the holder of a database's lock is doing, where that explains a
// wait.
type State string

// The states of a server.
const (
	Starting State = "starting"
	Serving  State = "serving"
	Stopping State = "stopping"
)

// Numbers of errors of the MySQL protocol.
const (
	ErrDatabaseExists  = 1007
	ErrUnknownDatabase = 1049
	ErrServerShutdown  = 1053
	ErrLockWaitTimeout = 1205
	ErrLockDeadlock    = 1213
)

// Actor is the author of writes without one.
var Actor = town.Actor{Name: "gt", Email: "gt@localhost"}

// The statements that take and release a named lock of the server. The names of all
// of gt's locks begin with LockPrefix; this program's server queues the sessions
// that ask for one.
const (
	GetLock     = "SELECT GET_LOCK(?, ?)"
	ReleaseLock = "SELECT RELEASE_LOCK(?)"
	LockPrefix  = "gt-"
)

// WriteLock names the lock that one writer of a database at a time holds. Without
// it, two writers that add to one number could both read it first: the engine
// merges equal changes silently.
func WriteLock(database string) string { return LockPrefix + "write-" + database }

// SharedLock names the lock of the one user of a database whose commits are
// exchanged.
func SharedLock(database string) string { return LockPrefix + "shared-" + database }

// CollectLock names the lock of the one session that collects a database's garbage.
func CollectLock(database string) string { return LockPrefix + "collect-" + database }

// Describe names the process that holds a database's lock.
func Describe(h lockfile.Holder) string {
	if h.State == string(Serving) && !h.Stopped() {
		h.State = "serving it but does not answer"
	}
	return h.String()
}

// Busy is the error for a database that another process holds.
func Busy(database string, wait time.Duration, h lockfile.Holder) error {
	next := "wait for it to finish, then run the command again"
	if h.Stopped() {
		next = fmt.Sprintf("kill -CONT %d lets it go on; where it is the Deacon, gt deacon stop ends it", h.PID)
	}
	return town.Fail("open the "+database+" database", next,
		"%w: held by %s (waited %s)", town.ErrBusy, Describe(h), wait)
}

// Password reads the secret of a database's user from the environment of the
// process, where it appears in no file and in no list of processes. Without a
// name there is none.
func Password(variable string, getenv func(string) string) (string, error) {
	if variable == "" {
		return "", nil
	}
	if getenv != nil {
		if secret := getenv(variable); secret != "" {
			return secret, nil
		}
	}
	return "", town.Fail("find the password of the database", "set the variable, or choose another with: gt config dolt.password_env NAME",
		"%w: the environment variable %s is not set", town.ErrUsage, town.Clip(variable, 64))
}
