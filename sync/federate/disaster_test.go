package federate

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gastown/planes/federation"
)

// disasters are what befalls a Town beside its work: it is copied aside, put back
// in parts or whole, stopped in the middle of a call, or written to by a program
// that knows the tables and not their rules. Its directory is copied and used in both
// places; then one of the directories goes on, or one becomes another Town.
var disasters = []string{
	"save", "save", "put back plane", "put back plane", "put back .gt", "put back town", "stop", "stop", "sql",
	"copied", "copied", "continue", "new",
}

// saved is a copy of a Town and what its person remembered then.
type saved struct {
	dir            string
	shown, pending map[string]string
}

// disaster is one step of a history that something befalls.
func (m *model) disaster(t *rapid.T) {
	mt := rapid.SampledFrom(m.towns).Draw(t, "town")
	what := rapid.SampledFrom(disasters).Draw(t, "disaster")
	part, putBack := strings.CutPrefix(what, "put back ")
	switch {
	case what == "save":
		m.save(mt)
	case what == "stop":
		m.stop(t, mt)
	case what == "sql":
		m.foreign(t, mt)
	case what == "copied":
		m.copied(mt)
	case what == "continue":
		m.goesOn(mt)
	case what == "new":
		m.becomesNew(mt)
	case putBack && mt.saved != nil:
		m.putBack(mt, part)
	}
}

// save copies a Town aside, in place of its earlier copy.
func (m *model) save(mt *modelTown) {
	m.t.Helper()
	s := &saved{dir: mt.dir + ".saved", shown: maps.Clone(mt.shown), pending: maps.Clone(mt.pending)}
	m.replace(mt.dir, s.dir)
	mt.saved = s
}

// replace puts a copy of a directory in the place of another.
func (m *model) replace(from, to string) {
	m.t.Helper()
	if err := os.RemoveAll(to); err != nil {
		m.t.Fatal(err)
	}
	shell(m.t, "cp", "-a", from, to)
}

// putBack puts the saved copy of a part of a Town in its place. What only that part
// held is lost with it, and what the person remembers changes accordingly.
func (m *model) putBack(mt *modelTown, part string) {
	m.t.Helper()
	inside := map[string]string{"plane": ".gt/data/federation", ".gt": ".gt", "town": "."}[part]
	m.replace(filepath.Join(mt.saved.dir, inside), filepath.Join(mt.dir, inside))
	mt.only = map[string]string{}
	safe := m.held()
	for path, text := range mt.documents() {
		if w := (wrote{path, text}); m.kept[w] && !safe[w] {
			mt.only[path], safe[w] = text, true
		}
	}
	maps.DeleteFunc(m.kept, func(w wrote, _ bool) bool { return !safe[w] })
	if part == "town" {
		mt.shown, mt.pending = maps.Clone(mt.saved.shown), maps.Clone(mt.saved.pending)
		return
	}
	holds := mt.keeps()
	for path := range mt.shown {
		mt.shown[path] = "unknown"
	}
	// Without its plane gt cannot know that a file was removed, and a text that the
	// plane holds is no edit.
	maps.DeleteFunc(mt.pending, func(path, text string) bool { return text == "" || holds[wrote{path, text}] })
}

// held is every text that the remote or the plane of a Town holds, or that a replaced
// plane has left in a file alone.
func (m *model) held() map[wrote]bool {
	m.t.Helper()
	held := maps.Clone(m.published)
	for _, mt := range m.towns {
		maps.Copy(held, mt.keeps())
		for path, text := range mt.only {
			held[wrote{path, text}] = true
		}
	}
	return held
}

// writtenOver notes that somebody wrote over a file whose text a replaced plane had left
// there alone. Where no call recorded it first, gt never had it since and cannot keep it,
// as with any edit that is written over before it is recorded.
func (m *model) writtenOver(mt *modelTown, path string) {
	m.t.Helper()
	w := wrote{path, mt.only[path]}
	if w.text == "" {
		return
	}
	delete(mt.only, path)
	if !m.held()[w] {
		delete(m.kept, w)
	}
}

