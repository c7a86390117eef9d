package alert

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"
	"go.uber.org/goleak"

	"gastown/planes/operational"
	"gastown/town/plugin"
)

// quick has messages come soon. The wait is long enough for a busy machine to group what
// was given together.
var quick = Routing{Wait: time.Second, Interval: 400 * time.Millisecond, Repeat: time.Hour}

// desk is an engine with what its channels got.
type desk struct {
	t        *testing.T
	path     string
	engine   *Engine
	log      *logrus.Logger
	rows     []operational.Alert
	silences []operational.Silence
	channels []Channel

	mu   sync.Mutex
	got  map[string][]Message
	fail map[string]error
	hold chan struct{} // sending waits for it
}

func newDesk(t *testing.T, channels ...Channel) *desk {
	log, _ := logtest.NewNullLogger()
	d := &desk{t: t, path: filepath.Join(t.TempDir(), "told"), log: log, channels: channels, got: map[string][]Message{}, fail: map[string]error{}}
	d.open()
	t.Cleanup(func() { d.close() })
	return d
}

func (d *desk) open() {
	d.t.Helper()
	var err error
	d.engine, err = New(Options{Log: d.log, Path: d.path, Town: "gt", ID: "id", Send: d.send})
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) close() {
	if d.engine == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := d.engine.Stop(ctx); err != nil {
		d.t.Error(err)
	}
	d.engine = nil
}

func (d *desk) restart() { d.t.Helper(); d.close(); d.open(); d.sync() }

func (d *desk) send(_ context.Context, channel string, m Message) error {
	d.mu.Lock()
	hold, err := d.hold, d.fail[channel]
	d.mu.Unlock()
	if hold != nil {
		<-hold
	}
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.got[channel] = append(d.got[channel], m)
	return nil
}

func (d *desk) sync() {
	d.t.Helper()
	if err := d.engine.Sync(d.t.Context(), d.rows, d.silences, d.channels, time.Now()); err != nil {
		d.t.Fatal(err)
	}
}

// set makes an alert fire, or ends it.
func (d *desk) set(name, polecat string, severity operational.AlertSeverity, fires bool) {
	a, err := operational.AlertOf(operational.Alert{Name: name, Severity: severity, Source: operational.FromRule,
		Labels: map[string]string{"polecat": polecat}, Summary: polecat + " is stuck", Since: time.Now().Add(-time.Minute), Changed: time.Now()})
	if err != nil {
		d.t.Fatal(err)
	}
	if !fires {
		a.Ended = time.Now()
	}
	for i, r := range d.rows {
		if r.Fingerprint == a.Fingerprint {
			a.Since = r.Since
			d.rows[i] = a
			return
		}
	}
	d.rows = append(d.rows, a)
}

func (d *desk) count(channel string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.got[channel])
}

// await waits until a channel has n messages, and returns the last.
func (d *desk) await(channel string, n int) Message {
	d.t.Helper()
	for end := time.Now().Add(time.Minute); d.count(channel) < n; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			d.t.Fatalf("%s got %d messages, not %d", channel, d.count(channel), n)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.got[channel]) != n {
		d.t.Fatalf("%s got %d messages, not %d: %+v", channel, len(d.got[channel]), n, d.got[channel])
	}
	return d.got[channel][n-1]
}

// quiet checks that a channel gets nothing more. That something does not come can only be
// waited for; a slow machine makes the test miss a fault, but never fail.
func (d *desk) quiet(what, channel string, n int) {
	d.t.Helper()
	time.Sleep(1600 * time.Millisecond)
	if got := d.count(channel); got != n {
		d.t.Fatalf("%s: %s got %d messages, not %d: %+v", what, channel, got, n, d.got[channel])
	}
}

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "16"); err != nil { // they wait most of the time
		panic(err)
	}
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent())
}

