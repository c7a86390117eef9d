package refinery

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gastown/e2e/script"
	"gastown/planes/operational"
	"gastown/sync/gitcmd"
	"gastown/town"
	"gastown/town/rig"
)

func git(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Nux", "GIT_AUTHOR_EMAIL=nux@example.org", "GIT_COMMITTER_NAME=Nux", "GIT_COMMITTER_EMAIL=nux@example.org"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v in %s: %v\n%s", args, dir, err, out)
	}
	return strings.TrimSpace(string(out))
}

// place is a rig with a real clone and real checks; its rows are those of a world.
type place struct {
	*world
	remote string
	hand   string // a person's clone
	rig    *rig.Rig
	run    *Runner
	checks []rig.Check
	cache  string // where checks keep what they like to find again
}

func newPlace(t testing.TB, script string) *place {
	t.Helper()
	dir := t.TempDir()
	p := &place{world: newWorld(), remote: filepath.Join(dir, "web.git"), hand: filepath.Join(dir, "hand"), run: runner(t)}
	p.world.now = time.Now()
	git(t, dir, "init", "-q", "--bare", "-b", "main", "web.git")
	git(t, dir, "clone", "-q", "web.git", "hand")
	p.byHand(t, "a", "a\n")
	for _, d := range []string{"config", "locks"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	yard := &rig.Yard{Dir: filepath.Join(dir, "rigs"), File: filepath.Join(dir, "config", "rigs.yaml"), Town: "alpha",
		Lock: func(name string) string { return filepath.Join(dir, "locks", name+".lock") },
		Git:  gitcmd.Options{Env: []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1"}, Deadline: time.Minute}}
	_, err := yard.Add(t.Context(), rig.Adding{Settings: rig.Settings{Name: "web", URL: p.remote, Merge: rig.MergeDirect}})
	if err != nil {
		t.Fatal(err)
	}
	if p.rig, err = yard.Open("web"); err != nil {
		t.Fatal(err)
	}
	p.run.Tree = p.rig.CheckTree
	p.checks = []rig.Check{{Name: "test", Command: []string{"sh", "-c", script}}}
	return p
}

// byHand commits a file to main as a person does.
func (p *place) byHand(t testing.TB, file, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(p.hand, file), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	git(t, p.hand, "add", "-A")
	git(t, p.hand, "commit", "-q", "-m", "by hand: "+file)
	git(t, p.hand, "push", "-q", "origin", "HEAD:main")
}

// request hands in a branch that writes a file.
func (p *place) request(t testing.TB, file, text string) {
	t.Helper()
	e := p.submit(0, 2)
	m := p.requests[e]
	m.Branch = fmt.Sprintf("polecat/nux/%s", m.Bead)
	git(t, p.hand, "checkout", "-q", "-b", m.Branch, "main")
	if err := os.WriteFile(filepath.Join(p.hand, file), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	git(t, p.hand, "add", "-A")
	git(t, p.hand, "commit", "-q", "-m", "work on "+m.Bead)
	git(t, p.hand, "push", "-q", "origin", m.Branch)
	m.Head = git(t, p.hand, "rev-parse", "HEAD")
	git(t, p.hand, "checkout", "-q", "main")
}

// rows are those of the world, without its own opinion about commits.
type rows struct{ *world }

func (r rows) Decide(_ context.Context, t town.Ticket, v operational.Verdict, _ string, _ time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.requests[t.Epoch]
	m.State, m.Landed, m.Detail = v.State, v.Landed, v.Detail
	return nil
}

func (r rows) MoveMerges(_ context.Context, moves []operational.MergeMove, _ string, _ time.Time) (n int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range moves {
		if of := r.requests[m.Epoch]; of.State == m.From {
			of.State, of.Result = m.To, m.Result
			if m.Detail != nil {
				of.Detail = *m.Detail
			}
			if m.Target != "" {
				of.Target = m.Target
			}
			n++
		}
	}
	return n, nil
}

func (p *place) pass(t testing.TB, batch int) Done {
	t.Helper()
	f := p.refinery(batch, 1)
	f.Rig, f.Clone, f.Check = p.rig.Settings, p.rig, p.run.Check
	f.Rig.Checks = p.checks
	f.Checks = Keys(p.run.Base, f.Rig)
	f.Rows = func(_ context.Context, fn func(Store) error) error { return fn(rows{p.world}) }
	done, err := f.Pass(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func (p *place) want(t testing.TB, want string) {
	t.Helper()
	if got := strings.Join(p.states(), " "); got != want {
		t.Errorf("the requests are %s, want %s", got, want)
	}
}

// Good ones land, one that conflicts and one that breaks the check come back, and the
// commits say what they are.
func TestWithGit(t *testing.T) {
	p := newPlace(t, "test ! -e bad")
	p.request(t, "one", "1\n")
	p.request(t, "bad", "1\n")
	p.request(t, "a", "mine\n")
	p.request(t, "two", "2\n")
	p.byHand(t, "a", "theirs\n")
	p.pass(t, 8)
	p.want(t, "landed failed conflicted landed")
	if got := strings.Fields(git(t, p.remote, "ls-tree", "--name-only", "main")); strings.Join(got, " ") != "a one two" {
		t.Errorf("main has %v", got)
	}
	if d := p.requests[3].Detail; len(d.Files) != 1 || d.Files[0] != "a" || len(d.Others) != 1 || !strings.Contains(d.Others[0], "by hand: a") {
		t.Errorf("%+v", d)
	}
	if got := git(t, p.remote, "branch", "--list", "--format=%(refname:short)"); got != "main\npolecat/nux/web-2\npolecat/nux/web-3" {
		t.Errorf("the remote has %s", got)
	}
	if got := git(t, p.remote, "rev-parse", p.requests[1].Landed+"^2"); got != p.requests[1].Head {
		t.Errorf("it landed as %s", p.requests[1].Landed)
	}
}

// Somebody pushes to main while the check runs: their commit stays, nothing is rewound,
// and what lands was tested on top of it.
func TestAPushByHandDuringACheck(t *testing.T) {
	for _, c := range []struct{ file, want string }{{"other", "landed"}, {"one", "conflicted"}, {"bad", "open"}} {
		t.Run(c.file, func(t *testing.T) {
			p := newPlace(t, "test ! -e bad")
			p.request(t, "one", "1\n")
			once := false
			check := p.run.Tree
			p.run.Tree = func(ctx context.Context, commit string, slot int) (string, error) {
				if !once {
					once = true
					p.byHand(t, c.file, "by hand\n")
				}
				return check(ctx, commit, slot)
			}
			p.pass(t, 8)
			p.want(t, c.want)
			git(t, p.remote, "merge-base", "--is-ancestor", git(t, p.hand, "rev-parse", "main"), "main")
			if c.want == "landed" {
				if got := git(t, p.remote, "rev-parse", "main^1"); got != git(t, p.hand, "rev-parse", "main") {
					t.Errorf("it is not on top of what was pushed: %s", got)
				}
			}
		})
	}
}

// Merged by others: with its commits, squashed, or picked. Each counts as landed, also
// while the refinery is paused; no check runs.
func TestMergedByOthers(t *testing.T) {
	for how, args := range map[string][][]string{
		"merged":   {{"merge", "-q", "--no-ff", "--no-edit", "polecat/nux/web-1"}},
		"forward":  {{"merge", "-q", "--ff-only", "polecat/nux/web-1"}},
		"squashed": {{"merge", "-q", "--squash", "polecat/nux/web-1"}, {"commit", "-q", "-m", "squashed"}},
		"picked":   {{"commit", "-q", "--allow-empty", "-m", "before"}, {"cherry-pick", "polecat/nux/web-1"}},
	} {
		t.Run(how, func(t *testing.T) {
			p := newPlace(t, "exit 1")
			p.request(t, "one", "1\n")
			for _, a := range args {
				git(t, p.hand, a...)
			}
			git(t, p.hand, "push", "-q", "origin", "main")
			tip := git(t, p.remote, "rev-parse", "main")
			if done := p.pass(t, 8); done.Runs != 0 {
				t.Errorf("%d checks ran", done.Runs)
			}
			p.want(t, "landed")
			if got := git(t, p.remote, "rev-parse", "main"); got != tip {
				t.Error("main was moved")
			}
			// Commits that the target does not have stay on their branch.
			kept := how == "squashed" || how == "picked"
			if got := git(t, p.remote, "branch", "--list", "--format=%(objectname)", "polecat/nux/web-1"); (got == p.requests[1].Head) != kept {
				t.Errorf("the branch is at %q", got)
			}
		})
	}
}

// push moves a branch of the remote by force, as a person does.
func (p *place) push(t testing.TB, commit, branch string) {
	t.Helper()
	git(t, p.hand, "push", "-q", "-f", "origin", commit+":refs/heads/"+branch)
}

// Somebody pushes main backwards while requests wait that were begun before. What was
// removed does not come back by itself, and nobody is blamed.
func TestMainIsPushedBackwards(t *testing.T) {
	p := newPlace(t, "test ! -e bad")
	first := git(t, p.hand, "rev-parse", "main")
	p.request(t, "clean", "1\n")
	p.byHand(t, "secret", "1\n")
	p.request(t, "begun", "1\n") // on the commit that goes
	p.requests[1].State = operational.MergeHeld
	p.requests[2].State = operational.MergeHeld
	p.request(t, "one", "1\n")
	p.pass(t, 8)
	p.want(t, "held held landed")
	p.requests[1].State, p.requests[2].State = operational.MergeOpen, operational.MergeOpen
	p.push(t, first, "main")
	for range 2 {
		p.pass(t, 8)
	}
	p.want(t, "landed held landed")
	if got := git(t, p.remote, "ls-tree", "--name-only", "main"); got != "a\nclean" || p.told != 1 {
		t.Errorf("main has %q, told %d times", got, p.told)
	}
	if r := p.state.Target.Removed; len(r) != 1 || r[0].To != first || !strings.Contains(strings.Join(r[0].Some, "\n"), "by hand: secret") {
		t.Errorf("%+v", r)
	}
	if why := p.requests[2].Result; !strings.Contains(why, "by hand: secret") {
		t.Error(why)
	}
	// The person says that it may go on.
	move := Retry(*p.requests[2], "main")
	if n, err := (rows{p.world}).MoveMerges(t.Context(), []operational.MergeMove{move}, "ada", p.now); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	p.pass(t, 8)
	p.want(t, "landed landed landed")
	if got := git(t, p.remote, "ls-tree", "--name-only", "main"); got != "a\nbegun\nclean\nsecret" {
		t.Errorf("main has %q", got)
	}
}

// The target is deleted, or renamed at the host, while a request waits: the rig waits, and
// goes on when the branch is there again.
func TestMainIsDeleted(t *testing.T) {
	p := newPlace(t, "true")
	p.request(t, "one", "1\n")
	tip := git(t, p.remote, "rev-parse", "main")
	git(t, p.remote, "branch", "-m", "main", "trunk")
	for range 3 {
		p.pass(t, 8)
	}
	if p.want(t, "open"); p.told != 1 || p.state.Trouble == nil || !strings.Contains(p.state.Trouble.Text, "main is not there") {
		t.Errorf("told %d times, %+v", p.told, p.state.Trouble)
	}
	p.push(t, tip, "main")
	p.pass(t, 8)
	if p.want(t, "landed"); p.state.Trouble != nil || len(p.keys) != 0 {
		t.Errorf("%+v, %v", p.state.Trouble, p.keys)
	}
}

// A host that looks for secrets refuses what has one, and takes the rest. What lands are
// commits that were tested.
func TestPushProtection(t *testing.T) {
	p := newPlace(t, "test ! -e bad")
	hook := "#!/bin/sh\nwhile read old new ref; do\n  case $ref in refs/heads/main) ;; *) continue;; esac\n" +
		"  git log -p $old..$new | grep -q '^+token' && { echo 'push declined: it has a secret'; exit 1; }\ndone\nexit 0\n"
	if err := script.Write(filepath.Join(p.remote, "hooks", "pre-receive"), hook); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"one", "two", "leak", "three", "bad", "four"} {
		text := "1\n"
		if file == "leak" {
			text = "token\n"
		}
		p.request(t, file, text)
	}
	p.pass(t, 8)
	p.want(t, "landed landed held landed failed landed")
	if m := p.requests[3]; p.told != 1 || p.state.Trouble != nil || m.Detail.Cause != operational.HeldRefused || !strings.Contains(m.Result, "it has a secret") {
		t.Errorf("told %d times, %+v, %+v", p.told, p.state.Trouble, m)
	}
	if got := strings.Fields(git(t, p.remote, "ls-tree", "--name-only", "main")); strings.Join(got, " ") != "a four one three two" {
		t.Errorf("main has %v", got)
	}
}
