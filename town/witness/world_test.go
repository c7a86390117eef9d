package witness

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gastown/planes/doltdb"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/agent"
	"gastown/town/launch"
	"gastown/town/polecat"
	"gastown/town/process"
	"gastown/town/rig"
)

const uuid = "3f8d3c1e-6a55-4c7c-9d1c-0c2f5b8f3a12"

var (
	errCrash = errors.New("the process ended")
	errFull  = errors.New("the remote takes nothing")
)

// world is two real planes, and sandboxes and sessions in memory.
type world struct {
	t           testing.TB
	operational *operational.Store
	ledger      *ledger.Store
	now         time.Time
	sessions    map[town.Address]*scene
	boxes       map[town.Address]*box
	// saved is what was saved or handed in, made is everything that was ever written.
	saved, made []string
	// ends is after how many more effects the process ends; 0 for never, below for
	// already. late says that it ends after the effect.
	ends int
	late bool
	full bool // the remote takes nothing
}

// scene is a session with what its agent does.
type scene struct {
	polecat.Session
	prompt bool
	dialog string
	waits  bool // until its sandbox is prepared
}

// box is a sandbox: what is in it and nowhere else, and how often it changed.
type box struct {
	files   []string
	commits int
	pushed  int
	changes int
	dirty   bool
}

func newWorld(t testing.TB, dir string) *world {
	t.Helper()
	w := &world{t: t, now: noon, sessions: map[town.Address]*scene{}, boxes: map[town.Address]*box{}}
	options := func(plane string) doltdb.Options {
		return doltdb.Options{Dir: filepath.Join(dir, plane), Home: dir, Wait: time.Minute, Command: "test", Actor: town.Actor{Name: "ada", Email: "ada@example.com"}}
	}
	var err1, err2 error
	w.operational, err1 = operational.Create(context.Background(), options("operational"), uuid)
	w.ledger, err2 = ledger.Create(context.Background(), options("ledger"), uuid)
	w.must(err1, err2)
	return w
}

func (w *world) must(errs ...error) {
	w.t.Helper()
	if err := errors.Join(errs...); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) clock() time.Time { return w.now }

// step is called around everything that has an effect: a process may end there.
func (w *world) step(effect func() error) error {
	w.now = w.now.Add(time.Millisecond)
	if w.ends < 0 {
		return errCrash
	}
	if w.ends--; w.ends == 0 {
		w.ends = -1
		if !w.late {
			return errCrash
		}
		if err := effect(); err != nil {
			return err
		}
		return errCrash
	}
	w.ends = max(w.ends, 0)
	return effect()
}

func (w *world) lock(context.Context, town.Address) (func() error, error) {
	return func() error { return nil }, nil
}

func (w *world) controller() *polecat.Controller {
	return &polecat.Controller{
		Rows: func(_ context.Context, fn func(polecat.Store) error) error {
			return w.step(func() error { return fn(w.operational) })
		},
		Beads: func(_ context.Context, fn func(polecat.Ledger) error) error {
			return w.step(func() error { return fn(polecat.Beads{Store: w.ledger}) })
		},
		Sandboxes: boxes{w}, Sessions: started{w}, Now: w.clock, Actor: "gt", Lock: w.lock, Recoveries: usual.Recoveries,
	}
}

func (w *world) witness() *Witness {
	return &Witness{
		Rows: func(_ context.Context, fn func(Store) error) error {
			return w.step(func() error { return fn(w.operational) })
		},
		Beads: func(_ context.Context, fn func(Ledger) error) error {
			return w.step(func() error { return fn(InLedger{w.ledger, w.clock}) })
		},
		Sessions: watchedScenes{w}, Sandboxes: boxes{w}, Lock: w.lock, Now: w.clock, Rigs: []string{"web"}, Thresholds: usual,
		Usages: func(leaders ...int) (map[int]process.Usage, error) { return nil, nil },
		Settle: func(ctx context.Context) error {
			done, err := w.controller().Settle(ctx)
			return errors.Join(done.Err(), err)
		},
	}
}

// boxes are the sandboxes of the world.
type boxes struct{ *world }

func (w boxes) Dir(a town.Address) (string, error) { return "/rigs/" + a.String(), nil }

func (w boxes) Prepare(_ context.Context, a town.Address, _ string, _ bool) error {
	return w.step(func() error {
		if s := w.sessions[a]; s != nil && !s.waits {
			w.t.Errorf("the sandbox of %s is prepared while a session works in it", a)
		}
		if err := w.save(a); err != nil {
			return err
		}
		w.boxes[a] = &box{}
		return nil
	})
}

// save saves what is in a sandbox.
func (w *world) save(a town.Address) error {
	b := w.boxes[a]
	if b == nil || len(b.files) == 0 {
		return nil
	}
	if w.full {
		return errFull
	}
	w.saved, b.files = append(w.saved, b.files...), nil
	return nil
}

