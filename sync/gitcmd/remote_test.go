package gitcmd

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestFetchPushAndList(t *testing.T) {
	remote := bareRepo(t)
	a, b := open(t, Options{}), open(t, Options{})
	f, err := b.Fetch(t.Context(), FetchSpec{URL: remote, Ref: testRef, Into: "refs/gt/in"})
	if err != nil || !f.Missing {
		t.Fatalf("empty repository: %+v, %v", f, err)
	}
	if l, err := b.LsRemote(t.Context(), remote, testRef); err != nil || len(l.Heads) != 0 || len(l.IDs) != 0 {
		t.Fatalf("empty repository: %+v, %v", l, err)
	}
	c1 := commitOf(t, a, "", "one")
	if _, err := a.Push(t.Context(), remote, Update{testRef, "", c1}, Update{"refs/heads/info", "", c1}); err != nil {
		t.Fatal(err)
	}
	if l, err := b.LsRemote(t.Context(), remote, testRef); err != nil || len(l.Heads) != 1 || l.IDs[testRef] != c1 {
		t.Fatalf("%+v, %v", l, err)
	}
	if f, err = b.Fetch(t.Context(), FetchSpec{URL: remote, Ref: testRef, Into: "refs/gt/in"}); err != nil || f.ID != c1 {
		t.Fatalf("%+v, %v", f, err)
	}
	if f, err := b.Fetch(t.Context(), FetchSpec{URL: remote, Ref: "refs/dolt/other", Into: "refs/gt/in"}); err != nil || !f.Missing {
		t.Fatalf("missing ref: %+v, %v", f, err)
	}
	c2, c3 := commitOf(t, a, c1, "two"), commitOf(t, b, c1, "three")
	res, err := a.Push(t.Context(), remote, Update{testRef, c1, c2})
	if err != nil || res.Report[testRef] == "" {
		t.Fatalf("%+v, %v", res, err)
	}
	for _, u := range []Update{{testRef, c1, c3}, {testRef, "", c3}, {"refs/dolt/new", c1, c3}} {
		if _, err := b.Push(t.Context(), remote, u); !errors.Is(err, ErrRejected) || errors.Is(err, ErrOutcomeUnknown) {
			t.Errorf("%+v: want ErrRejected, got %v", u, err)
		}
	}
	// All or nothing.
	if _, err := b.Push(t.Context(), remote, Update{"refs/dolt/new", "", c3}, Update{testRef, c1, c3}); !errors.Is(err, ErrRejected) {
		t.Errorf("want ErrRejected, got %v", err)
	}
	if refs := git(t, remote, "for-each-ref", "refs/dolt/new"); refs != "" {
		t.Errorf("half of a push was applied: %s", refs)
	}
	// A rewind with the right expectation is allowed; the same push again is success.
	for range 2 {
		if _, err := b.Push(t.Context(), remote, Update{testRef, c2, c3}); err != nil && !errors.Is(err, ErrRejected) {
			t.Fatal(err)
		}
	}
	if got := git(t, remote, "rev-parse", testRef); got != c3 {
		t.Fatalf("ref is %s, want %s", got, c3)
	}
	if got := git(t, remote, "log", "-1", "--format=%an %ae %cn %at", c1); got != "Ada ada@example.org Ada 1700000000" {
		t.Fatalf("commit is signed %q", got)
	}
}

func TestReadOnlyOverHTTP(t *testing.T) {
	remote := bareRepo(t)
	url, _ := serve(t, remote, "")
	git(t, remote, "config", "http.receivepack", "false")
	a := open(t, Options{})
	_, err := a.Push(t.Context(), url, Update{testRef, "", commitOf(t, a, "", "x")})
	if !errors.Is(err, ErrReadOnly) || errors.Is(err, ErrOutcomeUnknown) {
		t.Fatalf("want ErrReadOnly, got %v", err)
	}
	if _, err := a.Fetch(t.Context(), FetchSpec{URL: url + "x", Ref: testRef, Into: "refs/gt/in"}); !errors.Is(err, ErrNotFound) {
		t.Fatalf("want ErrNotFound, got %v", err)
	}
}

