package doctor

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gastown/cmd/gt/federation"
	"gastown/cmd/gt/install"
	"gastown/cmd/gt/internal/gttest"
	rigcmd "gastown/cmd/gt/rig"
	"gastown/cmd/internal/host"
	"gastown/planes/operational"
	"gastown/sync/gitcmd"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/layout"
	"gastown/town/rig"
)

// site is a Town with a rig called web.
type site struct {
	towns
	layout layout.Town
	remote string
	rig    *rig.Rig
	env    []string
}

func newSite(t *testing.T) *site {
	t.Helper()
	w := towns{gttest.New(t, install.Commands, federation.Commands, rigcmd.Commands, Commands)}
	s := &site{towns: w, layout: layout.Town{Root: filepath.Join(w.Dir, "alpha")}, remote: filepath.Join(w.Dir, "web.git")}
	s.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=N", "GIT_AUTHOR_EMAIL=n@example.org", "GIT_COMMITTER_NAME=N", "GIT_COMMITTER_EMAIL=n@example.org"}
	s.git(w.Dir, "init", "-q", "--bare", "-b", "main", "web.git")
	s.git(w.Dir, "clone", "-q", "web.git", "hand")
	s.git(filepath.Join(w.Dir, "hand"), "commit", "-q", "--allow-empty", "-m", "first")
	s.git(filepath.Join(w.Dir, "hand"), "push", "-q", "origin", "HEAD:main")
	w.Must("install", "alpha")
	s.anyDisk()
	w.Must("--town", "alpha", "rig", "add", "web", s.remote)
	y := &rig.Yard{Dir: s.layout.Rigs(), File: s.layout.RigsConfig(), Lock: s.layout.Lock, Git: gitcmd.Options{Env: s.env}}
	r, err := y.Open("web")
	if err != nil {
		t.Fatal(err)
	}
	s.rig = r
	return s
}

// anyDisk has the Town accept a disk of this machine that is nearly full.
func (s *site) anyDisk() {
	s.T.Helper()
	cfg, err := config.Load(s.layout.Config())
	if err != nil {
		s.T.Fatal(err)
	}
	for _, key := range []string{"deacon.disk_warning", "deacon.disk_critical"} {
		if _, err := cfg.Set(key, "100"); err != nil {
			s.T.Fatal(err)
		}
	}
	if err := cfg.Save(s.layout.Config()); err != nil {
		s.T.Fatal(err)
	}
}

