package escalate

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gastown/planes/doltdb"
	"gastown/planes/ledger"
	"gastown/town"
)

const uuid = "3f8d3c1e-6a55-4c7c-9d1c-0c2f5b8f3a12"

// place is a real ledger, and a clock that the test moves.
type place struct {
	*testing.T
	l   *ledger.Store
	now time.Time
}

func newPlace(t *testing.T) *place {
	t.Helper()
	dir := t.TempDir()
	l, err := ledger.Create(t.Context(), doltdb.Options{
		Dir: filepath.Join(dir, "ledger"), Home: filepath.Join(dir, "home"), Wait: time.Minute, Command: "test",
		Actor: town.Actor{Name: "ada", Email: "ada@example.com"},
	}, uuid)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return &place{T: t, l: l, now: time.Now().UTC()}
}

var red = Trouble{
	Key: "refinery/web/red", Title: "main of web is red", Text: "make test fails", Next: "look at gt refinery log", Severity: High, From: "web/refinery",
}

func (p *place) raise(t Trouble, told bool) Escalation {
	p.Helper()
	e, was, err := Raise(context.Background(), p.l, t, p.now)
	if err != nil || was != told {
		p.Fatalf("raise %s: told %v, %v", t.Key, was, err)
	}
	return e
}

// again runs a pass and checks how many people were told of.
func (p *place) again(want int) {
	p.Helper()
	raised, next, err := Again(context.Background(), p.l, p.now)
	all, _ := List(context.Background(), p.l, false, p.now)
	for _, e := range all {
		if e.State == Raised && (next.IsZero() || next.After(e.Again)) {
			p.Errorf("the next is due at %v, and %s at %v", next, e.ID, e.Again)
		}
	}
	if err != nil || len(raised) != want {
		p.Fatalf("raised again: %+v, %v, want %d", raised, err, want)
	}
}

// only returns the one escalation that is there, with as many messages as it says.
func (p *place) only(state State, mails int) Escalation {
	p.Helper()
	all, err := List(context.Background(), p.l, true, p.now)
	if err != nil || len(all) != 1 || all[0].State != state {
		p.Fatalf("%+v, %v", all, err)
	}
	if got := p.mails(); len(got) != mails {
		p.Fatalf("%d messages, want %d: %+v", len(got), mails, got)
	}
	return all[0]
}

func (p *place) mails() []ledger.Letter {
	p.Helper()
	list, err := p.l.Inbox(context.Background(), ledger.Box{Recipient: human, Bodies: true})
	if err != nil {
		p.Fatal(err)
	}
	return list
}

func (p *place) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

// A trouble that is found again and again is one bead and one message, until its pause
// is over; and it is silent once somebody has it.
func TestRaisedUntilAcknowledged(t *testing.T) {
	p := newPlace(t)
	e := p.raise(red, true)
	for range 5 {
		p.raise(red, false)
		p.again(0)
	}
	got := p.only(Raised, 1)
	if got.ID != e.ID || got.Times != 1 || got.Severity != High || got.From != "web/refinery" || !got.Again.Equal(p.now.Add(2*time.Hour).Truncate(time.Nanosecond)) {
		t.Errorf("%+v", got)
	}
	if m := p.mails()[0]; m.From != "web/refinery" || m.Kind != ledger.Alert || m.Priority != ledger.High || !strings.Contains(m.Body, "gt escalate ack "+e.ID) || !strings.Contains(m.Body, red.Next) {
		t.Errorf("%+v", m)
	}
	if ready, err := p.l.Blocked(t.Context(), ledger.Filter{}); err != nil || len(ready) != 0 {
		t.Errorf("%+v, %v", ready, err)
	}
	for i, pause := range []time.Duration{2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 16 * time.Hour, 24 * time.Hour, 24 * time.Hour} {
		p.now = p.now.Add(pause - time.Second)
		p.again(0)
		p.now = p.now.Add(time.Second)
		p.again(1)
		p.again(0)
		p.only(Raised, 2+i)
	}
	_, err := Acknowledge(t.Context(), p.l, e.ID, "ada", "I look", p.now)
	p.must(err)
	p.now = p.now.Add(1000 * time.Hour)
	p.again(0)
	p.raise(red, false)
	if got := p.only(Acknowledged, 7); got.By != "ada" {
		t.Errorf("%+v", got)
	}
	// Whoever gives it back lets it be raised again.
	_, err = p.l.Update(t.Context(), []ledger.Patch{{ID: e.ID, Assignee: new("")}})
	p.must(err)
	p.again(1)
}

