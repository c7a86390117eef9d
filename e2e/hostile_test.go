package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gastown/e2e/internal/depot"
	"gastown/planes/doltdb"
	"gastown/sync/federate"
	"gastown/sync/gitcmd"
	"gastown/sync/gitremote"
	"gastown/town"
)

// hostileStore is a remote that a Town must refuse. It is made from a sound store,
// either by SQL that the stock dolt command runs or as a commit built by hand.
type hostileStore struct {
	name string
	kind error
	sql  []string
	tree func(t *testing.T, repo, sound string) (commit string)
	// joins means that the test tries no join: a new Town cannot tell the store from a
	// sound federation, or the join would only take as long again.
	joins bool
}

func hostileStores() []hostileStore {
	sql := func(name string, kind error, statements ...string) hostileStore {
		return hostileStore{name: name, kind: kind, sql: statements}
	}
	refused := func(name string, statements ...string) hostileStore { return sql(name, town.ErrRefused, statements...) }
	edit := func(k town.Kind, name string) string {
		e := town.Edit{Key: town.Key{Kind: k, Name: name}, Text: "x\n", Revision: 1, Town: "id-x", Author: "x"}
		switch k {
		case town.KindFormula:
			e.Version = "1.0.0"
		case town.KindTemplate:
			e.Version = "1"
		}
		return depot.Insert(e)
	}
	var list []hostileStore
	for what, name := range map[string]string{
		"that climbs": "../../x", "that is absolute": "/tmp/x", "with NUL": "a\x00b", "in another case": "Mayor",
		"that is empty": "", "that is hidden": ".x", "with a line break": "a\nb", "with an escape": "a\x1b[2Jb",
	} {
		list = append(list, refused("role name "+what, edit(town.KindRole, name)))
	}
	for _, k := range []town.Kind{town.KindFormula, town.KindTemplate} {
		list = append(list, refused(string(k)+" name that climbs", edit(k, "../../../x")))
	}
	p := town.Proposal{Key: town.Key{Kind: town.KindRole, Name: "../x"}, Base: "b", Text: "x", Revision: 1, Town: "id-x", Author: "x"}
	proposal := func(p town.Proposal, id town.Digest) string {
		return fmt.Sprintf("INSERT INTO proposals VALUES (%s, %s, %s, 0, %s, %s, %d, %s, %s)", depot.Quote(string(id)), depot.Quote(string(p.Kind)),
			depot.Quote(p.Name), depot.Quote(p.Base), depot.Quote(p.Text), p.Revision, depot.Quote(string(p.Town)), depot.Quote(p.Author))
	}
	strange := p
	strange.Key = town.Key{Kind: "roles", Name: "build"}
	archive := func(kind, name, text string, digest town.Digest) string {
		return fmt.Sprintf("INSERT INTO archive VALUES (%s, %s, %s, '1.0.0', %s)", depot.Quote(kind), depot.Quote(name), depot.Quote(string(digest)), depot.Quote(text))
	}
	id := strings.Repeat("a", 64)
	list = append(list,
		refused("proposal name that climbs", proposal(p, p.ID())),
		refused("proposal that does not hash to its id", proposal(p, town.Digest(id))),
		refused("proposal of no kind", proposal(strange, strange.ID())),
		refused("archived name that climbs", archive("role", "../x", "x", town.ContentDigest("x"))),
		refused("archived text that does not hash", archive("role", "mayor", "x", town.Digest(id))),
		refused("archived text of no kind", archive("roles", "mayor", "x", town.ContentDigest("x"))),
		refused("resolution that does not hash to its id", "INSERT INTO resolutions VALUES ('"+id+"', '"+id+"', 'ours', '', 'id-x', 'x')"),
		refused("town name that climbs", "INSERT INTO towns (id, name, revision) VALUES ('id-x', '../x', 1)"),
		refused("town id with an escape", "INSERT INTO towns (id, name, revision) VALUES (CONCAT('id', CHAR(27), '[2J'), 'x', 1)"),
		refused("town instance that climbs", "INSERT INTO towns VALUES ('id-x', 'x', 1, '../x', 0, 0)"),
		refused("town epoch at the end of numbers", "INSERT INTO towns (id, name, revision, epoch) VALUES ('id-x', 'x', 1, 18446744073709551615)"),
		refused("town revision at the end of numbers", "INSERT INTO towns (id, name, revision) VALUES ('id-x', 'x', 18446744073709551615)"),
		refused("role of 100 MiB", "UPDATE roles SET text = REPEAT('x', 104857600)"),
		refused("archived text of 2 MiB", "INSERT INTO archive VALUES ('role', 'mayor', '"+id+"', '', REPEAT('x', 2097152))"),
		refused("text with NUL", "UPDATE roles SET text = CONCAT('a', CHAR(0))"),
		refused("author with an escape", "UPDATE roles SET author = CONCAT('x', CHAR(27), '[2J')"),
		refused("revision at the end of numbers", "UPDATE roles SET revision = 18446744073709551615"),
		refused("issue number zero", "UPDATE templates SET version = 0"),
		sql("another store", doltdb.ErrOtherStore, "UPDATE meta SET v = 'uuid-of-nobody'").joined(),
		sql("no identity", doltdb.ErrOtherStore, "DELETE FROM meta"),
		refused("an identity with an escape", "UPDATE meta SET v = CONCAT('x', CHAR(27), '[2J')"),
		refused("one more row of meta", "INSERT INTO meta VALUES ('surprise', 'x')"),
		sql("newer schema", doltdb.ErrNewerSchema, "INSERT INTO schema_migrations VALUES (5, 'later', '"+id+"')"),
		refused("schema of another program", "UPDATE schema_migrations SET checksum = '"+id+"'"),
		refused("schema with another name", "UPDATE schema_migrations SET name = CONCAT('x', CHAR(27), '[2J')"),
		refused("schema steps with a gap", "UPDATE schema_migrations SET version = 7 WHERE version = 2"),
		refused("older schema", "DELETE FROM schema_migrations"),
		refused("no record of the schema", "DROP TABLE schema_migrations"),
		refused("table gone", "DROP TABLE archive"),
		refused("table renamed", "RENAME TABLE archive TO attic"),
		refused("extra table", "CREATE TABLE extra (k INT PRIMARY KEY)"),
		refused("extra column", "ALTER TABLE roles ADD COLUMN extra INT DEFAULT 0"),
		refused("column gone", "ALTER TABLE roles DROP COLUMN author"),
		refused("column of another type", "ALTER TABLE roles MODIFY COLUMN author VARCHAR(1000) NOT NULL"),
		refused("column that may be NULL", "ALTER TABLE roles MODIFY COLUMN author VARCHAR(255)"),
		refused("key gone", "ALTER TABLE roles DROP PRIMARY KEY"),
		refused("extra index", "CREATE INDEX by_author ON roles (author)"),
		refused("extra constraint", "ALTER TABLE roles ADD CONSTRAINT c CHECK (revision < 5)"),
		refused("foreign key", "CREATE INDEX i ON roles (name); ALTER TABLE formulas ADD CONSTRAINT f FOREIGN KEY (name) REFERENCES roles (name)",
			"SET @@dolt_force_transaction_commit = 1").unchecked(),
		refused("default", "ALTER TABLE roles ALTER COLUMN author SET DEFAULT 'x'"),
		refused("collation", "ALTER TABLE roles COLLATE utf8mb4_0900_ai_ci"),
		refused("collation of the database", "ALTER DATABASE COLLATE utf8mb4_0900_ai_ci"),
		refused("view", "CREATE VIEW v AS SELECT * FROM roles"),
		refused("trigger", "CREATE TRIGGER tr BEFORE INSERT ON roles FOR EACH ROW SET NEW.author = 'me'"),
		refused("procedure", "CREATE PROCEDURE pr() SELECT 1"),
		refused("event", "CREATE EVENT ev ON SCHEDULE EVERY 1 DAY DO SELECT 1"),
		refused("dolt_ignore", "INSERT INTO dolt_ignore VALUES ('roles', true)"),
		refused("dolt_docs", "INSERT INTO dolt_docs VALUES ('LICENSE.md', 'x')"),
		refused("saved query", "INSERT INTO dolt_query_catalog VALUES ('x', 1, 'x', 'SELECT 1', 'x')"),
	)
	return append(list, hostileTrees()...)
}

