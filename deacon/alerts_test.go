package deacon

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"gastown/deacon/control"
	"gastown/planes/operational"
)

// post is what the channels of a test got.
type post struct {
	mu    sync.Mutex
	hooks []string // status and number of alerts
	mails []string
	down  bool // of the webhook
}

func (p *post) hook(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		http.Error(w, "down for "+r.URL.Path, http.StatusServiceUnavailable)
		return
	}
	var m struct {
		Status string
		Alerts []json.RawMessage
	}
	if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	p.hooks = append(p.hooks, fmt.Sprint(m.Status, " ", len(m.Alerts)))
}

func (p *post) counts() (hooks, mails int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.hooks), len(p.mails)
}

// letter is a session of the mail server.
type letter struct{ post *post }

func (letter) Mail(string, *smtp.MailOptions) error { return nil }
func (letter) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (letter) Reset()                               {}
func (letter) Logout() error                        { return nil }
func (l letter) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	l.post.mu.Lock()
	defer l.post.mu.Unlock()
	l.post.mails = append(l.post.mails, string(text))
	return err
}

// office starts a webhook and a mail server, and makes them channels of the Town.
func (p *place) office(t *testing.T) *post {
	t.Helper()
	got := &post{}
	hook := httptest.NewServer(http.HandlerFunc(got.hook))
	t.Cleanup(hook.Close)
	mail := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return letter{got}, nil }))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = mail.Serve(l) }()
	t.Cleanup(func() { _ = mail.Close() })
	const times = "\n      group_wait: 1s\n      group_interval: 1s\n"
	p.write(t, p.layout.Secrets(), "HOOK="+hook.URL+"/s3cretpath\n")
	p.write(t, p.layout.Plugins(), "plugins:\n"+
		"  - name: hook\n    type: notification\n    enabled: true\n    config:\n      url: \"${HOOK}\""+times+
		"  - name: mail\n    type: notification\n    enabled: true\n    config:\n      smtp: "+l.Addr().String()+"\n      tls: none\n      from: gt@example.com\n      to: ann@example.com"+times+
		"  - name: off\n    type: notification\n    enabled: false\n    config:\n      url: \"${HOOK}\"\n")
	return got
}

func (p *place) write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// An alert from cause to channel: three stuck polecats are one message in each channel.
// Silence, restart, a channel that is down, and the end: the exact count at each step.
func TestAlertsReachTheirChannels(t *testing.T) {
	p := found(t)
	got := p.office(t)
	r := p.mustStart()
	rows := func(fn func(*operational.Store, time.Time) error) {
		t.Helper()
		if err := r.host.Operational(t.Context(), func(s *operational.Store) error { return fn(s, time.Now()) }); err != nil {
			t.Fatal(err)
		}
	}
	// Nothing in this Deacon settles alerts of budgets, so they stay as they are here.
	stuck := func(names ...string) {
		t.Helper()
		rows(func(s *operational.Store, now time.Time) error {
			var all []operational.Alert
			for _, name := range names {
				all = append(all, operational.Alert{Name: "PolecatStuck", Severity: operational.SeverityError, Labels: map[string]string{"polecat": name}, Summary: name + " hangs"})
			}
			_, err := s.SettleAlerts(t.Context(), operational.FromBudget, all, now)
			return err
		})
	}
	pass := func() {
		t.Helper()
		if _, err := r.client.Run(t.Context(), "alerts"); err != nil {
			t.Fatal(err)
		}
	}
	step := func(what string, hooks, mails int) {
		t.Helper()
		until(t, what, func() bool { h, m := got.counts(); return h >= hooks && m >= mails })
		time.Sleep(2200 * time.Millisecond) // that nothing more comes can only be waited for
		if h, m := got.counts(); h != hooks || m != mails {
			t.Fatalf("%s: %d hooks and %d mails, not %d and %d: %v\n%s", what, h, m, hooks, mails, got.hooks, r.log)
		}
	}
	again := func() { t.Helper(); r.end(); r = p.mustStart(); pass() }

	stuck("nux", "max", "joe") // an event wakes the part
	step("three polecats are stuck", 1, 1)
	if got.hooks[0] != "firing 3" || !strings.Contains(got.mails[0], "PolecatStuck: 3 firing, error") {
		t.Errorf("%v %s", got.hooks, got.mails[0])
	}
	again()
	step("a restart", 1, 1)

	var silence operational.Silence
	rows(func(s *operational.Store, now time.Time) (err error) {
		silence, err = s.SetSilence(t.Context(), operational.Silence{Matchers: []string{`alertname="PolecatStuck"`}, Ends: now.Add(time.Hour)}, now)
		return err
	})
	pass()
	stuck("nux", "max", "joe", "ann")
	step("a fourth one while it is silent", 1, 1)
	again()
	step("a restart while it is silent", 1, 1)
	rows(func(s *operational.Store, now time.Time) error {
		_, err := s.EndSilence(t.Context(), silence.ID, "ann", now)
		return err
	})
	step("the silence ends", 2, 2)

	got.mu.Lock()
	got.down = true
	got.mu.Unlock()
	stuck()
	step("it is over, and the webhook is down", 2, 3)
	text := ""
	until(t, "the state of the webhook is told", func() bool {
		if _, err := r.client.Run(t.Context(), "plugins"); err != nil {
			t.Fatal(err)
		}
		var code int
		if code, text = body(t, "http://"+r.Address()+"/health?verbose"); code != http.StatusOK {
			t.Fatalf("%d %s", code, text)
		}
		return strings.Contains(text, "the plugin hook: ") && strings.Contains(text, "503")
	})
	if strings.Contains(text+r.log.String(), "s3cretpath") {
		t.Errorf("a secret is told: %s", text)
	}
	again()
	got.mu.Lock()
	got.down = false
	got.mu.Unlock()
	step("the webhook is back", 3, 3)
	if got.hooks[2] != "resolved 4" {
		t.Error(got.hooks)
	}

	tested, err := r.client.TestAlert(t.Context(), control.AlertTest{Channel: "mail", By: "ann"})
	if err != nil || !strings.HasPrefix(tested.Answer, "the mail server answered 250") {
		t.Errorf("%+v, %v", tested, err)
	}
	if _, err := r.client.TestAlert(t.Context(), control.AlertTest{Channel: "off"}); err == nil || !strings.Contains(err.Error(), "hook, mail") {
		t.Error(err)
	}
	again()
	step("a test is no alert", 3, 4)
	_, text = body(t, "http://"+r.Address()+"/metrics")
	if strings.Contains(text, "alertmanager_") {
		t.Error("metrics of Alertmanager's are published")
	}
	r.end()
}
