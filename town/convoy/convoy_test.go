package convoy

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gastown/planes/doltdb"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
)

const uuid = "3f8d3c1e-6a55-4c7c-9d1c-0c2f5b8f3a12"

// place is two real planes.
type place struct {
	testing.TB
	l *ledger.Store
	o *operational.Store
}

func newPlace(t testing.TB, dir string) *place {
	t.Helper()
	options := func(plane string) doltdb.Options {
		return doltdb.Options{
			Dir: filepath.Join(dir, plane), Home: filepath.Join(dir, "home"), Wait: time.Minute, Command: "test",
			Actor: town.Actor{Name: "ada", Email: "ada@example.com"},
		}
	}
	l, err := ledger.Create(context.Background(), options("ledger"), uuid)
	must(t, err)
	o, err := operational.Create(context.Background(), options("operational"), uuid)
	must(t, err)
	return &place{t, l, o}
}

func (p *place) close() { must(p.TB, errors.Join(p.l.Close(), p.o.Close())) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (p *place) ledger(_ context.Context, fn func(*ledger.Store) error) error { return fn(p.l) }

func (p *place) beads(ids ...string) {
	p.Helper()
	for _, id := range ids {
		_, err := p.l.Create(context.Background(), []ledger.NewBead{{Bead: town.Bead{ID: id, Title: "do " + id, Priority: 2}}})
		must(p, err)
	}
}

func (p *place) patch(patches ...ledger.Patch) {
	p.Helper()
	_, err := p.l.Update(context.Background(), patches)
	must(p, err)
}

func (p *place) read(s Select) []Convoy {
	p.Helper()
	r := Reader{Ledger: p.ledger, Operational: func(_ context.Context, fn func(*operational.Store) error) error { return fn(p.o) }, Now: time.Now}
	all, err := r.Read(context.Background(), s)
	must(p, err)
	return all
}

// one reads the only open convoy as "state: id state, id state".
func (p *place) one(id string) string {
	p.Helper()
	all := p.read(Select{IDs: []string{id}})
	if len(all) != 1 {
		p.Fatalf("%+v", all)
	}
	var words []string
	for _, m := range all[0].Members {
		words = append(words, m.ID+" "+string(m.State))
	}
	return string(all[0].State) + ": " + strings.Join(words, ", ")
}

func (p *place) land(want int) []Arrival {
	p.Helper()
	landed, err := Lander{p.ledger}.Pass(context.Background())
	if err != nil || len(landed) != want {
		p.Fatalf("landed %+v, %v, want %d", landed, err, want)
	}
	return landed
}

// A convoy of two rigs on its way, with every state that its members can have.
func TestAWayOfAConvoy(t *testing.T) {
	p := newPlace(t, t.TempDir())
	defer p.close()
	ctx := t.Context()
	now := time.Now()
	p.beads("web-a", "web-b", "web-c", "api-d", "api-e", "out-x")
	_, err := p.l.DepAdd(ctx, []town.Dependency{{Bead: "web-b", Target: "web-a", Type: town.DepBlocks}, {Bead: "api-d", Target: "out-x", Type: town.DepBlocks}})
	must(t, err)
	id, err := Create(ctx, p.l, New{Name: " the  API ", Members: []string{"web-a", "web-b", "api-d", Shared("beta", "gt-z")}, Notify: []string{"mayor/", "human"}})
	must(t, err)
	if !strings.HasPrefix(id, "cv-") {
		t.Error(id)
	}
	want := func(text string) {
		t.Helper()
		if got := p.one(id); got != text {
			t.Errorf("got  %s\nwant %s", got, text)
		}
	}
	want("idle: web-a ready, api-d waiting, web-b waiting, beta/gt-z shared")
	c := p.read(Select{})[0]
	if c.Name != "the API" || c.Total != 3 || c.Landed != 0 || c.By != "ada" || !strings.Contains(c.Why, "gt sling "+id) {
		t.Errorf("%+v", c)
	}
	if m := c.Members[1]; m.Why != "waits for out-x (not in this convoy)" {
		t.Errorf("%+v", m)
	}
	p.land(0)

	_, err = p.o.Enqueue(ctx, []operational.Waiting{{Bead: "web-a", Rig: "web"}}, 0, now)
	must(t, err)
	want("moving: api-d waiting, web-b waiting, web-a queued, beta/gt-z shared")
	w, err := p.o.Work(ctx)
	must(t, err)
	a, err := p.o.Assign(ctx, operational.Order{Bead: "web-a", Seq: w.Queue[0].Seq, Agent: town.PolecatAddress("web", "nux")}, now)
	must(t, err)
	want("moving: api-d waiting, web-b waiting, web-a working, beta/gt-z shared")
	must(t, p.o.Working(ctx, a.Ticket, "working", now))
	must(t, p.o.Submit(ctx, a.Ticket, operational.MergeRequest{Branch: "polecat/nux/web-a", Head: strings.Repeat("a", 40), Target: "main"}, now))
	want("moving: api-d waiting, web-b waiting, web-a merging, beta/gt-z shared")
	p.patch(ledger.Patch{ID: "web-b", Status: new(town.StatusDeferred)}, ledger.Patch{ID: "web-a", Assignee: new("bob")})
	_, err = p.l.CloseReady(ctx, []string{"web-a"}, ledger.Closing{Reason: "merged", Force: true})
	must(t, err)
	// What is left waits for a bead that somebody can begin, outside of the convoy.
	want("waiting: web-b held, api-d waiting, beta/gt-z shared, web-a landed")
	p.patch(ledger.Patch{ID: "out-x", Status: new(town.StatusBlocked)})
	want("stranded: web-b held, api-d waiting, beta/gt-z shared, web-a landed")
	if c := p.read(Select{})[0]; !strings.Contains(c.Why, "web-b is held: deferred: bd undefer web-b") || len(c.Missing()) != 2 {
		t.Errorf("%+v", c)
	}
	p.land(0)
	removed, err := Remove(ctx, p.l, id, []string{"api-d"})
	if err != nil || removed != 1 {
		t.Error(removed, err)
	}
	_, err = p.l.CloseReady(ctx, []string{"web-b"}, ledger.Closing{Reason: "not wanted"})
	must(t, err)
	want("arrived: beta/gt-z shared, web-a landed, web-b landed")
	if a := p.land(1)[0]; a.ID != id || a.Members != 2 || strings.Join(a.Told, " ") != "human mayor/" {
		t.Errorf("%+v", a)
	}
	p.land(0)
	want("landed: beta/gt-z shared, web-a landed, web-b landed")
	for _, box := range []string{"human", "mayor/"} {
		mail, err := p.l.Inbox(ctx, ledger.Box{Recipient: box, Bodies: true})
		if err != nil || len(mail) != 1 || mail[0].Subject != "Convoy landed: the API" || !strings.Contains(mail[0].Body, "- web-b do web-b") {
			t.Errorf("%s: %+v, %v", box, mail, err)
		}
	}

	// A new member opens it again, and it lands again.
	p.beads("web-f")
	added, reopened, err := Add(ctx, p.l, id, []string{"web-f", "web-a"})
	if err != nil || added != 1 || !reopened {
		t.Error(added, reopened, err)
	}
	want("idle: web-f ready, beta/gt-z shared, web-a landed, web-b landed")
	_, err = p.l.CloseReady(ctx, []string{"web-f"}, ledger.Closing{})
	must(t, err)
	p.land(1)
	_, err = p.l.CloseReady(ctx, []string{id}, ledger.Closing{})
	must(t, err)
	if len(p.read(Select{})) != 0 || len(p.read(Select{Closed: true})) != 1 {
		t.Error("closed convoys are among the open ones")
	}
}

func TestConvoysThatDoNotLand(t *testing.T) {
	p := newPlace(t, t.TempDir())
	defer p.close()
	ctx := t.Context()
	p.beads("web-a")
	empty, err := Create(ctx, p.l, New{Name: "empty"})
	must(t, err)
	foreign, err := Create(ctx, p.l, New{Name: "foreign", Members: []string{Shared("beta", "gt-a")}})
	must(t, err)
	p.land(0)
	if got := p.one(empty) + "; " + p.one(foreign); got != "empty: ; empty: beta/gt-a shared" {
		t.Error(got)
	}
	// A person who closes one ends it; nobody is told that it landed.
	_, err = p.l.CloseReady(ctx, []string{empty}, ledger.Closing{Reason: "landed: not"})
	must(t, err)
	if got := p.one(empty); got != "closed: " {
		t.Error(got)
	}
	for what, n := range map[string]New{
		"unknown bead": {Name: "a", Members: []string{"web-b"}}, "a convoy": {Name: "a", Members: []string{foreign}},
		"no name": {Name: " "}, "odd": {Name: "a", Members: []string{"../a"}}, "odd other": {Name: "a", Members: []string{"external:"}},
	} {
		if id, err := Create(ctx, p.l, n); err == nil {
			t.Errorf("%s: %s was made", what, id)
		}
	}
	if _, err := Create(ctx, p.l, New{Name: "a", Members: []string{"web-b"}}); !errors.Is(err, ledger.ErrUnknown) || !strings.Contains(err.Error(), "web-a") {
		t.Error(err)
	}
	for word, ok := range map[string]bool{foreign: true, "foreign": true, foreign[:len(foreign)-1]: true, "foriegn": false, "cv-": false, "": false} {
		id, err := Find(ctx, p.l, word)
		if ok && (err != nil || id != foreign) || !ok && !errors.Is(err, town.ErrUsage) {
			t.Errorf("%q: %s, %v", word, id, err)
		}
	}
	if _, err := Find(ctx, p.l, "foriegn"); !strings.Contains(town.Next(err), "foreign") {
		t.Error(err, town.Next(err))
	}
	// Metadata that another program wrote: the people are told.
	raw := json.RawMessage(`{"convoy": {"notify": ["../etc", 3]}}`)
	_, err = p.l.Create(ctx, []ledger.NewBead{{Bead: town.Bead{ID: "web-cv", Title: "odd", Type: Type, Metadata: raw, Dependencies: []town.Dependency{{Target: "web-a", Type: Tracks}}}}})
	must(t, err)
	_, err = p.l.CloseReady(ctx, []string{"web-a"}, ledger.Closing{})
	must(t, err)
	if a := p.land(1)[0]; strings.Join(a.Told, " ") != human {
		t.Errorf("%+v", a)
	}
}

// Whatever another Town says of its record, it holds nothing.
func TestView(t *testing.T) {
	links := func(ids ...string) (list []town.Dependency) {
		for _, id := range ids {
			list = append(list, town.Dependency{Bead: "cv-1", Target: id, Type: Tracks})
		}
		return list
	}
	at := time.Date(2031, 3, 10, 12, 0, 0, 0, time.UTC)
	past, future := at.Add(-time.Hour), at.Add(time.Hour)
	f := Facts{
		Now: at, Convoys: []town.Bead{{ID: "cv-1", Status: town.StatusOpen, Dependencies: links("a", "b", "c", "d", "e", "f", "g", "gone", Shared("beta", "x"), "external:odd")}},
		Beads: map[string]town.Bead{
			"a": {ID: "a", Status: town.StatusOpen, DeferUntil: &past}, "b": {ID: "b", Status: town.StatusDeferred, DeferUntil: &future}, "c": {ID: "c", Status: town.StatusOpen, Assignee: "ada"},
			"d": {ID: "d", Status: town.StatusInProgress}, "e": {ID: "e", Status: town.StatusOpen}, "f": {ID: "f", Status: town.StatusClosed, CloseReason: "failed"}, "g": {ID: "g", Status: town.StatusOpen},
		},
		Waits:  map[string][]string{"e": {"a", "b", "q", "r", "s"}, "g": {}},
		Last:   map[string]operational.Assignment{"a": {State: town.Returned, Reason: "test failed", Ticket: town.Ticket{Agent: town.PolecatAddress("web", "nux")}}},
		Others: map[string]town.Bead{"beta/x": {ID: "x", Title: "theirs", Status: town.StatusInProgress}},
	}
	c := View(f)[0]
	var lines []string
	for _, m := range c.Members {
		lines = append(lines, m.ID+" "+string(m.State)+": "+m.Why)
	}
	want := `b held: deferred until 2031-03-10 13:00
d held: it is in_progress, and nobody has it
a ready: nobody has it; returned by web/polecats/nux: test failed
e waiting: waits for a, b, q (not in this convoy), r (not in this convoy) and 1 more
g waiting: its parent waits
c working: ada has it
beta/x shared: of another Town, where it is in_progress
odd shared: of another Town; nothing is known of it here
f landed: failed`
	if got := strings.Join(lines, "\n"); got != want || c.Total != 7 || c.State != Moving {
		t.Errorf("%s\n%+v", got, c)
	}
}
