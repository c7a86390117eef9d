package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gastown/e2e/gitserver"
	"gastown/e2e/internal/depot"
	"gastown/sync/federate"
	"gastown/sync/gitcmd"
)

const transportToken = "GT_TRANSPORT_TEST_TOKEN"

// transportSecret is the password of the servers of these tests.
const transportSecret = "correct-horse"

// transport is a way to reach a repository. serve may set the environment of
// this process, as a person's shell would; server is nil for a path.
type transport struct {
	name  string
	serve func(t *testing.T, repo string) (server *gitserver.Server, url string, change []func(*federate.Options))
}

// transportServed starts a server and makes its Env that of this process.
func transportServed(t *testing.T, start func() (*gitserver.Server, error)) *gitserver.Server {
	t.Helper()
	s, err := start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, kv := range s.Env() {
		name, value, _ := strings.Cut(kv, "=")
		t.Setenv(name, value)
	}
	return s
}

// transportGitConfig gives git a configuration of its own.
func transportGitConfig(t *testing.T, text string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gitconfig")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GIT_CONFIG_GLOBAL", path)
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
}

func transports() []transport {
	return []transport{
		{"local path", func(t *testing.T, repo string) (*gitserver.Server, string, []func(*federate.Options)) {
			return nil, repo, nil
		}},
		{"file URL", func(t *testing.T, repo string) (*gitserver.Server, string, []func(*federate.Options)) {
			return nil, "file://" + repo, nil
		}},
		{"HTTPS with a token", func(t *testing.T, repo string) (*gitserver.Server, string, []func(*federate.Options)) {
			transportGitConfig(t, "")
			t.Setenv(transportToken, transportSecret)
			s := transportServed(t, func() (*gitserver.Server, error) {
				return gitserver.HTTP(repo, gitserver.HTTPOptions{Token: transportSecret, TLS: true})
			})
			return s, s.URL(), []func(*federate.Options){func(o *federate.Options) {
				o.TokenEnv, o.TokenHost = transportToken, func(r federate.Remote) string { return strings.Split(r.URL, "/")[2] }
			}}
		}},
		{"HTTP with a credential helper", func(t *testing.T, repo string) (*gitserver.Server, string, []func(*federate.Options)) {
			transportGitConfig(t, "[credential]\n\thelper = \"!f() { test \\\"$1\\\" = get && printf 'username=ada\\\\npassword="+transportSecret+"\\\\n'; }; f\"\n")
			s := transportServed(t, func() (*gitserver.Server, error) {
				return gitserver.HTTP(repo, gitserver.HTTPOptions{User: "ada", Password: transportSecret})
			})
			return s, s.URL(), nil
		}},
		{"SSH", func(t *testing.T, repo string) (*gitserver.Server, string, []func(*federate.Options)) {
			s := transportServed(t, func() (*gitserver.Server, error) { return gitserver.SSH(repo) })
			return s, s.URL(), nil
		}},
	}
}

// Every operation works over every transport, with one connection to the server each
// time, whether there is something to transfer or not.
func TestTransports(t *testing.T) {
	for _, tr := range transports() {
		t.Run(tr.name, func(t *testing.T) {
			repo := depot.Bare(t)
			server, url, change := tr.serve(t, repo)
			root := t.TempDir()
			a := depot.New(t, filepath.Join(root, "a"), "alpha", url, change...)
			b := depot.New(t, filepath.Join(root, "b"), "beta", url, change...)
			// cost runs one operation; at most is the limit on git processes.
			cost := func(what string, exchanges, atMost int64, run func()) {
				t.Helper()
				var before gitserver.Counts
				if server != nil {
					before = server.Counts()
				}
				processes := gitcmd.Processes()
				run()
				processes = gitcmd.Processes() - processes
				if processes > atMost {
					t.Errorf("%s started %d git processes, at most %d are due", what, processes, atMost)
				}
				if server == nil {
					return
				}
				spent := server.Counts().Sub(before)
				if spent.Exchanges != exchanges {
					t.Errorf("%s took %d exchanges, want %d", what, spent.Exchanges, exchanges)
				}
				t.Logf("%s: %d exchanges, %d git processes, %d bytes sent, %d received", what, spent.Exchanges, processes, spent.In, spent.Out)
			}
			// The first contact also lists branches and asks git for its directory.
			cost("init", 3, 5, a.MustInit)
			cost("join", 2, 5, func() { b.MustJoin() })
			cost("pull of a Town's entry", 1, 2, func() { a.MustPull() })
			a.Write("roles/mayor.md", depot.Role("mayor", "edited over "+tr.name))
			cost("push", 1, 2, func() { a.MustPush() })
			cost("push of nothing", 1, 1, func() {
				if out := a.MustPush(); !out.UpToDate {
					t.Errorf("push of nothing: %+v", out)
				}
			})
			cost("pull", 1, 2, func() { b.MustPull() })
			cost("pull of nothing", 1, 1, func() {
				if out := b.MustPull(); !out.UpToDate {
					t.Errorf("pull of nothing: %+v", out)
				}
			})
			nothing := func(what string) {
				cost(what, 1, 1, func() {
					if out := b.MustSync(); !out.Pulled.UpToDate || !out.Pushed.UpToDate {
						t.Errorf("%s: %+v", what, out)
					}
				})
			}
			nothing("sync of nothing")
			b.Write("roles/mayor.md", depot.Role("mayor", "edited again"))
			cost("sync", 2, 3, func() { b.MustSync() })
			nothing("sync of nothing more")
			cost("sync that only takes", 1, 2, func() {
				if out := a.MustSync(); out.Pulled.Documents != 1 || !out.Pushed.UpToDate {
					t.Errorf("%+v", out)
				}
			})
			hostileEqual(t, "files on the other side", a.Files(), b.Files())
			hostileEqual(t, "rows on the other side", a.Rows(), b.Rows())
			transportNoSecret(t, root)
		})
	}
}

