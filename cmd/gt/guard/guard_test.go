package guard

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gastown/cmd/gt/install"
	"gastown/cmd/gt/internal/gttest"
	"gastown/cmd/internal/shell"
)

// sandbox makes a Town with a sandbox as a rig has it: a working tree that is linked to a
// clone, on the polecat's branch.
func sandbox(t *testing.T, w gttest.Towns) (dir string) {
	t.Helper()
	w.Must("install", "alpha")
	dir = filepath.Join(w.Dir, "alpha/rigs/web/polecats/nux")
	git := filepath.Join(w.Dir, "alpha/rigs/web/repo.git/worktrees/nux")
	for _, d := range []string{dir, git} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	w.Write("alpha/rigs/web/polecats/nux/.git", "gitdir: "+git+"\n")
	w.Write("alpha/rigs/web/repo.git/worktrees/nux/HEAD", "ref: refs/heads/polecat/nux/web-a1\n")
	w.Write("alpha/config/rigs.yaml", "rigs:\n  - name: web\n    url: /srv/web.git\n    prefix: web\n    branch: trunk\n")
	return dir
}

func TestGuard(t *testing.T) {
	w := gttest.New(t, install.Commands, Commands)
	dir := sandbox(t, w)
	hook := func(stdin string, args ...string) (int, string, string) {
		t.Helper()
		var out, errors bytes.Buffer
		i := w.Invocation(append([]string{"guard"}, args...)...)
		i.Dir, i.Stdin, i.Stdout, i.Stderr = dir, strings.NewReader(stdin), &out, &errors
		return w.Program(i).Prepare().Run(t.Context()), out.String(), errors.String()
	}
	claude := func(command string) string {
		return `{"hook_event_name":"PreToolUse","tool_name":"Bash","tool_input":{"command":"` + command + `"}}`
	}
	for name, c := range map[string]struct {
		stdin        string
		exit         int
		stdout, told string // "" is nothing
	}{
		"the rig's target":  {claude("git push origin trunk"), 0, `"permissionDecision":"deny"`, ""},
		"main is no target": {claude("git push origin main"), 0, "", ""},
		"its own bead":      {claude("bd close web-a1"), 0, "gt done", ""},
		"another bead":      {claude("bd close web-b"), 0, "", ""},
		"allowed":           {claude("go test ./..."), 0, "", ""},
		"a file":            {`{"hook_event_name":"PreToolUse","tool_name":"Write","tool_input":{"file_path":"../ace/x"}}`, 0, "deny", ""},
		"cursor":            {`{"hook_event_name":"beforeShellExecution","command":"ls"}`, 0, `{"permission":"allow"}`, ""},
		"opencode":          {`{"tool_name":"bash","tool_input":{"command":"tmux kill-server"}}`, 2, "", "gt guard refuses this (end sessions)"},
		"not understood":    {claude("echo 'x"), 0, "", "does not understand it: a quote does not end"},
		"no JSON":           {"{", 0, "", "does not understand the hook"},
		"nothing":           {"", 0, "", "does not understand the hook"},
	} {
		exit, stdout, stderr := hook(c.stdin)
		if exit != c.exit || !strings.Contains(stdout, c.stdout) || (c.stdout == "") != (stdout == "") || !strings.Contains(stderr, c.told) || (c.told == "") != (stderr == "") {
			t.Errorf("%s: exit %d: %q, %q", name, exit, stdout, stderr)
		}
	}
	if exit, _, stderr := hook("", "git push origin trunk"); exit != shell.ExitRefused || !strings.Contains(stderr, "next: commit on your own branch and run: gt done") {
		t.Errorf("exit %d: %s", exit, stderr)
	}
	if exit, stdout, _ := hook("", "git push"); exit != 0 || stdout != "allowed\n" {
		t.Errorf("exit %d: %s", exit, stdout)
	}
	if exit, stdout, _ := hook("", "--rules"); exit != 0 || !strings.Contains(stdout, "forced push (every agent)") {
		t.Errorf("exit %d: %s", exit, stdout)
	}
	// A person's own session is not guarded.
	dir = w.Dir
	if exit, stdout, stderr := hook(claude("tmux kill-server")); exit != 0 || stdout+stderr != "" {
		t.Errorf("exit %d: %s%s", exit, stdout, stderr)
	}
	if exit, _, _ := hook("", "tmux kill-server"); exit != shell.ExitUsage {
		t.Errorf("exit %d", exit)
	}
}
