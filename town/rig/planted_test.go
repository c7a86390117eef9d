package rig

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gastown/sync/gitcmd"
)

// planted is a trap in the configuration of the rig's clone, which any agent can write
// to, and what would spring it.
type planted struct {
	// config are words for `git config`, with EVIL for the trap's program.
	config [][]string
	spring func(t *testing.T, r *Rig)
	// worktree plants it in the configuration of the polecat's working tree.
	worktree bool
}

// useAll is what a Town does in a sandbox, with a file that has a filter.
func useAll(t *testing.T, r *Rig) {
	t.Helper()
	s, err := r.Sandbox(t.Context(), Polecats, "nux")
	must(t, err)
	write(t, filepath.Join(s.Dir, "new.txt"), "new\n")
	write(t, filepath.Join(s.Dir, "dir", "a.txt"), "changed\n")
	_, err = r.Unsaved(t.Context(), s)
	must(t, err)
	_, err = r.Rescue(t.Context(), s, "a test")
	must(t, err)
	must(t, r.AddToPool(t.Context()))
	prepare(t, r, "nux", "polecat/nux/web-2")
	must(t, r.Fetch(t.Context()))
}

func TestPlantedConfigurationCountsForNothing(t *testing.T) {
	login := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer login.Close()
	at := func(url string) func(*testing.T, *Rig) {
		return func(t *testing.T, r *Rig) {
			r.URL = url
			if err := r.Fetch(t.Context()); err == nil {
				t.Error("it was fetched")
			}
		}
	}
	for name, p := range map[string]planted{
		"core.sshCommand":       {config: [][]string{{"core.sshCommand", "EVIL"}}, spring: at("ssh://nobody@127.0.0.1:1/x")},
		"core.gitProxy":         {config: [][]string{{"core.gitProxy", "EVIL"}}, spring: at("git://127.0.0.1:1/x")},
		"core.askPass":          {config: [][]string{{"core.askPass", "EVIL"}}, spring: at(login.URL + "/x")},
		"credential.helper":     {config: [][]string{{"credential.helper", "!EVIL"}}, spring: at(login.URL + "/x")},
		"credential.URL.helper": {config: [][]string{{"credential." + login.URL + ".helper", "!EVIL"}}, spring: at(login.URL + "/x")},
		"core.fsmonitor":        {config: [][]string{{"core.fsmonitor", "EVIL"}}, spring: useAll},
		"core.hooksPath":        {config: [][]string{{"core.hooksPath", "EVIL.hooks"}}, spring: useAll},
		"filter.clean":          {config: [][]string{{"filter.own.clean", "EVIL"}, {"filter.own.required", "true"}}, spring: useAll},
		"filter.smudge":         {config: [][]string{{"filter.own.smudge", "EVIL"}}, spring: useAll},
		"filter.process":        {config: [][]string{{"filter.own.process", "EVIL"}}, spring: useAll},
		"include.path":          {config: [][]string{{"include.path", "EVIL.config"}}, spring: useAll},
		"includeIf":             {config: [][]string{{"includeIf.gitdir:/**.path", "EVIL.config"}}, spring: useAll},
		"config.worktree":       {config: [][]string{{"filter.own.clean", "EVIL"}, {"filter.own.smudge", "EVIL"}}, spring: useAll, worktree: true},
		"a filter of a submodule": {spring: func(t *testing.T, r *Rig) {
			s, err := r.Sandbox(t.Context(), Polecats, "nux")
			must(t, err)
			inner := filepath.Join(s.Dir, "inner")
			git(t, s.Dir, "init", "-q", inner)
			write(t, filepath.Join(inner, ".gitattributes"), "*.txt filter=own\n")
			write(t, filepath.Join(inner, "b.txt"), "b\n")
			git(t, inner, "add", "-A")
			git(t, inner, "commit", "-q", "-m", "inner")
			git(t, s.Dir, "add", "inner")
			evil, err := os.ReadFile(filepath.Join(r.path(), "evil"))
			must(t, err)
			git(t, inner, "config", "filter.own.clean", string(evil))
			write(t, filepath.Join(inner, "b.txt"), "c\n")
			useAll(t, r)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			url := remote(t)
			seed := filepath.Join(filepath.Dir(url), "seed")
			write(t, filepath.Join(seed, ".gitattributes"), "*.txt filter=own\n")
			git(t, seed, "add", "-A")
			git(t, seed, "commit", "-q", "-m", "attributes")
			git(t, seed, "push", "-q", "origin", "main")
			r := rig(t, url, MergeDirect)
			s := prepare(t, r, "nux", "polecat/nux/web-1")
			dir := t.TempDir()
			mark, evil := filepath.Join(dir, "ran"), filepath.Join(dir, "evil")
			write(t, evil, "#!/bin/sh\ntouch "+mark+"\ncat\n")
			must(t, os.Chmod(evil, 0o700))
			for _, hook := range []string{"post-checkout", "pre-push", "reference-transaction", "post-index-change"} {
				write(t, filepath.Join(evil+".hooks", hook), "#!/bin/sh\ntouch "+mark+"\n")
				must(t, os.Chmod(filepath.Join(evil+".hooks", hook), 0o700))
			}
			write(t, evil+".config", "[filter \"own\"]\n\tclean = "+evil+"\n\tsmudge = "+evil+"\n")
			write(t, r.path("evil"), evil)
			for _, words := range p.config {
				how, where := []string{"config", "--local"}, r.path("repo.git")
				if p.worktree {
					git(t, where, "config", "extensions.worktreeConfig", "true")
					how, where = []string{"config", "--worktree"}, s.Dir
				}
				for i := range words {
					words[i] = strings.Replace(words[i], "EVIL", evil, 1)
				}
				git(t, where, append(how, words...)...)
			}
			p.spring(t, r)
			if _, err := os.Stat(mark); err == nil {
				t.Error("the planted program ran")
			}
		})
	}
}

