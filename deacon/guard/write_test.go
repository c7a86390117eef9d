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
	const write = 200 * time.Millisecond
	large := bytes.Repeat([]byte("x"), 16<<20)
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
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
			s := Serve(l, mux, Options{Refused: c.refused, Owner: network == "unix", Conns: 1, Write: write})
			defer func() { _ = s.Close(t.Context()) }()
			open := func() net.Conn {
				conn, err := net.Dial(network, l.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
				return conn
			}
			deaf := open()
			defer deaf.Close()
			fmt.Fprint(deaf, post("/large", ""))
			if err := <-left; err == nil {
				t.Fatal("the answer was written to somebody who does not read")
			}
			c.await(t, Slow, 1)
			deadline := time.Now().Add(10 * time.Second)
			for {
				conn := open()
				_, _ = io.WriteString(conn, post("/small", ""))
				answer, _ := io.ReadAll(conn)
				_ = conn.Close()
				if strings.HasSuffix(string(answer), "done") {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("its place stays taken: %q", answer)
				}
			}
			if n := c.of(Slow); n != 1 {
				t.Errorf("counted %d times", n)
			}
		})
	}
}
