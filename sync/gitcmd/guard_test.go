package gitcmd

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gastown/e2e/gitserver"
)

const testBelow = "refs/dolt/turns/"

// A guarded push learns of refs that it does not know and changes nothing then. It
// passes those that it knows, removes those that it names, and makes one
// connection.
func TestGuardedPush(t *testing.T) {
	for name, serve := range map[string]func(t *testing.T, repo string) (url string, env []string){
		"file": func(_ *testing.T, repo string) (string, []string) { return repo, nil },
		"http": func(t *testing.T, repo string) (string, []string) { url, _ := serve(t, repo, ""); return url, nil },
		"ssh": func(t *testing.T, repo string) (string, []string) {
			s, err := gitserver.SSH(repo)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			return s.URL(), s.Env()
		},
	} {
		t.Run(name, func(t *testing.T) {
			remote := bareRepo(t)
			url, env := serve(t, remote)
			a := open(t, Options{Env: here(env...)})
			c1 := commitOf(t, a, "", "one")
			c2, c3 := commitOf(t, a, c1, "two"), commitOf(t, a, c1, "three")
			push := func(seen map[string]string, updates ...Update) (PushResult, error) {
				return a.PushGuarded(t.Context(), PushSpec{URL: url, Updates: updates, Guard: testBelow, Seen: seen})
			}
			if _, err := push(nil, Update{testRef, "", c1}); err != nil {
				t.Fatalf("nothing waits: %v", err)
			}
			one, two := testBelow+"one", testBelow+"two"
			if _, err := a.Push(t.Context(), url, Update{one, "", c3}); err != nil {
				t.Fatal(err)
			}
			for what, seen := range map[string]map[string]string{"unknown": nil, "another value": {one: c1}, "gone": {one: c3, two: c3}} {
				res, err := push(seen, Update{testRef, c1, c2})
				if !errors.Is(err, ErrRejected) || errors.Is(err, ErrOutcomeUnknown) {
					t.Errorf("%s: %v", what, err)
				}
				if len(res.Causes) != 1 || res.Causes[testRef] != nil {
					t.Errorf("%s: causes are %v", what, res.Causes)
				}
			}
			if got := git(t, remote, "rev-parse", testRef, one); got != c1+"\n"+c3 {
				t.Fatalf("a refused push changed something: %s", got)
			}
			if _, err := push(map[string]string{one: c3}, Update{testRef, c1, c2}); err != nil {
				t.Fatalf("a known ref: %v", err)
			}
			if _, err := push(map[string]string{one: c3}, Update{testRef, c2, c3}, Update{one, c3, ""}); err != nil {
				t.Fatalf("remove a ref: %v", err)
			}
			if got := git(t, remote, "for-each-ref", "--format=%(refname) %(objectname)"); got != testRef+" "+c3 {
				t.Errorf("the remote has %s", got)
			}
			git(t, remote, "update-ref", one, c1)
			res, err := push(map[string]string{one: c3}, Update{testRef, c3, c2}, Update{one, c3, ""})
			if !errors.Is(err, ErrRejected) || !errors.Is(res.Causes[one], ErrRejected) || len(res.Causes) != 1 {
				t.Errorf("remove a ref that has moved: %v %v", err, res.Causes)
			}
		})
	}
}

// A host that refuses to delete refs, or refs of that name, says so as the cause.
func TestRefusedRefIsTheCause(t *testing.T) {
	remote := bareRepo(t)
	a := open(t, Options{})
	c1 := commitOf(t, a, "", "one")
	c2 := commitOf(t, a, c1, "two")
	one := testBelow + "one"
	if _, err := a.Push(t.Context(), remote, Update{testRef, "", c1}, Update{one, "", c1}); err != nil {
		t.Fatal(err)
	}
	for what, rule := range map[string]string{"deletions": `case $3 in *[1-9a-f]*) ;; *) exit 1;; esac`, "other refs": `case $1 in */turns/*) exit 1;; esac`} {
		if err := os.WriteFile(filepath.Join(remote, "hooks", "update"), []byte("#!/bin/sh\n"+rule+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		for _, last := range []Update{{one, c1, ""}, {one, c1, c2}} {
			if what == "deletions" && last.New != "" {
				continue
			}
			res, err := a.Push(t.Context(), remote, Update{testRef, c1, c2}, last)
			if !errors.Is(err, ErrReadOnly) || !errors.Is(res.Causes[one], ErrReadOnly) || len(res.Causes) != 1 {
				t.Errorf("%s: %v %v", what, err, res.Causes)
			}
		}
	}
	if got := git(t, remote, "rev-parse", testRef); got != c1 {
		t.Errorf("half of a push was applied: %s", got)
	}
}

// A fetch brings the refs below a prefix, each object once, and drops those that
// are gone. Names that the caller did not expect do no harm.
func TestFetchBelow(t *testing.T) {
	remote := bareRepo(t)
	a, b := open(t, Options{}), open(t, Options{})
	c1 := commitOf(t, a, "", "one")
	c2 := commitOf(t, a, c1, strings.Repeat("two", 1<<16))
	if _, err := a.Push(t.Context(), remote, Update{testRef, "", c1}, Update{"refs/dolt/ledger", "", c1}); err != nil {
		t.Fatal(err)
	}
	fetch := func() FetchResult {
		t.Helper()
		f, err := b.Fetch(t.Context(), FetchSpec{URL: remote, Ref: testRef, Into: "refs/gt/in/data",
			Second: "refs/dolt/ledger", SecondInto: "refs/gt/in/ledger", Below: testBelow, BelowInto: "refs/gt/turns/"})
		if err != nil || f.ID != c1 || f.SecondID != c1 {
			t.Fatalf("%+v %v", f, err)
		}
		return f
	}
	if f := fetch(); len(f.Below) != 0 {
		t.Fatalf("%+v", f)
	}
	for _, name := range []string{"one", "two.ledger", "nested/below"} {
		if _, err := a.Push(t.Context(), remote, Update{testBelow + name, "", c2}); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]string{testBelow + "one": c2, testBelow + "two.ledger": c2, testBelow + "nested/below": c2}
	if f := fetch(); !maps.Equal(f.Below, want) {
		t.Fatalf("%+v", f)
	}
	before, err := b.Usage()
	if err != nil {
		t.Fatal(err)
	}
	git(t, remote, "update-ref", "-d", testBelow+"nested/below")
	git(t, remote, "update-ref", testBelow+"nested", c2)
	delete(want, testBelow+"nested/below")
	want[testBelow+"nested"] = c2
	if f := fetch(); !maps.Equal(f.Below, want) {
		t.Fatalf("%+v", f)
	}
	if after, err := b.Usage(); err != nil || after.Bytes > before.Bytes+4096 {
		t.Errorf("%+v, then %+v (%v): objects came twice", before, after, err)
	}
	if err := b.DropBelow("refs/gt/turns/"); err != nil {
		t.Fatal(err)
	}
	if refs, err := b.RefsBelow("refs/gt/turns/"); err != nil || len(refs) != 0 {
		t.Errorf("%v %v", refs, err)
	}
}
