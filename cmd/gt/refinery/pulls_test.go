package refinery

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gastown/cmd/gt/install"
	"gastown/cmd/gt/internal/gttest"
	"gastown/cmd/gt/rig"
	"gastown/cmd/internal/host"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/layout"
)

const secret = "ghp_0123456789abcdefSECRET"

// hub is a host with pull requests, as far as the commands use one.
type hub struct {
	mu    sync.Mutex
	pulls []map[string]any
	auth  []string
}

func (h *hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.auth = append(h.auth, r.Header.Get("Authorization"))
	path, _ := strings.CutPrefix(r.URL.Path, "/repos/acme/web/pulls")
	switch {
	case r.Header.Get("Authorization") != "Bearer "+secret:
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"message":"Bad credentials"}`)
	case path == "" && r.Method == http.MethodPost:
		var in map[string]any
		_ = json.NewDecoder(r.Body).Decode(&in)
		end := func(ref any) map[string]any {
			return map[string]any{"ref": ref, "repo": map[string]any{"full_name": "acme/web"}}
		}
		p := map[string]any{"number": len(h.pulls) + 1, "state": "open", "body": in["body"], "head": end(in["head"]), "base": end(in["base"]), "html_url": "https://hub/acme/web/pull/1"}
		h.pulls = append(h.pulls, p)
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(p)
	case path == "":
		_ = json.NewEncoder(w).Encode(append([]map[string]any{}, h.pulls...))
	default:
		_ = json.NewEncoder(w).Encode(h.pulls[0])
	}
}

// With merge: pr a request that passed gets one pull request, lands when somebody squashes
// it, and the token is written nowhere.
func TestPullRequests(t *testing.T) {
	h := &hub{}
	server := httptest.NewServer(h)
	defer server.Close()
	w := gttest.New(t, install.Commands, rig.Commands, Commands)
	now := time.Now()
	w.Now = func() time.Time { return now }
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=N", "GIT_AUTHOR_EMAIL=n@example.org", "GIT_COMMITTER_NAME=N", "GIT_COMMITTER_EMAIL=n@example.org"}
	hand := filepath.Join(w.Dir, "hand")
	git := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("git", args...)
		cmd.Dir, cmd.Env = hand, env
		if _, err := os.Stat(hand); err != nil {
			cmd.Dir = w.Dir
		}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	git("init", "-q", "--bare", "-b", "main", "web.git")
	git("clone", "-q", "web.git", "hand")
	git("commit", "-q", "--allow-empty", "-m", "first")
	git("push", "-q", "origin", "HEAD:main")
	git("checkout", "-q", "-b", "polecat/nux/web-1")
	w.Write("hand/one", "1\n")
	git("add", "-A")
	git("commit", "-q", "-m", "work")
	git("push", "-q", "origin", "polecat/nux/web-1")
	head := git("rev-parse", "HEAD")
	w.Must("install", "alpha")
	w.Must("--town", "alpha", "rig", "add", "web", filepath.Join(w.Dir, "web.git"), "--merge", "pr")
	at := layout.Town{Root: filepath.Join(w.Dir, "alpha")}
	text, err := os.ReadFile(at.RigsConfig())
	if err != nil {
		t.Fatal(err)
	}
	w.Write("alpha/config/rigs.yaml", strings.Replace(string(text), "merge: pr\n", "merge: pr\n    pull_requests: {api: '"+server.URL+"', repository: acme/web, token_env: WEB_TOKEN}\n", 1))
	cfg, err := config.Load(at.Config())
	if err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Open(t.Context(), host.Database(at, cfg, layout.Ledger), cfg.Stores[layout.Ledger])
	if err == nil {
		_, err = l.Create(t.Context(), []ledger.NewBead{{Bead: town.Bead{ID: "web-1", Title: "do it"}}})
		err = errors.Join(err, l.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	w.Operational("alpha", func(o *operational.Store) {
		a, err := o.Assign(t.Context(), operational.Order{Bead: "web-1", Agent: town.PolecatAddress("web", "nux")}, now)
		if err == nil {
			err = o.Submit(t.Context(), a.Ticket, operational.MergeRequest{Branch: "polecat/nux/web-1", Head: head, Target: "main"}, now)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	all := ""
	merge := func(state, says string) {
		t.Helper()
		code, stdout, stderr := w.Run("--town", "alpha", "refinery", "merge")
		_, status, more := w.Run("--town", "alpha", "refinery", "status")
		all += stdout + stderr + status + more
		if code != 0 || !strings.Contains(status, state) || !strings.Contains(status, says) {
			t.Errorf("exit %d, %s\n%s", code, stderr, status)
		}
	}
	merge("offered", "there is no token")
	w.Env = []string{"WEB_TOKEN=wrong"}
	now = now.Add(time.Hour)
	merge("offered", "(401)")
	w.Env = []string{"WEB_TOKEN=" + secret}
	merge("offered", "(401)") // not tried again at once
	now = now.Add(time.Hour)
	merge("offered", "pull request 1 waits to be merged: https://hub/acme/web/pull/1")
	for range 2 {
		now = now.Add(time.Hour)
		merge("offered", "pull request 1")
	}
	git("checkout", "-q", "-B", "main", "origin/main")
	git("merge", "-q", "--squash", "polecat/nux/web-1")
	git("commit", "-q", "-m", "squashed at the host")
	w.Write("hand/one", "and changed since\n")
	git("commit", "-q", "-a", "-m", "changed since")
	git("push", "-q", "origin", "main")
	merge("landed", "as "+git("rev-parse", "HEAD^")[:12])
	if len(h.pulls) != 1 || h.auth[0] != "Bearer wrong" {
		t.Errorf("%d pull requests, %d requests", len(h.pulls), len(h.auth))
	}
	if strings.Contains(all, secret) {
		t.Error("it was printed")
	}
	err = filepath.WalkDir(at.Root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if bytes.Contains(text, []byte(secret)) {
			t.Errorf("the token is in %s", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
