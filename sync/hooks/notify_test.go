package hooks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gastown/town"
)

// clock is a clock that tests move.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newClock() *clock { return &clock{time.Date(2031, 3, 10, 12, 0, 0, 0, time.UTC)} }

// receiver is a Verifier of a secret on a clock.
func receiver(s Secret, c *clock) *Verifier {
	return NewVerifier(VerifierOptions{Secret: func() (Secret, error) { return s, nil }, Now: c.now})
}

// request is a signed notification.
func request(s Secret, at time.Time, nonce, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "http://town:8080/notify", strings.NewReader(body))
	claim{method: r.Method, path: r.URL.EscapedPath(), at: at, nonce: nonce, body: []byte(body)}.sign(r, s)
	return r
}

func nonce(n int) string { return fmt.Sprintf("%032x", n) }

func TestVerify(t *testing.T) {
	s, c := NewSecret(), newClock()
	v := receiver(s, c)
	c.at = c.at.Add(time.Hour)
	r := request(s, c.at, nonce(1), `{"refs":[]}`)
	if err := v.Verify(r); err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(r.Body); err != nil || string(body) != `{"refs":[]}` {
		t.Errorf("the body cannot be read again: %q, %v", body, err)
	}
	n := 1
	for name, test := range map[string]struct {
		change func(*http.Request)
		want   error
	}{
		"nothing":         {func(*http.Request) {}, nil},
		"method":          {func(r *http.Request) { r.Method = http.MethodPut }, ErrMalformed},
		"path":            {func(r *http.Request) { r.URL.Path = "/other" }, ErrSignature},
		"body":            {func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("{}")) }, ErrSignature},
		"no body":         {func(r *http.Request) { r.Body = nil }, ErrSignature},
		"nonce":           {func(r *http.Request) { r.Header.Set(headerNonce, nonce(999)) }, ErrSignature},
		"nonce's case":    {func(r *http.Request) { r.Header.Set(headerNonce, strings.Repeat("A", 32)) }, ErrMalformed},
		"time":            {func(r *http.Request) { r.Header.Set(headerTime, "1900000000000") }, ErrSignature},
		"no time":         {func(r *http.Request) { r.Header.Del(headerTime) }, ErrMalformed},
		"a bad time":      {func(r *http.Request) { r.Header.Set(headerTime, "-5") }, ErrMalformed},
		"two times":       {func(r *http.Request) { r.Header.Add(headerTime, "5") }, ErrMalformed},
		"no signature":    {func(r *http.Request) { r.Header.Del(headerSignature) }, ErrMalformed},
		"half of it":      {func(r *http.Request) { r.Header.Set(headerSignature, "v1=00") }, ErrMalformed},
		"another secret":  {func(r *http.Request) { *r = *request(NewSecret(), c.at, nonce(500), "{}") }, ErrSignature},
		"an early body":   {func(r *http.Request) { r.Body = io.NopCloser(io.MultiReader(brokenReader{})) }, ErrMalformed},
		"a large body":    {func(r *http.Request) { r.Body = io.NopCloser(endless{}) }, ErrTooLarge},
		"a large promise": {func(r *http.Request) { r.ContentLength = MaxBody + 1 }, ErrTooLarge},
		"the past":        {func(r *http.Request) { *r = *request(s, c.at.Add(-defaultWindow-time.Second), nonce(501), "{}") }, ErrStale},
		"the future":      {func(r *http.Request) { *r = *request(s, c.at.Add(defaultWindow+time.Second), nonce(502), "{}") }, ErrStale},
		"within":          {func(r *http.Request) { *r = *request(s, c.at.Add(-defaultWindow+time.Second), nonce(503), "{}") }, nil},
		"within, ahead":   {func(r *http.Request) { *r = *request(s, c.at.Add(defaultWindow-time.Second), nonce(504), "{}") }, nil},
		"the largest":     {func(r *http.Request) { *r = *request(s, c.at, nonce(505), strings.Repeat("x", MaxBody)) }, nil},
	} {
		n++
		r := request(s, c.at, nonce(n), "{ }")
		test.change(r)
		err := v.Verify(r)
		if !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
		if status := Status(err); (status == http.StatusNoContent) != (err == nil) {
			t.Errorf("%s: status %d", name, status)
		}
		if err != nil && strings.Contains(err.Error(), s.Reveal()) {
			t.Errorf("%s: the error holds the secret", name)
		}
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// Within the window the nonce is remembered; after it the time alone refuses the
// request. A clock that is ahead leaves no gap between the two.
func TestReplay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, c := NewSecret(), newClock()
		v := receiver(s, c)
		c.at = c.at.Add(time.Hour)
		skew := time.Duration(rapid.Int64Range(int64(-defaultWindow), int64(defaultWindow)).Draw(t, "skew")).Truncate(time.Millisecond)
		signed := c.at.Add(skew)
		if err := v.Verify(request(s, signed, nonce(1), "{}")); err != nil {
			t.Fatal(err)
		}
		for i := range 5 {
			c.at = c.at.Add(time.Duration(rapid.Int64Range(0, int64(5*time.Minute)).Draw(t, "later")))
			err := v.Verify(request(s, signed, nonce(1), "{}"))
			if !errors.Is(err, ErrReplayed) && !errors.Is(err, ErrStale) {
				t.Fatalf("replayed %s after it was signed: %v", c.at.Sub(signed), err)
			}
			if err := v.Verify(request(s, c.at, nonce(100+i), "{}")); err != nil {
				t.Fatalf("another one: %v", err)
			}
		}
	})
	// After a restart the receiver has no nonces and refuses older requests.
	s, c := NewSecret(), newClock()
	r := request(s, c.at, nonce(1), "{}")
	c.at = c.at.Add(time.Second)
	if err := receiver(s, c).Verify(r); !errors.Is(err, ErrStale) {
		t.Errorf("after a restart: %v", err)
	}
}

