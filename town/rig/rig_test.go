package rig

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gastown/sync/gitcmd"
	"gastown/town"
)

// What a sandbox holds is told of, keeps it from being removed, is rescued, and can
// be got back; then the sandbox goes, and nothing of it is left.
func TestRescue(t *testing.T) {
	for _, merge := range []Merge{MergeDirect, MergeLocal} {
		t.Run(string(merge), func(t *testing.T) {
			url := remote(t)
			r := rig(t, url, merge)
			s := prepare(t, r, "nux", "polecat/nux/web-1")
			if u, err := r.Unsaved(t.Context(), s); err != nil || !u.Empty() {
				t.Fatalf("a new sandbox holds %v, %v", u, err)
			}
			write(t, filepath.Join(s.Dir, "new.go"), "new\n")
			git(t, s.Dir, "add", "new.go")
			git(t, s.Dir, "commit", "-q", "-m", "work")
			write(t, filepath.Join(s.Dir, "stashed"), "stashed\n")
			git(t, s.Dir, "stash", "-u", "-q")
			write(t, filepath.Join(s.Dir, "new.go"), "staged\n")
			git(t, s.Dir, "add", "new.go")
			write(t, filepath.Join(s.Dir, "new.go"), "changed\n")
			write(t, filepath.Join(s.Dir, "untracked"), "untracked\n")
			write(t, filepath.Join(s.Dir, "x.log"), "ignored\n")
			status, index := git(t, s.Dir, "status", "--porcelain"), git(t, s.Dir, "ls-files", "-s")

			u, err := r.Unsaved(t.Context(), s)
			want := map[string]int{"commits": 1, "stashes": 1}
			if merge == MergeLocal {
				want["commits"] = 0 // the branch in the clone holds it
			}
			if err != nil || len(u.Commits) != want["commits"] || len(u.Staged) != 1 || len(u.Modified) != 1 || len(u.Untracked) != 1 || len(u.Stashes) != 1 {
				t.Fatalf("unsaved: %v (%+v), %v", u, u, err)
			}
			var holds *HeldError
			if err := r.Remove(t.Context(), s); !errors.As(err, &holds) || !errors.Is(err, town.ErrRefused) {
				t.Fatalf("remove: %v", err)
			}
			saved, err := r.Rescue(t.Context(), s, "a test")
			if err != nil || saved.Ref == "" {
				t.Fatalf("rescue: %+v, %v", saved, err)
			}
			if got := git(t, s.Dir, "status", "--porcelain"); got != status {
				t.Errorf("status was %q and is %q", status, got)
			}
			if got := git(t, s.Dir, "ls-files", "-s"); got != index {
				t.Errorf("the index changed")
			}
			place := url
			if merge == MergeLocal {
				place = r.path("repo.git")
			}
			for file, text := range map[string]string{"new.go": "changed\n", "untracked": "untracked\n"} {
				if got := git(t, place, "show", saved.Ref+":"+file); got != strings.TrimSpace(text) {
					t.Errorf("%s is %q there", file, got)
				}
			}
			have := held(t, place)
			for _, text := range []string{"new\n", "staged\n", "changed\n", "untracked\n", "stashed\n"} {
				if !have[gitcmd.BlobID([]byte(text))] {
					t.Errorf("%q is not at the remote", text)
				}
			}
			if have[gitcmd.BlobID([]byte("ignored\n"))] {
				t.Error("an ignored file was saved")
			}
			again, err := r.Rescue(t.Context(), s, "a test")
			if err != nil || !again.Already || again.Ref != saved.Ref {
				t.Errorf("a second rescue: %+v, %v", again, err)
			}
			if u, err := r.Unsaved(t.Context(), s); err != nil || u.Held() {
				t.Errorf("after the rescue: %+v, %v", u, err)
			}
			if err := r.Remove(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Lstat(s.Dir); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("it is still there: %v", err)
			}
			nothingLeft(t, r)
		})
	}
}

// nothingLeft looks that no unfinished tree and no forgotten one is left.
func nothingLeft(t testing.TB, r *Rig) {
	t.Helper()
	admins, err := r.linked()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range admins {
		if _, err := os.Lstat(a.top); err != nil {
			t.Errorf("the clone knows a working tree at %s, which is not there", a.top)
		}
	}
	entries, _ := os.ReadDir(r.path("pool"))
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), makingPrefix) || strings.HasPrefix(e.Name(), removingPrefix) {
			t.Errorf("%s is left", e.Name())
		}
	}
}

