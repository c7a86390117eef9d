package crash

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gastown/planes/doltdb"
	"gastown/planes/federation"
	"gastown/sync/federate"
	"gastown/town"
	"gastown/town/layout"
)

// machine is a Town whose state is all on disk, so that several processes can use
// it in turn.
type machine struct {
	dir, name string
	layout    layout.Town
	engine    *federate.Engine
}

// storeFile is the part of a Town's configuration that the engine writes.
type storeFile struct{ path string }

type storeNames struct{ UUID, Previous string }

func (f storeFile) Federation() (string, string) {
	var n storeNames
	data, err := os.ReadFile(f.path)
	if err == nil {
		err = json.Unmarshal(data, &n)
	}
	if err != nil {
		panic(err)
	}
	return n.UUID, n.Previous
}

func (f storeFile) SetFederation(uuid, previous string) error {
	data, err := json.Marshal(storeNames{uuid, previous})
	if err != nil {
		return err
	}
	next := fmt.Sprintf("%s.%d", f.path, os.Getpid())
	if err := os.WriteFile(next, data, 0o600); err != nil {
		return err
	}
	return os.Rename(next, f.path)
}

// at is the Town in dir, which other processes may use too.
func at(dir, name string) *machine {
	m := &machine{dir: dir, name: name, layout: layout.Town{Root: dir}}
	m.engine = federate.New(m.options())
	return m
}

func (m *machine) options() federate.Options {
	return federate.Options{
		Env:    os.Environ(),
		Layout: m.layout, ID: town.ID("id-" + m.name), Name: m.name, Actor: m.actor(),
		Stores: storeFile{filepath.Join(m.dir, "store.json")}, Starter: starter(), Command: "crash test",
		// One test has a stranger write rows, which are to arrive.
		Unsigned: federation.UnsignedAccepted,
	}
}

func (m *machine) actor() town.Actor { return town.Actor{Name: m.name, Email: m.name + "@example.com"} }

// paths are the documents of one change, which arrives whole or not at all.
var paths = []string{"roles/mayor.md", "formulas/build.formula.toml", "templates/bug.md"}

func key(path string) town.Key {
	k, err := town.ParsePath(path)
	if err != nil {
		panic(err)
	}
	return k
}

func document(path, body string) string {
	k := key(path)
	switch k.Kind {
	case town.KindRole:
		return fmt.Sprintf("---\nname: %s\ndescription: for tests\n---\n\n%s\n", k.Name, body)
	case town.KindFormula:
		return fmt.Sprintf("formula = %q\nversion = \"1.0.0\"\ndescription = \"for tests\"\n\n[[steps]]\nid = \"one\"\ntitle = %q\n", k.Name, body)
	default:
		return body + "\n"
	}
}

func starter() map[town.Key][]string {
	s := map[town.Key][]string{}
	for _, p := range paths {
		s[key(p)] = []string{document(p, "starter")}
	}
	return s
}

// newMachine makes a Town in dir.
func newMachine(t *testing.T, dir, name string) *machine {
	t.Helper()
	m := at(dir, name)
	if err := os.MkdirAll(filepath.Join(dir, ".gt", "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := (storeFile{filepath.Join(dir, "store.json")}).SetFederation("store-of-"+name, ""); err != nil {
		t.Fatal(err)
	}
	opts := doltdb.Options{Dir: m.layout.Data(layout.Federation), Actor: m.actor(), Command: "crash test"}
	s, err := federation.Create(t.Context(), opts, "store-of-"+name, town.ID("id-"+name))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for k, texts := range starter() {
		m.write(t, k.Path(), texts[0])
	}
	if _, err := m.engine.Commit(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *machine) write(t testing.TB, path, text string) {
	t.Helper()
	if err := m.put(path, text); err != nil {
		t.Fatal(err)
	}
}

func (m *machine) put(path, text string) error {
	full := filepath.Join(m.layout.Files(), path)
	if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
		return err
	}
	return os.WriteFile(full, []byte(text), 0o600)
}

// change gives every document a text that no other change has.
func (m *machine) change(t testing.TB, body string) {
	t.Helper()
	for _, p := range paths {
		m.write(t, p, document(p, body))
	}
}

// do makes one call of the engine by its name.
func (m *machine) do(ctx context.Context, verb, url string) (err error) {
	remote := federate.Remote{Name: "origin", URL: url}
	yes := func(federate.Preview) error { return nil }
	switch verb {
	case "init":
		_, err = m.engine.Init(ctx, remote, yes)
	case "join":
		_, err = m.engine.Join(ctx, remote, yes)
	case "commit":
		_, err = m.engine.Commit(ctx, "")
	case "pull":
		_, err = m.engine.Pull(ctx, remote, false)
	case "push":
		_, err = m.engine.Push(ctx, remote, false)
	case "sync":
		_, err = m.engine.Sync(ctx, remote, false)
	case "repair":
		_, err = m.engine.RepairRemote(ctx, remote, false, func(federate.Repair) error { return nil })
	case "continue":
		_, err = m.engine.ContinueHere(ctx)
	case "start over":
		err = m.engine.StartOver(ctx, []federate.Remote{remote})
	default:
		err = errors.New("unknown call " + verb)
	}
	if err != nil {
		err = fmt.Errorf("%s: %s: %w", m.name, verb, err)
	}
	return err
}

func (m *machine) must(t testing.TB, verb, url string) {
	t.Helper()
	if err := m.do(t.Context(), verb, url); err != nil {
		t.Fatal(err)
	}
}

// plane is the content of a Town's federation plane.
type plane struct {
	head string
	// kept are the texts that a person can restore, by document.
	kept map[string]map[string]bool
	open int // reviews
}

func (m *machine) plane(t testing.TB) plane {
	t.Helper()
	p := plane{kept: map[string]map[string]bool{}}
	err := m.engine.Read(t.Context(), func(s *federation.Store) (err error) {
		if p.head, err = s.Head(t.Context()); err != nil {
			return err
		}
		reviews, err := s.Reviews(t.Context())
		if err != nil {
			return err
		}
		p.open = len(reviews)
		for _, path := range paths {
			past, err := s.History(t.Context(), key(path))
			if err != nil {
				return err
			}
			p.kept[path] = map[string]bool{}
			for _, one := range past {
				p.kept[path][one.Text] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// has counts the documents whose text of a change still exists.
func (p plane) has(body string) (n int) {
	for _, path := range paths {
		if p.kept[path][document(path, body)] {
			n++
		}
	}
	return n
}

// files is the content of federation/, hidden files included.
func (m *machine) files(t testing.TB) map[string]string {
	t.Helper()
	out := map[string]string{}
	root := m.layout.Files()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		out[strings.TrimPrefix(path, root+"/")] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func bare(t testing.TB, dir string) string {
	t.Helper()
	url := filepath.Join(dir, "federation.git")
	git(t, ".", "init", "-q", "--bare", url)
	return url
}

func git(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-C", dir}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}