// stop ends a call of the engine at one of its steps.
func (m *model) stop(t *rapid.T, mt *modelTown) {
	m.t.Helper()
	ctx, cancel := context.WithCancel(m.t.Context())
	defer cancel()
	mt.stopAt, mt.cancel = rapid.SampledFrom([]string{"fetch", "verify", "merge", "record", "write files"}).Draw(t, "phase"), cancel
	defer func() { mt.stopAt, mt.cancel = "", nil }()
	deed := rapid.SampledFrom([]string{"pull", "push", "sync"}).Draw(t, "stopped")
	err := mt.do(ctx, deed, Remote{Name: "origin", URL: m.url})
	if err != nil && ctx.Err() == nil && !errors.Is(err, ErrInstance) {
		m.t.Fatalf("%s: %s: %v", mt, deed, err)
	}
	m.afterStop(mt, deed)
}

// afterStop finds what was not recorded before a call that may have recorded it: it
// is in its file as an edit, or in the plane.
func (m *model) afterStop(mt *modelTown, deed string) {
	m.t.Helper()
	edits, err := mt.Diff(m.t.Context())
	if err != nil {
		m.t.Fatal(err)
	}
	edited := map[string]bool{}
	for _, f := range edits {
		edited[f.Path()] = true
	}
	holds := mt.keeps()
	for path, text := range mt.pending {
		switch {
		case edited[path] && mt.read(path) == text, !valid(path, text) && mt.read(path) == text:
			mt.shown[path] = "unknown"
		case text == "":
			delete(mt.pending, path)
		case holds[wrote{path, text}]:
			m.kept[wrote{path, text}] = true
			delete(mt.pending, path)
		default:
			m.t.Fatalf("%s: %s was stopped, and the text of %s is gone:\n%q", mt, deed, path, text)
		}
	}
	now := mt.documents()
	for _, path := range documents {
		if _, ok := mt.pending[path]; !ok {
			mt.shown[path] = now[path]
		}
	}
}

// foreign writes a row as somebody does who knows SQL and not gt.
func (m *model) foreign(t *rapid.T, mt *modelTown) {
	m.t.Helper()
	path := rapid.SampledFrom([]string{"roles/mayor.md", "roles/new.md", "formulas/build.formula.toml", "formulas/new.formula.toml"}).Draw(t, "row")
	rows := mt.inForceNow()
	if rows[path] == "" {
		return
	}
	k, text := key(path), m.text(path, "1.2.0")
	statement := "UPDATE " + k.Kind.Dir() + " SET text = '" + text + "' WHERE name = '" + k.Name + "'"
	if rapid.Bool().Draw(t, "removes") {
		statement = "DELETE FROM " + k.Kind.Dir() + " WHERE name = '" + k.Name + "'"
	} else {
		m.kept[wrote{path, text}] = true
	}
	mt.sql(statement)
	if _, ok := mt.pending[path]; !ok {
		mt.shown[path] = "unknown"
	}
}

// inForceNow is the text of every row in force, by path.
func (mt *modelTown) inForceNow() map[string]string {
	mt.t.Helper()
	rows := map[string]string{}
	err := mt.Read(mt.t.Context(), func(s *federation.Store) error {
		return s.Changed(mt.t.Context(), "", "HEAD", func(st federation.State) error {
			if !st.Absent {
				rows[st.Path()] = st.Text
			}
			return nil
		})
	})
	if err != nil {
		mt.t.Fatal(err)
	}
	return rows
}

// TestDisasters lets three Towns edit and sync at random while they are put back to
// older copies, stopped and written to by other programs, and while copies of them are
// used beside them. All converge, none stands still, and nothing is lost that was
// published or that its Town still had. Of directories with one identity, only the one
// that a person chose goes on.
func TestDisasters(t *testing.T) {
	t.Parallel()
	tpl := makeTemplate(t)
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp("", "disaster")
		if err != nil {
			rt.Fatal(err)
		}
		defer os.RemoveAll(dir)
		m := tpl.start(history{TB: t, T: rt}, dir)
		for range rapid.IntRange(10, 30).Draw(rt, "steps") {
			if rapid.IntRange(0, 2).Draw(rt, "fate") == 0 {
				m.disaster(rt)
			} else {
				m.step(rt)
			}
		}
		m.end()
	})
}
