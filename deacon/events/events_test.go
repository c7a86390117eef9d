package events

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"gastown/planes/doltdb"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/feed"
)

const uuid = "3f8d3c1e-6a55-4c7c-9d1c-0c2f5b8f3a12"

// host stands in for the Deacon.
type host struct {
	feed    *feed.Feed
	log     logrus.FieldLogger
	started chan string
}

func (h host) Feed() *feed.Feed        { return h.feed }
func (h host) Log() logrus.FieldLogger { return h.log }
func (h host) Now() time.Time          { return time.Now() }
func (h host) Version() string         { return "1" }

// WokenBy has two parts wait for changes of beads.
func (h host) WokenBy(kind string) []string {
	if kind == feed.BeadPrefix+"created" {
		return []string{"one", "two"}
	}
	return nil
}

// StartJob takes as many jobs as there is room for.
func (h host) StartJob(name string) error {
	select {
	case h.started <- name:
		return nil
	default:
		return town.ErrBusy
	}
}

func TestThePartCollectsWhileItRuns(t *testing.T) {
	dir := t.TempDir()
	options := func(plane string) doltdb.Options {
		return doltdb.Options{Dir: filepath.Join(dir, plane), Home: filepath.Join(dir, "home"), Command: "test",
			Actor: town.Actor{Name: "ada", Email: "ada@example.com"}}
	}
	o, err := operational.Create(t.Context(), options("operational"), uuid)
	if err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Create(t.Context(), options("ledger"), uuid)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(o.Close(), l.Close()); err != nil {
			t.Error(err)
		}
	}()
	f := feed.New(feed.Options{
		Operational: func(_ context.Context, fn func(*operational.Store) error) error { return fn(o) },
		Ledger:      func(_ context.Context, fn func(*ledger.Store) error) error { return fn(l) },
		Poll:        10 * time.Millisecond,
	})
	log := logrus.New()
	log.SetOutput(io.Discard)
	h := host{f, log, make(chan string, 100)}
	p := New(h)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	// A reader that does not collect itself.
	reader := feed.New(feed.Options{
		Operational: func(_ context.Context, fn func(*operational.Store) error) error { return fn(o) }, Poll: 5 * time.Millisecond,
	})
	var got []string
	await := func(kind string) {
		t.Helper()
		for {
			page, err := reader.Read(ctx, "test", 100)
			if err != nil {
				t.Fatalf("no %s: %v", kind, err)
			}
			for _, e := range page.Events {
				got = append(got, e.Kind+" "+e.Subject)
			}
			if err := reader.Acknowledge(ctx, "test", page.Next); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(strings.Join(got, "|"), kind) {
				return
			}
			if err := reader.Wait(ctx, page.Next); err != nil {
				t.Fatalf("no %s: %v", kind, err)
			}
		}
	}
	add := func(id string) {
		t.Helper()
		if _, err := l.Create(ctx, []ledger.NewBead{{Bead: town.Bead{ID: id, Title: "t"}}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Start(ctx); err != nil {
		t.Fatal(err)
	}
	await("feed.began")
	add("gt-a")
	await("gt-a")
	woken := func() {
		t.Helper()
		got := map[string]bool{}
		for len(got) < 2 {
			select {
			case job := <-h.started:
				got[job] = true
			case <-ctx.Done():
				t.Fatalf("only these jobs were started: %v", got)
			}
		}
	}
	woken()
	if err := p.Pause(ctx); err != nil {
		t.Fatal(err)
	}
	add("gt-b")
	await("planes.lent")
	p.Resume()
	await("gt-b")
	if err := p.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	await("deacon.stopped")
	for len(h.started) > 0 {
		if job := <-h.started; job != "one" && job != "two" {
			t.Errorf("started %s", job)
		}
	}
	want := "deacon.started deacon|feed.began ledger|bead.created gt-a|planes.lent deacon|planes.returned deacon|bead.created gt-b|deacon.stopped deacon"
	if strings.Join(got, "|") != want {
		t.Errorf("got %s", strings.Join(got, "|"))
	}
}

// A job that cannot start now stays to be started; the others do not wait for it.
func TestStart(t *testing.T) {
	h := host{started: make(chan string, 1)}
	woken := map[string]bool{"one": true, "two": true}
	New(h).start(woken)
	if len(woken) != 1 {
		t.Errorf("%v are left", woken)
	}
	<-h.started
	New(h).start(woken)
	if len(woken) != 0 {
		t.Errorf("%v are left", woken)
	}
}