// A planted rewriting of addresses does not lead a fetch or a push elsewhere.
func TestPlantedAddress(t *testing.T) {
	url, other := remote(t), remote(t)
	r := rig(t, url, MergeDirect)
	s := prepare(t, r, "nux", "polecat/nux/web-1")
	for _, key := range []string{"insteadOf", "pushInsteadOf"} {
		git(t, r.path("repo.git"), "config", "url."+other+"."+key, url)
	}
	git(t, s.Dir, "commit", "-q", "--allow-empty", "-m", "work")
	if _, err := r.Push(t.Context(), s, s.Branch, ""); err != nil {
		t.Fatal(err)
	}
	if refs := git(t, other, "for-each-ref", "refs/heads/polecat"); refs != "" {
		t.Errorf("pushed elsewhere: %s", refs)
	}
	if refs := git(t, url, "for-each-ref", "refs/heads/polecat"); refs == "" {
		t.Error("not pushed")
	}
}

// A directory of gt's that somebody spoilt is mended, and what a repository is made of
// counts: how it names objects, and which of its files are checked out.
func TestPlantedInGtsOwnDirectory(t *testing.T) {
	r := rig(t, remote(t), MergeDirect)
	s := prepare(t, r, "nux", "polecat/nux/web-1")
	own := r.path("repo.git", "gt-common")
	mark := filepath.Join(t.TempDir(), "ran")
	write(t, filepath.Join(own, "config"), "[core]\n\tfsmonitor = touch "+mark+"\n\tbare = true\n")
	must(t, os.Remove(filepath.Join(own, "refs")))
	must(t, os.Symlink(t.TempDir(), filepath.Join(own, "refs")))
	git(t, r.path("repo.git"), "config", "core.autocrlf", "true")
	useAll(t, r)
	if text, err := os.ReadFile(filepath.Join(own, "config")); err != nil || strings.Contains(string(text), "fsmonitor") || !strings.Contains(string(text), "autocrlf = true") {
		t.Errorf("%s, %v", text, err)
	}
	if text, err := os.ReadFile(filepath.Join(s.Dir, ".git")); err != nil || strings.Contains(string(text), "gt-common") {
		t.Errorf("the working tree names %s, %v", text, err)
	}
	must(t, os.RemoveAll(own))
	must(t, os.Symlink(t.TempDir(), own))
	if err := r.Fetch(t.Context()); err == nil || !strings.Contains(err.Error(), gitcmd.ErrCorrupt.Error()) {
		t.Errorf("a link instead of the directory: %v", err)
	}
}

