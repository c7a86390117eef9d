package queue

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gastown/planes/doltdb"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/launch"
	"gastown/town/polecat"
)

const uuid = "3f8d3c1e-6a55-4c7c-9d1c-0c2f5b8f3a12"

var noon = time.Date(2031, 3, 10, 12, 0, 0, 0, time.UTC)

// world is two real planes, and sandboxes and sessions in memory.
type world struct {
	t           testing.TB
	operational *operational.Store
	ledger      *ledger.Store

	mu       sync.Mutex
	now      time.Time
	sessions map[town.Address]*session
	// trees are the sandboxes, with what is in them and nowhere else. saved is what
	// was saved, made is everything that was ever written.
	trees       map[town.Address][]string
	saved, made []string
	// crash is after how many more calls the process ends; 0 for never. half says
	// that it ends after the call took effect, not before.
	crash int
	half  bool
	// broken keeps sessions from starting, deaf keeps agents from taking their work.
	broken, deaf bool
	// unusable is a polecat whose sandbox is no working tree any more, until it is
	// prepared again.
	unusable town.Address
	// spoilt is a polecat whose sandbox cannot be prepared.
	spoilt town.Address
	// full keeps sandboxes from being saved.
	full   bool
	locked map[town.Address]bool
}

type session struct {
	polecat.Session
	waits  bool // until its sandbox is there
	ready  bool
	handed []string
}

var errCrash = errors.New("the process ended")

func newWorld(t testing.TB, dir string) *world {
	t.Helper()
	options := func(plane string) doltdb.Options {
		return doltdb.Options{
			Dir: filepath.Join(dir, plane), Home: filepath.Join(dir, "home"), Wait: time.Minute, Command: "test",
			Actor: town.Actor{Name: "ada", Email: "ada@example.com"},
		}
	}
	o, err := operational.Create(context.Background(), options("operational"), uuid)
	if err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Create(context.Background(), options("ledger"), uuid)
	if err != nil {
		t.Fatal(err)
	}
	return &world{
		t: t, operational: o, ledger: l, now: noon, sessions: map[town.Address]*session{}, trees: map[town.Address][]string{},
		locked: map[town.Address]bool{},
	}
}

func (w *world) close() {
	if err := errors.Join(w.operational.Close(), w.ledger.Close()); err != nil {
		w.t.Error(err)
	}
}

// step is called around everything that has an effect: a process may end there.
func (w *world) step(effect func() error) error {
	w.mu.Lock()
	w.now = w.now.Add(time.Millisecond)
	ends := false
	if w.crash > 0 {
		w.crash--
		ends = w.crash == 0
	}
	half := w.half
	if ends {
		w.crash = -1 // everything later fails, too
	}
	dead := w.crash < 0
	w.mu.Unlock()
	switch {
	case ends && half:
		if err := effect(); err != nil {
			return err
		}
		return errCrash
	case dead:
		return errCrash
	}
	return effect()
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) bead(id string, priority int) {
	w.t.Helper()
	if _, err := w.ledger.Create(context.Background(), []ledger.NewBead{{Bead: town.Bead{ID: id, Title: "do " + id, Priority: priority}}}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) dispatcher(b Bounds) Dispatcher {
	return Dispatcher{Bounds: b, Now: w.clock, Rows: func(_ context.Context, fn func(Store) error) error {
		return w.step(func() error { return fn(w.operational) })
	}}
}

func (w *world) controller() *polecat.Controller {
	return &polecat.Controller{
		Rows: func(_ context.Context, fn func(polecat.Store) error) error {
			return w.step(func() error { return fn(w.operational) })
		},
		Beads: func(_ context.Context, fn func(polecat.Ledger) error) error {
			return w.step(func() error { return fn(polecat.Beads{Store: w.ledger}) })
		},
		Sandboxes: w, Sessions: sessions{w}, Now: w.clock, Parallel: 3, Actor: "gt",
		Lock: func(_ context.Context, a town.Address) (func() error, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.locked[a] {
				return nil, town.ErrBusy
			}
			w.locked[a] = true
			return func() error {
				w.mu.Lock()
				defer w.mu.Unlock()
				delete(w.locked, a)
				return nil
			}, nil
		},
	}
}

var errBroken = errors.New("there is no such program")

var errFull = errors.New("the remote takes nothing")

func (w *world) Dir(a town.Address) (string, error) { return "/rigs/" + a.String(), nil }

func (w *world) Prepare(_ context.Context, a town.Address, _ string, _ bool) error {
	return w.step(func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if s := w.sessions[a]; s != nil && !s.waits {
			w.t.Errorf("the sandbox of %s is prepared while a session works in it", a)
		}
		if w.full && len(w.trees[a]) > 0 {
			return errFull
		}
		if a == w.spoilt {
			return errors.New("it holds a damaged repository")
		}
		w.saved, w.trees[a] = append(w.saved, w.trees[a]...), []string{}
		if a == w.unusable {
			w.unusable = town.Address{}
		}
		return nil
	})
}