// A sandbox is reused: what was in it is rescued, the branch begins at the base, and
// ignored files stay.
func TestReuse(t *testing.T) {
	url := remote(t)
	r := rig(t, url, MergeDirect)
	s := prepare(t, r, "nux", "polecat/nux/web-1")
	write(t, filepath.Join(s.Dir, "left.txt"), "left\n")
	write(t, filepath.Join(s.Dir, "build", "out"), "cache\n")
	git(t, s.Dir, "rm", "-q", "main.go")
	git(t, s.Dir, "commit", "-q", "-m", "removed")
	again := prepare(t, r, "nux", "polecat/nux/web-2")
	if again.Rescued == "" || again.Branch != "polecat/nux/web-2" {
		t.Fatalf("%+v", again)
	}
	if got := git(t, s.Dir, "status", "--porcelain", "--branch"); got != "## polecat/nux/web-2" {
		t.Errorf("status: %s", got)
	}
	if _, err := os.Stat(filepath.Join(s.Dir, "build", "out")); err != nil {
		t.Errorf("an ignored file went: %v", err)
	}
	if got := git(t, url, "show", again.Rescued+":left.txt"); got != "left" {
		t.Errorf("rescued: %q", got)
	}
	same := prepare(t, r, "nux", "polecat/nux/web-2")
	if same.Rescued != "" {
		t.Errorf("nothing was to be rescued: %+v", same)
	}
	nothingLeft(t, r)
}

// What a branch has beyond the target is known also after the target moved on.
func TestLeft(t *testing.T) {
	url := remote(t)
	seed := filepath.Join(filepath.Dir(url), "seed")
	r := rig(t, url, MergeDirect)
	s := prepare(t, r, "nux", "polecat/nux/web-1")
	first := git(t, s.Dir, "rev-parse", "HEAD")
	left := func(what, commit, want string) {
		t.Helper()
		if got, err := r.Left(t.Context(), commit); err != nil || got != want {
			t.Errorf("%s: left at %q, want %q: %v", what, got, want, err)
		}
	}
	left("nothing", first, first)
	git(t, seed, "commit", "-q", "--allow-empty", "-m", "the target moves on")
	git(t, seed, "push", "-q", "origin", "main")
	if err := r.Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	tip := git(t, seed, "rev-parse", "HEAD")
	left("nothing, and the target moved on", first, first)
	git(t, s.Dir, "commit", "-q", "--allow-empty", "-m", "work")
	left("one commit", git(t, s.Dir, "rev-parse", "HEAD"), first)
	git(t, s.Dir, "merge", "-q", "-m", "merged", "origin/main")
	left("the target merged in", git(t, s.Dir, "rev-parse", "HEAD"), tip)
	git(t, s.Dir, "checkout", "-q", "--orphan", "alone")
	git(t, s.Dir, "commit", "-q", "-m", "shares nothing")
	left("nothing shared", git(t, s.Dir, "rev-parse", "HEAD"), "")
	if _, err := r.Left(t.Context(), "--all"); !errors.Is(err, gitcmd.ErrNotFound) {
		t.Errorf("no commit: %v", err)
	}
}

