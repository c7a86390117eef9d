package federate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"gastown/planes/federation"
	"gastown/sync/files"
	"gastown/town"
	"gastown/town/layout"
)

// documents are the files that people edit in a history: few, so that edits collide.
var documents = []string{
	"roles/mayor.md", "roles/new.md", "formulas/build.formula.toml", "formulas/new.formula.toml", "templates/bug.md", "templates/new.md",
}

// wrote is a text that somebody wrote and gt recorded.
type wrote struct{ path, text string }

// model is what people did, and therefore what gt must still hold.
type model struct {
	t     testing.TB
	url   string
	towns []*modelTown
	// kept is every text that was recorded; starter texts count.
	kept map[wrote]bool
	// published is every text that a Town held when the remote confirmed its state.
	published map[wrote]bool
	n         int // texts made so far
	// silenced counts the calls of directories that were stopped as they should be,
	// copies those directories that were copied.
	silenced, copies int
}

// modelTown is a Town and what its person remembers.
type modelTown struct {
	*testTown
	// shown is each file as gt last wrote or recorded it.
	shown map[string]string
	// pending is what the person wrote since; "" removed the file.
	pending map[string]string
	// only is each text that was recorded and that this file alone holds, because the
	// plane that held it was replaced. It is an edit again, until a call records it.
	only map[string]string
	// racing is an edit to make while a call of the engine runs; nil for none.
	racing *race
	// saved is the Town's copy; nil for none. cancel stops a call at the step stopAt.
	saved  *saved
	stopAt string
	cancel context.CancelFunc
	// silent: another directory with this identity goes on, as a person decided.
	silent bool
}

// race is an edit made at a moment of a call.
type race struct {
	path, text string
	// phase is the step of the call to write at; "" writes after delay.
	phase string
	delay time.Duration
	once  sync.Once
}

// template is three Towns that are in step, made once and copied for each history.
type template struct{ dir string }

var modelTowns = []string{"alpha", "beta", "gamma"}

func makeTemplate(t *testing.T) template {
	t.Helper()
	tpl := template{dir: tempDir(t)}
	url := filepath.Join(tpl.dir, "federation.git")
	if out, err := exec.Command("git", "init", "-q", "--bare", url).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var towns []*testTown
	for i, name := range modelTowns {
		towns = append(towns, newTown(t, filepath.Join(tpl.dir, name), name))
		if i == 0 {
			towns[0].init(url)
		} else {
			towns[i].join(url)
		}
	}
	settle(t, url, towns...)
	return tpl
}

// start copies the Towns into dir, together with the repository.
func (tpl template) start(t testing.TB, dir string) *model {
	t.Helper()
	shell(t, "cp", "-a", tpl.dir+"/.", dir)
	m := &model{t: t, url: filepath.Join(dir, "federation.git"), kept: map[wrote]bool{}, published: map[wrote]bool{}}
	for _, name := range modelTowns {
		mt := &modelTown{pending: map[string]string{}}
		mt.testTown = &testTown{t: t, dir: filepath.Join(dir, name), stores: &memoryStores{uuid: "uuid-of-" + modelTowns[0]}}
		mt.Engine = New(Options{
			Env:    os.Environ(),
			Layout: layout.Town{Root: mt.dir}, ID: town.ID("id-" + name), Name: name,
			Actor:  town.Actor{Name: name, Email: name + "@example.com"},
			Stores: mt.stores, Command: "test", Progress: mt.progress,
			// Every document must be signed, and what honest Towns write is.
			Unsigned: federation.UnsignedReviewed,
		})
		// The address differs from the one that was agreed to.
		s := &session{Engine: mt.Engine, remote: Remote{Name: "origin", URL: m.url}, address: m.url}
		if err := errors.Join(s.load(), s.confirm()); err != nil {
			t.Fatal(err)
		}
		// The copy goes on as the Town.
		if _, err := mt.ContinueHere(t.Context()); err != nil {
			t.Fatal(err)
		}
		mt.shown = mt.documents()
		for path, text := range mt.shown {
			m.kept[wrote{path, text}] = true
			m.published[wrote{path, text}] = true
		}
		m.towns = append(m.towns, mt)
	}
	return m
}

func (mt *modelTown) String() string { return mt.opts.Name }

// GoString is how a failed history names the Town.
func (mt *modelTown) GoString() string { return mt.opts.Name }

func (mt *modelTown) progress(e Progress) {
	if mt.cancel != nil && mt.stopAt == e.Phase {
		mt.cancel()
	}
	if r := mt.racing; r != nil && r.phase != "" && r.phase == e.Phase {
		r.once.Do(func() { mt.write(r.path, r.text) })
	}
}

// documents is the content of federation/ without rescued texts.
func (mt *modelTown) documents() map[string]string {
	all := mt.files()
	maps.DeleteFunc(all, func(path, _ string) bool { return strings.HasSuffix(path, "~") })
	return all
}

