package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gastown/e2e/gitserver"
	"gastown/sync/federate"
	"gastown/town/config"
)

// A remote the Town may have published at stays in the configuration, and the
// same command goes on there.
func TestInitOfUnknownOutcomeKeepsTheRemote(t *testing.T) {
	w := towns{t, t.TempDir()}
	repo := filepath.Join(w.dir, "town.git")
	if out, err := exec.Command("git", "init", "-q", "--bare", repo).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	server, err := gitserver.HTTP(repo, gitserver.HTTPOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	w.must("install", "alpha")
	server.Once(gitserver.DropBefore)
	code, _, said := w.run("--town", "alpha", "federation", "init", server.URL(), "--yes")
	if code != exitFailed || !strings.Contains(said, "next: run it again") {
		t.Errorf("exit %d: %s", code, said)
	}
	if _, out, _ := w.run("--town", "alpha", "federation", "remote", "list"); !strings.Contains(out, server.URL()) {
		t.Errorf("the remote is gone: %q", out)
	}
	w.must("--town", "alpha", "federation", "init", server.URL(), "--yes")
	w.must("--town", "alpha", "federation", "sync")
}

// A token goes to the host that was named, or to the one there can be no doubt
// about.
func TestTokenIsForOneHost(t *testing.T) {
	named := ""
	at := func(urls ...string) *workplace {
		c := &config.Config{}
		for _, u := range urls {
			c.Remotes = append(c.Remotes, config.Remote{Name: "r", URL: u})
		}
		return &workplace{app: &App{Getenv: func(string) string { return named }}, config: c}
	}
	one, other := "https://git.example.com/a", "https://evil.example.net/a"
	for _, test := range []struct {
		known  []string
		remote string
		named  string
		want   string
	}{
		{nil, one, "", "git.example.com"},
		{[]string{one, "ssh://git@evil.example.net/a", "/srv/town.git"}, one, "", "git.example.com"},
		{[]string{one, "https://Git.Example.com/b"}, one, "", "git.example.com"},
		{[]string{one}, other, "", ""}, {[]string{one, other}, one, "", ""},
		{[]string{one}, other, "git.example.com", "git.example.com"},
		{nil, "http://127.0.0.1:8080/a", "", ""}, {nil, "http://127.0.0.1:8080/a", "127.0.0.1", "127.0.0.1"},
	} {
		named = test.named
		if got := at(test.known...).tokenHost(federate.Remote{URL: test.remote}); got != test.want {
			t.Errorf("%v, then %s, named %q: the token is for %q, want %q", test.known, test.remote, test.named, got, test.want)
		}
	}
}

// A join that cannot publish tells what has become of the Town all the same, and
// the next sync goes on.
func TestJoinThatCannotPublishTellsWhatItDid(t *testing.T) {
	w := towns{t, t.TempDir()}
	repo := filepath.Join(w.dir, "town.git")
	if out, err := exec.Command("git", "init", "-q", "--bare", repo).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	w.must("install", "alpha")
	w.must("--town", "alpha", "federation", "init", repo, "--yes")
	w.must("install", "beta")
	w.write("beta/federation/roles/crier.md", "---\nname: crier\ndescription: d\n---\n\nOf beta.\n")
	hook := filepath.Join(repo, "hooks", "pre-receive")
	if err := os.WriteFile(hook, []byte("#!/bin/sh\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	code, out, said := w.run("--town", "beta", "federation", "join", repo, "--yes")
	if code != exitFailed || !strings.Contains(out, "joined the federation") || !strings.Contains(out, "is kept in ") || strings.Contains(out, "published") {
		t.Errorf("exit %d: %s\n%s", code, out, said)
	}
	if err := os.Remove(hook); err != nil {
		t.Fatal(err)
	}
	w.must("--town", "beta", "federation", "sync")
	w.must("--town", "alpha", "federation", "pull")
	if _, err := os.Stat(filepath.Join(w.dir, "alpha/federation/roles/crier.md")); err != nil {
		t.Error(err)
	}
}
