package depot

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gastown/e2e/stockdolt"
	"gastown/town"
)

// Ref is the ref that Towns read.
const Ref = "refs/dolt/data"

// Git runs git in dir and returns what it printed.
func Git(t testing.TB, dir, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", append([]string{"-c", "user.name=t", "-c", "user.email=t@example.org"}, args...)...)
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader(stdin)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// Bare makes a bare repository without any branch.
func Bare(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "federation.git")
	Git(t, os.TempDir(), "", "init", "-q", "--bare", "-b", "main", dir)
	return dir
}

// Tip is the commit on a ref of a repository; "" when there is none.
func Tip(t testing.TB, repo, ref string) string {
	t.Helper()
	return Git(t, repo, "", "for-each-ref", "--format=%(objectname)", ref)
}

// CommitDir makes a commit of the regular files in dir, without a parent.
func CommitDir(t testing.TB, repo, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var tree strings.Builder
	for _, e := range entries {
		if e.Type().IsRegular() && e.Name() != "LOCK" {
			id := Git(t, repo, "", "hash-object", "-w", "--no-filters", filepath.Join(dir, e.Name()))
			fmt.Fprintf(&tree, "100644 blob %s\t%s\n", id, e.Name())
		}
	}
	return CommitTree(t, repo, tree.String())
}

// CommitTree makes a commit of a tree, given in the format of git mktree.
func CommitTree(t testing.TB, repo, lines string) string {
	t.Helper()
	return Git(t, repo, "", "commit-tree", "-m", "from the workshop", Git(t, repo, lines, "mktree", "--missing"))
}

// Workshop is a database that belongs to the stock dolt command.
type Workshop struct {
	Stock *stockdolt.Runner
	// DB is the database's directory.
	DB string

	t     testing.TB
	dir   string
	shops int
}

// NewWorkshop clones the federation at url, with options of dolt clone, or begins an
// empty database when url is "".
func NewWorkshop(t testing.TB, url string, options ...string) *Workshop {
	t.Helper()
	dir := t.TempDir()
	stock, err := stockdolt.New(t.Context(), filepath.Join(dir, "home"))
	if err != nil {
		t.Fatal(err)
	}
	w := &Workshop{Stock: stock, DB: filepath.Join(dir, "shop"), t: t, dir: dir}
	if url != "" {
		w.run(dir, append(append([]string{"clone"}, options...), url, "shop")...)
		return w
	}
	if err := os.Mkdir(w.DB, 0o700); err != nil {
		t.Fatal(err)
	}
	w.run(w.DB, "init")
	return w
}

func (w *Workshop) run(dir string, args ...string) string {
	w.t.Helper()
	out, err := w.Stock.Run(w.t.Context(), dir, args...)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// Dolt runs the stock command in the database.
func (w *Workshop) Dolt(args ...string) string {
	w.t.Helper()
	return w.run(w.DB, args...)
}

// SQL runs a script.
func (w *Workshop) SQL(script string) string {
	w.t.Helper()
	out, err := w.TrySQL(script)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// TrySQL runs a script that may fail.
func (w *Workshop) TrySQL(script string) (string, error) {
	w.t.Helper()
	path := filepath.Join(w.dir, "script.sql")
	if err := os.WriteFile(path, []byte(script), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return w.Stock.Run(w.t.Context(), w.DB, "sql", "--file", path, "-r", "csv")
}

// Branch is the SQL that makes a branch from another, with changes committed.
func Branch(name, from string, statements ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "CALL DOLT_CHECKOUT('-b', '%s', '%s');\n", name, from)
	for _, s := range statements {
		b.WriteString(s + ";\n")
	}
	fmt.Fprintf(&b, "CALL DOLT_COMMIT('-A', '-f', '--allow-empty', '-m', '%s');\n", name)
	return b.String()
}

// Send is the SQL that writes a branch as main into the file remote dir.
func (w *Workshop) Send(branch, dir string) string {
	w.shops++
	name := fmt.Sprintf("shop%d", w.shops)
	return fmt.Sprintf("CALL DOLT_REMOTE('add', '%s', 'file://%s');\nCALL DOLT_PUSH('%s', '%s:main');\n", name, dir, name, branch)
}

// NewDir is an empty directory for Send.
func (w *Workshop) NewDir(name string) string {
	w.t.Helper()
	dir := filepath.Join(w.dir, "sent-"+name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		w.t.Fatal(err)
	}
	return dir
}

// Quote makes text an SQL literal.
func Quote(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`, "\x00", `\0`).Replace(text) + "'"
}

// Insert is the SQL for a document as a Town writes it.
func Insert(e town.Edit) string {
	version, deleted := "", ""
	if e.Kind == town.KindFormula {
		version = Quote(e.Version) + ", "
	} else if e.Kind == town.KindTemplate {
		version, deleted = e.Version+", ", "0, "
	}
	return fmt.Sprintf("REPLACE INTO %s VALUES (%s, %s%s, %s%s, %d, %s, %s)", e.Kind.Dir(), Quote(e.Name), version, Quote(e.Text), deleted,
		Quote(string(e.Digest())), e.Revision, Quote(string(e.Town)), Quote(e.Author))
}
