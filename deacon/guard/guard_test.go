package guard

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// awaited is how long a test waits for a condition, and how long a peer has that is not
// to be found slow.
const awaited = 2 * time.Minute

// text is a log that several goroutines write and a test reads.
type text struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (t *text) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.all.Write(p)
}

func (t *text) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.all.String()
}

// counts counts refusals by reason.
type counts struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *counts) refused(reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[string]int{}
	}
	c.n[reason]++
}

func (c *counts) of(reason string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n[reason]
}

// await waits until a reason was counted want times.
func (c *counts) await(t *testing.T, reason string, want int) {
	t.Helper()
	deadline := time.Now().Add(awaited)
	for c.of(reason) < want {
		if time.Now().After(deadline) {
			t.Fatalf("%d refused as %s, want %d", c.of(reason), reason, want)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// serve guards a handler on a socket until the test ends.
func serve(t *testing.T, h http.Handler, o Options) (path string, log *text, c *counts) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	log, c = new(text), new(counts)
	logger := logrus.New()
	logger.SetOutput(log)
	o.Log, o.Refused, o.Owner = logger, c.refused, true
	s := Serve(l, h, o)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), awaited)
		defer cancel()
		_ = s.Close(ctx)
	})
	return path, log, c
}

func dial(t *testing.T, path string) net.Conn {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(awaited))
	return c
}

// ask sends raw bytes and returns everything that comes back.
func ask(t *testing.T, path, raw string) string {
	t.Helper()
	c := dial(t, path)
	_, _ = io.WriteString(c, raw) // the server may close the connection before all is written
	answer, _ := io.ReadAll(c)
	return string(answer)
}

func post(path, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
}

var echo = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/echo" {
		http.NotFound(w, r)
		return
	}
	var in struct {
		Say string `json:"say"`
	}
	if ReadJSON(w, r, &in) {
		fmt.Fprintf(w, "said %q", in.Say)
	}
})

func TestWhatIsRefused(t *testing.T) {
	path, log, c := serve(t, echo, Options{Body: 100, Read: awaited})
	began := time.Now()
	if got := ask(t, path, post("/echo", `{"say":"hello"}`)); !strings.Contains(got, `said "hello"`) {
		t.Fatalf("a sound request: %s", got)
	}
	const secret = "hunter2"
	for _, v := range []struct{ name, raw, reason, status string }{
		{"oversized", post("/echo", `{"say":"`+strings.Repeat(secret, 50)+`"}`), Oversized, "413"},
		{"oversized without a length", "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n" +
			"fff\r\n" + strings.Repeat(secret[:1], 0xfff) + "\r\n0\r\n\r\n", Oversized, "413"},
		{"no JSON", post("/echo", secret), Malformed, "400"},
		{"half a value", post("/echo", `{"say":"`+secret), Malformed, "400"},
		{"two values", post("/echo", `{} {}`), Malformed, "400"},
		{"an unknown field", post("/echo", `{"`+secret+`":1}`), Malformed, "400"},
		{"another type", post("/echo", `{"say":7}`), Malformed, "400"},
		{"no HTTP", secret + "\r\n\r\n", Malformed, "400"},
		{"a TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + secret + "\r\n\r\n", Malformed, "400"},
		{"headers without end", "GET /echo HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X-A: "+strings.Repeat("b", 1000)+"\r\n", 30), Malformed, "431"},
		{"an unknown path", post("/"+secret, "{}"), Unknown, "404"},
	} {
		t.Run(v.name, func(t *testing.T) {
			before := c.of(v.reason)
			answer := ask(t, path, v.raw)
			c.await(t, v.reason, before+1)
			if !strings.Contains(strings.SplitN(answer, "\r\n", 2)[0], v.status) {
				t.Errorf("answer %q, want %s", answer, v.status)
			}
			if n := c.of(v.reason) - before; n != 1 {
				t.Errorf("counted %d times", n)
			}
		})
	}
	if got := ask(t, path, post("/echo", `{"say":"still here"}`)); !strings.Contains(got, "still here") {
		t.Errorf("after all that: %s", got)
	}
	if text := log.String(); strings.Contains(text, secret) || !strings.Contains(text, Oversized) {
		t.Errorf("the log: %s", text)
	}
	// The log has few lines, however many requests were refused.
	n, most := strings.Count(log.String(), "reason="+Malformed), 3+int(time.Since(began)/logEvery)
	if n > most {
		t.Errorf("%d lines for one reason, at most %d", n, most)
	}
}

