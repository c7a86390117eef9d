package doltdb

import (
	"cmp"
	"database/sql"
	"path/filepath"
	"time"

	"gastown/planes/doltdb/internal/wire"
	"gastown/town"
)

// Options say which database to open and under whose name to write.
type Options struct {
	// Dir is the database's directory; its base name is the database's name.
	Dir string
	// Actor is recorded as author and committer.
	Actor town.Actor
	// Wait bounds the wait for another process; 0 means 30 s.
	Wait time.Duration
	// Command names this process to others that wait for it.
	Command string
	// Waiting is called with the reason of a wait that takes more than about a
	// second, from another goroutine and possibly when the wait has just ended. May
	// be nil.
	Waiting func(what string)
	// Checked is called now and then while rows that arrived from a remote are checked,
	// with how many were so far. It must not block. May be nil.
	Checked func(rows int64)
	// Home is a directory for the engine's own settings; it is made if need be.
	// The default is .home beside the database. Nothing in a person's home
	// directory is read or written.
	Home string

	// Socket is where a Server, of this process or another, may serve the
	// databases beside Dir; "" for nowhere. When a server answers, the database
	// is used through it; otherwise it is opened in this process.
	Socket string
	// Silent says that the server of Socket did not answer a moment ago, so that
	// opening the database does not wait for it as long again.
	Silent bool
	// External names an existing Dolt SQL server that has the database. Then
	// nothing else is tried, and Dir gives only the database's name and the
	// place of its client lock.
	External *External
	// ReadOnly says that the caller writes nothing. Where nothing can be written, the
	// database is then read from a copy. Scratch lists directories for the copy,
	// before the usual ones.
	ReadOnly bool
	Scratch  []string
	// Pool bounds the connections, to a server or to the engine in this process.
	Pool Pool
	// Marker is a directory in which the plane may show each write to programs that
	// watch files; "" for none. Package doltdb does not use it.
	Marker string
}

// External is a Dolt SQL server that somebody else runs.
type External struct {
	// Address is host:port, or the absolute path of a unix socket.
	Address string
	User    string
	// PasswordEnv names the variable with the password, which Getenv looks up; ""
	// for no password.
	PasswordEnv string
	Getenv      func(string) string
}

// Pool bounds the number and the age of connections; zero values are the
// defaults of database/sql.
type Pool struct {
	// MaxOpen is at least two: one connection holds a lock while another works.
	// A negative MaxIdle means no idle connections.
	MaxOpen, MaxIdle         int
	MaxLifetime, MaxIdleTime time.Duration
}

// minConns is how many connections one operation may need at once.
const minConns = 2

func (o Options) pool(db *sql.DB) {
	if o.Pool.MaxOpen > 0 {
		db.SetMaxOpenConns(max(o.Pool.MaxOpen, minConns))
	}
	if o.Pool.MaxIdle != 0 {
		db.SetMaxIdleConns(o.Pool.MaxIdle)
	}
	db.SetConnMaxLifetime(o.Pool.MaxLifetime)
	db.SetConnMaxIdleTime(o.Pool.MaxIdleTime)
}

func (o Options) name() string { return filepath.Base(o.Dir) }

func (o Options) withDefaults() Options {
	if o.Wait == 0 {
		o.Wait = wire.DefaultWait
	}
	if o.Command == "" {
		o.Command = "gt"
	}
	if o.Home == "" {
		o.Home = filepath.Join(filepath.Dir(o.Dir), ".home")
	}
	o.Actor.Name = cmp.Or(o.Actor.Name, wire.Actor.Name)
	o.Actor.Email = cmp.Or(o.Actor.Email, wire.Actor.Email)
	return o
}
