package gitcmd

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gastown/town"
)

// The environment that a hook leaves.
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
	// Every variable that git itself calls local is removed.
	names, err := exec.Command("git", "rev-parse", "--local-env-vars").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range strings.Fields(string(names)) {
		if !leaking[n] {
			t.Errorf("%s is not removed", n)
		}
	}
	r, err := Init(dir, Options{Env: here()})
	if err != nil {
		t.Fatal(err)
	}
	if f, err := r.Fetch(t.Context(), FetchSpec{URL: remote, Ref: testRef, Into: "refs/gt/in"}); err != nil || f.ID != c {
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
	if _, err := a.Fetch(t.Context(), FetchSpec{URL: remote, Ref: testRef, Into: "refs/gt/in"}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Fetch(t.Context(), FetchSpec{URL: "https://rewritten/x", Ref: testRef, Into: "refs/gt/in"}); err == nil {
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
	t.Setenv("SSH_ASKPASS", ask)
	t.Setenv("SSH_ASKPASS_REQUIRE", "prefer")
	none := open(t, Options{})
	_, err := none.Fetch(t.Context(), FetchSpec{URL: url, Ref: testRef, Into: "refs/gt/in"})
	if !errors.Is(err, ErrAuth) || town.Next(err) == "" {
		t.Fatalf("want ErrAuth with advice, got %v", err)
	}
	if _, err := os.Stat(ask + ".asked"); err == nil {
		t.Fatal("somebody was asked for a password")
	}
	t.Setenv("MY_TOKEN", "s3cret-token")
	host := strings.Split(url, "/")[2]
	good := open(t, Options{TokenEnv: "MY_TOKEN", TokenHost: host})
	c := commitOf(t, good, "", "one")
	if _, err := good.Push(t.Context(), url, Update{testRef, "", c}); err != nil {
		t.Fatal(err)
	}
	if n := exchanges.Swap(0); n != 1 {
		t.Errorf("a push made %d connections", n)
	}
	if f, err := good.Fetch(t.Context(), FetchSpec{URL: url, Ref: testRef, Into: "refs/gt/in"}); err != nil || f.ID != c {
		t.Fatalf("%+v, %v", f, err)
	}
	if n := exchanges.Load(); n != 1 {
		t.Errorf("a fetch made %d connections", n)
	}
	bad := open(t, Options{TokenEnv: "BAD", TokenHost: host, Env: here("BAD=wrong-token")})
	if _, err := bad.Fetch(t.Context(), FetchSpec{URL: url, Ref: testRef, Into: "refs/gt/in"}); !errors.Is(err, ErrAuth) || strings.Contains(err.Error(), "wrong-token") {
		t.Fatalf("want ErrAuth without the token, got %v", err)
	}
	// A token for another host, or for an unknown one, is not sent.
	for _, elsewhere := range []string{"", "example.org", "127.0.0.1:1"} {
		r := open(t, Options{TokenEnv: "MY_TOKEN", TokenHost: elsewhere})
		_, err := r.Fetch(t.Context(), FetchSpec{URL: url, Ref: testRef, Into: "refs/gt/in"})
		if !errors.Is(err, ErrAuth) || !strings.Contains(town.Next(err), "MY_TOKEN_HOST") {
			t.Errorf("token for %q: %v (%s)", elsewhere, err, town.Next(err))
		}
	}
	// Another host gets no token, and plain http to another machine is refused.
	other, _, err := tokenConfig("https://example.org:8443/x", "T", "Example.org", "")
	if err != nil || other[1][0] != "credential.https://example.org:8443.helper" {
		t.Fatalf("%v %v", other, err)
	}
	if got, withheld, err := tokenConfig("https://example.org:8443/x", "T", "example.org:443", ""); got != nil || !withheld || err != nil {
		t.Errorf("%v %v %v", got, withheld, err)
	}
	if _, _, err := tokenConfig("http://example.org/x", "T", "example.org", ""); !errors.Is(err, ErrURL) {
		t.Fatalf("want ErrURL, got %v", err)
	}
}

// Programs and settings that answer for a person in scripts are used: GIT_ASKPASS,
// and configuration in the environment that is about logins.
func TestLoginFromTheEnvironment(t *testing.T) {
	remote := bareRepo(t)
	url, _ := serve(t, remote, "s3cret-token")
	a := open(t, Options{})
	c := commitOf(t, a, "", "one")
	ask := filepath.Join(t.TempDir(), "ask")
	if err := os.WriteFile(ask, []byte("#!/bin/sh\necho s3cret-token\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	fetch := func() error {
		a.opts.Env = here()
		_, err := a.Fetch(t.Context(), FetchSpec{URL: url, Ref: testRef, Into: "refs/gt/in"})
		return err
	}
	if err := fetch(); !errors.Is(err, ErrAuth) {
		t.Fatalf("want ErrAuth, got %v", err)
	}
	t.Setenv("GIT_ASKPASS", ask)
	a.opts.Env = here()
	if _, err := a.Push(t.Context(), url, Update{testRef, "", c}); err != nil {
		t.Error(err)
	}
	if err := fetch(); err != nil {
		t.Error(err)
	}
	t.Setenv("GIT_ASKPASS", "")
	for k, v := range map[string]string{"GIT_CONFIG_COUNT": "2", "GIT_CONFIG_KEY_0": "transfer.hideRefs", "GIT_CONFIG_VALUE_0": "refs/gt",
		"GIT_CONFIG_KEY_1": "Credential." + url + ".helper", "GIT_CONFIG_VALUE_1": "!printf 'username=ada\\npassword=s3cret-token\\n'; true"} {
		t.Setenv(k, v)
	}
	if err := fetch(); err != nil {
		t.Error(err)
	}
	// None of these settings can cause a prompt or redirect a push.
	t.Setenv("GIT_CONFIG_VALUE_0", "true")
	from := httptest.NewServer(http.RedirectHandler(url+"/info/refs?service=git-upload-pack", http.StatusFound))
	t.Cleanup(from.Close)
	t.Setenv("GIT_CONFIG_KEY_0", "http."+from.URL+"/x.followRedirects")
	a.opts.Env = here()
	if _, err := a.Fetch(t.Context(), FetchSpec{URL: from.URL + "/x", Ref: testRef, Into: "refs/gt/in"}); !errors.Is(err, ErrMoved) {
		t.Errorf("want ErrMoved, got %v", err)
	}
}

// SSH_ASKPASS is kept only if a person set it to be used always.
func TestAskpassForSSH(t *testing.T) {
	for _, test := range []struct {
		base []string
		want string
	}{
		{[]string{"SSH_ASKPASS=/bin/ask", "SSH_ASKPASS_REQUIRE=force"}, "SSH_ASKPASS=/bin/ask,SSH_ASKPASS_REQUIRE=force"},
		{[]string{"SSH_ASKPASS=/bin/ask", "DISPLAY=:0"}, "SSH_ASKPASS=,SSH_ASKPASS_REQUIRE=never"},
		{[]string{"SSH_ASKPASS_REQUIRE=force"}, "SSH_ASKPASS=,SSH_ASKPASS_REQUIRE=never"},
	} {
		var got []string
		for _, kv := range environ(test.base, nil) {
			if strings.HasPrefix(kv, "SSH_ASKPASS") {
				got = append(got, kv)
			}
		}
		if strings.Join(got, ",") != test.want {
			t.Errorf("%v leaves %v", test.base, got)
		}
	}
}

// Git gets the given environment, and nothing of this process's.
func TestOnlyTheGivenEnvironment(t *testing.T) {
	cfg := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(cfg, []byte("[url \"https://elsewhere.invalid/\"]\n\tinsteadOf = https://alias.invalid/\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	theirs := here("GIT_CONFIG_GLOBAL=" + cfg)
	ours := here("GIT_CONFIG_GLOBAL=/dev/null")
	t.Setenv("GIT_CONFIG_GLOBAL", cfg)
	t.Setenv("PATH", "/nowhere")
	for want, env := range map[string][]string{"https://elsewhere.invalid/x": theirs, "https://alias.invalid/x": ours} {
		got, err := open(t, Options{Env: env}).Address(t.Context(), "https://alias.invalid/x")
		if err != nil || got != want {
			t.Errorf("%q, %v; want %s", got, err, want)
		}
	}
	if _, err := Version(t.Context(), Options{}); err == nil || errors.Is(err, ErrNoGit) {
		t.Errorf("without an environment: %v", err)
	}
	if _, err := Version(t.Context(), Options{Env: here()}); !errors.Is(err, ErrNoGit) {
		t.Errorf("without a git in PATH: %v", err)
	}
	if _, err := Init("relative", Options{Env: ours}); err == nil {
		t.Error("a relative directory was taken")
	}
}
