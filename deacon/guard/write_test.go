package guard

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A client that does not read its answer is disconnected and counted, and its place
// becomes free. A client that reads gets the whole answer.
func TestSlowReaders(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			// A client that reads may be slow, too, on a machine that is busy.
			for write := 200 * time.Millisecond; ; write *= 2 {
				n := slowReaders(t, network, write)
				if n == 1 {
					return
				}
				if n == 0 || write > 20*time.Second {
					t.Fatalf("counted %d times", n)
				}
			}
		})
	}
}

// slowReaders has a client that does not read its answer, and then clients that do, until
// one of them got it. It returns how many were called slow.
func slowReaders(t *testing.T, network string, write time.Duration) int {
	large := bytes.Repeat([]byte("x"), 16<<20)
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(t.TempDir(), "s")
	}
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	c, left := new(counts), make(chan error, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("/large", func(w http.ResponseWriter, _ *http.Request) {
		_, err := w.Write(large)
		left <- err
	})
	mux.HandleFunc("/small", func(w http.ResponseWriter, _ *http.Request) {
		if network == "unix" {
			// A person's command that takes its time.
			<-time.After(2 * write)
		}
		fmt.Fprint(w, "done")
	})
	s := Serve(l, mux, Options{Refused: c.refused, Owner: network == "unix", Conns: 1, Read: awaited, Write: write})
	defer func() { _ = s.Close(t.Context()) }()
	open := func() net.Conn {
		conn, err := net.Dial(network, l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(awaited))
		return conn
	}
	deaf := open()
	defer deaf.Close()
	fmt.Fprint(deaf, post("/large", ""))
	if err := <-left; err == nil {
		t.Fatal("the answer was written to somebody who does not read")
	}
	c.await(t, Slow, 1)
	for deadline := time.Now().Add(awaited); ; {
		conn := open()
		_, _ = io.WriteString(conn, post("/small", ""))
		answer, _ := io.ReadAll(conn)
		_ = conn.Close()
		if strings.HasSuffix(string(answer), "done") {
			return c.of(Slow)
		}
		if time.Now().After(deadline) {
			t.Fatalf("its place stays taken: %q", answer)
		}
	}
}
