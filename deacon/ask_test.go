package deacon

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gastown/e2e/gitserver"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/sync/federate"
	"gastown/town/config"
	"gastown/town/instance"
	"gastown/town/layout"
	"gastown/town/polecat"
	"gastown/town/queue"
)

// acts are the passes of the dispatcher: how many, and when the first one began.
type acts struct {
	n     atomic.Int32
	first atomic.Pointer[time.Time]
}

// acting notes the passes of the dispatcher, which is due a second after the start.
func (p *place) acting() *acts {
	a := new(acts)
	p.workers = func(*config.Config, operational.Access, ledger.Access) (*polecat.Controller, queue.Dispatcher, error) {
		now := time.Now()
		a.first.CompareAndSwap(nil, &now)
		a.n.Add(1)
		return nil, queue.Dispatcher{}, nil
	}
	p.schedule(`jobs: {dispatch: {schedule: "@every 1s"}}`)
	return a
}

// promoteElsewhere has a copy of the directory go on as the Town.
func (p *place) promoteElsewhere(remote federate.Remote) {
	p.t.Helper()
	root, err := os.MkdirTemp("", "gtd")
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = os.RemoveAll(root) })
	if err := os.CopyFS(root, os.DirFS(p.layout.Root)); err != nil {
		p.t.Fatal(err)
	}
	other := &place{t: p.t, layout: layout.Town{Root: root}, idle: patience}
	cfg, err := config.Load(other.layout.Config())
	if err != nil {
		p.t.Fatal(err)
	}
	engine := other.engine(cfg)
	if _, err := engine.Pull(p.t.Context(), remote, false); err != nil {
		p.t.Fatal(err)
	}
	if _, err := engine.ContinueHere(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
	if _, err := engine.Push(p.t.Context(), remote, false); err != nil {
		p.t.Fatal(err)
	}
}

// dispatch is the state of the job that hands out work.
func (r *active) dispatch() (waiting, ran bool) {
	for _, j := range r.Status().Jobs {
		if j.Name == "dispatch" {
			return j.Waiting, j.Last != nil
		}
	}
	return false, false
}

// fenced waits until the Deacon knows that another directory speaks, and its job that
// would hand out work has run since.
func (r *active) fenced() {
	r.t.Helper()
	until(r.t, "it is fenced", func() bool { return r.host.Role() == instance.Fenced })
	until(r.t, "the job that hands out work had its turn", func() bool { _, ran := r.dispatch(); return ran })
	until(r.t, "the log says so", func() bool { return strings.Contains(r.log.String(), "another directory speaks for the Town") })
}

// A host that was off while another one was promoted hands out no work when it is back: it
// asks first.
func TestAFormerHostAsksBeforeItActs(t *testing.T) {
	t.Parallel() // it mostly waits
	p := found(t)
	_, server := hub(t)
	p.edit("mayor", "first")
	p.agree("origin", server.URL())
	acted := p.acting()
	p.promoteElsewhere(federate.Remote{Name: "origin", URL: server.URL()})
	server.Delay(time.Second) // longer than until the dispatcher is due
	r := p.mustStart()
	r.fenced()
	if n := acted.n.Load(); n > 0 {
		t.Errorf("it handed out work %d times", n)
	}
	r.end()
}

// The network of a machine that starts may come later than its Deacon.
func TestAFormerHostAsksAgainWithoutANetwork(t *testing.T) {
	t.Parallel() // it mostly waits
	p := found(t)
	dir, _ := hub(t)
	link := filepath.Join(t.TempDir(), "origin.git")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	p.edit("mayor", "first")
	p.agree("origin", link)
	acted := p.acting()
	p.promoteElsewhere(federate.Remote{Name: "origin", URL: link})
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	r := p.mustStart()
	until(t, "the dispatcher waits", func() bool { waiting, _ := r.dispatch(); return waiting })
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	r.fenced()
	if n := acted.n.Load(); n > 0 {
		t.Errorf("it handed out work %d times", n)
	}
	r.end()
}

// A Town never waits for another machine: its Deacon is ready at once, and acts a few
// seconds later although nobody answers. It says so.
func TestWhoeverIsSilentDelaysTheControllersOnlyABit(t *testing.T) {
	t.Parallel() // it mostly waits
	p := found(t)
	p.idle, p.ask = time.Hour, askFor
	_, hole := hub(t)
	p.agree("hole", hole.URL())
	acted := p.acting()
	hole.Set(gitserver.BlackHole)
	began := time.Now()
	r := p.mustStart()
	until(t, "it acts", func() bool { return acted.n.Load() > 0 })
	if waited := acted.first.Load().Sub(began); waited < askFor {
		t.Errorf("it waited %s", waited)
	}
	if !strings.Contains(r.log.String(), "not every remote of the federation could be asked") {
		t.Errorf("it does not say so: %s", r.log)
	}
	r.end() // although it still asks
}

// Without a federation, and with a remote that answers, nothing waits.
func TestNothingWaitsForRemotesThatAnswer(t *testing.T) {
	t.Parallel() // it mostly waits
	for name, remotes := range map[string]int{"none": 0, "one": 1} {
		t.Run(name, func(t *testing.T) {
			p := found(t)
			p.ask = time.Hour
			for range remotes {
				_, server := hub(t)
				p.agree("origin", server.URL())
			}
			acted := p.acting()
			r := p.mustStart()
			until(t, "it acts", func() bool { return acted.n.Load() > 0 })
			if strings.Contains(r.log.String(), "could be asked") {
				t.Errorf("somebody did not answer: %s", r.log)
			}
			r.end()
		})
	}
}