func (h hostileStore) joined() hostileStore { h.joins = true; return h }

// unchecked lets the workshop write a foreign key that rows break.
func (h hostileStore) unchecked() hostileStore {
	h.sql = append([]string{"SET foreign_key_checks = 0"}, h.sql...)
	return h
}

// hostileTrees are built from the files of a sound store.
func hostileTrees() []hostileStore {
	manifest := func(change func(t *testing.T, text string) string) func(*testing.T, string, string) string {
		return func(t *testing.T, repo, sound string) string {
			dir := hostileCopy(t, sound)
			hostileEdit(t, filepath.Join(dir, "manifest"), func(b []byte) []byte { return []byte(change(t, string(b))) })
			return depot.CommitDir(t, repo, dir)
		}
	}
	table := func(change func(b []byte) []byte) func(*testing.T, string, string) string {
		return func(t *testing.T, repo, sound string) string {
			dir := hostileCopy(t, sound)
			hostileEdit(t, hostileTable(t, dir), change)
			return depot.CommitDir(t, repo, dir)
		}
	}
	flip := func(at func(size int) int) func(*testing.T, string, string) string {
		return table(func(b []byte) []byte { b[at(len(b))] ^= 0x40; return b })
	}
	field := func(n int, value string) func(*testing.T, string) string {
		return func(t *testing.T, text string) string {
			f := strings.Split(text, ":")
			f[n] = value
			return strings.Join(f, ":")
		}
	}
	return []hostileStore{
		{name: "no Dolt tree", kind: gitremote.ErrNotDolt, tree: func(t *testing.T, repo, _ string) string {
			return depot.CommitTree(t, repo, "100644 blob "+depot.Git(t, repo, "# hello", "hash-object", "-w", "--stdin")+"\tREADME.md\n")
		}},
		{name: "truncated manifest", kind: gitremote.ErrCorrupt, tree: manifest(func(_ *testing.T, text string) string { return text[:len(text)-8] })},
		{name: "manifest of 1 GiB", kind: gitremote.ErrTooLarge, joins: true, tree: func(t *testing.T, repo, _ string) string {
			return depot.CommitTree(t, repo, "100644 blob "+hostileBlob(t, repo, 1<<30)+"\tmanifest\n")
		}},
		{name: "manifest that names a path", kind: gitremote.ErrCorrupt, tree: manifest(field(5, "../../../../../../../../../tmp/x"))},
		{name: "manifest with a root that is not there", tree: manifest(field(3, strings.Repeat("v", 32)))},
		{name: "manifest with no root", tree: manifest(field(3, strings.Repeat("0", 32)))},
		{name: "missing table file", kind: gitremote.ErrCorrupt, tree: func(t *testing.T, repo, sound string) string {
			dir := hostileCopy(t, sound)
			if err := os.Remove(hostileTable(t, dir)); err != nil {
				t.Fatal(err)
			}
			return depot.CommitDir(t, repo, dir)
		}},
		{name: "altered chunk", kind: gitremote.ErrCorrupt, tree: flip(func(n int) int { return n / 3 })},
		{name: "altered first byte", kind: gitremote.ErrCorrupt, tree: flip(func(int) int { return 0 })},
		{name: "altered address", kind: gitremote.ErrCorrupt, tree: flip(func(n int) int { return n - 400 })},
		{name: "altered index", kind: gitremote.ErrCorrupt, tree: flip(func(n int) int { return n - 900 })},
		{name: "altered end", kind: gitremote.ErrCorrupt, tree: flip(func(n int) int { return n - 1 })},
		{name: "truncated table file", kind: gitremote.ErrCorrupt, tree: table(func(b []byte) []byte { return b[:len(b)/2] })},
		{name: "table file of another kind", kind: gitremote.ErrCorrupt, tree: table(func(b []byte) []byte { return bytes.Repeat([]byte{0xff}, len(b)) })},
	}
}

