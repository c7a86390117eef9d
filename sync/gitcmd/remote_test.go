package gitcmd

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gastown/town"
)

func TestFetchPushAndList(t *testing.T) {
	remote := bareRepo(t)
	a, b := open(t, Options{}), open(t, Options{})
	f, err := b.Fetch(t.Context(), FetchSpec{remote, testRef, "refs/gt/in"})
	if err != nil || !f.Missing {
		t.Fatalf("empty repository: %+v, %v", f, err)
	}
	if l, err := b.LsRemote(t.Context(), remote, testRef); err != nil || len(l.Heads) != 0 || l.ID != "" {
		t.Fatalf("empty repository: %+v, %v", l, err)
	}
	c1 := commitOf(t, a, "", "one")
	if _, err := a.Push(t.Context(), remote, Update{testRef, "", c1}, Update{"refs/heads/info", "", c1}); err != nil {
		t.Fatal(err)
	}
	if l, err := b.LsRemote(t.Context(), remote, testRef); err != nil || len(l.Heads) != 1 || l.ID != c1 {
		t.Fatalf("%+v, %v", l, err)
	}
	if f, err = b.Fetch(t.Context(), FetchSpec{remote, testRef, "refs/gt/in"}); err != nil || f.ID != c1 {
		t.Fatalf("%+v, %v", f, err)
	}
	if f, err := b.Fetch(t.Context(), FetchSpec{remote, "refs/dolt/other", "refs/gt/in"}); err != nil || !f.Missing {
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

// An environment as a hook leaves it.
func TestDeafToSurroundingRepository(t *testing.T) {
	remote, dir := bareRepo(t), filepath.Join(t.TempDir(), "c.git")
	a := open(t, Options{})
	c := commitOf(t, a, "", "one")
	if _, err := a.Push(t.Context(), remote, Update{testRef, "", c}); err != nil {
		t.Fatal(err)
	}
	for k, v := range map[string]string{"GIT_DIR": "/nowhere", "GIT_INDEX_FILE": "/nowhere/i", "GIT_WORK_TREE": "/nowhere",
		"GIT_OBJECT_DIRECTORY": "/nowhere/o", "GIT_QUARANTINE_PATH": "/nowhere/q", "GIT_NAMESPACE": "ns", "GIT_COMMON_DIR": "/nowhere",
		"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "transfer.hideRefs", "GIT_CONFIG_VALUE_0": "refs/dolt",
		"GIT_CONFIG_PARAMETERS": "'core.bare'='false'", "GIT_TRACE": "1", "GIT_ALLOW_PROTOCOL": "none", "GIT_SHALLOW_FILE": "/nowhere/s"} {
		t.Setenv(k, v)
	}
	// What git itself calls local must be among what we remove.
	names, err := exec.Command("git", "rev-parse", "--local-env-vars").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range strings.Fields(string(names)) {
		if !leaking[n] {
			t.Errorf("%s is not removed", n)
		}
	}
	r, err := Init(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if f, err := r.Fetch(t.Context(), FetchSpec{remote, testRef, "refs/gt/in"}); err != nil || f.ID != c {
		t.Fatalf("%+v, %v", f, err)
	}
	if _, err := r.Push(t.Context(), remote, Update{"refs/dolt/more", "", commitOf(t, r, c, "two")}); err != nil {
		t.Fatal(err)
	}
}

// A user's hooks, signing and tags are for working repositories.
func TestUserConfigurationThatMustNotApply(t *testing.T) {
	home := t.TempDir()
	ran := filepath.Join(home, "ran")
	for _, h := range []string{"pre-push", "reference-transaction"} {
		if err := os.WriteFile(filepath.Join(home, h), []byte("#!/bin/sh\necho $0 >>"+ran+"\nexit 1\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cfg := filepath.Join(home, "config")
	text := "[core]\n\thooksPath = " + home + "\n[push]\n\tgpgSign = true\n\tfollowTags = true\n[fetch]\n\tprune = true\n[safe]\n\tbareRepository = explicit\n" +
		"[protocol \"ext\"]\n\tallow = always\n[commit]\n\tgpgSign = true\n[url \"ext::sh -c touch% " + ran + "\"]\n\tinsteadOf = https://rewritten\n"
	if err := os.WriteFile(cfg, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	remote := bareRepo(t) // its own receive-pack sees the same file: keep hooks out of it
	git(t, remote, "config", "core.hooksPath", "/dev/null")
	t.Setenv("GIT_CONFIG_GLOBAL", cfg)
	a := open(t, Options{})
	if _, err := a.Push(t.Context(), remote, Update{testRef, "", commitOf(t, a, "", "x")}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Fetch(t.Context(), FetchSpec{remote, testRef, "refs/gt/in"}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Fetch(t.Context(), FetchSpec{"https://rewritten/x", testRef, "refs/gt/in"}); err == nil {
		t.Fatal("a rewritten URL reached a remote helper")
	}
	if b, err := os.ReadFile(ran); err == nil {
		t.Fatalf("ran %s", b)
	}
}

func TestLoginOverHTTP(t *testing.T) {
	remote := bareRepo(t)
	url, exchanges := serve(t, remote, "s3cret-token")
	t.Setenv("DISPLAY", ":0")
	ask := filepath.Join(t.TempDir(), "ask")
	if err := os.WriteFile(ask, []byte("#!/bin/sh\ntouch "+ask+".asked\necho x\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GIT_ASKPASS", ask)
	t.Setenv("SSH_ASKPASS", ask)
	t.Setenv("SSH_ASKPASS_REQUIRE", "force")
	none := open(t, Options{})
	_, err := none.Fetch(t.Context(), FetchSpec{url, testRef, "refs/gt/in"})
	if !errors.Is(err, ErrAuth) || town.Next(err) == "" {
		t.Fatalf("want ErrAuth with advice, got %v", err)
	}
	if _, err := os.Stat(ask + ".asked"); err == nil {
		t.Fatal("somebody was asked for a password")
	}
	t.Setenv("MY_TOKEN", "s3cret-token")
	good := open(t, Options{TokenEnv: "MY_TOKEN"})
	c := commitOf(t, good, "", "one")
	if _, err := good.Push(t.Context(), url, Update{testRef, "", c}); err != nil {
		t.Fatal(err)
	}
	exchanges.Store(0)
	if f, err := good.Fetch(t.Context(), FetchSpec{url, testRef, "refs/gt/in"}); err != nil || f.ID != c {
		t.Fatalf("%+v, %v", f, err)
	}
	if n := exchanges.Load(); n != 1 {
		t.Errorf("a fetch made %d connections", n)
	}
	bad := open(t, Options{TokenEnv: "BAD", Env: []string{"BAD=wrong-token"}})
	if _, err := bad.Fetch(t.Context(), FetchSpec{url, testRef, "refs/gt/in"}); !errors.Is(err, ErrAuth) || strings.Contains(err.Error(), "wrong-token") {
		t.Fatalf("want ErrAuth without the token, got %v", err)
	}
	// Another host gets nothing, and plain http to one is refused.
	other, err := tokenConfig("https://example.org:8443/x", "T", "")
	if err != nil || other[1][0] != "credential.https://example.org:8443.helper" {
		t.Fatalf("%v %v", other, err)
	}
	if _, err := tokenConfig("http://example.org/x", "T", ""); !errors.Is(err, ErrURL) {
		t.Fatalf("want ErrURL, got %v", err)
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
	if _, err := a.Fetch(t.Context(), FetchSpec{url + "x", testRef, "refs/gt/in"}); !errors.Is(err, ErrNotFound) {
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
	if _, err := b.Fetch(t.Context(), FetchSpec{remote, testRef, "refs/gt/in"}); !errors.Is(err, ErrTooLarge) {
		t.Fatalf("want ErrTooLarge, got %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(b.Dir, "objects/pack/*")); len(left) != 0 {
		t.Fatalf("left behind: %v", left)
	}
}

func TestNoGit(t *testing.T) {
	r := open(t, Options{Git: "no-such-git"})
	if _, err := r.Fetch(t.Context(), FetchSpec{"/x", testRef, "refs/gt/in"}); !errors.Is(err, ErrNoGit) {
		t.Fatalf("want ErrNoGit, got %v", err)
	}
	old := filepath.Join(t.TempDir(), "git")
	if err := os.WriteFile(old, []byte("#!/bin/sh\necho git version 2.11.0\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if v, err := Version(t.Context(), Options{Git: old}); !errors.Is(err, ErrTooOld) {
		t.Fatalf("want ErrTooOld, got %s, %v", v, err)
	}
	if v, err := Version(t.Context(), Options{}); err != nil || v == "" {
		t.Fatalf("%q, %v", v, err)
	}
}

// A lock whose file is handed down is held until the last child has ended.
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
	r := open(t, Options{Inherit: lock, Env: []string{"GIT_SSH_COMMAND=" + ssh}})
	done := make(chan error)
	go func() {
		_, err := r.Fetch(t.Context(), FetchSpec{"ssh://host/x", testRef, "refs/gt/in"})
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
	if err := os.WriteFile(ssh, []byte("#!/bin/sh\nexec sleep 60\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	r := open(t, Options{Idle: 300 * time.Millisecond, Env: []string{"GIT_SSH_COMMAND=" + ssh}})
	start := time.Now()
	_, err := r.Push(t.Context(), "ssh://host/x", Update{testRef, "", strings.Repeat("a", 40)})
	if !errors.Is(err, ErrDeadline) || errors.Is(err, ErrOutcomeUnknown) || time.Since(start) > 20*time.Second {
		t.Fatalf("after %s: %v", time.Since(start), err)
	}
}
