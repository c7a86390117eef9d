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

// Strangers on the network use up neither the places nor the memory of clients
// with the password, and what they send is not written anywhere.
func TestStrangersTakeNothing(t *testing.T) {
	var said bytes.Buffer
	before := log.Writer()
	log.SetOutput(&said)
	defer log.SetOutput(before)
	t.Setenv("TEST_SECRET", "s3cret")
	opts := twoPlanes(t)
	opts.Listen, opts.User, opts.PasswordEnv = "127.0.0.1:0", "worker", "TEST_SECRET"
	opts.MaxConnections, opts.MaxGuests, opts.GuestTime = 8, 4, 2*time.Second
	count := &refusals{n: map[string]int{}}
	opts.Refused = count.add
	s := started(t, opts)
	login := func(user string) error {
		cfg := mysql.NewConfig()
		cfg.Net, cfg.Addr, cfg.User, cfg.Passwd, cfg.DBName = "tcp", s.Addr().String(), user, "s3cret", "ledger"
		connector, err := mysql.NewConnector(cfg)
		if err != nil {
			t.Fatal(err)
		}
		db := sql.OpenDB(connector)
		return errors.Join(db.PingContext(t.Context()), db.Close())
	}
	dial := func() net.Conn {
		c, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		return c
	}
	const silent = 20
	for range silent {
		dial()
	}
	eventually(t, func() bool { return count.of(server.RefusedCrowded) == silent-opts.MaxGuests })
	db := open(t, clientOf(opts, "ledger"))
	if !db.served() {
		t.Error("the socket does not answer")
	}
	put(t, db, "crowd", "x")
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	eventually(t, func() bool { return count.of(server.RefusedSlow) == opts.MaxGuests })
	// A guest is counted a moment before its place is free.
	eventually(t, func() bool { return login("worker") == nil })
	if err := login("hunter2"); err == nil || count.of(server.RefusedUnsigned) == 0 {
		t.Errorf("a stranger: %v", err)
	}
	// A packet of 16 MB that is only announced is refused at once.
	large := dial()
	_, _ = large.Write([]byte{0xff, 0xff, 0xff, 1})
	_, _ = io.Copy(io.Discard, large)
	eventually(t, func() bool { return count.of(server.RefusedOversized) == 1 })
	// An admitted client is not cut off when the time for guests is over.
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.User, cfg.Passwd, cfg.DBName = "tcp", s.Addr().String(), "worker", "s3cret", "ledger"
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	long := sql.OpenDB(connector)
	defer long.Close()
	if _, err := long.ExecContext(t.Context(), "SELECT SLEEP(2.5)"); err != nil {
		t.Errorf("cut after it was admitted: %v", err)
	}
	// A stranger who is still connected does not delay Close.
	dial()
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if bytes.Contains(said.Bytes(), []byte("hunter2")) {
		t.Errorf("a stranger's name was written: %s", said.String())
	}
}