// text makes a text that no other edit has.
func (m *model) text(path, version string) string {
	m.n++
	return document(path, version, fmt.Sprintf("text %d", m.n))
}

// document is a valid text for a path.
func document(path, version, body string) string {
	k := key(path)
	switch k.Kind {
	case town.KindRole:
		return role(k.Name, body)
	case town.KindFormula:
		return formula(k.Name, version, body)
	default:
		return body + "\n"
	}
}

// edit is an edit by the person; "" removes the file.
func (m *model) edit(mt *modelTown, path, text string) {
	m.t.Helper()
	if only := mt.only[path]; only != "" && only != text && only == mt.read(path) {
		m.writtenOver(mt, path)
	}
	switch {
	case text != "":
		mt.write(path, text)
	case mt.read(path) != "":
		mt.remove(path)
	}
	if text == mt.shown[path] || text == "" && !mt.indexed(path) {
		delete(mt.pending, path)
	} else {
		mt.pending[path] = text
	}
}

// indexed reports whether gt knows that there was a file. Without the index it
// cannot distinguish a removed file from one that never was.
func (mt *modelTown) indexed(path string) bool {
	mt.t.Helper()
	ix, err := files.LoadIndex(mt.opts.Layout.Index())
	if errors.Is(err, os.ErrNotExist) {
		return false
	}
	if err != nil {
		mt.t.Fatal(err)
	}
	_, known := ix.Get(key(path))
	return known
}

// valid reports whether gt can record a text.
func valid(path, text string) bool { return !strings.Contains(text, "not valid") }

const invalidFormula = "not valid"

// call runs a call of the engine and checks the files against the person's memory.
// records says that the call records edits.
func (m *model) call(mt *modelTown, name string, records bool, call func(context.Context) error) {
	m.t.Helper()
	before := maps.Clone(mt.pending)
	var writer sync.WaitGroup
	r := mt.racing
	if r != nil && r.phase == "" {
		writer.Go(func() {
			time.Sleep(r.delay) // the moment is the point
			mt.write(r.path, r.text)
		})
	}
	err := call(m.t.Context())
	writer.Wait()
	mt.racing = nil
	stopped := errors.Is(err, ErrInstance)
	if stopped {
		stopped, err = m.stopped(mt, name, err, call)
	}
	if err != nil && !errors.Is(err, town.ErrUsage) {
		m.t.Fatalf("%s: %s: %v", mt.opts.Name, name, err)
	}
	if r != nil {
		if r.phase != "" {
			called := true
			r.once.Do(func() { called = false })
			if !called {
				r = nil
			}
		}
	}
	if r != nil {
		delete(before, r.path)
		delete(mt.pending, r.path)
		m.writtenOver(mt, r.path)
	}
	if stopped {
		m.afterStop(mt, name)
		before = nil
	} else if records {
		clear(mt.only)
	}
	for path, text := range before {
		if records && valid(path, text) {
			if text != "" {
				m.kept[wrote{path, text}] = true
			}
			delete(mt.pending, path)
		} else if got := mt.read(path); got != text {
			m.t.Fatalf("%s: %s: the unrecorded text of %s is gone:\n%q, want\n%q", mt.opts.Name, name, path, got, text)
		}
	}
	now := mt.documents()
	for _, path := range documents {
		if _, ok := mt.pending[path]; !ok {
			mt.shown[path] = now[path]
		}
	}
	if r != nil {
		m.afterRace(mt, name, r)
	}
	if !stopped && (name == "push" || name == "sync") {
		maps.Copy(m.published, mt.keeps())
	}
}

// afterRace finds an edit that was made during a call: it is in its file, beside it,
// or recorded.
func (m *model) afterRace(mt *modelTown, name string, r *race) {
	m.t.Helper()
	edited := false
	status, err := mt.Diff(m.t.Context())
	if err != nil {
		m.t.Fatal(err)
	}
	for _, f := range status {
		edited = edited || f.Path() == r.path
	}
	if mt.read(r.path) == r.text && edited {
		mt.pending[r.path] = r.text
		// The test does not know what gt would show instead, so no step of the
		// history can undo this edit.
		mt.shown[r.path] = "unknown"
		return
	}
	if rescued(mt.files(), r.path, r.text) {
		return
	}
	if !mt.keeps()[wrote{r.path, r.text}] {
		m.t.Fatalf("%s: what was written to %s during %s is gone:\n%q", mt.opts.Name, r.path, name, r.text)
	}
	m.kept[wrote{r.path, r.text}] = true
}

func rescued(files map[string]string, path, text string) bool {
	for name, got := range files {
		if strings.HasPrefix(name, path) && strings.HasSuffix(name, "~") && got == text {
			return true
		}
	}
	return false
}

