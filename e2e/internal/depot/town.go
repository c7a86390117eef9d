// Package depot makes what a Town may meet in a repository: whole Towns with real
// databases, files and git; stores written by the stock dolt command; and trees put
// on a ref byte by byte.
package depot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"gastown/planes/doltdb"
	"gastown/planes/federation"
	"gastown/sync/federate"
	"gastown/town"
	"gastown/town/layout"
)

// Town is a Town for tests.
type Town struct {
	*federate.Engine
	Dir  string
	Name string
	// Remote is the name of the remote that Init, Join, Push, Pull and Sync use.
	Remote federate.Remote

	t      testing.TB
	stores *stores
}

// stores stands in for the configuration file.
type stores struct {
	mu             sync.Mutex
	uuid, previous string
}

func (s *stores) Federation() (string, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.uuid, s.previous
}

func (s *stores) SetFederation(uuid, previous string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.uuid, s.previous = uuid, previous
	return nil
}

// Role, Formula and Template return documents that parse.
func Role(name, body string) string {
	return fmt.Sprintf("---\nname: %s\ndescription: a role for tests\n---\n\n%s\n", name, body)
}

// Formula is a formula with one step.
func Formula(name, version, title string) string {
	return fmt.Sprintf("formula = %q\nversion = %q\ndescription = \"for tests\"\n\n[[steps]]\nid = \"one\"\ntitle = %q\n", name, version, title)
}

// Starter has the documents that every Town begins with.
func Starter() map[town.Key][]string {
	return map[town.Key][]string{
		{Kind: town.KindRole, Name: "mayor"}:      {Role("mayor", "starter")},
		{Kind: town.KindFormula, Name: "build"}:   {Formula("build", "1.0.0", "starter")},
		{Kind: town.KindTemplate, Name: "bug.md"}: {"starter\n"},
	}
}

// New makes a Town in dir, which must not exist or must be empty. change adjusts
// the engine's options.
func New(t testing.TB, dir, name, url string, change ...func(*federate.Options)) *Town {
	t.Helper()
	tt := &Town{Dir: dir, Name: name, Remote: federate.Remote{Name: "origin", URL: url}, t: t, stores: &stores{uuid: "uuid-of-" + name}}
	tt.Engine = federate.New(tt.options(change))
	at := tt.database()
	if err := os.MkdirAll(filepath.Dir(at.Dir), 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := federation.Create(t.Context(), at, tt.stores.uuid, tt.id())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for k, texts := range Starter() {
		tt.Write(k.Path(), texts[0])
	}
	if _, err := tt.Commit(t.Context(), ""); err != nil {
		t.Fatalf("%s: commit: %v", name, err)
	}
	return tt
}

// Pair makes two Towns, alpha and beta, that are in the federation of a new repository.
// Alpha has not pulled since beta joined.
func Pair(t testing.TB) (alpha, beta *Town, repo string) {
	t.Helper()
	root := Dir(t)
	repo = Bare(t)
	alpha = New(t, filepath.Join(root, "a"), "alpha", repo)
	alpha.MustInit()
	beta = New(t, filepath.Join(root, "b"), "beta", repo)
	beta.MustJoin()
	return alpha, beta, repo
}

// database says how to open the federation plane.
func (tt *Town) database() doltdb.Options {
	return doltdb.Options{Dir: layout.Town{Root: tt.Dir}.Data(layout.Federation), Actor: tt.actor(), Command: "test"}
}

// SQL changes rows of the federation plane without gt, as a person with the stock
// command could.
func (tt *Town) SQL(query string) {
	tt.t.Helper()
	tt.open(func(db *doltdb.Shared) error {
		_, err := db.Update(tt.t.Context(), "by hand", func(tx *doltdb.Tx) error {
			_, err := tx.Exec(tt.t.Context(), query)
			return err
		})
		return err
	})
}

// open runs fn with the database of the federation plane open.
func (tt *Town) open(fn func(*doltdb.Shared) error) {
	tt.t.Helper()
	db, err := doltdb.OpenShared(tt.t.Context(), tt.database())
	if err != nil {
		tt.t.Fatal(err)
	}
	if err := errors.Join(fn(db), db.Close()); err != nil {
		tt.t.Fatal(err)
	}
}

func (tt *Town) id() town.ID { return town.ID("id-" + tt.Name) }

func (tt *Town) actor() town.Actor {
	return town.Actor{Name: tt.Name, Email: tt.Name + "@example.com"}
}

func (tt *Town) options(change []func(*federate.Options)) federate.Options {
	o := federate.Options{
		Env:    os.Environ(),
		Layout: layout.Town{Root: tt.Dir}, ID: tt.id(), Name: tt.Name, Actor: tt.actor(),
		Stores: tt.stores, Starter: Starter(), Command: "test",
		// Many tests have the stock command write documents that arrive at once.
		Unsigned: federation.UnsignedAccepted,
	}
	for _, c := range change {
		c(&o)
	}
	return o
}

// With returns the same Town with other options.
func (tt *Town) With(t testing.TB, change ...func(*federate.Options)) *Town {
	other := *tt
	other.t = t
	other.Engine = federate.New(tt.options(change))
	return &other
}

// Store is the UUID of the Town's store.
func (tt *Town) Store() string { uuid, _ := tt.stores.Federation(); return uuid }

// Yes confirms every preview.
func Yes(federate.Preview) error { return nil }

// MustInit and the four functions below fail the test on an error.
func (tt *Town) MustInit() {
	tt.t.Helper()
	if _, err := tt.Init(tt.t.Context(), tt.Remote, Yes); err != nil {
		tt.t.Fatalf("%s: init: %v", tt.Name, err)
	}
}

func (tt *Town) MustJoin() federate.Joined {
	tt.t.Helper()
	out, err := tt.Join(tt.t.Context(), tt.Remote, Yes)
	if err != nil {
		tt.t.Fatalf("%s: join: %v", tt.Name, err)
	}
	return out
}

func (tt *Town) MustPush() federate.Pushed {
	tt.t.Helper()
	out, err := tt.Push(tt.t.Context(), tt.Remote, false)
	if err != nil {
		tt.t.Fatalf("%s: push: %v", tt.Name, err)
	}
	return out
}

func (tt *Town) MustPull() federate.Pulled {
	tt.t.Helper()
	out, err := tt.Pull(tt.t.Context(), tt.Remote, false)
	if err != nil {
		tt.t.Fatalf("%s: pull: %v", tt.Name, err)
	}
	return out
}

func (tt *Town) MustSync() federate.Synced {
	tt.t.Helper()
	out, err := tt.Sync(tt.t.Context(), tt.Remote, false)
	if err != nil {
		tt.t.Fatalf("%s: sync: %v", tt.Name, err)
	}
	return out
}

func (tt *Town) path(rel string) string { return filepath.Join(tt.Dir, "federation", rel) }

// Write writes a file below federation/.
func (tt *Town) Write(rel, text string) {
	tt.t.Helper()
	if err := os.MkdirAll(filepath.Dir(tt.path(rel)), 0o700); err != nil {
		tt.t.Fatal(err)
	}
	if err := os.WriteFile(tt.path(rel), []byte(text), 0o600); err != nil {
		tt.t.Fatal(err)
	}
}

// Read reads a file below federation/; "" when there is none.
func (tt *Town) Read(rel string) string {
	tt.t.Helper()
	data, err := os.ReadFile(tt.path(rel))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		tt.t.Fatal(err)
	}
	return string(data)
}