func TestFlood(t *testing.T) {
	s, c := NewSecret(), newClock()
	v := receiver(s, c)
	accepted := 0
	for i := range guardBurst {
		if err := v.Verify(request(s, c.at, nonce(i), "{}")); err == nil {
			accepted++
		} else if !errors.Is(err, ErrFlood) || Status(err) != http.StatusTooManyRequests {
			t.Fatal(err)
		}
	}
	if accepted != defaultBurst {
		t.Errorf("%d were accepted at once, want %d", accepted, defaultBurst)
	}
	// During the flood an unsigned request is refused without being examined.
	// Requests that are not accepted cost no memory.
	if err := v.Verify(httptest.NewRequest(http.MethodGet, "/", nil)); !errors.Is(err, ErrFlood) {
		t.Errorf("got %v", err)
	}
	c.at = c.at.Add(time.Second)
	if err := v.Verify(request(s, c.at, nonce(1000), "{}")); err != nil {
		t.Errorf("a second later: %v", err)
	}
	for range 10 * maxNonces {
		c.at = c.at.Add(10 * time.Millisecond)
		if err := v.Verify(request(NewSecret(), c.at, nonce(1), "{}")); err == nil {
			t.Fatal("the wrong secret was accepted")
		}
	}
	if len(v.seen) > defaultBurst+1 {
		t.Errorf("%d nonces are remembered", len(v.seen))
	}
}

func TestNoSecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	c := newClock()
	v := NewVerifier(VerifierOptions{Secret: func() (Secret, error) { return ReadSecret(path) }, Now: c.now})
	if err := v.Verify(request(Secret{}, c.at, nonce(1), "")); !errors.Is(err, ErrNoSecret) || Status(err) != http.StatusForbidden {
		t.Errorf("got %v", err)
	}
	// A secret that is created later takes effect at once.
	s := NewSecret()
	if err := s.Write(path); err != nil {
		t.Fatal(err)
	}
	if err := v.Verify(request(s, c.at, nonce(1), "")); err != nil {
		t.Error(err)
	}
	empty := receiver(Secret{}, c)
	if err := empty.Verify(request(Secret{}, c.at, nonce(1), "")); !errors.Is(err, ErrNoSecret) {
		t.Errorf("an empty secret: %v", err)
	}
}

func TestSecretFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a", "secret")
	s := NewSecret()
	if err := s.Write(path); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if back, err := ReadSecret(path); err != nil || back != s {
		t.Error(err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadSecret(path); !errors.Is(err, town.ErrRefused) {
		t.Errorf("readable by others: %v", err)
	}
	for _, text := range []string{"", "gt-notify-", s.Reveal() + "x", strings.Repeat("x", 5000), "\x00"} {
		bad := filepath.Join(dir, "bad")
		if err := os.WriteFile(bad, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadSecret(bad); err == nil {
			t.Errorf("%.20q was taken for a secret", text)
		}
	}
	printed, err := json.Marshal(map[string]any{"s": s})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s %q", s, s, s, s, s), fmt.Sprintf("%+v", Target{"u", s}),
		fmt.Sprintf("%#v", []Target{{"u", s}}), string(printed)} {
		if strings.Contains(text, s.Reveal()) {
			t.Errorf("a secret was printed: %s", text)
		}
	}

	file := filepath.Join(dir, TargetsFile)
	if none, err := LoadTargets(file); err != nil || none != nil {
		t.Errorf("%v, %v", none, err)
	}
	targets := AddTarget(nil, Target{"http://a:1/notify", NewSecret()})
	targets = AddTarget(AddTarget(targets, Target{"http://b:1/notify", s}), Target{"http://a:1/notify", s})
	if err := SaveTargets(file, targets); err != nil {
		t.Fatal(err)
	}
	back, err := LoadTargets(file)
	if err != nil || len(back) != 2 || back[0].Secret != s || back[1].URL != "http://b:1/notify" {
		t.Errorf("%v, %v", back, err)
	}
	for _, text := range []string{"", "{", `{"version":2,"targets":[]}`, `{"version":1,"more":1}`,
		`{"version":1,"targets":[{"url":"ftp://x","secret":"y"}]}`, `{"version":1,"targets":[{"url":"http://x","secret":"hidden"}]}`} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadTargets(file); err == nil || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestCheckURL(t *testing.T) {
	for in, want := range map[string]string{
		"http://localhost:8080": "http://localhost:8080/notify", "https://town.example/": "https://town.example/notify",
		"http://[::1]:8080/a/b": "http://[::1]:8080/a/b", "": "", "town:8080": "", "ftp://x": "", "http://": "", "http:///x": "",
		"http://u:p@x": "", "http://x/?a=b": "", "http://x/#f": "", "http://x\n": "", "http:x": "",
	} {
		got, err := CheckURL(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q, %v", in, got, err)
		}
		if err != nil && (!errors.Is(err, town.ErrUsage) || strings.Contains(err.Error(), "u:p")) {
			t.Errorf("%q: %v", in, err)
		}
	}
}

// Signed requests are accepted over a real connection. A Town that is down,
// refuses, or redirects elsewhere is reported as such.
func TestSend(t *testing.T) {
	s := NewSecret()
	v := NewVerifier(VerifierOptions{Secret: func() (Secret, error) { return s, nil }})
	var calls atomic.Int64
	var mu sync.Mutex
	var bodies bytes.Buffer // several are sent at the same time below
	answer := func(code func(n int64, r *http.Request) int) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(code(calls.Add(1), r))
		}))
		t.Cleanup(server.Close)
		return server.URL + DefaultPath
	}
	good := answer(func(_ int64, r *http.Request) int {
		err := v.Verify(r)
		mu.Lock()
		defer mu.Unlock()
		_, _ = io.Copy(&bodies, r.Body)
		return Status(err)
	})
	n := &Notifier{Pause: time.Millisecond}
	send := func(what, url string, secret Secret, wantCalls int64, want string) {
		t.Helper()
		calls.Store(0)
		err := n.Send(t.Context(), Target{url, secret}, Note{Refs: []string{"refs/dolt/data"}})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) || calls.Load() != wantCalls {
			t.Errorf("%s: %d calls, %v", what, calls.Load(), err)
		}
	}
	send("good", good, s, 1, "")
	if bodies.String() != `{"refs":["refs/dolt/data"]}` {
		t.Errorf("sent %s", bodies.String())
	}
	send("another secret", good, NewSecret(), 1, "403")
	send("a redirect", answer(func(int64, *http.Request) int { return http.StatusTemporaryRedirect }), s, 1, "307")
	send("down", answer(func(int64, *http.Request) int { return http.StatusServiceUnavailable }), s, defaultAttempts, "503")
	send("busy once", answer(func(n int64, _ *http.Request) int { return map[bool]int{true: 429, false: 204}[n == 1] }), s, 2, "")
	send("nobody", "http://127.0.0.1:1/notify", s, 0, "refused")

	results := n.SendAll(t.Context(), []Target{{good, s}, {"http://127.0.0.1:1/notify", s}, {good, NewSecret()}}, Note{})
	if len(results) != 3 || results[0].Err != nil || results[1].Err == nil || results[2].Err == nil {
		t.Errorf("%v", results)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := n.Send(ctx, Target{good, s}, Note{}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	if err := n.Send(t.Context(), Target{good, s}, Note{Refs: []string{strings.Repeat("x", MaxBody)}}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("large: %v", err)
	}
}

// An accepted request is not accepted again after a restart, whatever the sender's
// clock was. Another secret starts a new record.
func TestNoReplayAfterARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "newest")
	s, c := NewSecret(), newClock()
	start := func(s Secret) *Verifier {
		return NewVerifier(VerifierOptions{Secret: func() (Secret, error) { return s, nil }, Now: c.now, Newest: path})
	}
	v, ahead := start(s), 2*time.Minute
	for i, at := range []time.Duration{ahead, ahead - time.Second} {
		if err := v.Verify(request(s, c.at.Add(at), nonce(i), "")); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	first := c.at
	c.at = first.Add(10 * time.Second)
	v = start(s)
	for i, at := range []time.Duration{ahead, ahead - time.Second} {
		if err := v.Verify(request(s, first.Add(at), nonce(i), "")); !errors.Is(err, ErrStale) {
			t.Errorf("replayed after a restart: %v", err)
		}
	}
	if err := v.Verify(request(s, first.Add(ahead+time.Millisecond), nonce(9), "")); err != nil {
		t.Errorf("a newer one: %v", err)
	}
	other := NewSecret()
	if err := start(other).Verify(request(other, c.at, nonce(1), "")); err != nil {
		t.Errorf("another secret: %v", err)
	}
	// If the record cannot be read, everything that it may have forbidden is
	// refused.
	for _, damage := range []string{"", "{}", "[", `{"at":"x"}`} {
		if err := os.WriteFile(path, []byte(damage), 0o600); err != nil {
			t.Fatal(err)
		}
		v := start(s)
		if err := v.Verify(request(s, c.at.Add(defaultWindow), nonce(1), "")); !errors.Is(err, ErrStale) {
			t.Errorf("%q: %v", damage, err)
		}
		c.at = c.at.Add(time.Second)
		if err := v.Verify(request(s, c.at.Add(defaultWindow), nonce(2), "")); err != nil {
			t.Errorf("%q, later: %v", damage, err)
		}
	}
}
