package deacon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"gastown/deacon/check"
	"gastown/deacon/commands"
	"gastown/deacon/control"
	"gastown/deacon/dispatcher"
	"gastown/e2e/gitserver"
	"gastown/planes/doltdb"
	"gastown/planes/federation"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/sync/federate"
	"gastown/tmux"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/layout"
)

// patience is the longest time that a test waits for a condition.
const patience = 2 * time.Minute

var ada = town.Actor{Name: "Ada", Email: "ada@example.com"}

// place is a Town on disk and the options of its Deacon.
type place struct {
	t      testing.TB
	layout layout.Town
	// sessions and verify replace tmux and the check of signatures.
	sessions func(context.Context) ([]tmux.Session, error)
	verify   func(*http.Request) error
	checks   []check.Check
	commands func(Lender, commands.Call) commands.Command
	workers  dispatcher.Workers
	reload   chan struct{}
	idle     time.Duration
	// server replaces the real server if it is set.
	server Server
	// wait is how long the server waits for the planes; 0 means patience.
	wait time.Duration
	// ask is how long what acts waits for the answer of the remotes; 0 means patience.
	ask time.Duration
}

// fixed is a Town whose store is never replaced.
type fixed string

func (f fixed) Federation() (string, string)       { return string(f), "" }
func (f fixed) SetFederation(string, string) error { return errors.New("not in these tests") }

func noSessions(context.Context) ([]tmux.Session, error) { return nil, nil }