// One trouble is one message, however many alerts it is: not again by a restart, nor by
// another severity filter; once more when something is added, and once when it is over.
func TestOneTroubleIsOneMessage(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Channel{"a", quick})
	for _, p := range []string{"nux", "max", "joe"} {
		d.set("PolecatStuck", p, operational.SeverityWarning, true)
	}
	d.sync()
	m := d.await("a", 1)
	if m.Firing != 3 || m.Title != "[gt] PolecatStuck: 3 firing, warning" || m.Key != "gastown/id/PolecatStuck" || !strings.Contains(m.Text, "warning polecat=nux: nux is stuck (since ") {
		t.Errorf("%+v", m)
	}
	d.sync()
	d.restart()
	d.channels = []Channel{{"a", quick}}
	d.channels[0].Severities = []string{"warning", "critical"}
	d.sync()
	d.quiet("nothing changed", "a", 1)
	d.set("PolecatStuck", "ann", operational.SeverityWarning, true)
	d.sync()
	if m := d.await("a", 2); m.Firing != 4 {
		t.Errorf("%+v", m)
	}
	// Over while no engine runs.
	d.close()
	for _, p := range []string{"nux", "max", "joe", "ann"} {
		d.set("PolecatStuck", p, operational.SeverityWarning, false)
	}
	d.open()
	d.sync()
	if m := d.await("a", 3); m.Status != Resolved || m.Resolved != 4 || m.Title != "[gt] PolecatStuck: resolved" {
		t.Errorf("%+v", m)
	}
	d.sync()
	d.restart()
	d.quiet("over", "a", 3)
	d.set("PolecatStuck", "nux", operational.SeverityWarning, true)
	d.sync()
	if m := d.await("a", 4); m.Status != Firing || m.Firing != 1 {
		t.Errorf("it fires anew: %+v", m)
	}
}

// While an alert is silent nothing is sent; what happened meanwhile is told afterwards.
func TestSilence(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Channel{"a", quick})
	silence := operational.Silence{ID: "1", Matchers: []string{`alertname="Disk"`}, Begins: time.Now().Add(-time.Minute), Ends: time.Now().Add(time.Hour), Changed: time.Now()}
	d.set("Disk", "x", operational.SeverityWarning, true)
	d.sync()
	d.await("a", 1)
	d.silences = []operational.Silence{silence}
	d.sync()
	d.set("Disk", "y", operational.SeverityWarning, true)
	d.sync()
	d.restart()
	d.quiet("silent", "a", 1)
	d.set("Disk", "x", operational.SeverityWarning, false)
	d.set("Disk", "y", operational.SeverityWarning, false)
	d.sync()
	d.quiet("over while silent", "a", 1)
	d.silences = nil
	d.sync()
	if m := d.await("a", 2); m.Status != Resolved || m.Resolved != 1 {
		t.Errorf("%+v", m) // y was told to nobody
	}
	d.sync()
	d.quiet("told", "a", 2)
	d.set("Disk", "z", operational.SeverityWarning, true)
	silence.Ends, silence.Changed = time.Now().Add(2*time.Second), time.Now()
	d.silences = []operational.Silence{silence}
	d.sync()
	if m := d.await("a", 3); m.Firing != 1 || time.Now().Before(silence.Ends) {
		t.Errorf("it ended by itself: %+v", m)
	}
}

// A critical alert mutes milder ones of its name. A change of severity is told to those
// who take it.
func TestSeverities(t *testing.T) {
	t.Parallel()
	pager := quick
	pager.Severities = []string{"critical"}
	d := newDesk(t, Channel{"all", quick}, Channel{"pager", pager})
	d.set("Queue", "x", operational.SeverityWarning, true)
	d.sync()
	d.await("all", 1)
	d.quiet("a warning", "pager", 0)
	d.set("Queue", "x", operational.SeverityCritical, true)
	d.set("Queue", "y", operational.SeverityWarning, true)
	d.sync()
	for channel, n := range map[string]int{"all": 2, "pager": 1} {
		if m := d.await(channel, n); m.Severity != "critical" || m.Firing != 1 || m.Resolved != 0 {
			t.Errorf("%s: %+v", channel, m)
		}
	}
	d.restart()
	d.quiet("muted", "all", 2)
	d.close()
	d.set("Queue", "x", operational.SeverityWarning, true) // while no engine runs
	d.open()
	d.sync()
	if m := d.await("pager", 2); m.Status != Resolved {
		t.Errorf("%+v", m)
	}
	if m := d.await("all", 3); m.Firing != 2 || m.Severity != "warning" {
		t.Errorf("%+v", m)
	}
}

// A message waits for a channel that is down, and holds up no other.
func TestDown(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Channel{"down", quick}, Channel{"up", quick}, Channel{"gone", quick})
	d.fail["down"] = &plugin.Later{Err: errors.New("connection refused")}
	d.fail["gone"] = errors.New("404")
	d.set("Disk", "x", operational.SeverityWarning, true)
	d.sync()
	d.await("up", 1)
	d.restart()
	d.quiet("down", "down", 0)
	d.mu.Lock()
	d.fail = map[string]error{}
	d.mu.Unlock()
	d.await("down", 1)
	d.await("gone", 1)
	d.quiet("up", "up", 1)
	d.quiet("down", "down", 1)
}