func (w boxes) Usable(town.Address) (bool, error) { return true, nil }

func (w boxes) Remove(_ context.Context, a town.Address) (string, error) {
	return "", w.step(func() error { return w.save(a) })
}

func (w boxes) Save(_ context.Context, a town.Address, _ string) (ref, what string, err error) {
	return "refs/gt/rescue/x", "a file", w.step(func() error {
		if w.sessions[a] != nil {
			w.t.Errorf("the work of %s is saved while its session runs", a)
		}
		return w.save(a)
	})
}

func (w boxes) Leads(context.Context, string) (map[string]rig.Lead, error) {
	all := map[string]rig.Lead{}
	work, err := w.operational.Work(context.Background())
	for _, a := range work.Assignments {
		if b := w.boxes[a.Agent]; b != nil && a.State.Held() && b.commits > 0 {
			lead := rig.Lead{Head: fmt.Sprintf("%040d", b.commits)}
			if b.pushed > 0 {
				lead.Pushed = fmt.Sprintf("%040d", b.pushed)
			}
			all[a.Agent.Branch(a.Bead)] = lead
		}
	}
	return all, err
}

func (w boxes) Trace(a town.Address) (string, error) {
	if b := w.boxes[a]; b != nil {
		return fmt.Sprint(b.changes), nil
	}
	return "", nil
}

func (w boxes) Publish(_ context.Context, held operational.Assignment) (m operational.MergeRequest, err error) {
	b := w.boxes[held.Agent]
	if b == nil || b.dirty || b.commits == 0 {
		return m, town.ErrRefused
	}
	if w.full {
		return m, errFull
	}
	err = w.step(func() error {
		w.saved = append(w.saved, b.files...)
		b.pushed, b.files = b.commits, nil
		return nil
	})
	return operational.MergeRequest{Branch: held.Agent.Branch(held.Bead), Head: fmt.Sprintf("%040d", b.commits), Target: "main"}, err
}

// started are the sessions as the controller of polecats needs them.
type started struct{ *world }

func (w started) List(context.Context) (all []polecat.Session, err error) {
	for _, s := range w.sessions {
		all = append(all, s.Session)
	}
	slices.SortFunc(all, func(a, b polecat.Session) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// Start makes a session that waits until its sandbox is prepared. It ends when whoever
// starts it is killed meanwhile.
func (w started) Start(ctx context.Context, s polecat.Start) (string, error) {
	who := s.Ticket.Agent
	name := who.String()
	err := w.step(func() error {
		if w.sessions[who] != nil {
			return polecat.ErrRunning
		}
		w.sessions[who] = &scene{Session: polecat.Session{Agent: who, Run: s.Ticket.Run, Name: name, Started: w.now, Output: w.now}, waits: true}
		return nil
	})
	if errors.Is(err, polecat.ErrRunning) {
		return name, err
	}
	if err == nil && s.Prepare != nil {
		err = s.Prepare(ctx)
	}
	switch made := w.sessions[who]; {
	case made == nil: // killed before it was there
	case errors.Is(err, errCrash):
		made.Ended, made.Status = true, launch.ExitSurroundings
	case err != nil:
		delete(w.sessions, who)
	default:
		err = w.step(func() error { made.waits = false; return nil })
		made.Ended = made.waits
	}
	return name, err
}

func (w started) Look(_ context.Context, a town.Address) (polecat.Look, error) {
	if s := w.sessions[a]; s != nil {
		return polecat.Look{Ready: !s.Ended, Ended: s.Ended, Waiting: s.dialog}, nil
	}
	return polecat.Look{}, polecat.ErrNoSession
}

func (w started) HandOver(_ context.Context, a town.Address, _ town.Run, _ string) (h polecat.Handed, err error) {
	return polecat.Handed{Taken: true}, w.step(func() error { return nil })
}

func (w *world) End(_ context.Context, a town.Address) error {
	return w.step(func() error {
		delete(w.sessions, a)
		return nil
	})
}

// watchedScenes are the sessions as the Witness needs them.
type watchedScenes struct{ *world }

func (w watchedScenes) Survey(_ context.Context, look func(Session) bool) (map[town.Address]*Session, error) {
	all := map[town.Address]*Session{}
	for who, s := range w.sessions {
		one := Session{Session: s.Session}
		if look(one) {
			one.Screen = &Screen{State: agent.Busy, Prompt: true, Dialog: s.dialog}
			switch {
			case s.Ended:
				one.Screen.State = agent.Ended
			case s.dialog != "":
				one.Screen.State = agent.Waiting
			case s.prompt:
				one.Screen.State = agent.Ready
			}
		}
		all[who] = &one
	}
	return all, nil
}
