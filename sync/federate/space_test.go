package federate

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gastown/e2e/script"
	"gastown/sync/gitcmd"
	"gastown/sync/gitremote"
	"gastown/sync/share"
	"gastown/town"
)

// The rules of hosts that take branches only, as hooks of a bare repository.
var branchesOnly = map[string][2]string{
	"update":      {"update", `case $1 in refs/heads/*) ;; *) echo "only branches here" >&2; exit 1;; esac`},
	"pre-receive": {"pre-receive", `while read -r old new ref; do case $ref in refs/heads/*) ;; *) echo "only branches here" >&2; exit 1;; esac; done`},
}

// dropsOthers is a host that takes every ref and drops what is no branch.
const dropsOthers = `git for-each-ref --format='delete %(refname)' | grep -v ' refs/heads/' | git update-ref --stdin`

// hook installs a hook in a bare repository.
func hook(t testing.TB, repo, name, body string) {
	t.Helper()
	if err := script.Write(filepath.Join(repo, "hooks", name), "#!/bin/sh\n"+body+"\n"); err != nil {
		t.Fatal(err)
	}
}

// finder returns a Town that finds out where a repository has its refs.
func finder(t testing.TB, name string) *sharer {
	s := newSharer(t, name)
	s.opts.FindRefs = true
	return s
}

// previews records the previews that a person confirms.
type previews []Preview

func (p *previews) yes(shown Preview) error { *p = append(*p, shown); return nil }

func refNames(t testing.TB, repo string) []string {
	t.Helper()
	return strings.Fields(gitOut(t, repo, "for-each-ref", "--format=%(refname)"))
}

// At a host that takes only branches everything works on branches: init finds it
// out and asks again, join finds the refs, and records travel beside.
func TestHostTakesOnlyBranches(t *testing.T) {
	t.Parallel()
	serve := map[string]func(t *testing.T, repo string) string{
		"file": func(_ *testing.T, repo string) string { return repo },
		"http": func(t *testing.T, repo string) string {
			return served(t, repo).URL()
		},
	}
	for transport, rule := range map[string]string{"file": "pre-receive", "http": "update"} {
		for _, empty := range []bool{true, false} {
			t.Run(transport, func(t *testing.T) {
				t.Parallel()
				repo := bare(t)
				if !empty {
					tree := gitOut(t, repo, "hash-object", "-w", "-t", "tree", os.DevNull)
					commit := gitOut(t, repo, "-c", "user.name=t", "-c", "user.email=t@example.com", "commit-tree", "-m", "first", tree)
					gitOut(t, repo, "update-ref", "refs/heads/main", commit)
				}
				hook(t, repo, branchesOnly[rule][0], branchesOnly[rule][1])
				url := serve[transport](t, repo)
				a, b := finder(t, "alpha"), finder(t, "beta")
				var shown previews
				remote := Remote{Name: "origin", URL: url}
				if _, err := a.Init(t.Context(), remote, shown.yes); err != nil {
					t.Fatal(err)
				}
				if len(shown) != 2 || shown[0].Remote.Space != gitremote.SpaceDolt || shown[0].Why != "" ||
					shown[1].Remote.Space != gitremote.SpaceBranches || !strings.Contains(shown[1].Why, "only branches here") {
					t.Fatalf("previews: %+v", shown)
				}
				shown = nil
				if _, err := b.Join(t.Context(), remote, shown.yes); err != nil {
					t.Fatal(err)
				}
				if len(shown) != 1 || shown[0].Remote.Space != gitremote.SpaceBranches || shown[0].Why != "" {
					t.Fatalf("previews: %+v", shown)
				}
				remote.Space = gitremote.SpaceBranches
				exchange := func(s *sharer) Synced {
					t.Helper()
					out, err := s.Sync(t.Context(), remote, false)
					if err != nil {
						t.Fatal(err)
					}
					return out
				}
				a.beads(town.Bead{ID: "gt-1", Title: "public work", Labels: []string{"public"}})
				a.rules(share.Rule{Name: "public", Labels: []string{"public"}})
				a.write("roles/mayor.md", role("mayor", "alpha"))
				b.write("templates/bug.md", "beta\n")
				exchange(a)
				exchange(b)
				if out := exchange(a); !out.Pushed.UpToDate || out.Pulled.Commits == 0 {
					t.Errorf("%+v", out)
				}
				b.want("roles/mayor.md", role("mayor", "alpha"))
				a.want("templates/bug.md", "beta\n")
				if got := b.seen("alpha"); !slices.Equal(got, []string{"gt-1 public work"}) {
					t.Errorf("records: %v", got)
				}
				for _, ref := range refNames(t, repo) {
					if !strings.HasPrefix(ref, "refs/heads/") {
						t.Errorf("the repository has %s", ref)
					}
				}
				if data := gitremote.SpaceBranches.Ledger(); !slices.Contains(refNames(t, repo), data) {
					t.Errorf("%s is missing", data)
				}
			})
		}
	}
}