func hostileCopy(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

func hostileEdit(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, change(b), 0o600); err != nil {
		t.Fatal(err)
	}
}

// hostileTable is the largest table file of a store.
func hostileTable(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	name, size := "", int64(0)
	for _, e := range entries {
		if info, err := e.Info(); err == nil && len(strings.TrimSuffix(e.Name(), ".darc")) == 32 && info.Size() > size {
			name, size = e.Name(), info.Size()
		}
	}
	return filepath.Join(dir, name)
}

// hostileBlob writes a blob of so many zeros without holding them.
func hostileBlob(t *testing.T, repo string, size int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "zeros")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(size), f.Close()); err != nil {
		t.Fatal(err)
	}
	return depot.Git(t, repo, "", "-c", "core.compression=1", "hash-object", "-w", "--no-filters", path)
}

// hostileSound adds one template to the branch before it, as a Town would.
func hostileSound(n int) town.Edit {
	return town.Edit{Key: town.Key{Kind: town.KindTemplate, Name: fmt.Sprintf("sound-%d.txt", n)}, Text: fmt.Sprintf("sound %d\n", n),
		Version: "1", Revision: 1, Town: "id-alpha", Author: "alpha"}
}

// A pull and a join refuse every hostile remote with one clear error. They change no
// row and no file, and they accept the next sound state.
func TestHostileRemotes(t *testing.T) {
	t.Parallel()
	repo := depot.Bare(t)
	root := depot.Dir(t)
	a := depot.New(t, filepath.Join(root, "a"), "alpha", repo)
	a.MustInit()
	member := depot.New(t, filepath.Join(root, "b"), "beta", repo)
	member.MustJoin()
	stranger := depot.New(t, filepath.Join(root, "c"), "gamma", repo)

	list := hostileStores()
	shop := depot.NewWorkshop(t, "git+file://"+repo)
	var script strings.Builder
	bad, good := make([]string, len(list)), make([]string, len(list))
	for i, h := range list {
		sound := fmt.Sprintf("sound%d", i)
		from := fmt.Sprintf("sound%d", i-1)
		if i == 0 {
			from = "main"
		}
		good[i] = shop.NewDir(sound)
		script.WriteString(depot.Branch(sound, from, depot.Insert(hostileSound(i))) + shop.Send(sound, good[i]))
		if h.tree == nil {
			name := fmt.Sprintf("bad%d", i)
			bad[i] = shop.NewDir(name)
			script.WriteString(depot.Branch(name, from, h.sql...) + shop.Send(name, bad[i]))
		}
	}
	shop.SQL(script.String())

	rows, files := member.Rows(), member.Files()
	strangerRows, strangerFiles := stranger.Rows(), stranger.Files()
	for i, h := range list {
		t.Run(h.name, func(t *testing.T) {
			var commit string
			if h.tree != nil {
				commit = h.tree(t, repo, good[i])
			} else {
				commit = depot.CommitDir(t, repo, bad[i])
			}
			depot.Git(t, repo, "", "update-ref", depot.Ref, commit)

			pull := func() error {
				_, err := member.With(t).Pull(t.Context(), member.Remote, false)
				return err
			}
			// The next case begins from the state that this one leaves.
			defer func() {
				if t.Failed() {
					rows, files = member.Rows(), member.Files()
				}
			}()
			hostileRefusal(t, "pull", h.kind, pull())
			hostileEqual(t, "files", files, member.With(t).Files())
			if !h.joins {
				hostileJoin(t, stranger.With(t), h.kind)
			}
			hostileEqual(t, "files of a Town that could not join", strangerFiles, stranger.With(t).Files())

			depot.Git(t, repo, "", "update-ref", depot.Ref, depot.CommitDir(t, repo, good[i]))
			member := member.With(t)
			if out := member.MustPull(); out.Documents != 1 || len(out.Notes) != 0 {
				t.Errorf("the next sound state: %+v", out)
			}
			e := hostileSound(i)
			files[e.Path()] = e.Text
			rows["templates"] = append(rows["templates"], fmt.Sprintf("%s|1|%s|0|%s|1|id-alpha|alpha", e.Name, e.Text, e.Digest()))
			slices.Sort(rows["templates"])
			hostileEqual(t, "files after the next sound state", files, member.Files())
			hostileEqual(t, "rows after the next sound state", rows, member.Rows())
		})
	}
	hostileEqual(t, "rows of a Town that could not join", strangerRows, stranger.Rows())
	if out := stranger.MustJoin(); out.Store != a.Store() {
		t.Errorf("the join after all that: %+v", out)
	}
	member.MustPull()
	hostileEqual(t, "files of both in the end", member.Files(), stranger.Files())
	if kept, _ := filepath.Glob(filepath.Join(stranger.Dir, ".gt", "retired", "*")); len(kept) != 1 {
		t.Errorf("the Town's own former store should be kept, and nothing a remote sent: %q", kept)
	}
}

