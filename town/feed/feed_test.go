package feed

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gastown/planes/doltdb"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
)

const uuid = "3f8d3c1e-6a55-4c7c-9d1c-0c2f5b8f3a12"

// patience is how long a test waits for what must happen.
const patience = 2 * time.Minute

// place is a Town's two planes on disk, open or not, and a Feed over them.
type place struct {
	t           testing.TB
	dir         string
	operational *operational.Store
	ledger      *ledger.Store
	retention   operational.Retention

	mu sync.Mutex
	// fail is called before each use of the operational plane; it may refuse it.
	fail func() error
	// uses counts the uses of each plane.
	uses struct{ operational, ledger int }
}

func (p *place) options(plane, actor string) doltdb.Options {
	return doltdb.Options{
		Dir: filepath.Join(p.dir, plane), Home: filepath.Join(p.dir, "home"), Wait: patience, Command: "test",
		Actor: town.Actor{Name: actor, Email: actor + "@example.com"},
	}
}

func newPlace(t testing.TB, dir string) *place {
	t.Helper()
	p := &place{t: t, dir: dir}
	o, err := operational.Create(context.Background(), p.options("operational", "gt"), uuid)
	if err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Create(context.Background(), p.options("ledger", "ada"), uuid)
	if err != nil {
		t.Fatal(err)
	}
	p.operational, p.ledger = o, l
	return p
}

func (p *place) close() {
	p.t.Helper()
	if err := errors.Join(p.operational.Close(), p.ledger.Close()); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) reopen() {
	p.t.Helper()
	o, err := operational.Open(context.Background(), p.options("operational", "gt"), uuid)
	if err != nil {
		p.t.Fatal(err)
	}
	l, err := ledger.Open(context.Background(), p.options("ledger", "ada"), uuid)
	if err != nil {
		p.t.Fatal(err)
	}
	o.Retain(p.retention)
	p.operational, p.ledger = o, l
}

// feed returns a new Feed, as a process that has just started has one.
func (p *place) feed() *Feed {
	sign := func(plane string) Sign {
		return func() (string, bool, bool) { return doltdb.Sign(p.options(plane, "gt")) }
	}
	return New(Options{
		Operational: func(_ context.Context, fn func(*operational.Store) error) error {
			p.mu.Lock()
			p.uses.operational++
			fail := p.fail
			p.mu.Unlock()
			if fail != nil {
				if err := fail(); err != nil {
					return err
				}
			}
			return fn(p.operational)
		},
		Ledger: func(_ context.Context, fn func(*ledger.Store) error) error {
			p.mu.Lock()
			p.uses.ledger++
			p.mu.Unlock()
			return fn(p.ledger)
		},
		OperationalSign: sign("operational"), LedgerSign: sign("ledger"), Poll: 10 * time.Millisecond,
	})
}

