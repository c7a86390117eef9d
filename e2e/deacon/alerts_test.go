package deacon

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"gastown/e2e/internal/scratch"
	"gastown/planes/doltdb"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/layout"
)

// channels are an HTTP receiver, a mail server and a program that channels of a Town send
// to, with what each of them got: name, status, and how many alerts.
type channels struct {
	file string // of the program

	mu    sync.Mutex
	hooks []string
	mails []string
}

// ServeHTTP takes Alertmanager's JSON.
func (c *channels) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var m struct {
		Status      string
		GroupLabels map[string]string
		Alerts      []json.RawMessage
	}
	if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hooks = append(c.hooks, fmt.Sprintf("%s %s %d", m.GroupLabels["alertname"], m.Status, len(m.Alerts)))
}

// letter is a session of the mail server.
type letter struct{ c *channels }

func (letter) Mail(string, *smtp.MailOptions) error { return nil }
func (letter) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (letter) Reset()                               {}
func (letter) Logout() error                        { return nil }
func (l letter) Data(r io.Reader) error {
	m, err := mail.ReadMessage(r)
	if err != nil {
		return err
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")) // [alpha] PolecatStuck: 3 firing, error
	if err != nil {
		return err
	}
	text, err := io.ReadAll(quotedprintable.NewReader(m.Body)) // the title, and a line for each alert
	if err != nil {
		return err
	}
	_, said, _ := strings.Cut(subject, "] ")
	name, what, _ := strings.Cut(said, ": ")
	status := "firing"
	if what == "resolved" {
		status = what
	}
	_, alerts, _ := strings.Cut(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n\n")
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	l.c.mails = append(l.c.mails, fmt.Sprintf("%s %s %d", name, status, strings.Count(strings.TrimSpace(alerts), "\n")+1))
	return nil
}

// of are the messages about a name, by channel.
func (c *channels) of(t *testing.T, name string) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	add := func(channel, message string) {
		if strings.HasPrefix(message, name+" ") {
			all[channel] = append(all[channel], strings.TrimPrefix(message, name+" "))
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.hooks {
		add("hook", m)
	}
	for _, m := range c.mails {
		add("mail", m)
	}
	text, err := os.ReadFile(c.file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var r struct {
			Input struct {
				Name, Status     string
				Firing, Resolved int
			}
		}
		if !strings.HasSuffix(line, "\n") {
			continue // it is being written
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		add("program", fmt.Sprintf("%s %s %d", r.Input.Name, r.Input.Status, max(r.Input.Firing, r.Input.Resolved)))
	}
	return all
}

// office makes the channels those of the Town.
func (p *place) office() *channels {
	p.T.Helper()
	c := &channels{file: filepath.Join(p.Dir, "told")}
	hook := httptest.NewServer(c)
	p.T.Cleanup(hook.Close)
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return letter{c}, nil }))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.T.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(l) })
	p.T.Cleanup(func() { _ = server.Close(); serving.Wait() })
	const times = "      group_wait: 1s\n      group_interval: 1s\n"
	p.put(p.Layout().Plugins(), "plugins:\n"+
		"  - name: hook\n    type: notification\n    enabled: true\n    config:\n      url: "+hook.URL+"\n"+times+
		"  - name: mail\n    type: notification\n    enabled: true\n    config:\n      smtp: "+l.Addr().String()+"\n      tls: none\n      from: gt@example.com\n      to: ann@example.com\n"+times+
		"  - name: program\n    type: exec\n    enabled: true\n    config:\n      command: [sh, -c, 'cat >> \"$0\"', "+c.file+"]\n      serves: [notification]\n"+times)
	return c
}

// put writes one of the Town's files.
func (p *place) put(path, text string) {
	p.T.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		p.T.Fatal(err)
	}
}

// rows uses the operational plane beside the Deacon, as a command does.
func (p *place) rows(fn func(*operational.Store) error) {
	p.T.Helper()
	cfg, err := config.Load(p.Layout().Config())
	if err != nil {
		p.T.Fatal(err)
	}
	s, err := operational.Open(p.T.Context(), doltdb.Options{
		Dir: p.Layout().Data(layout.Operational), Home: p.Layout().Engine(), Socket: p.Layout().SQLSocket(), Wait: time.Minute, Command: "test",
		Actor: town.Actor{Name: "Ada", Email: "ada@example.com"},
	}, cfg.Stores[layout.Operational])
	if err != nil {
		p.T.Fatal(err)
	}
	if err := errors.Join(fn(s), s.Close()); err != nil {
		p.T.Fatal(err)
	}
}