// transportNoSecret fails if the password is in a file.
func transportNoSecret(t *testing.T, root string) {
	t.Helper()
	for path, text := range depot.Tree(t, root) {
		if strings.Contains(text, transportSecret) {
			t.Errorf("%s holds the password", path)
		}
	}
}

// The Git repository that tracks a Town's directory is not a federation remote. No
// command contacts its origin.
func TestTransportTownsOwnOriginIsNotContacted(t *testing.T) {
	own := depot.Bare(t)
	server := transportServed(t, func() (*gitserver.Server, error) { return gitserver.HTTP(own, gitserver.HTTPOptions{}) })
	repo := depot.Bare(t)
	root := t.TempDir()
	dir := filepath.Join(root, "a")
	depot.Git(t, root, "", "init", "-q", dir)
	depot.Git(t, dir, "", "remote", "add", "origin", server.URL())
	a := depot.New(t, dir, "alpha", repo)
	if _, err := a.Status(t.Context(), []federate.Remote{a.Remote}); err != nil {
		t.Fatal(err)
	}
	for what, err := range transportAll(t, a) {
		if err == nil {
			t.Errorf("%s worked without init or join", what)
		}
	}
	// The remote is called origin, as in the person's own repository.
	a.MustInit()
	b := depot.New(t, filepath.Join(root, "b"), "beta", repo)
	b.MustJoin()
	a.Write("roles/mayor.md", depot.Role("mayor", "edited"))
	for what, err := range transportAll(t, a) {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if c := server.Counts(); c.Connections != 0 {
		t.Errorf("the Town's own origin was contacted: %+v", c)
	}
	if depot.Git(t, dir, "", "config", "--list", "--local") == "" || depot.Tip(t, own, "refs/") != "" {
		t.Error("the Town's own repository changed")
	}
}

// transportAll runs everything that talks to a remote.
func transportAll(t *testing.T, a *depot.Town) map[string]error {
	t.Helper()
	out := map[string]error{}
	_, out["pull"] = a.Pull(t.Context(), a.Remote, false)
	_, out["pull --dry-run"] = a.Pull(t.Context(), a.Remote, true)
	_, out["push"] = a.Push(t.Context(), a.Remote, false)
	_, out["push --dry-run"] = a.Push(t.Context(), a.Remote, true)
	_, out["sync"] = a.Sync(t.Context(), a.Remote, false)
	return out
}

// Before a person confirms the preview of init or join, no byte of the repository and
// of the Town changes.
func TestTransportNothingLeavesUnconfirmed(t *testing.T) {
	t.Parallel()
	repo := depot.Bare(t)
	root := t.TempDir()
	a := depot.New(t, filepath.Join(root, "a"), "alpha", repo)
	a.Write("roles/own.md", depot.Role("own", "alpha's own"))
	no := fmt.Errorf("not confirmed")
	empty := depot.Tree(t, repo)
	var seen federate.Preview
	if _, err := a.Init(t.Context(), a.Remote, func(p federate.Preview) error {
		seen = p
		hostileEqual(t, "the repository, while init asks,", empty, depot.Tree(t, repo))
		return no
	}); err == nil || !strings.Contains(err.Error(), no.Error()) {
		t.Errorf("init: %v", err)
	}
	if len(seen.Documents) != 4 || seen.Member.Name != "alpha" || seen.Remote != a.Remote || len(seen.Authors) == 0 {
		t.Errorf("init previewed %+v", seen)
	}
	for what, err := range transportAll(t, a) {
		if err == nil {
			t.Errorf("%s worked although init was not confirmed", what)
		}
	}
	hostileEqual(t, "the empty repository", empty, depot.Tree(t, repo))

	a.MustInit()
	full := depot.Tree(t, repo)
	b := depot.New(t, filepath.Join(root, "b"), "beta", repo)
	b.Write("roles/own.md", depot.Role("own", "beta's own"))
	b.Write("templates/more.txt", "more\n")
	rows, files := b.Rows(), b.Files()
	_, err := b.Join(t.Context(), b.Remote, func(p federate.Preview) error {
		seen = p
		hostileEqual(t, "the repository, while join asks,", full, depot.Tree(t, repo))
		return no
	})
	if err == nil || !strings.Contains(err.Error(), no.Error()) {
		t.Errorf("join: %v", err)
	}
	if len(seen.Documents) != 2 || seen.Member.Name != "beta" || seen.Arrives != 4 {
		t.Errorf("join previewed %+v", seen)
	}
	for what, err := range transportAll(t, b) {
		if err == nil {
			t.Errorf("%s worked although join was not confirmed", what)
		}
	}
	hostileEqual(t, "the repository", full, depot.Tree(t, repo))
	hostileEqual(t, "files", files, b.Files())
	after := b.Rows()
	for table := range rows { // recorded, but not published
		if table != "roles" && table != "templates" && fmt.Sprint(rows[table]) != fmt.Sprint(after[table]) {
			t.Errorf("table %s changed: %v, was %v", table, after[table], rows[table])
		}
	}
	// A confirmation holds for one address only.
	other := depot.Bare(t)
	a.Remote.URL = other
	before := depot.Tree(t, other)
	for what, err := range transportAll(t, a) {
		if err == nil {
			t.Errorf("%s with another address than the one confirmed worked", what)
		}
	}
	hostileEqual(t, "the other repository", before, depot.Tree(t, other))
}
