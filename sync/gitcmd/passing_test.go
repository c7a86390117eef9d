package gitcmd

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// What a server, or a proxy before it, answers tells whether another attempt may
// succeed, and when.
func TestFailuresThatPass(t *testing.T) {
	for _, c := range []struct {
		status     int
		retryAfter string
		want       error
		passes     bool
		after      time.Duration
	}{
		{429, "7", ErrBusy, true, 7 * time.Second}, {429, "", ErrBusy, true, 0}, {429, "soon", ErrBusy, true, 0}, {503, "120", ErrBusy, true, 2 * time.Minute},
		{503, "99999999999", ErrBusy, true, 0}, {503, "4000000000", ErrBusy, true, maxRetryAfter},
		{503, time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat), ErrBusy, true, 0},
		{502, "", ErrBroken, true, 0}, {504, "7", ErrBroken, true, 0}, {500, "7", ErrUnreachable, false, 0}, {404, "7", ErrNotFound, false, 0}, {401, "", ErrAuth, false, 0},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if c.retryAfter != "" {
				w.Header().Set("Retry-After", c.retryAfter)
			}
			w.Header().Set("X-Text", "remote: fatal: no space left on device")
			w.WriteHeader(c.status)
		}))
		r := open(t, Options{})
		_, err := r.LsRemote(t.Context(), s.URL+"/x.git")
		if !errors.Is(err, c.want) || (errors.Is(err, ErrBusy) || errors.Is(err, ErrBroken)) != c.passes || RetryAfter(err) != c.after {
			t.Errorf("%d, Retry-After %q: %v, to be asked after %s", c.status, c.retryAfter, err, RetryAfter(err))
		}
		s.Close()
	}
}

// An answer that ends within its header is a connection that broke, and no repository
// without refs.
func TestAnswersThatEndEarly(t *testing.T) {
	whole := "HTTP/1.1 200 OK\r\nCache-Control: no-cache\r\nContent-Type: application/x-git-upload-pack-advertisement\r\n\r\n001e# service=git-upload-pack\n0000"
	for n := 0; n < len(whole); n += 3 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = c.Read(make([]byte, 1<<16))
				_, _ = c.Write([]byte(whole[:n]))
				_ = c.Close()
			}
		}()
		url := fmt.Sprintf("http://%s/x.git", l.Addr())
		r := open(t, Options{})
		if got, err := r.Fetch(t.Context(), FetchSpec{URL: url, Ref: testRef, Into: "refs/gt/in"}); !errors.Is(err, ErrUnreachable) {
			t.Errorf("fetch, cut after %d bytes: %+v, %v", n, got, err)
		}
		if got, err := r.LsRemote(t.Context(), url, testRef); !errors.Is(err, ErrUnreachable) {
			t.Errorf("list, cut after %d bytes: %+v, %v", n, got, err)
		}
		_ = l.Close()
	}
}

// What the headers say is for gt, not for people.
func TestTracesAreNotMessages(t *testing.T) {
	m := &messages{}
	text := "== Info: Trying 127.0.0.1:80...\n=> Send header, 0000000100 bytes (0x00000064)\n=> Send header: GET /x HTTP/1.1\n" +
		"<= Recv header: HTTP/1.1 429 Too Many Requests\n<= Recv header: Retry-After: 5\nfatal: it failed\nremote: <= Recv header: Retry-After: 9\n"
	if _, err := m.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if got := m.text(); got != "fatal: it failed\nremote: <= Recv header: Retry-After: 9" || m.askedToWait() != 5*time.Second {
		t.Errorf("%q, to be asked after %s", got, m.askedToWait())
	}
}

// A count of bytes is not taken for the status of an answer.
func TestBytesAreNoStatus(t *testing.T) {
	for _, n := range []int{301, 401, 403, 404, 405, 429, 503, 507, 512} {
		text := fmt.Sprintf("error: RPC failed; curl 56 Recv failure: Connection reset by peer\nerror: %d bytes of body are still expected\nfatal: protocol error: bad pack header", n)
		if kind := classify(128, text, false); kind != ErrUnreachable || !broke(text) {
			t.Errorf("%d bytes: %v, broke %v", n, kind, broke(text))
		}
	}
	for status, want := range map[int]bool{500: false, 501: false, 502: true, 504: true} {
		if text := fmt.Sprintf("error: RPC failed; HTTP %d curl 22 The requested URL returned error: %[1]d\nfatal: the remote end hung up unexpectedly", status); broke(text) != want {
			t.Errorf("%d: broke %v", status, !want)
		}
	}
	if broke("remote: fatal: bad object\nfatal: early EOF") {
		t.Error("damaged data at the remote counts as a connection that broke")
	}
}