// A peer that falls silent before its request is complete is disconnected. It has an
// answer if its headers were complete.
func TestSilentPeers(t *testing.T) {
	for _, v := range []struct{ name, raw, status string }{
		{"in the headers", "GET /echo HTTP/1.1\r\nHo", ""},
		{"in the body", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{", "408"},
		{"at once", "", ""},
	} {
		t.Run(v.name, func(t *testing.T) {
			// On a machine that does not read the headers in time there is no answer.
			for read := 300 * time.Millisecond; ; read *= 2 {
				path, _, c := serve(t, echo, Options{Read: read})
				answer := ask(t, path, v.raw)
				c.await(t, Slow, 1)
				if n := c.of(Slow); n != 1 {
					t.Errorf("counted %d times", n)
				}
				if first, _, _ := strings.Cut(answer, "\r\n"); strings.Contains(first, v.status) {
					break
				} else if read > time.Minute || answer != "" {
					t.Fatalf("answer %q, want %s", answer, v.status)
				}
			}
		})
	}
}

func TestAPeerThatLeavesEarlyIsNoHarm(t *testing.T) {
	path, _, c := serve(t, echo, Options{})
	conn := dial(t, path)
	_, _ = io.WriteString(conn, "POST /echo HTTP/1.1\r\nHo")
	_ = conn.Close()
	c.await(t, Malformed, 1)
	_ = dial(t, path).Close() // as a client does that only looks whether somebody listens
	if got := ask(t, path, post("/echo", `{"say":"x"}`)); !strings.Contains(got, "said") {
		t.Error(got)
	}
}

func TestCrowd(t *testing.T) {
	path, _, c := serve(t, echo, Options{Conns: 2, Read: awaited})
	first, second := dial(t, path), dial(t, path)
	for _, conn := range []net.Conn{first, second} {
		// An answer on each connection proves that it was accepted.
		fmt.Fprintf(conn, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
		if n, err := conn.Read(make([]byte, 1000)); err != nil || n == 0 {
			t.Fatal(n, err)
		}
	}
	if got := ask(t, path, post("/echo", "{}")); got != "" {
		t.Errorf("a third was answered: %s", got)
	}
	c.await(t, Crowded, 1)
	_ = first.Close()
	deadline := time.Now().Add(awaited)
	for !strings.Contains(ask(t, path, post("/echo", "{}")), "said") {
		if time.Now().After(deadline) {
			t.Fatal("the place of one that left stays taken")
		}
	}
}

func TestPanics(t *testing.T) {
	path, log, _ := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("no") }), Options{})
	if got := ask(t, path, post("/panic", "{}")); !strings.Contains(got, "500") {
		t.Error(got)
	}
	if !strings.Contains(log.String(), "panicked") {
		t.Error("the panic is not in the log")
	}
}

// A handler may take longer than the peer had for its request.
func TestSlowHandlers(t *testing.T) {
	// On a machine that does not read the request in time no handler begins.
	for read := 100 * time.Millisecond; ; read *= 2 {
		var begun atomic.Bool
		slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			begun.Store(true)
			select {
			case <-r.Context().Done():
				t.Error("a handler was cut by the time the peer had for its request")
			case <-time.After(4 * read):
				fmt.Fprint(w, "done")
			}
		})
		path, _, c := serve(t, slow, Options{Read: read, Write: awaited})
		got := ask(t, path, post("/slow", "{}"))
		if !begun.Load() && read < 10*time.Second {
			continue
		}
		if !strings.Contains(got, "done") {
			t.Error(got)
		}
		if n := c.of(Slow); n != 0 {
			t.Errorf("%d peers were called slow", n)
		}
		return
	}
}

func TestCloseCancelsWhatWaits(t *testing.T) {
	entered := make(chan struct{})
	wait := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { close(entered); <-r.Context().Done() })
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := Serve(l, wait, Options{})
	conn := dial(t, path)
	fmt.Fprint(conn, post("/", "{}"))
	<-entered
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the socket: %v", err)
	}
}

func TestOnlyTheOwner(t *testing.T) {
	for _, v := range []struct {
		peer, own int
		want      bool
	}{{1000, 1000, true}, {0, 1000, true}, {1001, 1000, false}, {1000, 0, false}} {
		if got := allowed(v.peer, v.own); got != v.want {
			t.Errorf("uid %d at the socket of %d: %v", v.peer, v.own, got)
		}
	}
	// A connection that is not of a unix socket has no user.
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if sameUser(a) {
		t.Error("a pipe has no user")
	}
}
