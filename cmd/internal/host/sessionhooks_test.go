package host

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"gastown/cmd/internal/shell"
)

// The hooks stand in a linked working tree, git shows no change, and a file that the
// repository has stays as it is.
func TestInstallHooks(t *testing.T) {
	dir := t.TempDir()
	repo, tree := filepath.Join(dir, "repo"), filepath.Join(dir, "tree")
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b"}
	git := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("git", args...)
		cmd.Env, cmd.Dir = env, dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
		return string(out)
	}
	git("init", "-q", repo)
	if err := os.MkdirAll(filepath.Join(repo, ".codex"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(repo, ".codex/hooks.json"), []byte("{}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	git("-C", repo, "add", "-A")
	git("-C", repo, "commit", "-q", "-m", "x")
	git("-C", repo, "worktree", "add", "-q", tree)
	h := &Host{call: &shell.Call{Invocation: &shell.Invocation{Env: env, Self: "/opt/gt"}}}
	for preset, changes := range map[string]bool{"claude": true, "codex": false, "amp": false, "opencode": true} {
		done, err := h.InstallHooks(t.Context(), tree, preset)
		if err != nil || done.Changed != changes || preset == "codex" && done.Left == "" {
			t.Errorf("%s: %+v, %v", preset, done, err)
		}
	}
	if status := git("-C", tree, "status", "--porcelain"); status != "" {
		t.Errorf("git shows %s", status)
	}
}
