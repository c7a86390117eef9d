package doltdb

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"gastown/town"
)

// ServeOptions say what to serve and where.
type ServeOptions struct {
	// Dir is the directory that holds one directory per database, Planes are
	// their names. All of them must exist.
	Dir    string
	Planes []string
	// Socket is the path of the unix socket to serve on. Its directory is made
	// if need be, and must be closed to other users.
	Socket string
	// Listen is host:port of this machine to serve on too, "" for none. It
	// takes connections of User only, with the password in the environment
	// variable PasswordEnv; without one, or on an address other machines can
	// reach, it is refused, as nothing encrypts.
	Listen      string
	User        string
	PasswordEnv string
	// Home, Wait and Command are as in Options.
	Home    string
	Wait    time.Duration
	Command string
	// Grace bounds how long Close and Lend let transactions end; 0 means 5 s.
	Grace time.Duration
	// MaxConnections bounds the clients connected at once; 0 means 1000.
	MaxConnections int
	// MaxGuests bounds those on Listen that have not shown the password yet; 0
	// means 16. GuestTime is how long each may take; 0 means 5 s.
	MaxGuests int
	GuestTime time.Duration
	// Refused is told of each connection on Listen that is refused: crowded,
	// slow, oversized, malformed, or unsigned for a wrong password. It must not
	// block; nil is fine.
	Refused func(reason string)
}

func (o ServeOptions) withDefaults() ServeOptions {
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
	d := o.plane("any")
	o.Home, o.Wait, o.Command = d.Home, d.Wait, d.Command
	return o
}

// plane says how to open one of the databases in this process.
func (o ServeOptions) plane(name string) Options {
	return Options{Dir: filepath.Join(o.Dir, name), Home: o.Home, Wait: o.Wait, Command: o.Command}.withDefaults()
}

// check refuses what cannot or must not be served.
func (o ServeOptions) check() error {
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
		p := o.plane(plane)
		if err := p.present(); err != nil {
			return err
		}
	}
	return nil
}

func (o ServeOptions) checkListen(op string) error {
	host, _, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return town.Fail(op, "write dolt.listen as 127.0.0.1:3307", "%w: %w", town.ErrRefused, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return town.Fail(op, "listen on 127.0.0.1, or run a Dolt SQL server of your own and set dolt.host",
			"%w: other machines could reach %s, and nothing encrypts what is said there", town.ErrRefused, o.Listen)
	}
	secret, err := password(o.PasswordEnv)
	if err != nil {
		return err
	}
	if secret == "" || o.User == "" {
		return town.Fail(op, "set dolt.user, and dolt.password_env to the name of a variable that holds a password",
			"%w: %s would be open to every user of this machine", town.ErrRefused, o.Listen)
	}
	return nil
}

// privateDir makes the socket's directory, or checks that it is closed to others.
func privateDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if perm := info.Mode().Perm(); perm&0o077 != 0 {
		return town.Fail("serve the databases", "close it to others: chmod 700 "+dir,
			"%w: %s, where the socket would be, has mode %04o", town.ErrRefused, dir, perm)
	}
	return nil
}

// listenSocket binds the unix socket. The caller holds the databases' locks, so
// a socket that nobody answers on was left by a process that has ended.
func listenSocket(path string) (net.Listener, error) {
	if err := privateDir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	if conn, err := net.DialTimeout("unix", path, dialTimeout); err == nil {
		_ = conn.Close()
		return nil, town.Fail("serve the databases", "end the process that answers there",
			"%w: %s is in use by another process", town.ErrBusy, path)
	}
	if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSocket == 0 {
		return nil, town.Fail("serve the databases", "move it away", "%w: %s is there and is no socket", town.ErrRefused, path)
	}
	if err := remove(path); err != nil {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("serve the databases on %s: %w", path, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}
