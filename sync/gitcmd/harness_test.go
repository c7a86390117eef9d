package gitcmd

import (
	"io"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

const testRef = "refs/dolt/data"

func git(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=t", "-c", "user.email=t@example.org"}, args...)...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func bareRepo(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "remote.git")
	git(t, "/", "init", "-q", "--bare", "-b", "main", dir)
	return dir
}

// here returns this test's environment for Options.Env, with additions.
func here(add ...string) []string { return append(os.Environ(), add...) }

// open makes a Repo that runs git in the environment the test has now.
func open(t testing.TB, opts Options) *Repo {
	t.Helper()
	if opts.Env == nil {
		opts.Env = here()
	}
	r, err := Init(filepath.Join(t.TempDir(), "cache.git"), opts)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// commitOf stores a commit with one file and returns its id.
func commitOf(t testing.TB, r *Repo, parent, content string) string {
	t.Helper()
	imp := r.Import(t.Context())
	defer imp.Discard()
	id, err := imp.Blob(int64(len(content)), strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	c, err := imp.Commit(CommitSpec{Ref: "refs/gt/test", Parent: parent, AuthorName: "Ada", AuthorEmail: "ada@example.org",
		When: time.Unix(1700000000, 0), Message: "m", Entries: []Entry{{ModeFile, "file", id}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := imp.Close(); err != nil {
		t.Fatal(err)
	}
	return c
}

// serve offers a repository over HTTP. It wants the password unless that is
// empty, and counts exchanges of refs.
func serve(t testing.TB, repo, password string) (url string, exchanges *atomic.Int64) {
	t.Helper()
	path, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	git(t, repo, "config", "http.receivepack", "true")
	h := &cgi.Handler{Path: filepath.Join(strings.TrimSpace(string(path)), "git-http-backend"),
		Env: []string{"GIT_PROJECT_ROOT=" + filepath.Dir(repo), "GIT_HTTP_EXPORT_ALL=1"}, InheritEnv: []string{"PATH"}, Stderr: io.Discard}
	exchanges = new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, p, _ := r.BasicAuth(); p != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		if strings.HasSuffix(r.URL.Path, "/info/refs") {
			exchanges.Add(1)
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL + "/" + filepath.Base(repo), exchanges
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