// What a former worker pushed stays at the remote when another one with the same branch
// pushes, also when the sandbox is gone and when nobody here knows those commits. A push
// that goes on from it saves nothing.
func TestPushKeepsWhatWasThere(t *testing.T) {
	for _, merge := range []Merge{MergeDirect, MergeLocal} {
		url := remote(t)
		r := rig(t, url, merge)
		if merge == MergeLocal {
			url = r.path("repo.git")
		}
		const branch = "polecat/nux/web-1"
		was, heads := "", []string{}
		for i, deed := range []string{"first", "more", "anew", "other"} {
			s := prepare(t, r, "nux", branch)
			if deed == "more" {
				git(t, s.Dir, "reset", "-q", "--hard", was)
			}
			if deed == "other" && merge == MergeDirect { // from another machine
				clone := filepath.Join(t.TempDir(), "clone")
				git(t, t.TempDir(), "clone", "-q", "-b", branch, url, clone)
				git(t, clone, "commit", "-q", "--allow-empty", "-m", "elsewhere")
				git(t, clone, "push", "-q")
				was = strings.TrimSpace(git(t, clone, "rev-parse", "HEAD"))
				heads = append(heads, was)
			}
			git(t, s.Dir, "commit", "-q", "--allow-empty", "-m", deed)
			head, err := r.Push(t.Context(), s, branch, was)
			if err != nil {
				t.Fatal(err)
			}
			was, heads = head, append(heads, head)
			must(t, r.Remove(t.Context(), s))
			all := git(t, url, "rev-list", "--all")
			for _, id := range heads {
				if !strings.Contains(all, id) {
					t.Errorf("%s, %d: %s is lost", merge, i, id)
				}
			}
			if refs := git(t, url, "for-each-ref", "refs/gt/rescue"); merge == MergeDirect && i < 2 && refs != "" {
				t.Errorf("%s, %d: nothing was to be saved:\n%s", merge, i, refs)
			}
		}
	}
}

// gt done pushes a branch and sees it. A former worker does not overwrite a later one.
func TestPush(t *testing.T) {
	url := remote(t)
	r := rig(t, url, MergeDirect)
	s := prepare(t, r, "nux", "polecat/nux/web-1")
	write(t, filepath.Join(s.Dir, "new.go"), "new\n")
	git(t, s.Dir, "add", "-A")
	git(t, s.Dir, "commit", "-q", "-m", "work")
	if _, equal, err := r.Pushed(t.Context(), s, s.Branch); err != nil || equal {
		t.Fatalf("pushed before: %v, %v", equal, err)
	}
	head, err := r.Push(t.Context(), s, s.Branch, "")
	if err != nil {
		t.Fatal(err)
	}
	if at, equal, err := r.Pushed(t.Context(), s, s.Branch); err != nil || !equal || at != head {
		t.Fatalf("pushed: %s, %v, %v", at, equal, err)
	}
	if u, err := r.Unsaved(t.Context(), s); err != nil || !u.Empty() {
		t.Errorf("unsaved: %v, %v", u, err)
	}
	git(t, s.Dir, "commit", "-q", "--amend", "-m", "other")
	if _, err := r.Push(t.Context(), s, s.Branch, ""); !errors.Is(err, gitcmd.ErrRejected) {
		t.Errorf("a push that expects no branch: %v", err)
	}
	if _, err := r.Push(t.Context(), s, s.Branch, head); err != nil {
		t.Errorf("a push that knows the branch: %v", err)
	}
}

// A branch whose name is the beginning of a pushed one's keeps it out at the remote, and
// is named. One that only the clone remembers keeps nothing out.
func TestPushWithANameInTheWay(t *testing.T) {
	url := remote(t)
	r := rig(t, url, MergeDirect)
	s := prepare(t, r, "nux", "polecat/nux/web-1")
	git(t, s.Dir, "commit", "-q", "--allow-empty", "-m", "work")
	git(t, s.Dir, "push", "-q", url, "HEAD:refs/heads/polecat", "HEAD:refs/gt/rescue")
	if _, err := r.Push(t.Context(), s, s.Branch, ""); !errors.Is(err, gitcmd.ErrInTheWay) || !strings.Contains(err.Error(), "'refs/heads/polecat' exists") {
		t.Errorf("push: %v", err)
	}
	write(t, filepath.Join(s.Dir, "new.go"), "new\n")
	if saved, err := r.Rescue(t.Context(), s, "a test"); err != nil || !strings.HasPrefix(saved.Ref, "refs/heads/gt-rescue/") {
		t.Errorf("rescue: %+v: %v", saved, err)
	}
	git(t, url, "update-ref", "-d", "refs/heads/polecat")
	git(t, r.repo.Dir(), "update-ref", "refs/remotes/origin/polecat", s.Base)
	head, err := r.Push(t.Context(), s, s.Branch, "")
	if err != nil {
		t.Fatalf("push: %v", err)
	}
	if known, err := r.repo.Resolve(t.Context(), originRefs+s.Branch); err != nil || known != head {
		t.Errorf("the clone knows %q: %v", known, err)
	}
}
