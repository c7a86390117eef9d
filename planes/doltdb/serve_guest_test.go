package doltdb

import (
	"bytes"
	"database/sql"
	"errors"
	"io"
	"log"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"gastown/planes/doltdb/server"
)

// refusals counts refused connections by reason.
type refusals struct {
	mu sync.Mutex
	n  map[string]int
}

func (r *refusals) add(reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n[reason]++
}

func (r *refusals) of(reason string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.n[reason]
}

// gate is a server on the network, whose strangers are counted.
type gate struct {
	*testing.T
	opts  ServeOptions
	s     *Server
	count *refusals
}

func newGate(t *testing.T, guestTime time.Duration) *gate {
	t.Helper()
	t.Setenv("TEST_SECRET", "s3cret")
	g := &gate{T: t, opts: twoPlanes(t), count: &refusals{n: map[string]int{}}}
	g.opts.Listen, g.opts.User, g.opts.PasswordEnv = "127.0.0.1:0", "worker", "TEST_SECRET"
	g.opts.MaxConnections, g.opts.MaxGuests, g.opts.GuestTime = 8, 4, guestTime
	g.opts.Refused = g.count.add
	g.s = started(t, g.opts)
	return g
}

// client is a client with the password; it has one connection.
func (g *gate) client(user string) *sql.DB {
	g.Helper()
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.User, cfg.Passwd, cfg.DBName = "tcp", g.s.Addr().String(), user, "s3cret", "ledger"
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		g.Fatal(err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(1)
	g.Cleanup(func() { _ = db.Close() })
	return db
}

func (g *gate) login(user string) error {
	g.Helper()
	db := g.client(user)
	return errors.Join(db.PingContext(g.Context()), db.Close())
}

func (g *gate) dial() net.Conn {
	g.Helper()
	c, err := net.Dial("tcp", g.s.Addr().String())
	if err != nil {
		g.Fatal(err)
	}
	g.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(2 * time.Minute))
	return c
}

// Strangers on the network use up neither the places nor the memory of clients
// with the password, and what they send is not written anywhere.
func TestStrangersTakeNothing(t *testing.T) {
	var said bytes.Buffer
	before := log.Writer()
	log.SetOutput(&said)
	defer log.SetOutput(before)
	g := newGate(t, time.Hour)
	const silent = 20
	var crowd []net.Conn
	for range silent {
		crowd = append(crowd, g.dial())
	}
	eventually(t, func() bool { return g.count.of(server.RefusedCrowded) == silent-g.opts.MaxGuests })
	db := open(t, clientOf(g.opts, "ledger"))
	if !db.served() {
		t.Error("the socket does not answer")
	}
	put(t, db, "crowd", "x")
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	for _, c := range crowd {
		_ = c.Close()
	}
	eventually(t, func() bool { return g.login("worker") == nil })
	eventually(t, func() bool { // as long as the crowd has places it is refused for another reason
		return g.login("hunter2") != nil && g.count.of(server.RefusedUnsigned) > 0
	})
	// A packet of 16 MB that is only announced is refused at once.
	large := g.dial()
	_, _ = large.Write([]byte{0xff, 0xff, 0xff, 1})
	_, _ = io.Copy(io.Discard, large)
	eventually(t, func() bool { return g.count.of(server.RefusedOversized) == 1 })
	// A stranger who is still connected does not delay Close.
	g.dial()
	if err := g.s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if bytes.Contains(said.Bytes(), []byte("hunter2")) {
		t.Errorf("a stranger's name was written: %s", said.String())
	}
}

// Strangers that say nothing give their places back. An admitted client is not cut off
// when the time for guests is over.
func TestTheTimeOfStrangers(t *testing.T) {
	const guestTime = 2 * time.Second
	g := newGate(t, guestTime)
	for range g.opts.MaxGuests {
		g.dial()
	}
	eventually(t, func() bool { return g.count.of(server.RefusedSlow) == g.opts.MaxGuests })
	// A guest is counted a moment before its place is free. A client may be late, too, on a
	// machine that is busy.
	long := g.client("worker")
	eventually(t, func() bool { return long.PingContext(t.Context()) == nil })
	if _, err := long.ExecContext(t.Context(), "SELECT SLEEP(?)", (guestTime + time.Second/2).Seconds()); err != nil {
		t.Errorf("cut after it was admitted: %v", err)
	}
}
