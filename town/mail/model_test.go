package mail

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"gastown/planes/doltdb"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
)

const uuid = "3f8d3c1e-6a55-4c7c-9d1c-0c2f5b8f3a21"

// planes are a Town's for a test.
type planes struct {
	operational *operational.Store
	ledger      *ledger.Store
}

func start(t testing.TB) planes {
	t.Helper()
	options := func(name string) doltdb.Options {
		return doltdb.Options{Dir: filepath.Join(t.TempDir(), name), Actor: town.Actor{Name: "Ada", Email: "ada@example.com"}, Wait: time.Minute, Command: "test"}
	}
	o, err := operational.Create(t.Context(), options("operational"), uuid)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.Close() })
	l, err := ledger.Create(t.Context(), options("ledger"), uuid)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return planes{o, l}
}

var errCrash = errors.New("the process died")

// fuse counts the steps that a process still makes. A process whose fuse has burnt
// does nothing any more.
type fuse struct {
	mu   sync.Mutex
	left int // negative: it lives for ever
}

// step makes a step. It says false once the process is dead.
func (f *fuse) step() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left > 0 {
		f.left--
	}
	return f.left != 0
}

// sessions are sessions of a test. Each text is unique.
type sessions struct {
	mu    sync.Mutex
	runs  map[town.Address]town.Run
	next  map[town.Address]town.Run
	moods map[town.Address]string // "", busy, pasted, refused or broken
	typed map[string]int
	wrong []string // texts that another run got
}

// deathly are sessions as a process that may die sees them.
type deathly struct {
	*sessions
	fuse *fuse
}

func (d deathly) Running(context.Context) (map[town.Address]town.Run, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	runs := map[town.Address]town.Run{}
	for a, r := range d.runs {
		runs[a] = r
	}
	return runs, nil
}

func (d deathly) HandOver(_ context.Context, a town.Address, run town.Run, text string) (Handed, error) {
	if !d.fuse.step() {
		return Handed{}, errCrash
	}
	d.mu.Lock()
	now, running := d.runs[a]
	mood := d.moods[a]
	result := Handed{State: operational.NudgeConfirmed}
	switch {
	case !running || run != 0 && now != run:
		result = Handed{operational.NudgeQueued, "it has no such session"}
	case mood == "busy":
		result = Handed{operational.NudgeQueued, "the agent works"}
	case mood == "refused":
		result = Handed{operational.NudgeRefused, "its program has ended"}
	case mood == "broken":
		d.mu.Unlock()
		return Handed{}, errors.New("tmux does not answer")
	case mood == "pasted":
		result = Handed{operational.NudgePasted, "nobody saw"}
		fallthrough
	default:
		d.typed[text]++
		if run == 0 && a.Kind == town.Polecat {
			d.wrong = append(d.wrong, text)
		}
	}
	d.mu.Unlock()
	if !d.fuse.step() {
		return Handed{}, errCrash
	}
	return result, nil
}

// deliverer is a process that dies after so many steps. A step is each beginning and
// each end of what it does outside itself.
func (p planes) deliverer(s *sessions, steps int, now func() time.Time) *Deliverer {
	f := &fuse{left: steps}
	return &Deliverer{
		Operational: func(_ context.Context, fn func(*operational.Store) error) error {
			if !f.step() {
				return errCrash
			}
			err := fn(p.operational)
			if !f.step() {
				return errCrash
			}
			return err
		},
		Ledger:   func(_ context.Context, fn func(*ledger.Store) error) error { return fn(p.ledger) },
		Sessions: deathly{s, f}, Now: now,
	}
}

// Random histories of nudges, mail, sessions that come and go, and deliverers, one or
// two at a time, that die after any step.
func TestDeliveryModel(t *testing.T) {
	histories, length := 30, 40
	if testing.Short() {
		histories = 8
	}
	p := start(t)
	for h := range histories {
		history(t, p, rand.New(rand.NewPCG(7, uint64(h))), h, length)
	}
}

