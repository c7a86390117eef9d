package deacon

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gastown/sync/hooks"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/layout"
)

func TestStartsThatCannotBe(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, v := range map[string]struct {
		spoil func(*place)
		want  string
		kind  error
	}{
		"bad schedule": {func(p *place) { p.schedule("jobs:\n  gc: {schedule: \"TZ=0\"}\n") }, "line 2: job gc: schedule", town.ErrUsage},
		"unknown job":  {func(p *place) { p.schedule("jobs:\n  nonsense: {enabled: true}\n") }, `there is no job "nonsense"`, town.ErrUsage},
		"port taken": {func(p *place) {
			p.configure(func(c *config.Config) { p.set(c, "deacon.http_address", taken.Addr().String()) })
		}, "another program listens there", nil},
		"no address":      {func(p *place) { p.configure(func(c *config.Config) { p.set(c, "deacon.http_address", "nonsense") }) }, "answer on nonsense", nil},
		"path too long":   {func(p *place) { p.layout.Root = filepath.Join(p.layout.Root, strings.Repeat("long/", 20)) }, "at most 107 bytes", town.ErrRefused},
		"no data":         {func(p *place) { _ = os.RemoveAll(p.layout.Data(layout.Ledger)) }, "ledger", nil},
		"a file in place": {func(p *place) { _ = os.MkdirAll(p.layout.ControlSocket(), 0o700) }, "is not a socket", town.ErrRefused},
		"another Town's": {func(p *place) {
			p.configure(func(c *config.Config) { c.Stores[layout.Operational] = "7b6c2c5e-0000-4000-8000-000000000000" })
		}, "another store", town.ErrRefused},
	} {
		t.Run(name, func(t *testing.T) {
			p := found(t)
			whole := p.layout
			v.spoil(p)
			_, err := p.start()
			if err == nil || !strings.Contains(err.Error(), v.want) || town.Next(err) == "" && v.kind != nil {
				t.Fatalf("%v, next %q", err, town.Next(err))
			}
			if v.kind != nil && !errors.Is(err, v.kind) {
				t.Errorf("kind of %v", err)
			}
			// The start is undone: no lock or socket is left.
			if now, err := Look(whole); now.Held || err != nil {
				t.Errorf("the lock is held: %v", err)
			}
			if _, err := os.Lstat(whole.SQLSocket()); !os.IsNotExist(err) {
				t.Errorf("the SQL socket: %v", err)
			}
		})
	}
}

func TestWithoutAnAddress(t *testing.T) {
	p := found(t)
	p.configure(func(c *config.Config) { p.set(c, "deacon.http_address", "none") })
	r := p.mustStart()
	defer r.end()
	if s, err := r.client.Status(t.Context()); err != nil || s.HTTP != "" || r.Address() != "" {
		t.Errorf("%q, %v", s.HTTP, err)
	}
}

func TestNotifications(t *testing.T) {
	p := found(t)
	var valid atomic.Bool
	p.verify = func(*http.Request) error {
		if valid.Load() {
			return nil
		}
		return fmt.Errorf("%w: hunter2 is not the secret", hooks.ErrSignature)
	}
	_, server := hub(t)
	p.agree("origin", server.URL())
	r := p.mustStart()
	defer r.end()
	post := func() int {
		res, err := http.Post("http://"+r.Address()+"/notify", "application/json", strings.NewReader("hunter2"))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if data, err := io.ReadAll(res.Body); err != nil || strings.Contains(string(data), "hunter2") {
			t.Errorf("%s %v", data, err)
		}
		return res.StatusCode
	}
	before := server.Counts().Exchanges
	if code := post(); code != http.StatusForbidden {
		t.Errorf("unsigned: %d", code)
	}
	valid.Store(true)
	if code := post(); code != http.StatusNoContent {
		t.Errorf("signed: %d", code)
	}
	until(t, "the Town has asked its remote", func() bool { return server.Counts().Exchanges > before })
	if strings.Contains(r.log.String(), "hunter2") {
		t.Error("the log quotes a notification")
	}
	if _, text := body(t, "http://"+r.Address()+"/metrics"); !strings.Contains(text, `gt_deacon_refused_requests_total{listener="http",reason="unsigned"} 1`) {
		t.Error("the refusal was not counted")
	}
}

// The control socket and the HTTP address survive any input.
func TestHostileRequests(t *testing.T) {
	p := found(t)
	r := p.mustStart()
	defer r.end()
	const secret = "hunter2"
	for network, address := range map[string]string{"unix": p.layout.ControlSocket(), "tcp": r.Address()} {
		for _, raw := range []string{
			secret + "\r\n\r\n",
			"POST /v1/heartbeat HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 10000000\r\n\r\n" + strings.Repeat(secret, 20000),
			"POST /v1/heartbeat HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 9\r\n\r\n{\"a\":\"" + secret,
			"GET /" + secret + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
			"POST /v1/run HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 16\r\n\r\n{\"name\":\"../../\"}",
		} {
			c, err := net.Dial(network, address)
			if err != nil {
				t.Fatal(err)
			}
			_ = c.SetDeadline(time.Now().Add(patience))
			_, _ = io.WriteString(c, raw)
			answer, _ := io.ReadAll(c)
			if text := string(answer); strings.Contains(text, "200 OK") {
				t.Errorf("%s: %.40q was answered %.40q", network, raw, text)
			}
			_ = c.Close()
		}
	}
	if _, err := r.client.Status(t.Context()); err != nil {
		t.Error(err)
	}
	until(t, "all is counted", func() bool {
		_, text := body(t, "http://"+r.Address()+"/metrics")
		return strings.Contains(text, `{listener="control",reason="oversized"} 1`) && strings.Contains(text, `{listener="http",reason="malformed"} 1`)
	})
	if strings.Contains(r.log.String(), secret) {
		t.Error("the log quotes what was refused")
	}
}
