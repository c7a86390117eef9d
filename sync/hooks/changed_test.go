package hooks

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gastown/sync/gitcmd"
)

// watched is the directory these tests watch, as a Town within a repository has it.
const watched = awkward + "/federation"

// changed asks whether an operation changed the directory.
func (r *repo) changed(name, input string, args ...string) bool {
	r.t.Helper()
	got, reason, err := Changed(r.t.Context(), Run{Name: name, Args: args, Input: strings.NewReader(input),
		Place: gitcmd.PlaceOf(r.place().GitDir, gitcmd.Options{Env: os.Environ()}), Path: watched})
	if err != nil || reason == "" {
		r.t.Fatalf("%s %v: %q, %v", name, args, reason, err)
	}
	return got
}

// commit writes a file, records everything and returns the commit.
func (r *repo) commit(path, text string) string {
	r.t.Helper()
	r.write(filepath.Join(r.dir, path), 0o600, text)
	r.git("add", "-A")
	r.git("commit", "-q", "-m", path)
	return r.git("rev-parse", "HEAD")
}

func (r *repo) expect(what string, want, got bool) {
	r.t.Helper()
	if got != want {
		r.t.Errorf("%s: changed is %v, want %v", what, got, want)
	}
}

func TestChangedByCommit(t *testing.T) {
	r := newRepo(t)
	r.commit(watched+"/roles/mayor.md", "one")
	r.expect("the first commit", true, r.changed(PostCommit, ""))
	r.commit("other/file", "x")
	r.expect("another directory", false, r.changed(PostCommit, ""))
	r.commit(awkward+"/federation2/x", "x")
	r.expect("a directory of similar name", false, r.changed(PostCommit, ""))
	r.commit(watched+"/roles/mayor.md", "two")
	r.expect("an edit", true, r.changed(PostCommit, ""))
	r.git("mv", watched+"/roles/mayor.md", watched+"/roles/chief.md")
	r.git("commit", "-q", "-m", "rename within")
	r.expect("a rename within", true, r.changed(PostCommit, ""))
	r.git("mv", watched+"/roles/chief.md", "other/chief.md")
	r.git("commit", "-q", "-m", "rename out")
	r.expect("a rename out of it", true, r.changed(PostCommit, ""))
	r.write(filepath.Join(r.dir, watched, "roles/boot.md"), 0o600, "x")
	r.git("mv", "other/chief.md", "other/chief2.md")
	r.git("commit", "-q", "-m", "rename elsewhere")
	r.expect("a rename elsewhere", false, r.changed(PostCommit, ""))
	r.commit(watched+"/roles/boot.md", "y")
	r.git("commit", "-q", "--amend", "-m", "only words")
	r.expect("an edit amended in words", true, r.changed(PostCommit, ""))
	// The amended commit is like its parent, but not like what it replaces.
	r.git("rm", "-q", "-r", watched)
	r.git("commit", "-q", "--amend", "--allow-empty", "-m", "taken back")
	r.expect("an edit amended away", true, r.changed(PostCommit, ""))
	r.git("commit", "-q", "--allow-empty", "-m", "nothing")
	r.expect("an empty commit", false, r.changed(PostCommit, ""))
}

func TestChangedByMergeAndCheckout(t *testing.T) {
	r := newRepo(t)
	one := r.commit("file", "1")
	r.git("checkout", "-q", "-b", "side")
	two := r.commit(watched+"/roles/mayor.md", "one")
	r.git("checkout", "-q", "-b", "third", one)
	three := r.commit("file", "2")

	for _, c := range []struct {
		from, to, flag string
		want           bool
	}{{one, two, "1", true}, {two, one, "1", true}, {one, three, "1", false}, {two, two, "1", false}, {one, two, "0", false},
		{strings.Repeat("0", 40), two, "1", true}, {strings.Repeat("0", 40), three, "1", false}, {"", "", "", false}} {
		r.expect(fmt.Sprintf("checkout %+v", c), c.want, r.changed(PostCheckout, "", c.from, c.to, c.flag))
	}
	r.git("merge", "-q", "--no-edit", "side")
	r.expect("a merge", true, r.changed(PostMerge, "", "0"))
	r.git("checkout", "-q", "-b", "fourth", one)
	r.git("merge", "-q", "--ff-only", "side")
	r.expect("a fast-forward", true, r.changed(PostMerge, "", "0"))
	r.commit("file", "3")
	r.git("checkout", "-q", "-b", "fifth", two)
	r.git("merge", "-q", "--no-edit", "fourth")
	r.expect("a merge of other files", false, r.changed(PostMerge, "", "0"))
	r.expect("a squash", true, r.changed(PostMerge, "", "1"))
}

func TestChangedByPush(t *testing.T) {
	r := newRepo(t)
	one := r.commit("file", "1")
	two := r.commit(watched+"/roles/mayor.md", "one")
	three := r.commit("file", "2")
	zero, unknown := strings.Repeat("0", 40), strings.Repeat("12", 20)
	line := func(now, before string) string { return "refs/heads/a " + now + " refs/heads/a " + before + "\n" }
	for input, want := range map[string]bool{
		"": false, line(two, one): true, line(three, two): false, line(one, two): true, line(three, zero): true, line(one, zero): false,
		line(zero, three): false, line(three, two) + line(two, one): true, line(two, unknown): true, line(one, unknown): false,
		strings.Repeat(line(one, one), maxRefs+2): true,
	} {
		r.expect(input[:min(len(input), 200)], want, r.changed(PrePush, input, "origin", "url"))
	}
	for _, bad := range []string{"a b c\n", strings.Repeat("x", 2*maxLine)} {
		if _, _, err := Changed(t.Context(), Run{Name: PrePush, Input: strings.NewReader(bad), Place: r.place(), Path: watched}); err == nil {
			t.Errorf("%.20q was understood", bad)
		}
	}
	if _, _, err := Changed(t.Context(), Run{Name: "post-rewrite", Place: r.place(), Path: watched}); err == nil {
		t.Error("another hook was understood")
	}
}

// During a rebase the files show temporary states.
func TestNothingIsTakenFromARebase(t *testing.T) {
	r := newRepo(t)
	r.commit(watched+"/roles/mayor.md", "one")
	for _, name := range underWay {
		path := filepath.Join(r.place().GitDir, name)
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		r.expect(name, false, r.changed(PostCommit, ""))
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	r.expect("afterwards", true, r.changed(PostCommit, ""))
}

// Variables that git leaves in a hook's environment do not redirect git, and a
// linked working tree has its own HEAD.
func TestChangedInLinkedTree(t *testing.T) {
	r := newRepo(t)
	r.commit("file", "1")
	tree := r.dir + "-linked"
	r.git("worktree", "add", "-q", "-b", "linked", tree)
	main := *r
	r.dir = tree
	r.commit(watched+"/roles/mayor.md", "one")
	t.Setenv("GIT_DIR", "/nowhere")
	t.Setenv("GIT_INDEX_FILE", "/nowhere")
	r.expect("the linked tree", true, r.changed(PostCommit, ""))
	main.expect("the main tree", false, main.changed(PostCommit, ""))
}
