package federate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gastown/e2e/gitserver"
	"gastown/planes/doltdb"
	"gastown/planes/federation"
	"gastown/sync/gitremote"
	"gastown/town"
	"gastown/town/layout"
)

// The refs of most remotes in these tests.
var (
	dataRef   = gitremote.SpaceDolt.Data()
	ledgerRef = gitremote.SpaceDolt.Ledger()
)

// memoryStores is the part of a Town's configuration the engine writes.
type memoryStores struct {
	mu             sync.Mutex
	uuid, previous string
}

func (m *memoryStores) Federation() (string, string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.uuid, m.previous
}

func (m *memoryStores) SetFederation(uuid, previous string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.uuid, m.previous = uuid, previous
	return nil
}

// testTown is a Town for tests: real database, real files, real Git.
type testTown struct {
	*Engine
	t      testing.TB
	dir    string
	stores *memoryStores
}

func role(name, body string) string {
	return fmt.Sprintf("---\nname: %s\ndescription: a role for tests\n---\n\n%s\n", name, body)
}

func formula(name, version, body string) string {
	return fmt.Sprintf("formula = %q\nversion = %q\ndescription = \"for tests\"\n\n[[steps]]\nid = \"one\"\ntitle = %q\n", name, version, body)
}

func key(path string) town.Key {
	k, err := town.ParsePath(path)
	if err != nil {
		panic(err)
	}
	return k
}

// newTown makes a Town with one role, one formula and one template as starter content.
func newTown(t testing.TB, dir, name string) *testTown {
	t.Helper()
	starter := map[town.Key][]string{
		key("roles/mayor.md"):              {role("mayor", "starter")},
		key("formulas/build.formula.toml"): {formula("build", "1.0.0", "starter")},
		key("templates/bug.md"):            {"starter\n"},
	}
	tt := &testTown{t: t, dir: dir, stores: &memoryStores{uuid: "uuid-of-" + name}}
	tt.Engine = New(Options{
		Env:    os.Environ(),
		Layout: layout.Town{Root: dir}, ID: town.ID("id-" + name), Name: name,
		Actor:  town.Actor{Name: name, Email: name + "@example.com"},
		Stores: tt.stores, Starter: starter, Command: "test",
		// Many tests write rows by SQL. Those of package federation, and TestHistories, have
		// documents that must be signed.
		Unsigned: federation.UnsignedAccepted,
	})
	fresh(t, name, tt.database(), func(opts doltdb.Options) (io.Closer, error) {
		return federation.Create(t.Context(), opts, tt.stores.uuid, tt.opts.ID)
	})
	for k, texts := range starter {
		tt.write(k.Path(), texts[0])
	}
	tt.commit()
	return tt
}

func (tt *testTown) path(rel string) string { return filepath.Join(tt.dir, "federation", rel) }

func (tt *testTown) write(rel, text string) {
	tt.t.Helper()
	if err := os.MkdirAll(filepath.Dir(tt.path(rel)), 0o700); err != nil {
		tt.t.Fatal(err)
	}
	if err := os.WriteFile(tt.path(rel), []byte(text), 0o600); err != nil {
		tt.t.Fatal(err)
	}
}

func (tt *testTown) remove(rel string) {
	tt.t.Helper()
	if err := os.Remove(tt.path(rel)); err != nil {
		tt.t.Fatal(err)
	}
}

func (tt *testTown) read(rel string) string {
	tt.t.Helper()
	data, err := os.ReadFile(tt.path(rel))
	if errors.Is(err, os.ErrNotExist) {
		return ""
	}
	if err != nil {
		tt.t.Fatal(err)
	}
	return string(data)
}

func (tt *testTown) want(rel, text string) {
	tt.t.Helper()
	if got := tt.read(rel); got != text {
		tt.t.Errorf("%s: %s is\n%q, want\n%q", tt.opts.Name, rel, got, text)
	}
}

func (tt *testTown) commit() Recorded {
	tt.t.Helper()
	out, err := tt.Commit(tt.t.Context(), "")
	if err != nil {
		tt.t.Fatalf("%s: commit: %v", tt.opts.Name, err)
	}
	return out
}

func yes(Preview) error { return nil }