// keeps is every text of the plane that a person can restore.
func (mt *modelTown) keeps() map[wrote]bool {
	mt.t.Helper()
	kept := map[wrote]bool{}
	err := mt.Read(mt.t.Context(), func(s *federation.Store) error {
		for _, path := range documents {
			past, err := s.History(mt.t.Context(), key(path))
			if err != nil {
				return err
			}
			for _, p := range past {
				kept[wrote{path, p.Text}] = true
			}
		}
		return nil
	})
	if err != nil {
		mt.t.Fatal(err)
	}
	return kept
}

// stopped decides for the person whose directory was stopped, because another one
// publishes as its Town. A directory that shall go on does so after one more decision.
func (m *model) stopped(mt *modelTown, name string, err error, call func(context.Context) error) (bool, error) {
	m.t.Helper()
	if town.Next(err) != InstanceAdvice {
		m.t.Fatalf("%s: %s: %v, next %q", mt, name, err, town.Next(err))
	}
	if mt.silent {
		m.silenced++
		return true, nil
	}
	mt.continues()
	return false, call(m.t.Context())
}

// end makes all files valid, syncs until nothing changes, and checks that nothing is
// lost.
func (m *model) end() {
	m.t.Helper()
	for _, mt := range m.towns {
		for path, text := range mt.pending {
			if !valid(path, text) {
				if mt.shown[path] == "unknown" {
					mt.shown[path] = m.text(path, "1.0.0")
				}
				m.edit(mt, path, mt.shown[path])
			}
		}
	}
	m.decide()
	for range 2 {
		for _, mt := range m.towns {
			m.call(mt, "sync", true, func(ctx context.Context) error {
				_, err := mt.Sync(ctx, Remote{Name: "origin", URL: m.url}, false)
				return err
			})
		}
	}
	first := m.towns[0]
	for _, mt := range m.towns {
		if diff := cmp.Diff(first.documents(), mt.documents()); diff != "" {
			m.t.Errorf("files of %s and %s differ:\n%s", first.opts.Name, mt.opts.Name, diff)
		}
		if diff := cmp.Diff(first.rows(), mt.rows()); diff != "" {
			m.t.Errorf("rows of %s and %s differ:\n%s", first.opts.Name, mt.opts.Name, diff)
		}
		status, err := mt.Status(m.t.Context(), nil)
		if err != nil {
			m.t.Fatal(err)
		}
		if len(status.Edited) > 0 || len(status.Invalid) > 0 || status.Pending {
			m.t.Errorf("%s is not at rest: %+v", mt.opts.Name, status)
		}
		m.inForce(mt)
	}
	kept := first.keeps()
	for _, w := range slices.SortedFunc(maps.Keys(m.kept), func(a, b wrote) int { return strings.Compare(a.path+a.text, b.path+b.text) }) {
		if !kept[w] {
			m.t.Errorf("a text of %s is lost:\n%q", w.path, w.text)
		}
	}
}

// inForce checks that the files show the rows.
func (m *model) inForce(mt *modelTown) {
	m.t.Helper()
	rows := mt.inForceNow()
	if diff := cmp.Diff(rows, mt.documents()); diff != "" {
		m.t.Errorf("%s: rows and files differ:\n%s", mt.opts.Name, diff)
	}
}

// history is a testing.TB whose failures are those of one history, so that rapid can
// look for a shorter one that fails as well.
type history struct {
	testing.TB
	*rapid.T
}

func (h history) Context() context.Context          { return h.TB.Context() }
func (h history) Error(args ...any)                 { h.T.Error(args...) }
func (h history) Errorf(format string, args ...any) { h.T.Errorf(format, args...) }
func (h history) Fail()                             { h.T.Fail() }
func (h history) FailNow()                          { h.T.FailNow() }
func (h history) Failed() bool                      { return h.T.Failed() }
func (h history) Fatal(args ...any)                 { h.T.Fatal(args...) }
func (h history) Fatalf(format string, args ...any) { h.T.Fatalf(format, args...) }
func (h history) Helper()                           { h.T.Helper() }
func (h history) Log(args ...any)                   { h.T.Log(args...) }
func (h history) Logf(format string, args ...any)   { h.T.Logf(format, args...) }
func (h history) Name() string                      { return h.T.Name() }
func (h history) Skip(args ...any)                  { h.T.Skip(args...) }
func (h history) SkipNow()                          { h.T.SkipNow() }
func (h history) Skipf(format string, args ...any)  { h.T.Skipf(format, args...) }
func (h history) Cleanup(f func())                  { h.TB.Cleanup(f) }
func (h history) Output() io.Writer                 { return h.TB.Output() }

// TestHistories lets three Towns edit and sync at random.
func TestHistories(t *testing.T) {
	t.Parallel()
	tpl := makeTemplate(t)
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp("", "history")
		if err != nil {
			rt.Fatal(err)
		}
		defer os.RemoveAll(dir)
		m := tpl.start(history{TB: t, T: rt}, dir)
		for range rapid.IntRange(8, 25).Draw(rt, "steps") {
			m.step(rt)
		}
		m.end()
	})
}