// hostileJoin expects that a join fails before its preview.
func hostileJoin(t *testing.T, stranger *depot.Town, kind error) {
	t.Helper()
	store := stranger.Store()
	_, err := stranger.Join(t.Context(), stranger.Remote, func(federate.Preview) error {
		t.Error("join got as far as a preview")
		return errors.New("not confirmed")
	})
	hostileRefusal(t, "join", kind, err)
	if stranger.Store() != store {
		t.Errorf("the Town's store is %q now", stranger.Store())
	}
}

// hostileRefusal checks an error as people see it.
func hostileRefusal(t *testing.T, what string, kind, err error) {
	t.Helper()
	switch {
	case err == nil:
		t.Errorf("%s took it", what)
		return
	case kind != nil && !errors.Is(err, kind):
		t.Errorf("%s: want %v, got %v", what, kind, err)
	case town.Next(err) == "":
		t.Errorf("%s: no next step: %v", what, err)
	case strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' || r == 0x7f }) || len(err.Error()) > 1500:
		t.Errorf("%s: not fit to print: %q", what, town.Clip(err.Error(), 2000))
	case strings.Contains(err.Error(), "stopped unexpectedly"):
		t.Errorf("%s: the engine panicked: %v", what, err)
	case errors.Is(err, gitcmd.ErrURL):
		t.Errorf("%s: %v", what, err)
	}
	t.Logf("%s: %v [next: %s]", what, err, town.Next(err))
}

func hostileEqual[V any](t *testing.T, what string, want, got map[string]V) {
	t.Helper()
	if diff := cmp.Diff(maps.Clone(want), got); diff != "" {
		t.Errorf("%s changed:\n%s", what, diff)
	}
}
