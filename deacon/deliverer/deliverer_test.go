package deliverer

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/sirupsen/logrus"

	"gastown/deacon/check"
	"gastown/planes/doltdb"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/feed"
	"gastown/town/mail"
)

const uuid = "3f8d3c1e-6a55-4c7c-9d1c-0c2f5b8f3a31"

var nux = town.PolecatAddress("web", "nux")

// host is a Deacon of a test, whose agents take what they are handed while they are
// free.
type host struct {
	o *operational.Store
	l *ledger.Store

	mu    sync.Mutex
	now   time.Time
	busy  bool
	typed []string
}

func (h *host) Config() *config.Config  { return nil }
func (h *host) Log() logrus.FieldLogger { return logrus.New() }
func (h *host) Inputs() string          { return "" }
func (h *host) Typing() Typing          { return func(*config.Config) (mail.Sessions, error) { return h, nil } }

func (h *host) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *host) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

func (h *host) Operational(_ context.Context, fn func(*operational.Store) error) error {
	return fn(h.o)
}

func (h *host) Ledger(_ context.Context, fn func(*ledger.Store) error) error { return fn(h.l) }

func (h *host) Running(context.Context) (map[town.Address]town.Run, error) {
	return map[town.Address]town.Run{nux: 1}, nil
}

func (h *host) HandOver(_ context.Context, _ town.Address, _ town.Run, text string) (mail.Handed, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.busy {
		h.now = h.now.Add(watchFor) // the run ends
		return mail.Handed{State: operational.NudgeQueued, Why: "the agent works"}, nil
	}
	h.typed = append(h.typed, text)
	return mail.Handed{State: operational.NudgeConfirmed}, nil
}

func start(t *testing.T) (*host, *Part) {
	t.Helper()
	h := &host{now: time.Now().UTC()}
	options := func(name string) doltdb.Options {
		return doltdb.Options{Dir: filepath.Join(t.TempDir(), name), Actor: town.Actor{Name: "Ada", Email: "ada@example.com"}, Wait: time.Minute, Command: "test"}
	}
	var err error
	if h.o, err = operational.Create(t.Context(), options("operational"), uuid); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.o.Close() })
	if h.l, err = ledger.Create(t.Context(), options("ledger"), uuid); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.l.Close() })
	p := New(h)
	p.pause = time.Millisecond
	return h, p
}

func (h *host) nudge(t *testing.T, text string) {
	t.Helper()
	n := operational.Nudge{Agent: nux, Run: 1, Kind: operational.NudgeLine, From: "mayor/", Text: text, Expires: h.Now().Add(time.Hour)}
	if _, err := h.o.Nudge(t.Context(), []operational.Nudge{n}, h.Now()); err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, p *Part, want string) {
	t.Helper()
	if note, err := p.run(t.Context()); err != nil || note != want {
		t.Errorf("%q, %v, want %q", note, err, want)
	}
}

func look(t *testing.T, p *Part, state check.State, figure string) {
	t.Helper()
	out, err := p.Checks(nil)[0].Run(t.Context())
	if err != nil || out.State != state || !strings.Contains(out.Figure, figure) || (out.Next == "") != (state == check.Healthy) {
		t.Errorf("%+v, %v, want %s with %s", out, err, state, figure)
	}
}

// Nudges are typed in their order, mail is told once, and figures show what waits.
func TestDelivery(t *testing.T) {
	h, p := start(t)
	look(t, p, check.Healthy, "no pass yet")
	run(t, p, "")
	look(t, p, check.Healthy, "0 waiting")
	h.nudge(t, "one")
	h.nudge(t, "two")
	run(t, p, "2 confirmed")
	if _, err := h.l.Send(t.Context(), ledger.Message{From: "mayor/", To: nux.String(), Subject: "\x1b[2J"}, []string{nux.String()}); err != nil {
		t.Fatal(err)
	}
	run(t, p, "1 confirmed, 1 notice(s) of mail")
	run(t, p, "")
	want := "[[mayor/] one [mayor/] two You have 1 unread message. Read with: gt mail inbox --unread]"
	if got := fmt.Sprint(h.typed); got != want {
		t.Errorf("typed %s", got)
	}
	if n := testutil.ToFloat64(p.done.WithLabelValues("confirmed")); n != 3 {
		t.Errorf("counted %v", n)
	}
	h.busy = true
	h.nudge(t, "three")
	run(t, p, "")
	look(t, p, check.Healthy, "1 waiting")
	h.pass(lateNudge)
	look(t, p, check.Warning, "the oldest for")
	if n := testutil.ToFloat64(p.waiting); n != 1 || p.age() < lateNudge {
		t.Errorf("%v waiting, the oldest for %s", n, p.age())
	}
	h.busy = false
	run(t, p, "1 confirmed")
	look(t, p, check.Healthy, "0 waiting")
}

func TestWhatWakes(t *testing.T) {
	for kind, want := range map[string]bool{
		operational.NudgeAdded: true, feed.MailSent: true, operational.SessionStarted: true, "nudge.confirmed": false, "bead.created": false,
	} {
		if wakes(kind) != want {
			t.Errorf("%s wakes: %v", kind, !want)
		}
	}
}
