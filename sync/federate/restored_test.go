package federate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// part is something of a Town that a person may restore from an older copy.
type part struct {
	name string
	// path is below the Town's directory.
	path string
}

// parts of a Town, each of which can be older than the others.
var parts = []part{
	{"plane", ".gt/data/federation"}, {"notes", ".gt/remotes/origin/sync.json"}, {"index", ".gt/index"},
	{"mirror", ".gt/remotes/origin/mirror"}, {"objects", ".gt/remotes/origin/objects.git"},
	{"mirror state", ".gt/remotes/origin/state.json"}, {"files", "federation"},
}

// copyOf copies a file or a directory; nothing where there is nothing.
func copyOf(t testing.TB, from, to string) {
	t.Helper()
	info, err := os.Lstat(from)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return
	case err == nil && info.IsDir():
		err = os.CopyFS(to, os.DirFS(from))
	case err == nil:
		var text []byte
		if text, err = os.ReadFile(from); err == nil {
			if err = os.MkdirAll(filepath.Dir(to), 0o700); err == nil {
				err = os.WriteFile(to, text, 0o600)
			}
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// backup copies a path of the Town, and returns how to put the copy in its place.
func (tt *testTown) backup(path string) (restore func()) {
	tt.t.Helper()
	saved := filepath.Join(tempDir(tt.t), "saved")
	at := filepath.Join(tt.dir, path)
	copyOf(tt.t, at, saved)
	return func() {
		tt.t.Helper()
		// Once something appeared in it meanwhile; who wrote that is not known.
		for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
			err := os.RemoveAll(at)
			if err == nil {
				break
			}
			if !errors.Is(err, syscall.ENOTEMPTY) || time.Now().After(end) {
				tt.t.Fatal(err)
			}
		}
		copyOf(tt.t, saved, at)
	}
}

// moveOn has the Town publish edits of every kind, and take over those of another.
func moveOn(a, b *testTown, url string) {
	a.t.Helper()
	a.write("roles/mayor.md", role("mayor", "published by alpha"))
	a.write("templates/bug.md", "published by alpha\n")
	a.write("roles/new.md", role("new", "of alpha"))
	a.remove("formulas/build.formula.toml")
	a.push(url)
	b.pull(url)
	b.write("roles/scout.md", role("scout", "of beta"))
	b.write("templates/bug.md", "published by beta\n")
	b.push(url)
	a.sync(url)
}

// quiet checks that a Town in step is told nothing and finds nothing to do.
func (tt *testTown) quiet(url string) {
	tt.t.Helper()
	remote := Remote{Name: "origin", URL: url}
	status, err := tt.Status(tt.t.Context(), []Remote{remote})
	if err != nil {
		tt.t.Fatal(err)
	}
	if r := status.Remotes[0]; r.Ahead != 0 || r.Behind != 0 || r.Older || !status.Clean() || status.Pending {
		tt.t.Errorf("%s: status: %+v", tt.opts.Name, status)
	}
	if out := tt.sync(url); !out.Pulled.UpToDate || !out.Pushed.UpToDate || out.Recorded.Edits != 0 {
		tt.t.Errorf("%s: a sync in step: %+v", tt.opts.Name, out)
	}
}

// takePlace puts a directory in the place of a Town. The engine has one home for the
// process, that of the Town opened last, and may write there at any moment for another
// test; so it tries again.
func takePlace(t testing.TB, next, dir string) {
	t.Helper()
	former := tempDir(t)
	var err error
	for n := range 100 {
		if err = os.Rename(dir, filepath.Join(former, fmt.Sprint(n))); err == nil || errors.Is(err, os.ErrNotExist) {
			if err = os.Rename(next, dir); err == nil {
				return
			}
		}
	}
	t.Fatal(err)
}

// Whatever parts of a Town are older than the others, the next call brings back
// what the remote has. No file counts as a new edit because of it.
func TestOlderParts(t *testing.T) {
	t.Parallel()
	a, b, url := pair(t)
	root := tempDir(t)
	older := filepath.Join(root, "older")
	copyOf(t, a.dir, older)
	moveOn(a, b, url)
	hub := filepath.Join(root, "hub")
	copyOf(t, url, hub)
	newer := filepath.Join(root, "newer")
	copyOf(t, a.dir, newer)
	want, rows := a.files(), a.rows()
	for set := range 1 << len(parts) {
		var names []string
		old := map[string]bool{}
		for i, p := range parts {
			if set>>i&1 == 1 {
				names = append(names, p.name)
				old[p.name] = true
			}
		}
		switch {
		case len(names) == 0, old["files"] && !old["index"] && !old["plane"]:
			continue // older files alone are edits, as of a person who undoes something
		case testing.Short() && len(names) > 1 && set%9 != 0:
			continue
		}
		for _, call := range []string{"sync", "push", "pull", "commit"} {
			if call != "sync" && (len(names) > 1 || testing.Short() && set != 1) {
				continue
			}
			t.Run(strings.Join(names, "+")+" "+call, func(t *testing.T) {
				c := *a
				c.t = t
				copyOf(t, newer, c.dir+"-next")
				for _, p := range parts {
					if old[p.name] {
						to := filepath.Join(c.dir+"-next", p.path)
						if err := os.RemoveAll(to); err != nil {
							t.Fatal(err)
						}
						copyOf(t, filepath.Join(older, p.path), to)
					}
				}
				takePlace(t, c.dir+"-next", c.dir)
				if err := os.RemoveAll(url); err != nil {
					t.Fatal(err)
				}
				copyOf(t, hub, url)
				switch call {
				case "sync":
					if out := c.sync(url); out.Pushed.Attempts > 1 || len(out.Pulled.Kept) > 0 || out.Pulled.Reviews+out.Pushed.Reviews > 0 {
						t.Errorf("%+v", out)
					}
				case "push":
					if out := c.push(url); out.Attempts > 2 {
						t.Errorf("%+v", out)
					}
				case "pull":
					c.pull(url)
				case "commit":
					c.commit()
				}
				c.sync(url)
				for path, text := range want {
					c.want(path, text)
				}
				if got := c.files(); len(got) != len(want) {
					t.Errorf("%d files, want %d", len(got), len(want))
				}
				got := c.rows()
				for table := range rows {
					if len(got[table]) < len(rows[table]) {
						t.Errorf("%s: %q, want %q", table, got[table], rows[table])
					}
				}
				c.quiet(url)
			})
		}
	}
}
