package stockdolt

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gastown/e2e/gitserver"
)

func stock(t *testing.T) *Runner {
	t.Helper()
	r, err := New(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func must(t *testing.T, r *Runner, dir string, args ...string) string {
	t.Helper()
	out, err := r.Run(t.Context(), dir, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Two stock databases exchange rows through a bare Git repository, as a local
// path and through servers.
func TestThroughGit(t *testing.T) {
	for name, reach := range map[string]func(t *testing.T, repo string) (url string, env []string){
		"path": func(_ *testing.T, repo string) (string, []string) { return "git+file://" + repo, nil },
		"http": func(t *testing.T, repo string) (string, []string) {
			return served(t, repo, func(repo string) (*gitserver.Server, error) {
				return gitserver.HTTP(repo, gitserver.HTTPOptions{})
			})
		},
		"ssh": func(t *testing.T, repo string) (string, []string) { return served(t, repo, gitserver.SSH) },
	} {
		t.Run(name, func(t *testing.T) {
			repo := filepath.Join(t.TempDir(), "depot.git")
			if err := gitserver.Bare(t.Context(), repo, gitserver.BareOptions{FirstCommit: true}); err != nil {
				t.Fatal(err)
			}
			url, env := reach(t, repo)
			r := stock(t).With(env...)

			first := filepath.Join(t.TempDir(), "first")
			if err := os.Mkdir(first, 0o700); err != nil {
				t.Fatal(err)
			}
			must(t, r, first, "init")
			must(t, r, first, "sql", "-q", "CREATE TABLE words (word VARCHAR(40) PRIMARY KEY)")
			must(t, r, first, "sql", "-q", "INSERT INTO words VALUES ('hello')")
			must(t, r, first, "commit", "-A", "-m", "a word")
			must(t, r, first, "remote", "add", "origin", url)
			must(t, r, first, "push", "origin", "main")

			parent := t.TempDir()
			must(t, r, parent, "clone", url, "second")
			second := filepath.Join(parent, "second")
			must(t, r, second, "sql", "-q", "INSERT INTO words VALUES ('world')")
			must(t, r, second, "commit", "-A", "-m", "another word")
			must(t, r, second, "push", "origin", "main")

			must(t, r, first, "pull", "origin", "main")
			got := must(t, r, first, "sql", "-r", "csv", "-q", "SELECT word FROM words ORDER BY word")
			if got != "word\nhello\nworld\n" {
				t.Errorf("after a pull the first database holds %q", got)
			}
		})
	}
}

func served(t *testing.T, repo string, serve func(string) (*gitserver.Server, error)) (string, []string) {
	t.Helper()
	s, err := serve(repo)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if got := s.Counts(); got.Exchanges < 3 {
			t.Errorf("the server saw %+v", got)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return "git+" + s.URL(), s.Env()
}

func TestIsolated(t *testing.T) {
	r := stock(t)
	list := must(t, r, r.Home, "config", "--global", "--list")
	for _, want := range []string{"metrics.disabled = true", "user.email = stock@localhost"} {
		if !strings.Contains(list, want) {
			t.Errorf("the global settings lack %q:\n%s", want, list)
		}
	}
	if got := must(t, r, r.Home, "version"); !strings.Contains(got, "dolt version 2.2.0") {
		t.Errorf("version is %q", got)
	}
	if _, err := r.Run(t.Context(), r.Home, "status"); err == nil {
		t.Error("status succeeded without a database")
	} else if !strings.Contains(err.Error(), "dolt status: exit status") {
		t.Errorf("error is %v", err)
	}
}

// Builds that start at the same time produce one file, and a finished one is not
// rebuilt. The remains of an interrupted build do no harm.
func TestBuildOnce(t *testing.T) {
	cache := t.TempDir()
	name, err := binaryName(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(cache, name+".unfinished"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	var paths [3]string
	var wait sync.WaitGroup
	for i := range paths {
		wait.Go(func() {
			var err error
			if paths[i], err = Build(t.Context(), cache); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if t.Failed() {
		return
	}
	want := filepath.Join(cache, name)
	for _, path := range paths {
		if path != want {
			t.Errorf("built %s, want %s", path, want)
		}
	}
	built, err := os.Stat(want)
	if err != nil {
		t.Fatal(err)
	}
	if built.Mode().Perm()&0o100 == 0 || time.Since(built.ModTime()) > time.Hour {
		t.Errorf("what was built is %v of %v", built.Mode(), built.ModTime())
	}
	if _, err := Build(t.Context(), cache); err != nil {
		t.Fatal(err)
	}
	if again, err := os.Stat(want); err != nil || !os.SameFile(built, again) {
		t.Errorf("built again: %v", err)
	}
	if entries, err := os.ReadDir(cache); err != nil || len(entries) != 2 {
		t.Errorf("the cache holds %v, want the command and its lock (%v)", entries, err)
	}
	// A cancelled wait returns an error and builds nothing.
	if _, err := Build(canceled(t), cache); err == nil {
		t.Error("a build with a cancelled context succeeded")
	}
}

func TestNameFollowsVersion(t *testing.T) {
	base := nameOf("v1.0.0", "go1.26")
	for _, other := range []string{nameOf("v1.0.1", "go1.26"), nameOf("v1.0.0", "go1.27")} {
		if other == base {
			t.Errorf("different versions share the name %s", base)
		}
	}
	if base != nameOf("v1.0.0", "go1.26") {
		t.Error("the name is not stable")
	}
}

func canceled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