// A host that confirms a push and drops the ref is one that takes only branches.
func TestHostDropsOtherRefs(t *testing.T) {
	t.Parallel()
	repo := bare(t)
	hook(t, repo, "post-receive", dropsOthers)
	a, b := finder(t, "alpha"), finder(t, "beta")
	a.beads(town.Bead{ID: "gt-1", Title: "public work", Labels: []string{"public"}})
	a.rules(share.Rule{Name: "public", Labels: []string{"public"}})
	var shown previews
	remote := Remote{Name: "origin", URL: repo}
	if _, err := a.Init(t.Context(), remote, shown.yes); err != nil {
		t.Fatal(err)
	}
	if len(shown) != 2 || shown[1].Remote.Space != gitremote.SpaceBranches || !strings.Contains(shown[1].Why, "does not have the ref") {
		t.Fatalf("previews: %+v", shown)
	}
	if _, err := b.Join(t.Context(), remote, yes); err != nil {
		t.Fatal(err)
	}
	if got := b.seen("alpha"); !slices.Equal(got, []string{"gt-1 public work"}) {
		t.Errorf("records: %v", got)
	}
	remote.Space = gitremote.SpaceBranches
	a.write("roles/mayor.md", role("mayor", "alpha"))
	for _, s := range []*sharer{a, b} {
		if _, err := s.Sync(t.Context(), remote, false); err != nil {
			t.Fatal(err)
		}
	}
	b.want("roles/mayor.md", role("mayor", "alpha"))
}

// Whoever declines branches has published nothing, and a host that refuses those too
// says so. A person who named the refs is not asked for others.
func TestBranchesAreAskedForFirst(t *testing.T) {
	t.Parallel()
	repo := bare(t)
	hook(t, repo, branchesOnly["update"][0], branchesOnly["update"][1])
	a, no := finder(t, "alpha"), errors.New("no")
	remote := Remote{Name: "origin", URL: repo}
	_, err := a.Init(t.Context(), remote, func(p Preview) error {
		if p.Remote.Space == gitremote.SpaceBranches {
			return no
		}
		return nil
	})
	if !errors.Is(err, no) || len(refNames(t, repo)) > 0 {
		t.Errorf("%v, refs %v", err, refNames(t, repo))
	}
	a.opts.FindRefs = false
	asked := 0
	_, err = a.Init(t.Context(), remote, func(Preview) error { asked++; return nil })
	if !errors.Is(err, gitcmd.ErrForbidden) || asked != 1 || len(refNames(t, repo)) > 0 {
		t.Errorf("%v, asked %d times, refs %v", err, asked, refNames(t, repo))
	}
	hook(t, repo, "update", `echo "nothing here" >&2; exit 1`)
	a.opts.FindRefs, asked = true, 0
	_, err = a.Init(t.Context(), remote, func(Preview) error { asked++; return nil })
	if !errors.Is(err, gitcmd.ErrForbidden) || asked != 2 || !strings.Contains(err.Error(), gitremote.SpaceBranches.Data()) {
		t.Errorf("%v, asked %d times", err, asked)
	}
	if err := os.Remove(filepath.Join(repo, "hooks", "update")); err != nil {
		t.Fatal(err)
	}
	// The attempts that failed do not decide for the next one.
	if _, err := a.Init(t.Context(), remote, yes); err != nil || !slices.Contains(refNames(t, repo), dataRef) {
		t.Errorf("%v, refs %v", err, refNames(t, repo))
	}
}