func TestMoreThanAllowed(t *testing.T) {
	remote := bareRepo(t)
	a, b := open(t, Options{}), open(t, Options{MaxBytes: 256 << 10})
	if _, err := a.Push(t.Context(), remote, Update{testRef, "", commitOf(t, a, "", strings.Repeat("0123456789abcdef", 1<<16))}); err != nil {
		t.Fatal(err)
	}
	git(t, remote, "config", "core.compression", "0")
	if _, err := b.Fetch(t.Context(), FetchSpec{URL: remote, Ref: testRef, Into: "refs/gt/in"}); !errors.Is(err, ErrTooLarge) {
		t.Fatalf("want ErrTooLarge, got %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(b.Dir, "objects/pack/*")); len(left) != 0 {
		t.Fatalf("left behind: %v", left)
	}
}

func TestNoGit(t *testing.T) {
	r := open(t, Options{Git: "no-such-git"})
	if _, err := r.Fetch(t.Context(), FetchSpec{URL: "/x", Ref: testRef, Into: "refs/gt/in"}); !errors.Is(err, ErrNoGit) {
		t.Fatalf("want ErrNoGit, got %v", err)
	}
	old := filepath.Join(t.TempDir(), "git")
	if err := os.WriteFile(old, []byte("#!/bin/sh\necho git version 2.11.0\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if v, err := Version(t.Context(), Options{Git: old, Env: here()}); !errors.Is(err, ErrTooOld) {
		t.Fatalf("want ErrTooOld, got %s, %v", v, err)
	}
	if v, err := Version(t.Context(), Options{Env: here()}); err != nil || v == "" {
		t.Fatalf("%q, %v", v, err)
	}
}

// A lock whose descriptor is inherited is held until the last child has ended.
func TestInheritedLockOutlivesUs(t *testing.T) {
	dir := t.TempDir()
	ssh := filepath.Join(dir, "ssh")
	script := "#!/bin/sh\ntouch " + dir + "/started\nwhile test ! -e " + dir + "/stop; do sleep 0.05; done\nreadlink /proc/self/fd/3 >" + dir + "/fd3\nexit 1\n"
	if err := os.WriteFile(ssh, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	lock, err := os.Create(filepath.Join(dir, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	r := open(t, Options{Inherit: lock, Env: here("GIT_SSH_COMMAND=" + ssh)})
	done := make(chan error)
	go func() {
		_, err := r.Fetch(t.Context(), FetchSpec{URL: "ssh://host/x", Ref: testRef, Into: "refs/gt/in"})
		done <- err
	}()
	if err := os.WriteFile(filepath.Join(dir, "stop"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err == nil {
		t.Fatal("the fetch succeeded")
	}
	if b, err := os.ReadFile(filepath.Join(dir, "fd3")); err != nil || strings.TrimSpace(string(b)) != lock.Name() {
		t.Fatalf("descriptor 3 of a grandchild is %q, %v", b, err)
	}
}

// Progress is reported while it happens and does not end up in errors.
func TestProgressIsReported(t *testing.T) {
	remote := bareRepo(t)
	var phases []string
	a := open(t, Options{Progress: func(p Progress) { phases = append(phases, p.Phase) }})
	res, err := a.Push(t.Context(), remote, Update{testRef, "", commitOf(t, a, "", strings.Repeat("x", 1<<20))})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.Join(phases, ","), "Writing objects") || res.Bytes < 1<<19 {
		t.Fatalf("phases %v, %d bytes", phases, res.Bytes)
	}
	m := &messages{}
	for range 10000 {
		if _, err := io.WriteString(m, strings.Repeat("y", 100)+"\nReceiving objects:  50% (1/2), 1.50 MiB | 1 KiB/s\r"); err != nil {
			t.Fatal(err)
		}
	}
	if s := m.text(); len(s) > 2*maxText || strings.Contains(s, "Receiving") {
		t.Fatalf("kept %d bytes", len(s))
	}
	if n, _ := m.transferred(); n != 3<<19 {
		t.Fatalf("%d bytes", n)
	}
}

func TestIdleRemoteIsGivenUp(t *testing.T) {
	ssh := filepath.Join(t.TempDir(), "ssh")
	if err := os.WriteFile(ssh, []byte("#!/bin/sh\nexec sleep 600\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	r := open(t, Options{Idle: 300 * time.Millisecond, Env: here("GIT_SSH_COMMAND=" + ssh)})
	start := time.Now()
	_, err := r.Push(t.Context(), "ssh://host/x", Update{testRef, "", strings.Repeat("a", 40)})
	if !errors.Is(err, ErrDeadline) || errors.Is(err, ErrOutcomeUnknown) || time.Since(start) > 5*time.Minute {
		t.Fatalf("after %s: %v", time.Since(start), err)
	}
}

// Table files are compressed already, so they are not compressed again on the way
// from one directory to another. How the remote stores them is up to the remote.
func TestLocalFetchesDoNotCompress(t *testing.T) {
	remote := bareRepo(t)
	const size = 1 << 20
	a, b := open(t, Options{}), open(t, Options{})
	c := commitOf(t, a, "", strings.Repeat("0123456789abcdef", size/16))
	if _, err := a.Push(t.Context(), "file://"+remote, Update{testRef, "", c}); err != nil {
		t.Fatal(err)
	}
	if got, err := b.Fetch(t.Context(), FetchSpec{URL: remote, Ref: testRef, Into: "refs/gt/in"}); err != nil || got.Bytes < size {
		t.Errorf("received %d bytes of %d (%v)", got.Bytes, size, err)
	}
}