func (s *site) git(dir string, args ...string) string {
	s.T.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env = dir, s.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.T.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// box makes the sandbox of a polecat, with a commit if there is a text.
func (s *site) box(name, text string) rig.Sandbox {
	s.T.Helper()
	b, err := s.rig.Prepare(s.T.Context(), rig.Want{Name: name, Branch: town.PolecatBranches + name + "/web-1", Fresh: -1})
	if err != nil {
		s.T.Fatal(err)
	}
	if text != "" {
		s.git(b.Dir, "commit", "-q", "--allow-empty", "-m", text)
	}
	return b
}

func (s *site) rows(fn func(*operational.Store)) {
	s.T.Helper()
	cfg, err := config.Load(s.layout.Config())
	if err != nil {
		s.T.Fatal(err)
	}
	o, err := operational.Open(s.T.Context(), host.Database(s.layout, cfg, layout.Operational), cfg.Stores[layout.Operational])
	if err != nil {
		s.T.Fatal(err)
	}
	fn(o)
	if err := o.Close(); err != nil {
		s.T.Error(err)
	}
}

// What is left of work is found, and repaired where nothing can be lost.
func TestDoctorOfWork(t *testing.T) {
	s := newSite(t)
	later := time.Now().Add(2 * time.Hour)
	if out := s.doctored(later); out.Problems+out.Warnings > 0 {
		t.Fatalf("of a new Town: %+v", out.Findings)
	}
	s.box("idle", "")
	full := s.box("full", "")
	if err := os.WriteFile(filepath.Join(full.Dir, "work"), []byte("work"), 0o600); err != nil {
		t.Fatal(err)
	}
	gone := s.box("gone", "only the clone remembers it")
	lost := s.git(gone.Dir, "rev-parse", "HEAD")
	if err := os.RemoveAll(gone.Dir); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"pool/making-x", "lost/odd", "polecats/other"} {
		dir = filepath.Join(s.layout.Rigs(), "web", dir)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "x"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		old := later.Add(-2 * time.Hour)
		if err := os.Chtimes(dir, old, old); err != nil {
			t.Fatal(err)
		}
	}
	hand := filepath.Join(s.Dir, "hand")
	s.git(hand, "push", "-q", "origin", "HEAD:refs/heads/polecat/ace/web-8")
	s.git(hand, "commit", "-q", "--allow-empty", "-m", "not on main")
	s.git(hand, "push", "-q", "origin", "HEAD:refs/heads/polecat/ace/web-9")
	if err := s.rig.Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	limits := filepath.Join(s.layout.Sessions(), "web@polecats@ghost.limits")
	if err := os.MkdirAll(filepath.Dir(limits), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(limits, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	head := strings.Repeat("a", 40)
	s.rows(func(o *operational.Store) {
		for _, m := range []struct {
			bead, rig, target string
		}{{"web-8", "none", "main"}, {"web-9", "web", "trunk"}, {"web-7", "web", "main"}} {
			a, err := o.Assign(t.Context(), operational.Order{Bead: m.bead, Agent: town.PolecatAddress(m.rig, "p"+m.bead[4:])}, time.Now())
			if err == nil {
				err = o.Submit(t.Context(), a.Ticket, operational.MergeRequest{Branch: "polecat/x/" + m.bead, Head: head, Target: m.target}, time.Now())
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	})

	out := s.doctored(later)
	type want struct {
		s          severity
		area, text string
		fix        bool
	}
	for _, f := range []want{
		{warning, "work", "polecats/idle is the working tree of a polecat that the Town does not know", true},
		{warning, "work", "polecats/full is the working tree of a polecat that the Town does not know; it holds 1 untracked", false},
		{warning, "work", "web/polecats/gone was removed without gt", true},
		{warning, "work", "pool/making-x was left by an operation that was cut off", true},
		{note, "work", "1 directory was moved aside in", false},
		{warning, "work", "polecats/other is not a working tree of the rig web", false},
		{warning, "work", "the branch polecat/ace/web-8 of web is left, and main has its commits", true},
		{note, "work", "1 branch of web that nobody works on, with commits that main does not have: polecat/ace/web-9", false},
		{problem, "work", "of web-8 is of the rig none, which is none", false},
		{problem, "work", "of web-9 is for trunk, and web lands on main by now", false},
		{warning, "sessions", "limits of web@polecats@ghost are left", true},
	} {
		found := false
		for _, g := range out.Findings {
			if g.Severity == f.s && g.Area == f.area && strings.Contains(g.What, f.text) {
				found = true
				if (g.Fix != "") != f.fix || g.Fix == "" && g.Next == "" {
					t.Errorf("%s: fix %q, next %q", g.What, g.Fix, g.Next)
				}
			}
		}
		if !found {
			t.Errorf("%s (%s): %s was not found", f.s, f.area, f.text)
		}
	}
	if len(out.Findings) < 11 || out.has(problem, "work", "web-7") {
		t.Errorf("%+v", out.Findings)
	}
	for _, f := range s.doctored(later, "--offline").Findings {
		if strings.Contains(f.What, "branch") {
			t.Errorf("offline: %s", f.What)
		}
	}

	fixed := s.doctored(later, "--fix")
	for _, text := range []string{"polecats/idle is", "polecats/gone", "making-x", "web-8 of web", "limits of"} {
		if out := fixed; out.has(warning, "work", text) || out.has(warning, "sessions", text) {
			t.Errorf("%s is still there", text)
		}
	}
	if !fixed.has(note, "work", "1 rescue of web, the first refs/gt/rescue/polecats/gone/") {
		t.Errorf("the rescue is not told: %+v", fixed.Findings)
	}
	// Nothing was lost.
	rescued := s.git(s.remote, "for-each-ref", "--format=%(objectname)", "refs/gt/rescue")
	s.git(s.remote, "merge-base", "--is-ancestor", lost, rescued)
	if got := s.git(s.remote, "branch", "--list", "--format=%(refname:short)"); got != "main\npolecat/ace/web-9" {
		t.Errorf("the remote has %s", got)
	}
	if text, err := os.ReadFile(filepath.Join(full.Dir, "work")); err != nil || string(text) != "work" {
		t.Errorf("%q, %v", text, err)
	}
	for _, dir := range []string{"lost/odd/x", "polecats/other/x"} {
		if _, err := os.Stat(filepath.Join(s.layout.Rigs(), "web", dir)); err != nil {
			t.Error(err)
		}
	}
}

// A git that is too old for merge queues is told where there is a rig.
func TestDoctorOfAnOldGit(t *testing.T) {
	s := newSite(t)
	bin := filepath.Join(s.Dir, "bin")
	real, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\ncase \"$*\" in *version*) echo 'git version 2.37.1';; *) exec " + real + " \"$@\";; esac\n"
	if err := os.WriteFile(filepath.Join(bin, "git"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	s.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH")}
	if out := s.doctored(time.Now()); !out.has(problem, "work", "git 2.37.1 cannot merge without a working tree") {
		t.Errorf("%+v", out.Findings)
	}
}