func (w *world) Usable(a town.Address) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return a != w.unusable, nil
}

func (w *world) Save(_ context.Context, a town.Address, _ string) (ref, what string, err error) {
	return "refs/gt/rescue", "changes", w.step(func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.sessions[a] != nil {
			w.t.Errorf("the work of %s is saved while its session is there", a)
		}
		if w.full && len(w.trees[a]) > 0 {
			return errFull
		}
		w.saved = append(w.saved, w.trees[a]...)
		return nil
	})
}

func (w *world) Remove(_ context.Context, a town.Address) (saved string, err error) {
	return "refs/gt/rescue", w.step(func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.sessions[a] != nil {
			w.t.Errorf("the sandbox of %s is removed while a session works in it", a)
		}
		if w.full && len(w.trees[a]) > 0 {
			return errFull
		}
		w.saved = append(w.saved, w.trees[a]...)
		delete(w.trees, a)
		return nil
	})
}

// write is what an agent does in its sandbox.
func (w *world) write(a town.Address) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s := w.sessions[a]; s != nil && !s.waits && w.trees[a] != nil {
		text := fmt.Sprint("change ", len(w.made))
		w.made, w.trees[a] = append(w.made, text), append(w.trees[a], text)
		s.Output = w.now
	}
}

// lost is what was written and is nowhere.
func (w *world) lost() (lost []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, text := range w.made {
		there := slices.Contains(w.saved, text)
		for _, tree := range w.trees {
			there = there || slices.Contains(tree, text)
		}
		if !there {
			lost = append(lost, text)
		}
	}
	return lost
}

// sessions are those of the world.
type sessions struct{ *world }

func (w sessions) List(context.Context) (all []polecat.Session, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.sessions {
		all = append(all, s.Session)
	}
	slices.SortFunc(all, func(a, b polecat.Session) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// Start makes a session that waits, prepares the sandbox, and lets the program begin. A
// session whose starter was killed ends by itself.
func (w sessions) Start(ctx context.Context, s polecat.Start) (string, error) {
	who := s.Ticket.Agent
	name := who.String()
	var made *session
	err := w.step(func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.sessions[who] != nil {
			return polecat.ErrRunning
		}
		if w.broken {
			return errBroken
		}
		made = &session{Session: polecat.Session{Agent: who, Run: s.Ticket.Run, Name: name, Started: w.now, Output: w.now}, waits: true}
		w.sessions[who] = made
		return nil
	})
	if err == nil && s.Prepare != nil {
		err = s.Prepare(ctx)
	}
	if err == nil {
		err = w.step(func() error {
			w.mu.Lock()
			defer w.mu.Unlock()
			if who == w.unusable {
				w.t.Errorf("a session of %s starts in what is no sandbox", who)
			}
			made.waits = false
			return nil
		})
	}
	if made == nil {
		return name, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case made.waits && errors.Is(err, errCrash):
		made.Ended, made.Status = true, launch.ExitSurroundings
	case made.waits:
		delete(w.sessions, who)
	}
	return name, err
}

func (w sessions) Look(_ context.Context, a town.Address) (polecat.Look, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.sessions[a]
	if s == nil {
		return polecat.Look{}, polecat.ErrNoSession
	}
	look := polecat.Look{Ready: s.ready, Ended: s.Ended}
	s.ready = true // at the next look
	return look, nil
}

func (w sessions) HandOver(_ context.Context, a town.Address, run town.Run, text string) (h polecat.Handed, err error) {
	err = w.step(func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.deaf {
			h.Final, h.Why = true, "it takes no text"
			return nil
		}
		if s := w.sessions[a]; s != nil && s.Run == run {
			s.handed = append(s.handed, text)
			h.Taken = true
		}
		return nil
	})
	return h, err
}

func (w sessions) End(_ context.Context, a town.Address) error {
	return w.step(func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.sessions, a)
		return nil
	})
}