func (tt *testTown) init(url string) {
	tt.t.Helper()
	if _, err := tt.Init(tt.t.Context(), Remote{Name: "origin", URL: url}, yes); err != nil {
		tt.t.Fatalf("%s: init: %v", tt.opts.Name, err)
	}
}

func (tt *testTown) join(url string) Joined {
	tt.t.Helper()
	out, err := tt.Join(tt.t.Context(), Remote{Name: "origin", URL: url}, yes)
	if err != nil {
		tt.t.Fatalf("%s: join: %v", tt.opts.Name, err)
	}
	return out
}

func (tt *testTown) push(url string) Pushed {
	tt.t.Helper()
	out, err := tt.Push(tt.t.Context(), Remote{Name: "origin", URL: url}, false)
	if err != nil {
		tt.t.Fatalf("%s: push: %v", tt.opts.Name, err)
	}
	return out
}

func (tt *testTown) pull(url string) Pulled {
	tt.t.Helper()
	out, err := tt.Pull(tt.t.Context(), Remote{Name: "origin", URL: url}, false)
	if err != nil {
		tt.t.Fatalf("%s: pull: %v", tt.opts.Name, err)
	}
	return out
}

func (tt *testTown) sync(url string) Synced {
	tt.t.Helper()
	out, err := tt.Sync(tt.t.Context(), Remote{Name: "origin", URL: url}, false)
	if err != nil {
		tt.t.Fatalf("%s: sync: %v", tt.opts.Name, err)
	}
	return out
}

// files is the content of federation/, by path.
func (tt *testTown) files() map[string]string {
	tt.t.Helper()
	out := map[string]string{}
	root := filepath.Join(tt.dir, "federation")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		data, err := os.ReadFile(path)
		out[rel] = string(data)
		return err
	})
	if err != nil {
		tt.t.Fatal(err)
	}
	return out
}

// rows is every row of every table, as text.
func (tt *testTown) rows() map[string][]string {
	tt.t.Helper()
	out := map[string][]string{}
	db, err := doltdb.OpenShared(tt.t.Context(), tt.database())
	if err != nil {
		tt.t.Fatal(err)
	}
	err = db.View(tt.t.Context(), func(tx *doltdb.Tx) error {
		for table, columns := range map[string]string{
			"roles": "name, text, digest, revision, town, author", "formulas": "name, version, text, digest, revision, town, author",
			"templates": "name, version, text, deleted, digest, revision, town, author", "archive": "kind, name, digest, version, text",
			"proposals": "id, kind, name, removal, base, text, revision, town, author", "towns": "id, name, revision, instance",
			"resolutions": "id, proposal, outcome, result, town, author", "meta": "k, v",
		} {
			rows, err := dump(tt.t.Context(), tx, "SELECT CONCAT_WS('|', "+columns+") FROM "+table+" ORDER BY 1")
			if err != nil {
				return err
			}
			out[table] = rows
		}
		return nil
	})
	if err := errors.Join(err, db.Close()); err != nil {
		tt.t.Fatal(err)
	}
	return out
}

func dump(ctx context.Context, tx *doltdb.Tx, query string) (rows []string, err error) {
	err = tx.Each(ctx, func(r *doltdb.Rows) error {
		var line string
		err := r.Scan(&line)
		rows = append(rows, line)
		return err
	}, query)
	return rows, err
}

func bare(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(tempDir(t), "federation.git")
	if out, err := exec.Command("git", "init", "-q", "--bare", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir
}

// served serves a repository over HTTP.
func served(t testing.TB, repo string) *gitserver.Server {
	t.Helper()
	server, err := gitserver.HTTP(repo, gitserver.HTTPOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return server
}

func contains(list []string, part string) bool {
	for _, s := range list {
		if strings.Contains(s, part) {
			return true
		}
	}
	return false
}

// confirmed is nil when a person agreed to exchange with the remote.
func (tt *testTown) confirmed(remote Remote) error {
	return (&session{Engine: tt.Engine, remote: remote}).confirmed()
}

// counting counts how often a step ends.
func (tt *testTown) counting(step string, n *int) func(string, time.Duration) {
	return func(ended string, _ time.Duration) {
		if ended == step {
			*n++
		}
	}
}
