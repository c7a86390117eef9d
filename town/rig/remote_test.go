package rig

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gastown/e2e/gitserver"
	"gastown/sync/gitcmd"
)

// hook makes a repository refuse pushes of refs for which the shell pattern matches.
func hook(t testing.TB, repo, pattern string) {
	t.Helper()
	write(t, filepath.Join(repo, "hooks", "update"), "#!/bin/sh\ncase \"$1\" in "+pattern+") echo not here >&2; exit 1;; esac\n")
	if err := os.Chmod(filepath.Join(repo, "hooks", "update"), 0o700); err != nil {
		t.Fatal(err)
	}
}

// A host that takes only branches gets a branch.
func TestRescueToABranch(t *testing.T) {
	url := remote(t)
	hook(t, url, "refs/gt/*")
	r := rig(t, url, MergeDirect)
	s := prepare(t, r, "nux", "polecat/nux/web-1")
	write(t, filepath.Join(s.Dir, "new"), "new\n")
	saved, err := r.Rescue(t.Context(), s, "a test")
	if err != nil || !strings.HasPrefix(saved.Ref, "refs/heads/gt-rescue/polecats/nux/") {
		t.Fatalf("%+v, %v", saved, err)
	}
	if got := git(t, url, "show", saved.Ref+":new"); got != "new" {
		t.Errorf("there it is %q", got)
	}
	if err := r.Remove(t.Context(), s); err != nil {
		t.Fatal(err)
	}
}

// When nothing can be saved the sandbox stays as it is, and Prepare changes nothing.
func TestNoRescueNoLoss(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, url string){
		"refused": func(t *testing.T, url string) { hook(t, url, "*") },
		"gone": func(t *testing.T, url string) {
			if err := os.Rename(url, url+".moved"); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			url := remote(t)
			r := rig(t, url, MergeDirect)
			s := prepare(t, r, "nux", "polecat/nux/web-1")
			write(t, filepath.Join(s.Dir, "new"), "new\n")
			spoil(t, url)
			if _, err := r.Rescue(t.Context(), s, "a test"); err == nil {
				t.Error("the rescue claims to have saved it")
			} else if !strings.Contains(err.Error(), s.Dir) {
				t.Errorf("the error does not name the sandbox: %v", err)
			}
			if _, err := r.Prepare(t.Context(), Want{Name: "nux", Branch: "polecat/nux/web-2", Fresh: -1}); err == nil {
				t.Error("the sandbox was given away")
			}
			var holds *HeldError
			if err := r.Remove(t.Context(), s); !errors.As(err, &holds) {
				t.Errorf("remove: %v", err)
			}
			if text, err := os.ReadFile(filepath.Join(s.Dir, "new")); err != nil || string(text) != "new\n" {
				t.Errorf("the file is %q, %v", text, err)
			}
			if got := git(t, s.Dir, "branch", "--show-current"); got != "polecat/nux/web-1" {
				t.Errorf("the branch is %s", got)
			}
		})
	}
}

// A rescue ref that somebody removed at the remote does not count.
func TestRescueIsSeen(t *testing.T) {
	url := remote(t)
	r := rig(t, url, MergeDirect)
	moment := time.Now()
	r.yard.Now = func() time.Time { return moment } // both rescues are of one second
	s := prepare(t, r, "nux", "polecat/nux/web-1")
	write(t, filepath.Join(s.Dir, "new"), "new\n")
	saved, err := r.Rescue(t.Context(), s, "a test")
	if err != nil {
		t.Fatal(err)
	}
	git(t, url, "update-ref", "-d", saved.Ref)
	var holds *HeldError
	if err := r.Remove(t.Context(), s); !errors.As(err, &holds) {
		t.Errorf("remove: %v", err)
	}
	again, err := r.Rescue(t.Context(), s, "a test")
	if err != nil || again.Already {
		t.Fatalf("%+v, %v", again, err)
	}
	if err := r.Remove(t.Context(), s); err != nil {
		t.Fatal(err)
	}
}

