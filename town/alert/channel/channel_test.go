package channel

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"gastown/town/alert"
	"gastown/town/plugin"
)

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// server is another side that notes what it is sent.
type server struct {
	*httptest.Server
	paths  []string
	bodies []map[string]any
	header http.Header
	answer func(w http.ResponseWriter)
}

func newServer(t *testing.T) *server {
	s := &server{answer: func(w http.ResponseWriter) { _, _ = io.WriteString(w, "ok") }}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		s.paths, s.bodies, s.header = append(s.paths, r.URL.Path), append(s.bodies, body), r.Header
		s.answer(w)
	}))
	t.Cleanup(s.Close)
	return s
}

func channelOf(t *testing.T, config map[string]interface{}) *Channel {
	t.Helper()
	c := Type().New("ch").(*Channel)
	if err := c.Init(config); err != nil {
		t.Fatal(err)
	}
	return c
}

func messages() (firing, resolved alert.Message) {
	items := []alert.Item{
		{Name: "Stuck", Severity: "critical", Labels: map[string]string{"polecat": "<!channel> & {{ .Alerts }}"}, Summary: "*nux* <http://evil|is> stuck\x1b[31m", Since: noon},
		{Name: "Stuck", Severity: "warning", Labels: map[string]string{"polecat": "max"}, Summary: "max is stuck", Since: noon},
	}
	firing = alert.NewMessage("gt", "gastown/id/Stuck", "Stuck", items)
	for i := range items {
		items[i].Ended = noon.Add(time.Hour)
	}
	return firing, alert.NewMessage("gt", "gastown/id/Stuck", "Stuck", items)
}