// work gives a polecat of each rig a bead. None of them has a session.
func (p *place) work(rigs ...string) {
	p.T.Helper()
	p.rows(func(s *operational.Store) error {
		for _, rig := range rigs {
			if _, err := s.Assign(p.T.Context(), operational.Order{Bead: rig + "-1", Agent: town.PolecatAddress(rig, "nux")}, time.Now()); err != nil {
				return err
			}
		}
		return nil
	})
}

// observe brings the polecats of rigs from one state to another at once, as the Witness does.
func (p *place) observe(from, to town.AgentState, rigs ...string) {
	p.T.Helper()
	p.rows(func(s *operational.Store) error {
		var all []operational.Observation
		for _, rig := range rigs {
			all = append(all, operational.Observation{Agent: town.PolecatAddress(rig, "nux"), Run: 1, From: from, To: to, Evidence: "a test"})
		}
		n, err := s.Observe(p.T.Context(), all, time.Now())
		if err == nil && n != len(rigs) {
			err = fmt.Errorf("%d of %d observations count", n, len(rigs))
		}
		return err
	})
}

// An alert from cause to channel, with the real programs: three stuck polecats are one
// message in each channel. Restarts, a silence, a kill and the end: the exact counts at each
// step.
func TestStuckPolecatsReachEachChannelOnce(t *testing.T) {
	t.Parallel()
	p := found(t, scratch.Dir(t), "alpha")
	got := p.office()
	p.Must("gt", "config", "monitor.interval", "5s")
	p.put(p.Layout().Rules(), `groups:
  - name: polecats
    rules:
      - {alert: PolecatStuck, expr: 'gt_polecats{state="stalled"} > 0', labels: {severity: error}, annotations: {summary: 'a polecat of {{ $labels.rig }} is stuck'}}
      - {alert: Marker, expr: 'gt_polecats{state="waiting"} > 0'}
`)
	// Nobody else changes the rows of these polecats, which have no sessions.
	p.schedule("jobs:\n  dispatch: {enabled: false}\n  witness: {enabled: false}\n")
	d := p.start()
	markers := 0
	step := func(what string, want ...string) {
		t.Helper()
		// What comes through after a change comes with or after all that was there before.
		markers++
		marker := fmt.Sprint("marker", markers)
		p.work(marker)
		p.observe(town.AgentWorking, town.AgentWaiting, marker)
		scratch.Await(t, what+": the marker arrives", func() bool {
			all := got.of(t, "Marker")
			return len(all["hook"]) >= markers && len(all["mail"]) >= markers && len(all["program"]) >= markers
		})
		scratch.Await(t, what+": the messages arrive", func() bool {
			all := got.of(t, "PolecatStuck")
			return len(all["hook"]) >= len(want) && len(all["mail"]) >= len(want) && len(all["program"]) >= len(want)
		})
		time.Sleep(2500 * time.Millisecond) // that nothing more comes can only be waited for: two intervals of the groups
		all := got.of(t, "PolecatStuck")
		for _, channel := range []string{"hook", "mail", "program"} {
			if !slices.Equal(all[channel], want) {
				t.Fatalf("%s: %s got %q, want %q\n%s", what, channel, all[channel], want, p.logged())
			}
		}
	}
	again := func() {
		t.Helper()
		p.Must("gt", "--wait", "3m", "deacon", "restart")
	}

	stuck := []string{"web", "app", "api"}
	p.work(stuck...)
	p.observe(town.AgentWorking, town.AgentStalled, stuck...)
	step("three are stuck", "firing 3")
	again()
	step("a restart", "firing 3")
	p.Must("gt", "alert", "silence", "PolecatStuck", "--for", "1h")
	p.work("lib")
	p.observe(town.AgentWorking, town.AgentStalled, "lib")
	step("a fourth one while it is silent", "firing 3")
	again()
	step("a restart while it is silent", "firing 3")
	p.Must("gt", "alert", "unsilence", "--all")
	step("the silence ends", "firing 3", "firing 4")
	d.PID = p.Deacon()
	d.kill()
	if err := json.Unmarshal([]byte(p.Must("gt", "--json", "--wait", "3m", "deacon", "start")), d); err != nil {
		t.Fatal(err)
	}
	step("a kill", "firing 3", "firing 4")
	p.observe(town.AgentStalled, town.AgentWorking, append(stuck, "lib")...)
	problems, err := promlint.New(strings.NewReader(page(t, d, "/metrics"))).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("the metrics of a Deacon with work and alerts: %+v, %v", problems, err)
	}
	step("it is over", "firing 3", "firing 4", "resolved 4")
	again()
	step("a restart after the end", "firing 3", "firing 4", "resolved 4")
}