// The same over connections, and when the answer to the push is lost.
func TestOverConnections(t *testing.T) {
	for _, transport := range []string{"http", "ssh"} {
		t.Run(transport, func(t *testing.T) {
			repo := remote(t)
			git(t, repo, "config", "http.receivepack", "true")
			var server *gitserver.Server
			var err error
			if transport == "http" {
				server, err = gitserver.HTTP(repo, gitserver.HTTPOptions{})
			} else {
				server, err = gitserver.SSH(repo)
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = server.Close() })
			r := rig(t, server.URL(), MergeDirect, server.Env()...)
			s := prepare(t, r, "nux", "polecat/nux/web-1")
			write(t, filepath.Join(s.Dir, "new"), "new\n")
			server.Once(gitserver.DropAnswer)
			saved, err := r.Rescue(t.Context(), s, "a test")
			if err != nil {
				t.Fatalf("the answer was lost, and the ref is there: %v", err)
			}
			if got := git(t, repo, "show", saved.Ref+":new"); got != "new" {
				t.Errorf("there it is %q", got)
			}
			write(t, filepath.Join(s.Dir, "new"), "newer\n")
			server.Set(gitserver.ReadOnly)
			if _, err := r.Rescue(t.Context(), s, "a test"); err == nil {
				t.Error("a read-only remote took it")
			}
			server.Set(gitserver.None)
			if err := r.Remove(t.Context(), s); err == nil {
				t.Error("it was removed with a change")
			}
		})
	}
}

// A URL that is nothing, wants a password or hangs is an error in time, and nothing is
// left behind; the next attempt works.
func TestAddFails(t *testing.T) {
	repo := remote(t)
	git(t, repo, "config", "http.receivepack", "true")
	server, err := gitserver.HTTP(repo, gitserver.HTTPOptions{User: "ann", Password: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	empty := filepath.Join(t.TempDir(), "empty.git")
	git(t, "/", "init", "-q", "--bare", empty)
	y := yard(t)
	for name, c := range map[string]struct {
		url   string
		kind  error
		fault gitserver.Fault
	}{
		"nothing":    {filepath.Join(t.TempDir(), "nothing"), gitcmd.ErrNotFound, gitserver.None},
		"password":   {server.URL(), gitcmd.ErrAuth, gitserver.None},
		"hangs":      {server.URL(), gitcmd.ErrDeadline, gitserver.BlackHole},
		"no commit":  {empty, nil, gitserver.None},
		"option":     {"--upload-pack=touch x", gitcmd.ErrURL, gitserver.None},
		"helper":     {"ext::sh -c touch% x", gitcmd.ErrURL, gitserver.None},
		"line end":   {"https://host/\nx", gitcmd.ErrURL, gitserver.None},
		"with login": {"https://a:b@host/x", gitcmd.ErrURL, gitserver.None},
	} {
		t.Run(name, func(t *testing.T) {
			server.Set(c.fault)
			defer server.Set(gitserver.None)
			y := *y
			if c.fault == gitserver.BlackHole {
				y.Git.Idle = time.Second
			}
			_, err := y.Add(t.Context(), Adding{Settings: Settings{Name: "web", URL: c.url}})
			if err == nil || c.kind != nil && !errors.Is(err, c.kind) {
				t.Errorf("%v", err)
			}
			if err != nil && strings.Contains(err.Error(), "a:b@") {
				t.Errorf("the error shows the password: %v", err)
			}
			if entries, _ := os.ReadDir(y.Dir); len(entries) > 0 {
				t.Errorf("left: %v", entries)
			}
			if all, err := y.Load(); err != nil || len(all) > 0 {
				t.Errorf("settings: %v, %v", all, err)
			}
		})
	}
	if _, err := y.Add(t.Context(), Adding{Settings: Settings{Name: "web", URL: repo}}); err != nil {
		t.Fatal(err)
	}
}

// A caller that gives up ends the clone, and an addition that was killed goes on.
func TestAddInterrupted(t *testing.T) {
	url := remote(t)
	y := yard(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := y.Add(ctx, Adding{Settings: Settings{Name: "web", URL: url}}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	// Killed while it cloned, and after it had cloned.
	write(t, filepath.Join(y.Dir, "web", "repo.git.partial", "config"), "[core")
	if _, err := y.Add(t.Context(), Adding{Settings: Settings{Name: "web", URL: url}}); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(y.File); err != nil {
		t.Fatal(err)
	}
	if _, err := y.Add(t.Context(), Adding{Settings: Settings{Name: "web", URL: url}}); err != nil {
		t.Fatal(err)
	}
	if _, err := y.Open("web"); err != nil {
		t.Fatal(err)
	}
}

// Prepare does not wait for a remote that is away: it uses what is known.
func TestPrepareOffline(t *testing.T) {
	url := remote(t)
	r := rig(t, url, MergeDirect)
	if err := os.Rename(url, url+".moved"); err != nil {
		t.Fatal(err)
	}
	s, err := r.Prepare(t.Context(), Want{Name: "nux", Branch: "polecat/nux/web-1", Fresh: time.Nanosecond})
	if err != nil || s.Stale == "" {
		t.Fatalf("%+v, %v", s, err)
	}
}