func send(t *testing.T, c *Channel, m alert.Message) string {
	t.Helper()
	answer, err := c.Execute(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	return answer.(string)
}

func TestSlack(t *testing.T) {
	s := newServer(t)
	c := channelOf(t, map[string]interface{}{"webhook_url": s.URL + "/services/T0/B0/secret", "channel": "#alerts {{", "severity": []interface{}{"error", "critical"}})
	firing, resolved := messages()
	if got := send(t, c, firing); got != "Slack answered ok" {
		t.Error(got)
	}
	send(t, c, resolved)
	send(t, c, alert.NewTest("gt", "k", "ann", noon))
	a := s.bodies[0]["attachments"].([]any)[0].(map[string]any)
	if s.bodies[0]["channel"] != "#alerts {{" || a["title"] != "[gt] Stuck: 2 firing, critical" || a["color"] != "danger" ||
		!strings.HasPrefix(a["text"].(string), "critical polecat=&lt;!channel&gt; &amp; {{ .Alerts }}: *nux* &lt;http://evil|is&gt; stuck[31m (since ") {
		t.Errorf("%+v", s.bodies[0])
	}
	if a := s.bodies[1]["attachments"].([]any)[0].(map[string]any); a["title"] != "[gt] Stuck: resolved" || a["color"] != "good" {
		t.Errorf("%+v", s.bodies[1])
	}
	if r := c.Routing(); len(r.Severities) != 2 || r.Wait != 0 {
		t.Errorf("%+v", r)
	}
}

func TestPagerDuty(t *testing.T) {
	s := newServer(t)
	s.answer = func(w http.ResponseWriter) { w.WriteHeader(http.StatusAccepted) }
	c := channelOf(t, map[string]interface{}{"routing_key": "R0UT1NGKEY", "events_url": s.URL + "/v2/enqueue"})
	firing, resolved := messages()
	send(t, c, firing)
	send(t, c, resolved)
	one, two := s.bodies[0], s.bodies[1]
	p := one["payload"].(map[string]any)
	if one["event_action"] != "trigger" || one["routing_key"] != "R0UT1NGKEY" || p["severity"] != "critical" || p["summary"] != "[gt] Stuck: 2 firing, critical" || p["source"] != "gt" {
		t.Errorf("%+v", one)
	}
	if two["event_action"] != "resolve" || one["dedup_key"] != two["dedup_key"] || one["dedup_key"] == "" {
		t.Errorf("%+v", two)
	}
}

func TestWebhook(t *testing.T) {
	s := newServer(t)
	c := channelOf(t, map[string]interface{}{"url": s.URL + "/hook/{{ .Status }}", "bearer_token": "t0ken"})
	firing, _ := messages()
	send(t, c, firing)
	b := s.bodies[0]
	if b["version"] != "4" || b["status"] != "firing" || b["groupKey"] != "gastown/id/Stuck" || len(b["alerts"].([]any)) != 2 ||
		s.header.Get("Authorization") != "Bearer t0ken" || s.paths[0] != "/hook/{{ .Status }}" {
		t.Errorf("%+v %v %v", b, s.header, s.paths)
	}
}

// No error of the other side holds a secret, is long, or has control characters; what may
// be over soon is said to be.
func TestFailures(t *testing.T) {
	s := newServer(t)
	const secret = "/services/T0/B0/s3cretpath"
	c := channelOf(t, map[string]interface{}{"webhook_url": s.URL + secret})
	firing, _ := messages()
	try := func(what string, answer func(http.ResponseWriter), wait float64, again bool) {
		t.Helper()
		if answer != nil {
			s.answer = answer
		} else {
			s.CloseClientConnections()
			s.Close()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := c.Execute(ctx, firing)
		if err == nil {
			t.Fatalf("%s: no error", what)
		}
		later, ok := errors.AsType[*plugin.Later](err)
		if ok != again || ok && (later.Seconds < wait-1 || later.Seconds > wait) {
			t.Errorf("%s: %#v", what, err)
		}
		if strings.Contains(err.Error(), "s3cretpath") || len(err.Error()) > 600 || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%s: %q", what, err)
		}
	}
	try("refused", func(w http.ResponseWriter) { http.Error(w, "no_service "+s.URL+secret, http.StatusNotFound) }, 0, false)
	try("limited", func(w http.ResponseWriter) {
		w.Header().Set("Retry-After", "30")
		http.Error(w, "slow\ndown", http.StatusTooManyRequests)
	}, 30, true)
	try("broken", func(w http.ResponseWriter) { http.Error(w, strings.Repeat("x", 10_000), http.StatusBadGateway) }, 0, true)
	try("moved", func(w http.ResponseWriter) {
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(http.StatusFound)
	}, 0, false)
	try("endless", func(w http.ResponseWriter) {
		chunk := make([]byte, 1<<16)
		for range 1 << 10 {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}, 0, true)
	try("gone", nil, 0, true)
	for _, p := range s.paths {
		if p == "/elsewhere" {
			t.Error("a redirect was followed")
		}
	}
	if _, err := c.Execute(t.Context(), "run"); err == nil {
		t.Error("it takes anything")
	}
}

// Every mistake in a configuration is told, and where.
func TestConfig(t *testing.T) {
	mail := func(more ...string) map[string]interface{} {
		c := map[string]interface{}{"smtp": "mail.example.com:587", "from": "gt@example.com", "to": "ops@example.com"}
		for i := 0; i+1 < len(more); i += 2 {
			c[more[i]] = more[i+1]
		}
		return c
	}
	for _, c := range []struct {
		config map[string]interface{}
		want   string
	}{
		{map[string]interface{}{}, "it does not say where messages go"},
		{map[string]interface{}{"webhook_url": "https://x/y", "url": "https://x/y"}, "url: there is webhook_url as well"},
		{map[string]interface{}{"webhook_url": "x"}, "webhook_url: it is not a URL"},
		{map[string]interface{}{"webhook_url": "http://example.com/s3cret"}, "webhook_url: it begins with http://"},
		{map[string]interface{}{"webhook_urls": "https://x/y"}, "webhook_url"},
		{map[string]interface{}{"url": "https://x/y", "channel": "#a"}, "channel: it belongs to a channel with webhook_url"},
		{map[string]interface{}{"url": "http://example.com/y", "bearer_token": "x"}, "bearer_token: the url begins with http://"},
		{map[string]interface{}{"url": "https://x/y", "severity": []interface{}{"eror"}}, "severity.0: \"eror\" is none of warning, error, critical; did you mean error?"},
		{map[string]interface{}{"url": "https://x/y", "severity": []interface{}{}}, "severity: it is empty"},
		{map[string]interface{}{"url": "https://x/y", "severity": 3}, "severity"},
		{map[string]interface{}{"url": "https://x/y", "group_wait": "2h"}, "group_wait: \"2h\" is not a duration from 0s to 1h"},
		{map[string]interface{}{"url": "https://x/y", "group_interval": "0s"}, "group_interval: \"0s\""},
		{map[string]interface{}{"url": "https://x/y", "repeat_interval": "soon"}, "repeat_interval: \"soon\""},
		{map[string]interface{}{"routing_key": "a b"}, "routing_key: it is not the integration key"},
		{map[string]interface{}{"url": "https://x/y", "ca_file": "/none"}, "none"},
		{mail("smtp", "example.com"), "smtp: \"example.com\" is not a host and a port"},
		{mail("from", "x"), "from: \"x\" is no address"},
		{mail("to", "x\r\nBcc: y"), "to.0: "},
		{mail("tls", "no"), "tls: \"no\" is none of starttls, tls, none"},
		{mail("tls", "none"), "tls: without TLS everybody"},
		{mail("username", "x"), "username: a login is username and password"},
		{mail("ca_file", "/none"), "ca_file: /none is not a readable file"},
	} {
		ch := Type().New("x")
		err := ch.Init(c.config)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%v: %v, want %q", c.config, err, c.want)
		}
		if _, ok := errors.AsType[*plugin.Fault](err); !ok {
			t.Errorf("%v: %v is no fault", c.config, err)
		}
	}
	c := channelOf(t, map[string]interface{}{"url": "https://x/y", "group_wait": "0s", "group_interval": "1m", "repeat_interval": "24h", "send_resolved": false})
	if r := alert.ChannelOf("x", c); r.Wait != time.Nanosecond || r.Interval != time.Minute || r.Repeat != 24*time.Hour || !r.Quiet {
		t.Errorf("%+v", r)
	}
}