// A message under way is noted, also when the engine stops or the channels change.
func TestUnderWay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what string
		do   func(d *desk)
	}{
		{"restart", func(d *desk) { d.restart() }},
		{"change", func(d *desk) { d.channels = append(d.channels, Channel{"b", quick}); d.sync() }},
	} {
		d := newDesk(t, Channel{"a", quick})
		d.hold = make(chan struct{})
		d.set("Disk", "x", operational.SeverityWarning, true)
		d.sync()
		time.Sleep(1500 * time.Millisecond) // a send begins; if it does not, the test proves less
		go func() { time.Sleep(200 * time.Millisecond); close(d.hold) }()
		c.do(d)
		d.await("a", 1)
		d.quiet(c.what, "a", 1)
	}
}

// Quiet channels hear of beginnings only. A repeat comes while nothing changes.
func TestQuietAndRepeat(t *testing.T) {
	t.Parallel()
	quiet, often := quick, quick
	quiet.Quiet, often.Repeat = true, 1500*time.Millisecond
	d := newDesk(t, Channel{"quiet", quiet}, Channel{"often", often})
	d.set("Disk", "x", operational.SeverityWarning, true)
	d.sync()
	d.await("quiet", 1)
	for end := time.Now().Add(time.Minute); d.count("often") < 3 && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
	}
	if n := d.count("often"); n < 3 {
		t.Errorf("it was repeated %d times", n)
	}
	d.set("Disk", "x", operational.SeverityWarning, false)
	d.sync()
	d.quiet("over", "quiet", 1)
	d.set("Disk", "x", operational.SeverityWarning, true)
	d.sync()
	d.await("quiet", 2)
}

// A hundred alerts at once are as many messages as they have names.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	// A busy machine may not have told the engine of all when the wait is over.
	for routing := quick; ; routing.Wait *= 2 {
		d := newDesk(t, Channel{"a", routing})
		for i := range 100 {
			d.set(fmt.Sprintf("Name%d", i%4), fmt.Sprint(i), operational.SeverityWarning, true)
		}
		d.sync()
		for end := time.Now().Add(time.Minute); d.count("a") < 4 && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		}
		d.mu.Lock()
		whole := true
		for _, m := range d.got["a"] {
			whole = whole && m.Firing == 25
		}
		got := fmt.Sprintf("%+v", d.got["a"])
		d.mu.Unlock()
		if whole {
			d.quiet("many", "a", 4)
			return
		}
		if routing.Wait > 10*time.Second {
			t.Fatal(got)
		}
	}
}

// A file that cannot be read is put aside. A disk that is full holds up no message.
func TestTold(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Channel{"a", quick})
	d.close()
	if err := os.WriteFile(d.path, []byte("spoilt"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.open()
	if _, err := os.Stat(d.path + ".damaged"); err != nil {
		t.Error(err)
	}
	d.engine.told.path = filepath.Join(t.TempDir(), "no", "such", "directory")
	d.set("Disk", "x", operational.SeverityWarning, true)
	d.sync()
	d.await("a", 1)
	d.quiet("unsaved", "a", 1)
	d.engine.told.path = d.path
	d.restart()
	d.quiet("saved", "a", 1)
	// An engine that is killed after a message: what is on the disk then is enough.
	d.set("Queue", "x", operational.SeverityWarning, true)
	d.sync()
	d.await("a", 2)
	var killed []byte
	for end := time.Now().Add(time.Minute); !strings.Contains(string(killed), "name:Queue") && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		var err error
		if killed, err = os.ReadFile(d.path); err != nil {
			t.Fatal(err)
		}
	}
	d.close()
	if err := os.WriteFile(d.path, killed, 0o600); err != nil {
		t.Fatal(err)
	}
	d.open()
	d.sync()
	d.quiet("killed", "a", 2)
}

// A change of the channels that could not be made in time, and is taken back, does not leave
// an engine that sends nothing.
func TestAChangeThatIsTakenBack(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Channel{"a", quick})
	d.hold = make(chan struct{})
	d.set("PolecatStuck", "nux", operational.SeverityWarning, true)
	d.sync()
	for end := time.Now().Add(time.Minute); !d.engine.sending() && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.engine.Sync(over, d.rows, nil, []Channel{{"b", quick}}, time.Now()); err == nil {
		t.Fatal("it did not wait for the message under way")
	}
	close(d.hold)
	d.mu.Lock()
	d.hold = nil
	d.mu.Unlock()
	d.sync() // the channels as they were
	d.await("a", 1)
	d.set("MailLost", "joe", operational.SeverityError, true)
	d.sync()
	d.await("a", 2)
}

// sending reports whether a message is under way.
func (e *Engine) sending() bool {
	e.mu.Lock()
	r := e.running
	e.mu.Unlock()
	if r == nil {
		return false
	}
	r.flight.mu.Lock()
	defer r.flight.mu.Unlock()
	return r.flight.n > 0
}
