package dashboard

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"gastown/deacon/control"
	"gastown/deacon/dashboard/page"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/sync/federate"
	"gastown/tmux"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/escalate"
	"gastown/town/glance"
	"gastown/town/rig"
	"gastown/town/series"
	"gastown/town/spending"
)

// host stands in for the Deacon of a Town whose planes are empty, and counts how often
// they are used.
type host struct {
	cfg     *config.Config
	log     logrus.FieldLogger
	reads   atomic.Int64
	hang    atomic.Bool
	secrets map[string]string

	mu     sync.Mutex
	inputs string
}

func newHost() *host {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return &host{cfg: config.New("harbour"), log: log, inputs: "1"}
}

func (h *host) Config() *config.Config  { return h.cfg }
func (h *host) Now() time.Time          { return time.Now() }
func (h *host) Log() logrus.FieldLogger { return h.log }
func (h *host) Inputs() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.inputs
}

func (h *host) set(inputs string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.inputs = inputs
}

func (h *host) use(ctx context.Context) error {
	h.reads.Add(1)
	if h.hang.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

func (h *host) Operational(ctx context.Context, _ func(*operational.Store) error) error {
	return h.use(ctx)
}
func (h *host) Ledger(ctx context.Context, _ func(*ledger.Store) error) error { return h.use(ctx) }
func (h *host) Sessions(context.Context) ([]tmux.Session, error)              { return nil, nil }
func (h *host) RigSettings() ([]rig.Settings, error)                          { return nil, nil }
func (h *host) Contacts() ([]federate.Contact, error)                         { return nil, nil }
func (h *host) Prices() (spending.Prices, error)                              { return spending.ParsePrices(nil) }
func (h *host) Series() *series.Store                                         { return series.New(series.Options{}) }
func (h *host) Report() control.Status                                        { return control.Status{} }
func (h *host) Secret(_ context.Context, text string) (string, error) {
	value, ok := h.secrets[text]
	if !ok {
		return "", errors.New("there is no such secret")
	}
	return value, nil
}

// perRead is how often one look uses the planes.
const perRead = 4

// look opens a page and returns when it shows the Town.
func look(t *testing.T, url string) (leave func()) {
	t.Helper()
	r, _ := http.NewRequestWithContext(t.Context(), "GET", url+"/dashboard/events", nil)
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		if lines.Text() == "event: view" {
			return func() { _ = answer.Body.Close() }
		}
	}
	t.Fatalf("%s: %v", answer.Status, lines.Err())
	return nil
}