// However many processes find it at once: one bead, one message; and one when it is
// raised again.
func TestManyRaiseAtOnce(t *testing.T) {
	p := newPlace(t)
	var group sync.WaitGroup
	var mu sync.Mutex
	told, again := 0, 0
	for range 8 {
		group.Go(func() {
			_, one, err := Raise(context.Background(), p.l, red, p.now)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			if one {
				told++
			}
		})
	}
	group.Wait()
	p.only(Raised, 1)
	later := p.now.Add(3 * time.Hour)
	for range 8 {
		group.Go(func() {
			raised, _, err := Again(context.Background(), p.l, later)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			again += len(raised)
		})
	}
	group.Wait()
	p.now = later
	p.only(Raised, 2)
	if told != 1 || again != 1 {
		t.Errorf("%d were told first, %d again", told, again)
	}
}

// What a person closed stays silent for a pause; what comes and goes makes no message
// each time.
func TestClosedAndBack(t *testing.T) {
	p := newPlace(t)
	e := p.raise(red, true)
	_, err := p.l.CloseReady(t.Context(), []string{e.ID}, ledger.Closing{Reason: "mended"})
	p.must(err)
	p.raise(red, false)
	p.only(Closed, 1)
	p.now = p.now.Add(2*time.Hour + time.Minute)
	p.again(0)
	if back := p.raise(red, true); back.ID != e.ID || back.State != Raised || back.Times != 2 {
		t.Errorf("%+v", back)
	}
	for range 4 { // it flaps
		id, err := Settle(t.Context(), p.l, red.Key, "it passes again", p.now)
		if err != nil || id != e.ID {
			t.Fatal(id, err)
		}
		if id, err := Settle(t.Context(), p.l, red.Key, "it passes again", p.now); err != nil || id != "" {
			t.Fatal(id, err)
		}
		p.again(0)
		p.only(Closed, 2)
		p.now = p.now.Add(time.Minute)
		p.raise(red, false)
		p.only(Raised, 2)
	}
	p.now = p.now.Add(4 * time.Hour)
	p.again(1)
	p.only(Raised, 3)
	// A person who says it once more is heard at once.
	_, err = p.l.CloseReady(t.Context(), []string{e.ID}, ledger.Closing{Reason: "mended"})
	p.must(err)
	anew := red
	anew.Anew = true
	p.raise(anew, true)
	p.only(Raised, 4)
}

func TestWorse(t *testing.T) {
	p := newPlace(t)
	p.raise(red, true)
	worse := red
	worse.Severity = Critical
	if e := p.raise(worse, true); e.Severity != Critical {
		t.Errorf("%+v", e)
	}
	p.raise(red, false)
	if e := p.only(Raised, 2); e.Severity != Critical {
		t.Errorf("%+v", e)
	}
}

// A bead that a person deleted, metadata that another program wrote, a bead that has
// gone: the trouble is told all the same.
func TestOddRows(t *testing.T) {
	p := newPlace(t)
	gone := red
	gone.About = "web-gone"
	first := p.raise(gone, true)
	p.must(p.l.Delete(t.Context(), []string{first.ID}, "noise"))
	if e := p.raise(gone, true); e.ID == first.ID || e.About != "web-gone" {
		t.Errorf("%+v", e)
	}
	p.raise(gone, false)
	p.only(Raised, 2)
	if id, err := Settle(t.Context(), p.l, red.Key, "over", p.now); err != nil || id == "" {
		t.Errorf("%q, %v", id, err)
	}
	raw := json.RawMessage(`{"escalation": [1]}`)
	_, err := p.l.Create(t.Context(), []ledger.NewBead{{Bead: town.Bead{ID: "web-a", Title: "odd", Priority: 0, Labels: []string{Label}, Metadata: raw}}})
	p.must(err)
	p.again(1)
	p.again(0)
	all, err := List(t.Context(), p.l, false, p.now)
	if err != nil || len(all) != 1 || all[0].Severity != Critical || all[0].Times != 1 {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestHostileTroubles(t *testing.T) {
	p := newPlace(t)
	for name, bad := range map[string]Trouble{
		"nothing": {Key: "k", Title: " \n"}, "NUL": {Key: "k", Title: "a\x00"}, "no UTF-8": {Key: "k", Title: "a", Text: "\xff"},
		"long key": {Key: strings.Repeat("k", maxKey+1), Title: "a"}, "severity": {Key: "k", Title: "a", Severity: "dire"}, "bead": {Key: "k", Title: "a", About: "../x"},
	} {
		if _, _, err := Raise(t.Context(), p.l, bad, p.now); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	long := Trouble{Title: strings.Repeat("ü ", 400), From: strings.Repeat("x", 400)}
	e := p.raise(long, true)
	p.raise(long, false)
	if len([]rune(e.Title)) > town.MaxTitleChars {
		t.Errorf("%d", len(e.Title))
	}
	if _, err := Acknowledge(t.Context(), p.l, "esc-none", "ada", "", p.now); !errors.Is(err, ledger.ErrUnknown) {
		t.Error(err)
	}
}
