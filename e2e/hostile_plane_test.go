package e2e

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gastown/e2e/internal/depot"
	"gastown/e2e/stockdolt"
	"gastown/planes/doltdb"
	"gastown/planes/operational"
	"gastown/town"
)

// exchangeWords are what a statement needs to name a remote or to move commits.
var exchangeWords = regexp.MustCompile(`(?i)\b(dolt_(remote|remotes|push|pull|fetch|clone|backup|undrop|replicate_\w+|read_replica_\w+)|call|prepare|execute)\b`)

// statement matches beginnings of SQL, and words of it that prose does not contain.
var statement = regexp.MustCompile(`(?i)\bdolt_\w+\s*\(|^\s*(select|insert|update|delete|replace|create|alter|drop|call|set|prepare|execute|with|rename|load|use|grant)\b`)

// No statement of the product outside planes/doltdb names a remote, and no
// package outside it imports the engine (see TestImports).
func TestHostileNoStatementNamesARemote(t *testing.T) {
	statements := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel("..", path) // path lies below
		if d.IsDir() && (slices.Contains(helpers, filepath.ToSlash(name)) || name == ".git" || name == "e2e" || name == "bin" || name == filepath.Join("planes", "doltdb")) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			word, ok := n.(*ast.BasicLit)
			if !ok || word.Kind != token.STRING {
				return true
			}
			text, err := strconv.Unquote(word.Value)
			if err != nil || !statement.MatchString(text) {
				return true
			}
			statements++
			if found := exchangeWords.FindString(text); found != "" && strings.Contains(strings.ToLower(text), "dolt_") {
				t.Errorf("%s:%d: %q in a statement", name, set.Position(word.Pos()).Line, found)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if statements < 30 {
		t.Errorf("only %d statements were looked at", statements)
	}
}

// No method of an operational store takes or returns a remote.
func TestHostileOperationalHasNoMethodForARemote(t *testing.T) {
	shared := reflect.TypeFor[*doltdb.Shared]()
	// These are about merge requests of a rig and results of its checks, which are rows.
	rows := []string{"Merge", "Merges", "MoveMerges", "ForgetBegun", "ForgetFailures"}
	for _, plane := range []reflect.Type{reflect.TypeFor[*operational.Store](), reflect.TypeFor[*doltdb.Local]()} {
		if plane.AssignableTo(shared) {
			t.Errorf("%s is a store that may be exchanged", plane)
		}
		for i := range plane.NumMethod() {
			name := plane.Method(i).Name
			if exchange := regexp.MustCompile(`Fetch|Push|Pull|Remote|Clone|Forget|Merge|Mirror`); exchange.MatchString(name) && !slices.Contains(rows, name) {
				t.Errorf("%s has a method %s", plane, name)
			}
		}
	}
}

// No statement that the store's methods can run adds a remote. A store to which
// another program added a remote is not opened.
func TestHostileOperationalGetsNoRemote(t *testing.T) {
	t.Parallel()
	root := depot.Dir(t)
	outside := filepath.Join(root, "outside")
	opts := doltdb.Options{Dir: filepath.Join(root, "data", "operational"), Actor: town.Actor{Name: "a", Email: "a@example.com"}, Command: "test"}
	created, err := operational.Create(t.Context(), opts, "uuid-1")
	if err == nil {
		err = created.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	// The store gives out no session, and doltdb below it refuses such statements too.
	s, err := doltdb.OpenLocal(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	url := "file://" + outside
	for _, q := range []string{
		"CALL DOLT_REMOTE('add', 'origin', '" + url + "')",
		"call dolt_remote('add', 'origin', '" + url + "')",
		"CALL/**/DOLT_REMOTE('add', 'origin', '" + url + "')",
		"CALL\n\tDOLT_REMOTE('add', 'origin', '" + url + "')",
		"/* x */ CaLl `DOLT_REMOTE`('add', 'origin', '" + url + "')",
		"SELECT 1; CALL DOLT_REMOTE('add', 'origin', '" + url + "')",
		"/*!50000 CALL DOLT_REMOTE('add', 'origin', '" + url + "') */",
		"CALL DOLT_BACKUP('sync-url', '" + url + "')",
		"CALL DOLT_PUSH('" + url + "', 'main')",
		"CALL DOLT_CLONE('" + url + "')",
		"PREPARE p FROM 'CALL DOLT_REMOTE(\\'add\\', \\'origin\\', \\'" + url + "\\')'",
		"CREATE PROCEDURE pr() CALL DOLT_REMOTE('add', 'origin', '" + url + "')",
		"CREATE TRIGGER tr BEFORE INSERT ON meta FOR EACH ROW CALL DOLT_REMOTE('add', 'origin', '" + url + "')",
		"CREATE EVENT ev ON SCHEDULE EVERY 1 SECOND DO CALL DOLT_REMOTE('add', 'origin', '" + url + "')",
		"SELECT DOLT_REMOTE('add', 'origin', '" + url + "')",
		"INSERT INTO dolt_remotes (name, url) VALUES ('origin', '" + url + "')",
		"REPLACE INTO dolt_remotes (name, url, fetch_specs, params) VALUES ('origin', '" + url + "', '[]', '{}')",
		"UPDATE dolt_remotes SET url = '" + url + "'",
		"INSERT INTO dolt_backups (name, url) VALUES ('origin', '" + url + "')",
		"SET @@GLOBAL.dolt_replicate_to_remote = 'origin'",
		"SET @@PERSIST.dolt_replicate_to_remote = 'origin'",
	} {
		refused := 0
		for _, run := range []func(tx *doltdb.Tx) error{
			func(tx *doltdb.Tx) error { _, err := tx.Exec(t.Context(), q); return err },
			func(tx *doltdb.Tx) error { return tx.Each(t.Context(), func(*doltdb.Rows) error { return nil }, q) },
			func(tx *doltdb.Tx) error { var x any; return tx.QueryRow(t.Context(), q).Scan(&x) },
		} {
			if err := s.View(t.Context(), run); err != nil {
				refused++
			}
		}
		// An update finds no row to change.
		if refused < 3 && !strings.HasPrefix(q, "UPDATE") {
			t.Errorf("taken in %d of 3 ways: %s", 3-refused, q)
		}
	}
	// A change after these attempts is not replicated.
	if _, err := s.Update(t.Context(), "after", func(tx *doltdb.Tx) error {
		_, err := tx.Exec(t.Context(), "INSERT INTO meta VALUES ('after', 'x')")
		return err
	}); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if found, _ := filepath.Glob(outside + "*"); len(found) > 0 {
		t.Errorf("%q was written", found)
	}

	// The stock command agrees that there is none, and then adds one.
	stock, err := stockdolt.New(t.Context(), filepath.Join(root, "home"))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := stock.Run(t.Context(), opts.Dir, "remote", "-v"); err != nil || strings.TrimSpace(out) != "" {
		t.Errorf("remotes: %q %v", out, err)
	}
	reopened, err := operational.Open(t.Context(), opts, "uuid-1")
	if err != nil {
		t.Fatal(err)
	}
	if err := reopened.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := stock.Run(t.Context(), opts.Dir, "remote", "add", "origin", url); err != nil {
		t.Fatal(err)
	}
	before := depot.Tree(t, filepath.Join(opts.Dir, ".dolt"))
	if _, err := operational.Open(t.Context(), opts, "uuid-1"); !errors.Is(err, town.ErrRefused) || town.Next(err) == "" {
		t.Errorf("opened although it has a remote: %v [next: %s]", err, town.Next(err))
	}
	after := depot.Tree(t, filepath.Join(opts.Dir, ".dolt"))
	if before["repo_state.json"] != after["repo_state.json"] {
		t.Error("the refused store was changed")
	}
}