// await waits for a number of uses of the planes.
func (h *host) await(t *testing.T, want int64) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); h.reads.Load() < want; {
		if time.Now().After(deadline) {
			t.Fatalf("the planes were used %d times, want %d", h.reads.Load(), want)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// Ten browsers cost the planes what one costs: one look, and one more for a change.
func TestTenReaders(t *testing.T) {
	h := newHost()
	p := New(h)
	mux := http.NewServeMux()
	p.HTTP(mux)
	server := httptest.NewServer(mux)
	defer server.Close()
	for range 10 {
		defer look(t, server.URL)()
	}
	if n := h.reads.Load(); n != perRead {
		t.Errorf("ten pages used the planes %d times, want %d", n, perRead)
	}
	h.set("2")
	h.await(t, 2*perRead)
	<-time.After(1500 * time.Millisecond) // longer than the pace: a second look would be seen
	if n := h.reads.Load(); n != 2*perRead {
		t.Errorf("one change used the planes %d times, want %d", n-perRead, perRead)
	}
}

// While the planes are lent the page leaves them alone and says so; a look under way ends.
func TestLentPlanes(t *testing.T) {
	h := newHost()
	p := New(h)
	if _, err := p.View(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.set("2")
	h.hang.Store(true)
	before := h.reads.Load()
	done := make(chan page.View)
	go func() {
		v, err := p.View(t.Context())
		if err != nil {
			t.Error(err)
		}
		done <- v
	}()
	h.await(t, before+2)
	if err := p.Pause(t.Context()); err != nil {
		t.Fatal(err)
	}
	lent := func(v page.View) bool {
		return len(v.Notices) == 1 && strings.Contains(v.Notices[0], "has the planes to itself") && v.Town == "harbour"
	}
	if v := <-done; !lent(v) {
		t.Errorf("%+v", v.Notices)
	}
	before = h.reads.Load()
	if v, err := p.View(t.Context()); err != nil || !lent(v) || h.reads.Load() != before {
		t.Errorf("%v, %+v, %d reads", err, v.Notices, h.reads.Load()-before)
	}
	h.hang.Store(false)
	p.Resume()
	if v, err := p.View(t.Context()); err != nil || len(v.Notices) != 0 || h.reads.Load() != before+perRead {
		t.Errorf("%v, %+v, %d reads", err, v.Notices, h.reads.Load()-before)
	}
	first := New(newHost())
	if err := first.Pause(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v, err := first.View(t.Context()); err != nil || !lent(v) {
		t.Errorf("before the first look: %v, %+v", err, v)
	}
}

// The token is a secret that the setting refers to. Whatever is wrong closes the page, and
// neither the log nor an answer has the secret.
func TestToken(t *testing.T) {
	const secret = "correct-horse-battery-staple"
	for setting, want := range map[string]string{
		"": "", "${TOKEN}": secret, secret: "no reference", "${TOKEN}x": "no reference", "${TOKEN}${TOKEN}": "no reference", "${OTHER}": "no such secret", "${SHORT}": "fewer than 16", "${": "${NAME}",
	} {
		h := newHost()
		var log bytes.Buffer
		l := logrus.New()
		l.SetOutput(&log)
		h.log = l
		h.secrets = map[string]string{"${TOKEN}": secret, "${SHORT}": secret[:15]}
		if _, err := h.cfg.Set(tokenKey, setting); err != nil {
			t.Fatal(err)
		}
		p := New(h)
		token, err := p.secret(t.Context())
		if want == "" || want == secret {
			if err != nil || token != want {
				t.Errorf("%q: %q, %v", setting, token, err)
			}
			continue
		}
		if err == nil || token != "" || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), secret[:15]) || town.Next(err) == "" {
			t.Errorf("%q: %q, %v", setting, token, err)
		}
		_, _ = p.secret(t.Context())
		if text := log.String(); strings.Count(text, "the dashboard is closed") != 1 || strings.Contains(text, secret[:15]) {
			t.Errorf("%q: the log says %s", setting, text)
		}
	}
}

// What the page shows of a Town.
func TestView(t *testing.T) {
	now := time.Date(2031, 3, 10, 12, 0, 0, 0, time.UTC)
	agent := func(name string, state town.AgentState, ago time.Duration) operational.Agent {
		return operational.Agent{Address: town.PolecatAddress("web", name), State: state, Bead: "web-" + name, Evidence: "no tool runs", Since: now.Add(-ago)}
	}
	merge := func(epoch town.Epoch, state operational.MergeState) operational.MergeRequest {
		return operational.MergeRequest{Epoch: epoch, Bead: "web-m", Agent: town.PolecatAddress("web", "ace"), State: state, At: now}
	}
	held := merge(2, operational.MergeHeld)
	held.Detail.Check, held.Result, held.Tries = "unit", "no space left on device", 3
	testing := merge(1, operational.MergeTesting)
	testing.Tries = 2
	began := now.Add(-time.Minute)
	s := snapshot{
		Snapshot: glance.Snapshot{
			Town: "harbour", At: now, Polecats: map[town.AgentState]int{town.AgentWorking: 2, town.AgentStalled: 1, town.AgentIdle: 1},
			Rigs:   []glance.Rig{{Name: "web", Polecats: map[town.AgentState]int{town.AgentWorking: 2}, Queued: 1, Merging: 2}, {Name: "lost", Unknown: true}},
			Agents: []operational.Agent{agent("dag", town.AgentIdle, 0), agent("ace", town.AgentWorking, time.Hour), agent("nux", town.AgentStalled, time.Minute), agent("toe", town.AgentWorking, 2*time.Hour), {Address: town.Address{Kind: town.Crew, Rig: "web", Name: "ann"}}},
			Queue:  []operational.Waiting{{Bead: "web-q", Rig: "web", Priority: 1, At: now}}, Holds: []operational.Hold{{Rig: "web", Bound: "machine.max_load", Why: "the load is 9"}},
			Merges: []operational.MergeRequest{merge(1, operational.MergeTesting), merge(2, operational.MergeHeld)},
			Alerts: []glance.Alert{{Name: "disk", State: "critical", Text: "full"}, {Name: "ledger", State: "warning", Text: "2 assignments"},
				{Name: "plugin-shop", State: "critical", Text: "no answer"}, {Name: "dolt", State: "critical", Text: "slow"}, {ID: "beefbeef00", Name: "MailSlow", State: "critical"}}, // both are told of by alerts below
			Convoys: []glance.Convoy{{ID: "hq-c", Name: "Checkout", Landed: 1, Total: 3}},
			ToSee:   []escalate.Escalation{{ID: "esc-1", Title: "A key", Severity: escalate.Critical, At: now}},
			Mail:    &glance.Mail{Unread: 3, Urgent: 1, Boxes: []glance.Box{{Name: "mayor/", Unread: 3, Urgent: 1}}}, Beads: &glance.Beads{Ready: 4, Open: 9},
			Missing: []glance.Missing{{Part: "sessions", Why: "it took too long", Next: "gt doctor"}},
		},
		alerts: []operational.Alert{{Fingerprint: "f00dcafe99", Name: "check-disk", Source: operational.FromCheck, Severity: operational.SeverityCritical, Labels: map[string]string{"check": "disk"}, Summary: "full"},
			{Fingerprint: "beefbeef00", Name: "MailSlow", Source: operational.FromRule, Severity: operational.SeverityCritical, Summary: "slow"},
			{Fingerprint: "0123456789", Name: "plugin-shop", Source: operational.FromPlugin, Severity: operational.SeverityCritical, Labels: map[string]string{"plugin": "shop"}, Summary: "no answer"},
			{Fingerprint: "9876543210", Name: "DoltSlow", Source: operational.FromRule, Severity: operational.SeverityWarning, Summary: "12 ms"}},
		silences: []operational.Silence{
			{Matchers: []string{`severity="critical"`, `name="MailSlow"`}, By: "ada", Comment: "moving <b>", Begins: now, Ends: now.Add(time.Hour)},
			{Matchers: []string{`name="plugin-shop"`}, By: "ada", Begins: now, Ends: now.Add(time.Hour)},
			{Matchers: []string{`name="check-disk"`}, By: "ada", Begins: now.Add(time.Minute), Ends: now.Add(time.Hour)},
		},
		details: map[town.Epoch]operational.MergeRequest{1: testing, 2: held}, reviews: 2, titles: map[string]string{"web-nux": "Keep the basket", "web-q": "Errors"},
		contacts: []federate.Contact{{Remote: federate.Remote{Name: "origin"}, Confirmed: true, Exchange: federate.Exchange{Verified: now}}, {Remote: federate.Remote{Name: "south"}}},
		spent:    []spending.Row{{Key: "2031-03-09", Dollars: 10, Usage: spending.Usage{Input: 900}}, {Key: "2031-03-10", Dollars: 2.345, Usage: spending.Usage{Output: 1_234_567}, Unpriced: []string{"x"}}},
		checks:   map[string][]string{"web": {"lint", "unit"}},
	}
	v := view(s, control.Status{
		Checks: []control.Check{{Name: "dolt", State: "healthy", Figure: "1 ms"}, {Name: "disk", State: "critical", Figure: "full"}},
		Jobs:   []control.Job{{Name: "gc", Last: &control.Run{Began: began, Outcome: "failed", Error: "no space"}, Failures: 3}, {Name: "dispatch", Running: true}},
	})
	texts := map[string]string{}
	for _, sec := range v.Sections {
		var rows []string
		for _, r := range sec.Rows {
			if len(r.Cells) != len(sec.Columns) {
				t.Errorf("%s: %d cells for %d columns", sec.ID, len(r.Cells), len(sec.Columns))
			}
			var cells []string
			for _, c := range r.Cells {
				text := strings.TrimSpace(c.Text + " " + c.Sub)
				if c.At != 0 {
					text += time.Unix(c.At, 0).UTC().Format("15:04")
				}
				cells = append(cells, text)
			}
			rows = append(rows, strings.Join(cells, " | "))
		}
		texts[sec.ID] = strings.Join(rows, "\n")
		if sec.Note != "" {
			texts[sec.ID] += "\n" + sec.Note
		}
	}
	for id, want := range map[string]string{
		"alerts":     "check-disk full | critical | never | gt alert show f00dcafe\nA key | critical | 12:00 | gt escalate ack esc-1\nDoltSlow 12 ms | warning | never | gt alert show 98765432\nledger 2 assignments | warning |  | \nMailSlow slow | critical silenced by ada until 10 Mar 13:00 UTC: moving <b> | never | gt alert show beefbeef\nplugin-shop no answer | critical silenced by ada until 10 Mar 13:00 UTC | never | gt alert show 01234567",
		"rigs":       "web | 2 working | 0 | 1 | 2\nlost not configured | none | 0 | 0 | 0",
		"polecats":   "web/nux no tool runs | stalled | web-nux Keep the basket | 11:59\nweb/toe | working | web-toe | 10:00\nweb/ace | working | web-ace | 11:00\nweb/dag | idle | web-dag | 12:00",
		"queue":      "web-q Errors | web | P1 | 12:00\nweb waits for machine.max_load: the load is 9",
		"merges":     "web-m | web/ace | testing | lint, unit 2 runs | 12:00\nweb-m | web/ace | held | unit no space left on device | 12:00",
		"convoys":    "Checkout hq-c | 1 of 3",
		"mail":       "mayor/ | 3, 1 urgent | never",
		"federation": "origin | in step | 12:00\nsouth | not confirmed | never\n2 reviews wait for a person: gt federation conflicts",
		"spending":   "2031-03-10 | $2.35 without 1 model that has no price | 1.23 M\n2031-03-09 | $10.00 | 900\n$12.35 in 7 days: gt costs",
		"checks":     "disk | critical | full\ndolt | healthy | 1 ms",
		"jobs":       "gc | 11:59 | failed 3 times no space | when asked\ndispatch | never | running | when asked",
	} {
		if texts[id] != want {
			t.Errorf("%s:\n%s\nwant\n%s", id, texts[id], want)
		}
	}
	var tiles []string
	for _, tile := range v.Tiles {
		tiles = append(tiles, tile.Label+" "+tile.Value+" "+tile.Note)
	}
	want := "Alerts 6 2 urgent, 2 silenced; Polecats 4 1 idle, 2 working, 1 stalled; Queue 1 for a worker; Merge requests 2 1 waits for a person; Convoys 1 1 of 3 landed; Unread mail 3 1 urgent; Ready beads 4 9 open, 0 in progress"
	if got := strings.Join(tiles, "; "); got != want {
		t.Errorf("tiles: %s\nwant %s", got, want)
	}
	if len(v.Notices) != 1 || v.Notices[0] != "Cannot be shown: sessions: it took too long. Next step: gt doctor" {
		t.Errorf("%q", v.Notices)
	}
}