// What gt's git does not read is listed for a person, by file: also what stands in the
// configuration of one working tree or of a person's clone.
func TestPlantedConfigurationIsListed(t *testing.T) {
	r := rig(t, remote(t), "")
	prepare(t, r, "nux", "polecat/nux/web-1")
	ann, err := r.AddCrew(t.Context(), Join{Name: "ann"})
	must(t, err)
	if all, err := r.Planted(t.Context()); err != nil || len(all) != 0 {
		t.Fatalf("as gt made them: %+v, %v", all, err)
	}
	clone := r.repo.Dir()
	for _, words := range [][]string{
		{"core.sshCommand", "evil"}, {"filter.A.b.clean", "evil"}, {"filter.A.b.required", "true"}, {"url.evil:.insteadOf", "https://"}, {"user.name", "x"},
		{"includeIf.gitdir:/.path", "evil"}, {"alias.sshcommand", "x"},
	} {
		git(t, clone, append([]string{"config"}, words...)...)
	}
	trees, err := filepath.Glob(filepath.Join(clone, "worktrees", "*"))
	must(t, err)
	git(t, clone, "config", "--file", filepath.Join(trees[0], "config.worktree"), "core.fsmonitor", "evil")
	git(t, ann.Dir, "config", "credential.https://x.helper", "!evil")
	all, err := r.Planted(t.Context())
	must(t, err)
	var got []string
	for _, p := range all {
		got = append(got, filepath.Base(p.File)+": "+strings.Join(p.Keys, " "))
	}
	want := []string{"config: core.sshcommand filter.A.b.clean includeif.gitdir:/.path url.evil:.insteadof", "config.worktree: core.fsmonitor", "config: credential.https://x.helper"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// An agent that damages the configuration of the shared clone keeps no other agent's git
// from working: the next sandbox that is prepared mends it.
func TestDamagedSettingsAreMended(t *testing.T) {
	for name, damage := range map[string]func(dir string){
		"not a configuration": func(dir string) { write(t, filepath.Join(dir, "config"), "[broken\n") },
		"a format to come":    func(dir string) { git(t, dir, "config", "core.repositoryformatversion", "99") },
		"an extension":        func(dir string) { git(t, dir, "config", "extensions.evil", "1") },
		"removed":             func(dir string) { must(t, os.Remove(filepath.Join(dir, "config"))) },
		"a directory": func(dir string) {
			must(t, os.Remove(filepath.Join(dir, "config")))
			must(t, os.Mkdir(filepath.Join(dir, "config"), 0o700))
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := rig(t, remote(t), MergeDirect)
			s := prepare(t, r, "nux", "polecat/nux/web-1")
			git(t, s.Dir, "config", "alias.mine", "status")
			prepare(t, r, "nux", "polecat/nux/web-2")
			damage(r.repo.Dir())
			var told []string
			r.yard.Tell = func(_ context.Context, n Notice) { told = append(told, n.Kind) }
			s = prepare(t, r, "nux", "polecat/nux/web-3")
			git(t, s.Dir, "commit", "-q", "--allow-empty", "-m", "work")
			if kept := git(t, s.Dir, "config", "alias.mine"); kept != "status" {
				t.Errorf("the settings of before: %q", kept)
			}
			if aside, _ := filepath.Glob(filepath.Join(r.repo.Dir(), "config.broken-*")); (len(aside) == 1) != (name != "removed") || slices.Contains(told, NoticeMended) != (name != "removed") {
				t.Errorf("set aside %v, told %v", aside, told)
			}
		})
	}
}