func history(t *testing.T, p planes, r *rand.Rand, h, length int) {
	ctx := t.Context()
	agents := []town.Address{
		town.PolecatAddress("web", fmt.Sprint("nux", h)), town.PolecatAddress("web", fmt.Sprint("ace", h)), {Kind: town.Crew, Rig: "web", Name: fmt.Sprint("ann", h)},
	}
	s := &sessions{runs: map[town.Address]town.Run{}, next: map[town.Address]town.Run{}, moods: map[town.Address]string{}, typed: map[string]int{}}
	now := noon.Add(time.Duration(h) * 24 * time.Hour)
	clock := func() time.Time { return now }
	var ids []int64
	told := map[town.Address]time.Time{}
	pass := func(steps int) {
		if _, err := p.deliverer(s, steps, clock).Pass(ctx); err != nil && !errors.Is(err, errCrash) {
			t.Fatalf("history %d: %v", h, err)
		}
	}
	look := func() operational.NudgeBoard {
		b, err := p.operational.NudgeBoard(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range b.Open {
			if n.Kind == operational.NudgeMail && !n.At.Equal(told[n.Agent]) {
				if was, ok := told[n.Agent]; ok && n.At.Sub(was) < noticePause {
					t.Errorf("history %d: two notices to %s within %s", h, n.Agent, n.At.Sub(was))
				}
				told[n.Agent] = n.At
			}
		}
		return b
	}
	for range length {
		a := agents[r.IntN(len(agents))]
		switch n := r.IntN(10); {
		case n < 3:
			text := fmt.Sprintf("text %d", len(ids))
			stored, err := p.operational.Nudge(ctx, []operational.Nudge{{Agent: a, Run: s.runs[a], Kind: operational.NudgeLine, From: fmt.Sprint("ada", h), Text: text, Expires: now.Add(10 * time.Minute)}}, now)
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, stored[0].ID)
		case n == 3:
			if delete(s.runs, a); r.IntN(3) > 0 {
				s.next[a]++
				s.runs[a] = s.next[a]
			}
		case n == 4:
			s.moods[a] = []string{"", "", "busy", "pasted", "refused", "broken"}[r.IntN(6)]
		case n == 5:
			if _, err := p.ledger.Send(ctx, ledger.Message{From: "mayor/", To: a.String(), Subject: "s"}, []string{a.String()}); err != nil {
				t.Fatal(err)
			}
		case n == 6: // two at once
			var group sync.WaitGroup
			for range 2 {
				steps := r.IntN(12) - 1
				group.Go(func() {
					if _, err := p.deliverer(s, steps, clock).Pass(ctx); err != nil && !errors.Is(err, errCrash) {
						t.Errorf("history %d: %v", h, err)
					}
				})
			}
			group.Wait()
		case n < 9:
			pass(r.IntN(14) - 1)
		default:
			pass(-1)
		}
		now = now.Add(time.Duration(r.IntN(45)) * time.Second)
		check(t, p, s, ids, look(), h)
	}
	// In the end nothing waits for ever.
	for range 3 {
		now = now.Add(noticeLife + time.Hour)
		clear(s.runs)
		pass(-1)
	}
	if b := look(); len(b.Open) > 0 {
		t.Errorf("history %d: in the end %+v", h, b.Open)
	}
	check(t, p, s, ids, operational.NudgeBoard{}, h)
}

// check compares what the rows say with what was typed.
func check(t *testing.T, p planes, s *sessions, ids []int64, b operational.NudgeBoard, h int) {
	t.Helper()
	rows, err := p.operational.Nudges(t.Context(), ids)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.wrong) > 0 {
		t.Fatalf("history %d: a polecat's next session got %q", h, s.wrong)
	}
	for _, n := range rows {
		least, most := 0, 0
		switch n.State {
		case operational.NudgeConfirmed, operational.NudgePasted:
			least, most = 1, 1
		case operational.NudgeTyping, operational.NudgeUnknown:
			most = 1
		}
		if typed := s.typed[Spoken(n)]; typed < least || typed > most {
			t.Fatalf("history %d: nudge %d is %s and was typed %d times", h, n.ID, n.State, typed)
		}
	}
	for _, n := range b.Open {
		if n.State == operational.NudgeQueued && n.Kind == operational.NudgeLine && s.typed[Spoken(n)] > 0 && n.From == fmt.Sprint("ada", h) {
			t.Fatalf("history %d: nudge %d waits and was typed", h, n.ID)
		}
	}
}

// What is told is what happened.
func TestResultsAreTrue(t *testing.T) {
	p := start(t)
	nux := town.PolecatAddress("web", "nux")
	for mood, want := range map[string]operational.NudgeState{
		"": operational.NudgeConfirmed, "busy": operational.NudgeQueued, "pasted": operational.NudgePasted, "refused": operational.NudgeRefused, "broken": operational.NudgeQueued,
	} {
		s := &sessions{runs: map[town.Address]town.Run{nux: 1}, moods: map[town.Address]string{nux: mood}, typed: map[string]int{}}
		stored, err := p.operational.Nudge(t.Context(), []operational.Nudge{{Agent: nux, Run: 1, Kind: operational.NudgeLine, From: "Ada", Text: "text", Expires: noon.Add(time.Minute)}}, noon)
		if err != nil {
			t.Fatal(err)
		}
		d := p.deliverer(s, -1, func() time.Time { return noon })
		report, err := d.Pass(t.Context())
		if err != nil || report.Done[want] != 1 {
			t.Errorf("%s: %+v, %v", mood, report, err)
		}
		rows, err := p.operational.Nudges(t.Context(), []int64{stored[0].ID})
		if err != nil || rows[0].State != want || (rows[0].Result == "") != (want == operational.NudgeConfirmed) {
			t.Errorf("%s: %+v, %v", mood, rows, err)
		}
		if want == operational.NudgeQueued {
			if report.Waiting != 1 || report.Reachable != 1 || !report.Oldest.Equal(noon) {
				t.Errorf("%s: %+v", mood, report)
			}
			d.Now = func() time.Time { return noon.Add(time.Minute) }
			if report, err := d.Pass(t.Context()); err != nil || report.Done[operational.NudgeExpired] != 1 || report.Waiting != 0 {
				t.Errorf("%s: %+v, %v", mood, report, err)
			}
		}
	}
}