// Files is the content of federation/, by path.
func (tt *Town) Files() map[string]string {
	tt.t.Helper()
	return Tree(tt.t, filepath.Join(tt.Dir, "federation"))
}

// Tree is the content of every file below dir, by path; large files are represented
// by their digest.
func Tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(dir, path) // path is below dir
		data, err := os.ReadFile(path)
		if len(data) > 4096 {
			sum := sha256.Sum256(data)
			data = []byte("sha256 " + hex.EncodeToString(sum[:]))
		}
		out[rel] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// columns are the columns that Rows shows of each table of the federation plane.
var columns = map[string]string{
	"roles": "name, text, digest, revision, town, author", "formulas": "name, version, text, digest, revision, town, author",
	"templates": "name, version, text, deleted, digest, revision, town, author", "archive": "kind, name, digest, version, text",
	"proposals": "id, kind, name, removal, base, text, revision, town, author", "towns": "id, name, revision",
	"resolutions": "id, proposal, outcome, result, town, author", "meta": "k, v", "schema_migrations": "version, name, checksum",
}

// Rows is every row of every table of the federation plane as text, and the
// list of tables.
func (tt *Town) Rows() map[string][]string {
	tt.t.Helper()
	out := map[string][]string{}
	tt.open(func(db *doltdb.Shared) error {
		return db.View(tt.t.Context(), func(tx *doltdb.Tx) error {
			for table, list := range columns {
				if err := lines(tt.t.Context(), tx, out, table, "SELECT CONCAT_WS('|', "+list+") FROM "+table+" ORDER BY 1"); err != nil {
					return err
				}
			}
			return lines(tt.t.Context(), tx, out, "tables", "SHOW TABLES")
		})
	})
	return out
}

func lines(ctx context.Context, tx *doltdb.Tx, out map[string][]string, name, query string) error {
	out[name] = []string{}
	return tx.Each(ctx, func(r *doltdb.Rows) error {
		var line string
		err := r.Scan(&line)
		out[name] = append(out[name], line)
		return err
	}, query)
}

// Head is the commit at the tip of the Town's federation plane.
func (tt *Town) Head() (head string) {
	tt.t.Helper()
	err := tt.Engine.Read(tt.t.Context(), func(s *federation.Store) (err error) {
		head, err = s.Head(tt.t.Context())
		return err
	})
	if err != nil {
		tt.t.Fatal(err)
	}
	return head
}

// Has reports whether one of the lines contains part.
func Has(lines []string, part string) bool {
	for _, l := range lines {
		if strings.Contains(l, part) {
			return true
		}
	}
	return false
}

// Dir is a directory for Towns of a test, removed when the test ends. Dolt has one home
// for the process, that of the Town opened last, and may write there while another test
// removes that Town. What is left then is a few bytes in the temporary directory.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "depot")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
