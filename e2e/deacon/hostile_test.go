package deacon

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"gastown/e2e/internal/scratch"
	"gastown/town/layout"
)

// marker is in everything that is sent, and must not be stored or logged anywhere.
const marker = "hunter2"

// slack is by how many goroutines or descriptors two readings of an idle Deacon may
// differ: connections that were just closed, a pool that grows and shrinks.
const slack = 8

// A Deacon counts hostile input on any of its sockets, stores none of it, and works
// as before.
func TestHostile(t *testing.T) {
	t.Parallel()
	dir := scratch.Dir(t)
	p := found(t, dir, "alpha")
	p.Must("gt", "hooks", "secret")
	d := p.start()
	at := layout.Town{Root: p.Root}
	p.Must("gt", "federation", "status")
	before := lowest(t, d)

	garbage := strings.Repeat(marker, 40_000)
	for _, to := range []struct{ network, address string }{{"unix", at.ControlSocket()}, {"tcp", d.HTTP}, {"unix", at.SQLSocket()}} {
		for _, raw := range []string{
			garbage,
			"POST /v1/heartbeat HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n" + garbage,
			"GET /" + marker + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
			"GET / HTTP/1.1\r\nX: " + garbage + "\r\n\r\n",
			"\xff\xff\xff\x01" + garbage,                                   // a packet of 16 MB
			"\x00\x00\x00\x01",                                             // one of nothing
			"\x20\x00\x00\x01" + strings.Repeat("\xff", 32),                // every capability
			"\x50\x00\x00\x01\x85\xa6\xff\x01" + marker,                    // half a handshake
			"\x01\x00\x00\x00\x0e\x01\x00\x00\x00\x01",                     // commands before any
			"\x0b\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", // no capability
		} {
			if answer := say(t, to.network, to.address, raw); strings.Contains(answer, "200 OK") {
				t.Errorf("%s %s: %.30q was answered %.60q", to.network, filepath.Base(to.address), raw, answer)
			}
		}
	}
	for reason, least := range map[string]float64{"malformed": 4, "unknown": 2} {
		// A slow Deacon reads some of it when its client has gone.
		scratch.Await(t, fmt.Sprintf("%v requests were counted as %s", least, reason), func() bool {
			return metric(t, d, "gt_deacon_refused_requests_total", `reason="`+reason+`"`) >= least
		})
	}

	notifications(t, d, at.NotifySecret())
	crowd(t, d, at)

	scratch.Await(t, "everything that was opened for them is closed", func() bool {
		u := look(t, d)
		return u.goroutines <= before.goroutines+slack && u.descriptors <= before.descriptors+slack
	})
	if h := page(t, d, "/health"); !strings.Contains(h, `"status":"healthy"`) {
		t.Errorf("/health says %s", h)
	}
	p.Must("bd", "create", "after all that")
	p.Must("gt", "federation", "status")
	// The logs quote nothing that was sent.
	for _, file := range []string{at.DeaconLog(), filepath.Join(filepath.Dir(at.DeaconLog()), "stderr")} {
		text, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if bytes.Contains(text, []byte(marker)) {
			t.Errorf("%s quotes what was sent", file)
		}
	}
}

// say sends raw bytes and returns the answer, until the other side closes or says nothing
// for a moment.
func say(t *testing.T, network, address, raw string) string {
	t.Helper()
	c, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetWriteDeadline(time.Now().Add(scratch.Patience))
	_, _ = io.WriteString(c, raw)
	_ = c.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	answer, _ := io.ReadAll(c)
	return string(answer)
}

// notifications sends requests that are unsigned, signed with another secret, old,
// altered, too large, or repeated.
func notifications(t *testing.T, d *daemon, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	secret := strings.TrimSpace(string(text))
	body := `{"refs":["refs/dolt/data"]}`
	now := func() string { return strconv.FormatInt(time.Now().UnixMilli(), 10) }
	nonce := func() string { b := make([]byte, 16); rand.Read(b); return hex.EncodeToString(b) }
	seen := nonce()
	for _, v := range []struct {
		name                  string
		at, nonce, key, body  string
		signed                string // what is signed, if that is not the body
		want                  int
		withoutAnyHeaderAtAll bool
	}{
		{name: "unsigned", body: body, want: 403, withoutAnyHeaderAtAll: true},
		{name: "another secret", at: now(), nonce: nonce(), key: "gt-notify-" + marker, body: body, want: 403},
		{name: "altered", at: now(), nonce: nonce(), key: secret, body: body + " ", signed: body, want: 403},
		{name: "old", at: "1000", nonce: nonce(), key: secret, body: body, want: 403},
		{name: "no time", at: marker, nonce: nonce(), key: secret, body: body, want: 403},
		{name: "no nonce", at: now(), nonce: marker, key: secret, body: body, want: 403},
		{name: "oversized", at: now(), nonce: nonce(), key: secret, body: strings.Repeat(marker, 1000), want: 413},
		{name: "good", at: now(), nonce: seen, key: secret, body: body, want: 204},
		{name: "replayed", at: now(), nonce: seen, key: secret, body: body, want: 403},
	} {
		req, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+d.HTTP+"/notify", strings.NewReader(v.body))
		if err != nil {
			t.Fatal(err)
		}
		if !v.withoutAnyHeaderAtAll {
			if v.signed == "" {
				v.signed = v.body
			}
			sum := sha256.Sum256([]byte(v.signed))
			mac := hmac.New(sha256.New, []byte(v.key))
			fmt.Fprintf(mac, "gt notify 1\nPOST\n/notify\n%s\n%s\n%s", v.at, v.nonce, hex.EncodeToString(sum[:]))
			req.Header.Set("Gt-Timestamp", v.at)
			req.Header.Set("Gt-Nonce", v.nonce)
			req.Header.Set("Gt-Signature", "v1="+hex.EncodeToString(mac.Sum(nil)))
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != v.want {
			t.Errorf("a notification that is %s is answered %d, want %d", v.name, res.StatusCode, v.want)
		}
	}
	if n := metric(t, d, "gt_deacon_refused_requests_total", `reason="unsigned"`); n != 7 {
		t.Errorf("%v notifications were counted as unsigned, want 7", n)
	}
	http.DefaultClient.CloseIdleConnections()
}

// crowd opens more connections than allowed, and sends nothing on them.
func crowd(t *testing.T, d *daemon, at layout.Town) {
	t.Helper()
	const many = 300
	var held []net.Conn
	for _, to := range []struct{ network, address string }{{"unix", at.SQLSocket()}, {"unix", at.ControlSocket()}, {"tcp", d.HTTP}} {
		for range many {
			c, err := net.Dial(to.network, to.address)
			if err != nil {
				t.Fatal(err)
			}
			held = append(held, c)
		}
	}
	// Clients that do send something still reach the databases.
	d.p.Must("gt", "--wait", "2m", "federation", "status")
	for _, c := range held {
		_ = c.Close()
	}
	for _, listener := range []string{"control", "http"} {
		scratch.Await(t, "the crowd before "+listener+" was counted", func() bool {
			return metric(t, d, "gt_deacon_refused_requests_total", `listener="`+listener+`"`, `reason="crowded"`) >= many-256
		})
	}
}