// found makes a Town with three empty planes.
func found(t testing.TB) *place {
	t.Helper()
	// A short path, because sockets are below it.
	root, err := os.MkdirTemp("", "gtd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	p := &place{t: t, layout: layout.Town{Root: root}, reload: make(chan struct{}, 1), idle: patience}
	p.sessions = noSessions
	founded.Lock()
	defer founded.Unlock()
	if founded.root == "" {
		dir, err := os.MkdirTemp("", "gtd")
		if err != nil {
			t.Fatal(err)
		}
		founded.root = dir
		(&place{t: t, layout: layout.Town{Root: dir}}).found()
	}
	if err := os.CopyFS(root, os.DirFS(founded.root)); err != nil {
		t.Fatal(err)
	}
	return p
}

// founded is an unused Town that each test copies, because making planes takes
// longer than many tests.
var founded struct {
	sync.Mutex
	root string
}

// found makes the Town for founded.
func (p *place) found() {
	t := p.t
	t.Helper()
	cfg := config.New("harbour")
	p.set(cfg, "deacon.http_address", "127.0.0.1:0")
	// How full the disk of the machine is decides no test.
	p.set(cfg, "deacon.disk_warning", "100")
	p.set(cfg, "deacon.disk_critical", "100")
	// Nor does how busy it is.
	p.set(cfg, "deacon.latency_warning", "100000")
	p.set(cfg, "deacon.latency_critical", "100000")
	if err := cfg.Save(p.layout.Config()); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	op, err := operational.Create(ctx, p.database(cfg, layout.Operational), cfg.Stores[layout.Operational])
	if err != nil {
		t.Fatal(err)
	}
	le, err := ledger.Create(ctx, p.database(cfg, layout.Ledger), cfg.Stores[layout.Ledger])
	if err != nil {
		t.Fatal(err)
	}
	fe, err := federation.Create(ctx, p.database(cfg, layout.Federation), cfg.Stores[layout.Federation], cfg.Town.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(op.Close(), le.Close(), fe.Close()); err != nil {
		t.Fatal(err)
	}
}

func (p *place) set(cfg *config.Config, key, value string) {
	p.t.Helper()
	if _, err := cfg.Set(key, value); err != nil {
		p.t.Fatal(err)
	}
}

// configure changes the Town's configuration.
func (p *place) configure(fn func(*config.Config)) {
	p.t.Helper()
	cfg, err := config.Load(p.layout.Config())
	if err != nil {
		p.t.Fatal(err)
	}
	fn(cfg)
	if err := cfg.Save(p.layout.Config()); err != nil {
		p.t.Fatal(err)
	}
}

// engineHome is where the engine of this test process has its settings. The engine
// finds them by the environment, so the Towns of one process would otherwise write
// into the place of the one that opened a database last, also after that was moved. A
// child has one Town, and no such directory.
var engineHome string

func (p *place) home() string { return cmp.Or(engineHome, p.layout.Engine()) }

func (p *place) database(_ *config.Config, plane string) doltdb.Options {
	return doltdb.Options{
		Dir: p.layout.Data(plane), Home: p.home(), Socket: p.layout.SQLSocket(), Actor: ada, Wait: patience, Command: "test",
	}
}

func (p *place) engine(cfg *config.Config) *federate.Engine {
	return federate.New(federate.Options{
		Env:    os.Environ(),
		Layout: p.layout, ID: cfg.Town.ID, Name: cfg.Town.Name, Actor: ada, Stores: fixed(cfg.Stores[layout.Federation]),
		Plane: p.database(cfg, layout.Federation), Wait: patience, Command: "test", Idle: p.idle, Deadline: 4 * p.idle,
	})
}

func (p *place) serve(ctx context.Context, _ *config.Config, _ func(string)) (Server, error) {
	if p.server != nil {
		return p.server, nil
	}
	s, err := doltdb.Serve(ctx, doltdb.ServeOptions{
		Dir: filepath.Dir(p.layout.Data(layout.Federation)), Planes: []string{layout.Operational, layout.Ledger, layout.Federation},
		Socket: p.layout.SQLSocket(), Home: p.home(), Wait: cmp.Or(p.wait, patience), Command: "gt deacon",
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// schedule writes deacon/schedule.yaml.
func (p *place) schedule(text string) {
	p.t.Helper()
	if err := os.MkdirAll(filepath.Dir(p.layout.Schedule()), 0o700); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(p.layout.Schedule(), []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// logged is a log that several goroutines write and a test reads.
type logged struct {
	mu   sync.Mutex
	text []byte
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	return len(p), nil
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

// active is a running Deacon.
type active struct {
	*Deacon
	t      testing.TB
	client *control.Client
	log    *logged
	stop   context.CancelFunc
	ended  chan error
}

func (p *place) make(log *logged, ready func()) (*Deacon, error) {
	logger := logrus.New()
	logger.SetOutput(log)
	logger.SetLevel(logrus.DebugLevel)
	return New(Options{
		Layout: p.layout, Version: "test", Command: "gt deacon", Log: logger, Engine: p.engine, Database: p.database,
		Serve: p.serve, Sessions: p.sessions, Verify: p.verify, Checks: p.checks, Commands: p.commands, Workers: p.workers, Reload: p.reload, Ready: ready,
	})
}

// start runs a Deacon and waits until it is ready, or returns why it is not.
func (p *place) start() (*active, error) {
	p.t.Helper()
	r := &active{t: p.t, log: new(logged), ended: make(chan error, 1), client: control.NewClient(p.layout.ControlSocket())}
	ready := make(chan struct{})
	d, err := p.make(r.log, func() { close(ready) })
	if err != nil {
		p.t.Fatal(err)
	}
	r.Deacon = d
	d.stopFor, d.askFor = patience, cmp.Or(p.ask, patience)
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	go func() { r.ended <- d.Run(ctx) }()
	select {
	case <-ready:
	case err := <-r.ended:
		cancel()
		if err == nil {
			p.t.Fatal("the Deacon ended before it was ready, and without an error")
		}
		return nil, err
	case <-time.After(patience):
		p.t.Fatalf("the Deacon is not ready: %s", r.log)
	}
	p.t.Cleanup(func() { cancel(); r.client.Close() })
	return r, nil
}

func (p *place) mustStart() *active {
	p.t.Helper()
	r, err := p.start()
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}

// end stops the Deacon and checks that every step of the stop ended.
func (r *active) end() {
	r.t.Helper()
	r.stop()
	select {
	case err := <-r.ended:
		if err != nil {
			r.t.Errorf("the stop: %v", err)
		}
	case <-time.After(2 * patience): // a step that does not end in patience is an error
		r.t.Fatalf("it does not stop: %s", r.log)
	}
}

// until waits for a condition.
func until(t testing.TB, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// hub makes a bare repository and a server of it.
func hub(t testing.TB) (dir string, server *gitserver.Server) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "hub.git")
	if err := gitserver.Bare(t.Context(), dir, gitserver.BareOptions{}); err != nil {
		t.Fatal(err)
	}
	server, err := gitserver.HTTP(dir, gitserver.HTTPOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return dir, server
}

// agree makes a repository a remote of the Town.
func (p *place) agree(name, url string) {
	p.t.Helper()
	p.configure(func(c *config.Config) { c.Remotes = append(c.Remotes, config.Remote{Name: name, URL: url}) })
	cfg, err := config.Load(p.layout.Config())
	if err != nil {
		p.t.Fatal(err)
	}
	_, err = p.engine(cfg).Init(context.Background(), federate.Remote{Name: name, URL: url}, func(federate.Preview) error { return nil })
	if err != nil {
		p.t.Fatal(err)
	}
}

// edit writes a role.
func (p *place) edit(name, text string) {
	p.t.Helper()
	path := filepath.Join(p.layout.Files(), "roles", name+".md")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		p.t.Fatal(err)
	}
	body := fmt.Sprintf("---\nname: %s\ndescription: for tests\n---\n\n%s\n", name, text)
	if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
		p.t.Fatal(err)
	}
}