func start(t testing.TB) (*place, *Feed) {
	t.Helper()
	p := newPlace(t, t.TempDir())
	t.Cleanup(p.close)
	return p, p.feed()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func collect(t testing.TB, f *Feed) Collected {
	t.Helper()
	c, err := f.Collect(context.Background())
	must(t, err)
	return c
}

func lines(events []Event) string {
	var all []string
	for _, e := range events {
		all = append(all, fmt.Sprintf("%s %s %s: %s", e.Actor, e.Kind, e.Subject, e.Text))
	}
	return strings.Join(all, "\n")
}

// What is done to beads appears once each, in order, with who did it.
func TestChangesOfTheLedgerAreEvents(t *testing.T) {
	p, f := start(t)
	ctx := t.Context()
	collect(t, f)
	must(t, f.Append(ctx, Event{Kind: "test.first", Subject: "x", Text: "before"}))
	_, err := p.ledger.Create(ctx, []ledger.NewBead{{Bead: town.Bead{ID: "gt-a", Title: "one"}}, {Bead: town.Bead{ID: "gt-b", Title: "two"}}})
	must(t, err)
	eve := p.ledger.As(ledger.Session{Actor: town.Actor{Name: "eve", Email: "eve@example.com"}})
	status, labels := town.StatusInProgress, []string{"urgent"}
	_, err = eve.Update(ctx, []ledger.Patch{{ID: "gt-a", Status: &status, Labels: &labels}})
	must(t, err)
	_, err = eve.DepAdd(ctx, []town.Dependency{{Bead: "gt-a", Target: "gt-b", Type: town.DepBlocks}})
	must(t, err)
	_, err = eve.Comment(ctx, "gt-b", "a word")
	must(t, err)
	if c := collect(t, f); c.Events != 6 || c.Lineage != ledger.Direct {
		t.Errorf("%+v", c)
	}
	must(t, f.Append(ctx, Event{Kind: "test.last"}))
	_, err = p.ledger.CloseReady(ctx, []string{"gt-b"}, ledger.Closing{Reason: "done", Force: true})
	must(t, err)
	_, err = p.ledger.Import(ctx, strings.NewReader(`{"id":"gt-i","title":"brought","created_at":"2031-03-10T12:00:00Z","updated_at":"2031-03-10T12:00:00Z"}`), ledger.ImportOptions{})
	must(t, err)
	must(t, p.ledger.Delete(ctx, []string{"gt-a"}, "no more"))
	collect(t, f)
	collect(t, p.feed())
	page, err := f.Newest(ctx, time.Time{}, 100)
	must(t, err)
	want := strings.TrimSpace(`
 feed.began ledger: the feed begins here, with the ledger's newest 0 change(s)
 test.first x: before
ada bead.created gt-a: one
ada bead.created gt-b: two
eve bead.updated gt-a: status: open -> in_progress
eve bead.labeled gt-a: urgent
eve bead.linked gt-a: blocks gt-b
eve bead.commented gt-b: a word
 test.last : 
ada bead.closed gt-b: status: open -> closed`)
	if got := lines(page.Events); !strings.HasPrefix(strings.TrimSpace(got), want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	var rest []string
	for _, e := range page.Events[10:] {
		rest = append(rest, e.Kind+" "+e.Subject)
	}
	if got := strings.Join(rest, ", "); got != "bead.updated gt-b, bead.updated gt-b, bead.imported gt-i, bead.deleted gt-a" {
		t.Error(got)
	}
	closed := page.Events[9]
	if closed.Data["field"] != "status" || closed.Data["new"] != "closed" || closed.Data["trail"] == "" || time.Since(closed.At) > time.Hour {
		t.Errorf("%+v", closed)
	}
	for i, e := range page.Events {
		if e.Seq != int64(i+1) {
			t.Errorf("event %d has number %d", i+1, e.Seq)
		}
	}
}

// A feed that begins late takes over the newest part of the audit trail.
func TestAFeedThatBeginsLate(t *testing.T) {
	p, f := start(t)
	for n := range 3 {
		_, err := p.ledger.Create(t.Context(), []ledger.NewBead{{Bead: town.Bead{ID: fmt.Sprint("gt-", n), Title: "t"}}})
		must(t, err)
	}
	if c := collect(t, f); c.Events != 4 {
		t.Errorf("%+v", c)
	}
	if c := collect(t, p.feed()); c.Events != 0 {
		t.Errorf("%+v", c)
	}
}

func TestCollectingNothingComparesNothing(t *testing.T) {
	p, f := start(t)
	collect(t, f)
	before, queries := p.uses, p.ledger.Queries()
	for range 3 {
		collect(t, f)
	}
	if p.uses.operational-before.operational != 3 || p.uses.ledger-before.ledger != 3 || p.ledger.Queries() != queries {
		t.Errorf("%+v, %+v, %d queries of the ledger", before, p.uses, p.ledger.Queries()-queries)
	}
	// With signs that are settled, not even that.
	f.opts.LedgerSign = func() (string, bool, bool) { return "same", true, true }
	f.ledger.sign = f.opts.LedgerSign
	must(t, f.collectChanged(t.Context()))
	before = p.uses
	for range 3 {
		must(t, f.collectChanged(t.Context()))
	}
	if p.uses != before {
		t.Errorf("%+v, %+v", before, p.uses)
	}
}

var errCut = errors.New("cut off")

// A collector that ends before, in or after its transaction neither loses nor
// repeats anything, and neither do two that work at the same time.
func TestCollectorsMayEndAnywhere(t *testing.T) {
	p, f := start(t)
	collect(t, f)
	_, err := p.ledger.Create(t.Context(), []ledger.NewBead{{Bead: town.Bead{ID: "gt-a", Title: "one"}}})
	must(t, err)
	uses := 0
	p.fail = func() error {
		if uses++; uses == 2 {
			return errCut
		}
		return nil
	}
	if _, err := f.Collect(t.Context()); !errors.Is(err, errCut) {
		t.Fatal(err)
	}
	// Another process collects while this one is between its read and its write.
	uses = 0
	other := p.feed()
	p.fail = func() error {
		if uses++; uses == 2 {
			_, err := other.Collect(context.Background())
			return err
		}
		return nil
	}
	if c, err := f.Collect(t.Context()); err != nil || c.Events != 0 {
		t.Errorf("%+v, %v", c, err)
	}
	p.fail = nil
	var group sync.WaitGroup
	_, err = p.ledger.Create(t.Context(), []ledger.NewBead{{Bead: town.Bead{ID: "gt-b", Title: "two"}}})
	must(t, err)
	for range 4 {
		one := p.feed()
		group.Go(func() {
			if _, err := one.Collect(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	page, err := f.After(t.Context(), 1, 100)
	must(t, err)
	if got := lines(page.Events); got != "ada bead.created gt-a: one\nada bead.created gt-b: two" {
		t.Error(got)
	}
}

// More changes than the feed holds at once are not dropped silently.
func TestMoreChangesThanTheFeedHolds(t *testing.T) {
	p, f := start(t)
	p.operational.Retain(operational.Retention{Rows: 10})
	collect(t, f)
	_, err := f.Read(t.Context(), "r", 10)
	must(t, err)
	var many []ledger.NewBead
	for n := range 25 {
		many = append(many, ledger.NewBead{Bead: town.Bead{ID: fmt.Sprintf("gt-%02d", n), Title: "t"}})
	}
	_, err = p.ledger.Create(t.Context(), many)
	must(t, err)
	if c := collect(t, f); c.Events != 10 || c.Omitted != 15 {
		t.Errorf("%+v", c)
	}
	page, err := f.Read(t.Context(), "r", 100)
	must(t, err)
	if page.Loss == nil || page.Loss.Count != 16 || len(page.Events) != 10 || page.Events[0].Subject != "gt-15" || page.Next != 26 {
		t.Errorf("%+v %+v", page, page.Loss)
	}
	if e := Missed(*page.Loss); e.Kind != Loss || !strings.HasPrefix(e.Text, "16 event(s) until ") || e.Data["count"] != "16" {
		t.Errorf("%+v", e)
	}
}

// Events report a ledger that was set back, and one whose last collected commit is
// gone.
func TestALedgerThatWasSetBack(t *testing.T) {
	p := newPlace(t, t.TempDir())
	defer func() { p.close() }()
	f := p.feed()
	add := func(id string) {
		t.Helper()
		_, err := p.ledger.Create(t.Context(), []ledger.NewBead{{Bead: town.Bead{ID: id, Title: id}}})
		must(t, err)
	}
	add("gt-a")
	early, err := p.ledger.Head(t.Context())
	must(t, err)
	add("gt-b")
	collect(t, f)
	back := func(gc bool) {
		t.Helper()
		p.close()
		db, err := doltdb.OpenShared(t.Context(), p.options("ledger", "gt"))
		must(t, err)
		err = db.Rewind(t.Context(), early)
		if err == nil && gc {
			err = db.GC(t.Context())
		}
		must(t, errors.Join(err, db.Close()))
		p.reopen()
	}
	back(false)
	add("gt-c")
	if c := collect(t, f); c.Lineage != ledger.Diverged || c.Events != 2 {
		t.Errorf("%+v", c)
	}
	add("gt-d")
	collect(t, f)
	back(true)
	add("gt-e")
	if c := collect(t, f); c.Lineage != ledger.Unknown || c.Events != 1 {
		t.Errorf("%+v", c)
	}
	add("gt-f")
	collect(t, f)
	page, err := f.After(t.Context(), 1, 100)
	must(t, err)
	var got []string
	for _, e := range page.Events {
		got = append(got, e.Kind+" "+e.Subject)
	}
	want := "bead.created gt-a|bead.created gt-b|ledger.diverged ledger|bead.created gt-c|bead.created gt-d|ledger.unknown ledger|bead.created gt-f"
	if strings.Join(got, "|") != want {
		t.Errorf("got %s", strings.Join(got, "|"))
	}
	if text := page.Events[2].Text; !strings.Contains(text, "1 change(s)") {
		t.Error(text)
	}
}

func TestWaitersWake(t *testing.T) {
	p, f := start(t)
	collect(t, f)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	got := make(chan Event)
	var group sync.WaitGroup
	group.Go(func() {
		err := f.Follow(ctx, "reader", 10, func(_ context.Context, page Page) error {
			for _, e := range page.Events {
				got <- e
			}
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	defer group.Wait()
	next := func(kind string) {
		t.Helper()
		select {
		case e := <-got:
			if e.Kind != kind {
				t.Errorf("%+v, want %s", e, kind)
			}
		case <-ctx.Done():
			t.Fatalf("no %s came", kind)
		}
	}
	next(Began)
	must(t, f.Append(ctx, Event{Kind: "test.here"})) // this process
	next("test.here")
	must(t, p.feed().Append(ctx, Event{Kind: "test.there"})) // as another process
	next("test.there")
	_, err := p.ledger.Create(ctx, []ledger.NewBead{{Bead: town.Bead{ID: "gt-a", Title: "one"}}})
	must(t, err)
	next("bead.created")
	cancel()
}

// Waiting costs stat calls, and queries only after something was written.
func TestWaitingIsCheap(t *testing.T) {
	p, f := start(t)
	collect(t, f)
	signs := 0
	quiet := func() (string, bool, bool) { signs++; return "same", true, true }
	f.opts.OperationalSign, f.ledger.sign = quiet, quiet
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	before := p.uses
	p.fail = func() error { return nil }
	began := time.Now()
	group.Go(func() { _ = f.Wait(ctx, 1) })
	time.Sleep(20 * f.opts.Poll) // what must not happen cannot be awaited
	cancel()
	group.Wait()
	// Two signs at each look, and a few at the start and the end.
	most := 2*int(time.Since(began)/f.opts.Poll) + 20
	if n := p.uses.operational - before.operational; n > 2 || signs > most {
		t.Errorf("%d uses, %d looks, at most %d", n, signs, most)
	}
}

func TestReadersThatSkip(t *testing.T) {
	_, f := start(t)
	must(t, f.Append(t.Context(), Event{Kind: "a"}, Event{Kind: "b"}))
	must(t, f.SkipToEnd(t.Context(), "r"))
	must(t, f.Append(t.Context(), Event{Kind: "c", At: time.Now().Add(time.Hour)}))
	page, err := f.Read(t.Context(), "r", 10)
	must(t, err)
	if len(page.Events) != 1 || page.Events[0].Kind != "c" {
		t.Errorf("%+v", page)
	}
	if page, err = f.Newest(t.Context(), time.Now().Add(time.Minute), 10); err != nil || len(page.Events) != 1 {
		t.Errorf("%+v, %v", page, err)
	}
	if page, err = f.Newest(t.Context(), time.Time{}, 2); err != nil || len(page.Events) != 2 || page.Events[0].Kind != "b" {
		t.Errorf("%+v, %v", page, err)
	}
	if err := f.Append(t.Context(), Event{Text: "no kind"}); err == nil {
		t.Error("an event without kind was taken")
	}
}

func TestDataFits(t *testing.T) {
	long := strings.Repeat("ä<", 5000)
	_, f := start(t)
	must(t, f.Append(t.Context(), Event{Kind: "a", Data: map[string]string{"one": long, "two": long, "three": "short"}}))
	page, err := f.Newest(t.Context(), time.Time{}, 1)
	must(t, err)
	data := page.Events[0].Data
	if data["three"] != "short" || len(data["one"]) < 500 || !strings.HasPrefix(data["two"], "ä<ä") {
		t.Errorf("%d %d %q", len(data["one"]), len(data["two"]), data["three"])
	}
}