// A repository that has a federation in both places is not guessed about. A Town
// whose refs were moved away is told where they are.
func TestFederationInTwoPlaces(t *testing.T) {
	t.Parallel()
	url := bare(t)
	a, b := finder(t, "alpha"), finder(t, "beta")
	remote := Remote{Name: "origin", URL: url}
	if _, err := a.Init(t.Context(), remote, yes); err != nil {
		t.Fatal(err)
	}
	branch := gitremote.SpaceBranches.Data()
	gitOut(t, url, "update-ref", branch, dataRef)
	for what, call := range map[string]func() error{
		"init": func() error { _, err := b.Init(t.Context(), remote, yes); return err },
		"join": func() error { _, err := b.Join(t.Context(), remote, yes); return err },
	} {
		if err := call(); !errors.Is(err, town.ErrRefused) || !strings.Contains(err.Error(), dataRef) || !strings.Contains(err.Error(), branch) ||
			!strings.Contains(town.Next(err), "--refs") {
			t.Errorf("%s: %v", what, err)
		}
	}
	gitOut(t, url, "update-ref", "-d", dataRef)
	for what, call := range map[string]func() error{
		"init": func() error { _, err := a.Init(t.Context(), remote, yes); return err },
		"join": func() error { _, err := a.Join(t.Context(), remote, yes); return err },
		"pull": func() error { _, err := a.Pull(t.Context(), remote, false); return err },
		"push": func() error {
			a.write("roles/mayor.md", role("mayor", "alpha"))
			_, err := a.Push(t.Context(), remote, false)
			return err
		},
	} {
		if err := call(); !errors.Is(err, town.ErrRefused) || !strings.Contains(town.Next(err), "gt federation join "+url) ||
			!strings.Contains(town.Next(err), "--refs branches") {
			t.Errorf("%s: %v, next: %s", what, err, town.Next(err))
		}
	}
	// What the message advises works, and so does a Town that comes later.
	a.opts.FindRefs = false
	remote.Space = gitremote.SpaceBranches
	if _, err := a.Join(t.Context(), remote, yes); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Join(t.Context(), Remote{Name: "origin", URL: url}, yes); err != nil {
		t.Fatal(err)
	}
	b.want("roles/mayor.md", role("mayor", "alpha"))
}

// A Town may move its federation to branches by itself, records included.
func TestFederationMovesToBranches(t *testing.T) {
	t.Parallel()
	url := bare(t)
	a, b := newSharer(t, "alpha"), finder(t, "beta")
	a.beads(town.Bead{ID: "gt-1", Title: "public work", Labels: []string{"public"}})
	a.rules(share.Rule{Name: "public", Labels: []string{"public"}})
	a.init(url)
	if _, err := a.Init(t.Context(), Remote{Name: "origin", URL: url, Space: gitremote.SpaceBranches}, yes); err != nil {
		t.Fatal(err)
	}
	for _, ref := range []string{dataRef, ledgerRef} {
		gitOut(t, url, "update-ref", "-d", ref)
	}
	if _, err := b.Join(t.Context(), Remote{Name: "origin", URL: url}, yes); err != nil {
		t.Fatal(err)
	}
	if got := b.seen("alpha"); !slices.Equal(got, []string{"gt-1 public work"}) {
		t.Errorf("records: %v, refs %v", got, refNames(t, url))
	}
}

// Git's own configuration can hide refs, which a server reports in its own words.
func TestHostHidesOtherRefs(t *testing.T) {
	t.Parallel()
	repo := bare(t)
	if out, err := exec.Command("git", "-C", repo, "config", "transfer.hideRefs", "refs/dolt").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	a := finder(t, "alpha")
	var shown previews
	if _, err := a.Init(t.Context(), Remote{Name: "origin", URL: repo}, shown.yes); err != nil {
		t.Fatal(err)
	}
	if len(shown) != 2 || shown[1].Remote.Space != gitremote.SpaceBranches {
		t.Errorf("previews: %+v", shown)
	}
}
