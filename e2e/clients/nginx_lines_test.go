package clients

import (
	"bufio"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// TLS 1.0 and 1.1 are refused, 1.2 and 1.3 are not, and it is the line ssl_protocols that
// says so: the library would speak all of them, as it does without the line.
func TestNginxSpeaksNoOldTLS(t *testing.T) {
	nginxProgram(t)
	const tickets, protocols = "ssl_session_tickets    off;", "ssl_protocols          TLSv1.2 TLSv1.3;"
	anything := []string{tickets, tickets + " ssl_ciphers ALL:@SECLEVEL=0;"}
	documented, lax := &proxied{T: t}, &proxied{T: t}
	documented.serve("127.0.0.1:1", anything...)
	lax.serve("127.0.0.1:1", append(anything, protocols, "ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3;")...)
	speaks := func(p *proxied, version uint16) error {
		c, err := tls.Dial("tcp", p.secure, &tls.Config{RootCAs: p.servers, ServerName: nginxHost, MinVersion: version, MaxVersion: version})
		if err == nil {
			err = c.Close()
		}
		return err
	}
	for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12, tls.VersionTLS13} {
		name, old := tls.VersionName(version), version < tls.VersionTLS12
		if err := speaks(documented, version); (err == nil) == old {
			t.Errorf("%s: %v", name, err)
		} else if old && !strings.Contains(err.Error(), "protocol version") {
			t.Errorf("%s is refused, but not for its version: %v", name, err)
		}
		if err := speaks(lax, version); err != nil {
			t.Errorf("%s without the line: %v; the test proves nothing", name, err)
		}
	}
}

// A small event reaches the page while the connection is open. The Deacon answers in chunks,
// which nginx passes on as they come. Anything of HTTP/1.0 between the two makes of that an
// answer that ends with its connection; nginx passes such an answer on at once only with the
// line proxy_buffering off. The first event proves nothing, because nginx sends it with the
// head of the answer.
func TestNginxPassesEventsOnAtOnce(t *testing.T) {
	nginxProgram(t)
	// notAtOnce is how long the test waits for an event that nginx should hold back. One that
	// is passed on later than that counts as held back, so a slow machine makes no test fail.
	const notAtOnce = 500 * time.Millisecond
	older := []string{"proxy_http_version 1.1;", "proxy_http_version 1.0;"}
	for name, c := range map[string]struct {
		changes []string
		held    bool
	}{
		"documented":             {nil, false},
		"HTTP/1.0":               {older, false},
		"HTTP/1.0, not the line": {append(slices.Clone(older), "        proxy_buffering off;\n", ""), true},
	} {
		more, end := make(chan struct{}), make(chan struct{})
		events := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			say := func(what string) {
				_, _ = io.WriteString(w, "event: "+what+"\n\n")
				_ = http.NewResponseController(w).Flush()
			}
			say("first")
			<-more
			say("second")
			<-end
		}))
		t.Cleanup(events.Close)
		p := &proxied{T: t}
		p.serve(events.Listener.Addr().String(), c.changes...)
		r, err := http.NewRequestWithContext(t.Context(), "GET", "https://"+p.secure+"/dashboard/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = nginxHost
		arrived, ann := make(chan string, 10), p.client(p.clients.issue(t, "ann"))
		go func() {
			defer close(arrived)
			resp, err := ann.Do(r)
			if err != nil {
				return
			}
			defer resp.Body.Close()
			for s := bufio.NewScanner(resp.Body); s.Scan(); {
				if s.Text() != "" {
					arrived <- s.Text()
				}
			}
		}()
		await := func(limit time.Duration) string {
			select {
			case line := <-arrived:
				return line
			case <-time.After(limit):
				return ""
			}
		}
		if !c.held {
			if line := await(patience); line != "event: first" {
				t.Errorf("%s: %q arrived first", name, line)
			}
		}
		close(more)
		limit := patience
		if c.held {
			limit = notAtOnce
		}
		line := ""
		for line = await(limit); line == "event: first"; {
			line = await(limit)
		}
		if c.held && line != "" {
			t.Errorf("%s: %q arrived at once, so the line makes no difference", name, line)
		}
		if !c.held && line != "event: second" {
			t.Errorf("%s: %q arrived while the connection was open", name, line)
		}
		close(end)
		for line := range arrived {
			t.Logf("%s: %q arrived at the end", name, line)
		}
	}
}
