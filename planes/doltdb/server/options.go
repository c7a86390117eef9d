package server

import (
	"net"
	"path/filepath"
	"sync/atomic"
	"time"

	"gastown/planes/doltdb/internal/shapes"
	"gastown/planes/doltdb/internal/wire"
	"gastown/town"
)

const (
	// defaultGrace is how long running transactions may take to end when the
	// server stops.
	defaultGrace = 5 * time.Second
	// defaultMaxConnections bounds the clients connected at once.
	defaultMaxConnections = 1000
	// maxSocketPath is how long the path of a unix socket can be, in bytes.
	maxSocketPath = 107
)

// Options say what to serve and where.
type Options struct {
	// Dir is the directory that holds one directory per database, Planes are
	// their names. All of them must exist.
	Dir    string
	Planes []string
	// Socket is the path of the unix socket to serve on. Its directory is made
	// if need be, and must be closed to other users.
	Socket string
	// Listen is host:port of this machine to serve on too, "" for none. It
	// takes connections of User only, with the password in the variable
	// PasswordEnv, which Getenv looks up; without one, or on an address other
	// machines can reach, it is refused, as nothing encrypts.
	Listen      string
	User        string
	PasswordEnv string
	Getenv      func(string) string
	// Home is a directory for the engine's own settings; by default .home in Dir.
	Home string
	// Wait bounds the wait for another process that has a database; 0 means 30 s.
	Wait time.Duration
	// Command names this process to others that wait for it; by default the name of
	// the program.
	Command string
	// Grace bounds how long Close and Lend let transactions end; 0 means 5 s.
	Grace time.Duration
	// MaxConnections bounds the clients connected at once; 0 means 1000. One more
	// gets the place of the client that has not logged in for longest.
	MaxConnections int
	// MaxGuests bounds connections on Listen that have not shown the password yet;
	// 0 means 16. GuestTime is how long each may take; 0 means 5 s.
	MaxGuests int
	GuestTime time.Duration
	// Refused is called with the reason for each connection that is closed because
	// there are too many (crowded), and for each on Listen that is slow, oversized,
	// malformed, or unsigned for a wrong password. It must not block; nil is fine.
	Refused func(reason string)

	statements *atomic.Int64 // of Server
	shapes     *shapes.Table // of Server
}

func (o Options) withDefaults() Options {
	if o.Grace == 0 {
		o.Grace = defaultGrace
	}
	if o.MaxConnections == 0 {
		o.MaxConnections = defaultMaxConnections
	}
	if o.MaxGuests == 0 {
		o.MaxGuests = defaultMaxGuests
	}
	if o.GuestTime == 0 {
		o.GuestTime = defaultGuestTime
	}
	if o.Refused == nil {
		o.Refused = func(string) {}
	}
	if o.Home == "" {
		o.Home = filepath.Join(o.Dir, ".home")
	}
	if o.Wait == 0 {
		o.Wait = wire.DefaultWait
	}
	if o.Command == "" {
		o.Command = "gt"
	}
	return o
}

// check refuses what cannot or must not be served.
func (o Options) check(opener Opener) error {
	op := "serve the databases in " + o.Dir
	if len(o.Socket) > maxSocketPath {
		return town.Fail(op, "move the Town to a shorter path",
			"%w: the path of its socket has %d bytes, and the system allows %d: %s", town.ErrRefused, len(o.Socket), maxSocketPath, o.Socket)
	}
	if o.Listen != "" {
		if err := o.checkListen(op); err != nil {
			return err
		}
	}
	for _, plane := range o.Planes {
		if err := opener.Exists(plane); err != nil {
			return err
		}
	}
	return nil
}

func (o Options) checkListen(op string) error {
	host, _, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return town.Fail(op, "write dolt.listen as 127.0.0.1:3307", "%w: %w", town.ErrRefused, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return town.Fail(op, "listen on 127.0.0.1, or run a Dolt SQL server of your own and set dolt.host",
			"%w: other machines could reach %s, and nothing encrypts what is said there", town.ErrRefused, o.Listen)
	}
	secret, err := wire.Password(o.PasswordEnv, o.Getenv)
	if err != nil {
		return err
	}
	if secret == "" || o.User == "" {
		return town.Fail(op, "set dolt.user, and dolt.password_env to the name of a variable that holds a password",
			"%w: %s would be open to every user of this machine", town.ErrRefused, o.Listen)
	}
	return nil
}
