package hook

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gastown/cmd/gt/install"
	"gastown/cmd/gt/internal/gttest"
	"gastown/cmd/gt/rig"
	"gastown/cmd/internal/shell"
	"gastown/planes/operational"
	"gastown/sync/gitcmd"
	"gastown/town"
	"gastown/town/layout"
	rigs "gastown/town/rig"
)

var gitEnv = []string{"HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=Nux", "GIT_AUTHOR_EMAIL=nux@example.com",
	"GIT_COMMITTER_NAME=Nux", "GIT_COMMITTER_EMAIL=nux@example.com"}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env = dir, append([]string{"PATH=" + os.Getenv("PATH")}, gitEnv...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// A branch without a commit of its own is no change, also when the target moved on. A
// merge request says where its branch left the target.
func TestDoneKnowsWhatChanged(t *testing.T) {
	w := gttest.New(t, install.Commands, rig.Commands, Commands)
	w.Env = append(w.Env, gitEnv...)
	seed, url := filepath.Join(w.Dir, "seed"), filepath.Join(w.Dir, "web.git")
	git(t, w.Dir, "init", "-q", "-b", "main", seed)
	git(t, seed, "commit", "-q", "--allow-empty", "-m", "first")
	git(t, w.Dir, "clone", "-q", "--bare", seed, url)
	w.Must("install", "alpha")
	w.Must("--town", "alpha", "rig", "add", "web", url)
	root := filepath.Join(w.Dir, "alpha")
	nux := town.Address{Kind: town.Polecat, Rig: "web", Name: "nux"}
	w.Operational("alpha", func(s *operational.Store) {
		if _, err := s.Assign(t.Context(), operational.Order{Bead: "web-a1", Agent: nux}, time.Now()); err != nil {
			t.Fatal(err)
		}
	})
	where := layout.Town{Root: root}
	yard := &rigs.Yard{Dir: where.Rigs(), File: where.RigsConfig(), Lock: where.Lock, Git: gitcmd.Options{Env: w.Invocation().Env}}
	r, err := yard.Open("web")
	if err != nil {
		t.Fatal(err)
	}
	box, err := r.Prepare(t.Context(), rigs.Want{Name: "nux", Branch: nux.Branch("web-a1")})
	if err != nil {
		t.Fatal(err)
	}
	git(t, seed, "commit", "-q", "--allow-empty", "-m", "second")
	git(t, seed, "push", "-q", url, "main")
	if err := r.Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.Env = append(w.Env, "GT_ROLE=web/polecats/nux", "GT_RUN=1")
	if code, _, stderr := w.Run("--town", "alpha", "done"); code != shell.ExitRefused || !strings.Contains(stderr, "there is no commit on polecat/nux/web-a1 that main does not have") {
		t.Errorf("no change: exit %d: %s", code, stderr)
	}
	refusedWith := func(what, want string) {
		t.Helper()
		if _, _, stderr := w.Run("--town", "alpha", "done"); !strings.Contains(stderr, want) || strings.Contains(stderr, "session is over") {
			t.Errorf("%s: %s", what, stderr)
		}
	}
	refusedWith("no change", "next: commit your work")
	git(t, box.Dir, "checkout", "-q", "-b", "other")
	refusedWith("another branch", "next: git switch polecat/nux/web-a1 && git merge "+box.Base[:12])
	git(t, box.Dir, "checkout", "-q", "--detach")
	refusedWith("no branch", "git switch polecat/nux/web-a1 && git merge "+box.Base[:12])
	git(t, box.Dir, "checkout", "-q", "polecat/nux/web-a1")
	if err := os.Rename(box.Dir, box.Dir+"-away"); err != nil {
		t.Fatal(err)
	}
	refusedWith("no sandbox", "next: gt handoff")
	if err := os.Rename(box.Dir+"-away", box.Dir); err != nil {
		t.Fatal(err)
	}
	git(t, box.Dir, "commit", "-q", "--allow-empty", "-m", "work")
	code, stdout, stderr := w.Run("--town", "alpha", "done", "--json")
	var out handedIn
	if err := json.Unmarshal([]byte(stdout), &out); code != 0 || err != nil || out.Base != box.Base || out.Head != git(t, box.Dir, "rev-parse", "HEAD") {
		t.Errorf("exit %d: %+v, want the base %s: %v %s", code, out, box.Base, err, stderr)
	}
	w.Operational("alpha", func(s *operational.Store) {
		work, err := s.Work(t.Context())
		if err != nil || len(work.Merges) != 1 || work.Merges[0].Base != box.Base {
			t.Errorf("%+v: %v", work.Merges, err)
		}
	})
}