// A caller who is cancelled while a text is typed leaves a row that says what happened.
func TestACancelledCaller(t *testing.T) {
	p := start(t)
	nux := town.PolecatAddress("web", "nux")
	ctx, cancel := context.WithCancel(t.Context())
	s := &sessions{runs: map[town.Address]town.Run{nux: 1}, moods: map[town.Address]string{}, typed: map[string]int{}}
	stored, err := p.operational.Nudge(ctx, []operational.Nudge{{Agent: nux, Run: 1, Kind: operational.NudgeLine, From: "Ada", Text: "text", Expires: noon.Add(time.Minute)}}, noon)
	if err != nil {
		t.Fatal(err)
	}
	d := p.deliverer(s, -1, func() time.Time { return noon })
	d.Sessions = cancelling{d.Sessions, cancel}
	if _, err := d.Pass(ctx); err != nil {
		t.Error(err)
	}
	if rows, err := p.operational.Nudges(t.Context(), []int64{stored[0].ID}); err != nil || rows[0].State != operational.NudgeConfirmed {
		t.Errorf("%+v, %v", rows, err)
	}
}

type cancelling struct {
	Sessions
	cancel func()
}

func (c cancelling) HandOver(ctx context.Context, a town.Address, run town.Run, text string) (Handed, error) {
	c.cancel()
	if err := ctx.Err(); err != nil {
		return Handed{}, err
	}
	return c.Sessions.HandOver(ctx, a, run, text)
}

// A hundred senders at once: each message arrives once.
func TestManySenders(t *testing.T) {
	p := start(t)
	const senders = 100
	var group sync.WaitGroup
	for i := range senders {
		group.Go(func() {
			c := Caller{Caller: town.Caller{Agent: town.PolecatAddress("web", fmt.Sprint("p", i))}, Name: "p"}
			if _, err := p.ledger.Send(t.Context(), c.Letter([]string{"mayor/"}, "", fmt.Sprint("text ", i)), []string{"mayor/"}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	list, err := p.ledger.Inbox(t.Context(), ledger.Box{Recipient: "mayor/"})
	seen := map[string]bool{}
	for _, l := range list {
		seen[l.Subject] = true
	}
	if err != nil || len(list) != senders || len(seen) != senders {
		t.Errorf("%d messages, %d subjects, %v", len(list), len(seen), err)
	}
}

func TestReplies(t *testing.T) {
	p := start(t)
	ctx := t.Context()
	mayor, ada := As(town.Caller{Agent: town.Address{Kind: town.Mayor}}, ""), Caller{Name: "Ada"}
	first, err := p.ledger.Send(ctx, mayor.Letter([]string{"@town"}, "plan", "text"), []string{"web/polecats/nux", "web/crew/ann"})
	if err != nil {
		t.Fatal(err)
	}
	nux := As(town.Caller{Agent: town.PolecatAddress("web", "nux")}, "")
	for _, c := range []struct {
		who  Caller
		all  bool
		want string
	}{
		{nux, false, "[mayor/]"}, {nux, true, "[mayor/ web/crew/ann]"}, {mayor, false, "[web/crew/ann web/polecats/nux]"}, {ada, false, "[mayor/]"},
	} {
		sent, boxes, err := c.who.Reply(ctx, p.ledger, first.ID, ledger.Message{Body: "yes"}, c.all)
		if err != nil || fmt.Sprint(boxes) != c.want || sent.Thread != first.ID || sent.Subject != "Re: plan" || sent.From != c.who.Box() {
			t.Errorf("%s: %+v to %v, %v, want %s", c.who.Name, sent, boxes, err, c.want)
		}
		if again, _, err := nux.Reply(ctx, p.ledger, sent.ID, ledger.Message{Body: "yes"}, false); err != nil || again.Subject != "Re: plan" || again.Thread != first.ID {
			t.Errorf("%+v, %v", again, err)
		}
	}
	if _, _, err := nux.Reply(ctx, p.ledger, "m-none", ledger.Message{Body: "yes"}, false); !errors.Is(err, ledger.ErrNoMessage) {
		t.Errorf("%v", err)
	}
	// Nobody else is there: a person answers a person.
	own, err := p.ledger.Send(ctx, ada.Letter([]string{"--human"}, "", "note"), []string{Human})
	if err != nil {
		t.Fatal(err)
	}
	if _, boxes, err := ada.Reply(ctx, p.ledger, own.ID, ledger.Message{Body: "yes"}, false); err != nil || fmt.Sprint(boxes) != "[human]" {
		t.Errorf("%v, %v", boxes, err)
	}
}
