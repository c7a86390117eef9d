package e2e

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gastown/e2e/gitserver"
	"gastown/e2e/internal/depot"
	"gastown/sync/federate"
	"gastown/sync/gitcmd"
	"gastown/town"
)

// faultServers are the servers that can misbehave.
func faultServers() map[string]func(string) (*gitserver.Server, error) {
	return map[string]func(string) (*gitserver.Server, error){
		"HTTP": func(repo string) (*gitserver.Server, error) {
			return gitserver.HTTP(repo, gitserver.HTTPOptions{User: "ada", Password: transportSecret})
		},
		"SSH": gitserver.SSH,
	}
}

// faultPair is two Towns of one federation on a server, with short deadlines.
func faultPair(t *testing.T, start func(string) (*gitserver.Server, error)) (a, b *depot.Town, server *gitserver.Server, repo string) {
	t.Helper()
	transportGitConfig(t, "[credential]\n\thelper = \"!f() { test \\\"$1\\\" = get && printf 'username=ada\\\\npassword="+transportSecret+"\\\\n'; }; f\"\n")
	repo = depot.Bare(t)
	server = transportServed(t, func() (*gitserver.Server, error) { return start(repo) })
	root := t.TempDir()
	a = depot.New(t, filepath.Join(root, "a"), "alpha", server.URL())
	a.MustInit()
	b = depot.New(t, filepath.Join(root, "b"), "beta", server.URL())
	b.MustJoin()
	a.MustPull()
	return a, b, server, repo
}

// faultPrompt replaces the programs that ask a person by ones that leave a file.
func faultPrompt(t *testing.T) (asked func() bool) {
	t.Helper()
	dir := t.TempDir()
	trace := filepath.Join(dir, "asked")
	script := filepath.Join(dir, "ask")
	if err := os.WriteFile(script, []byte("#!/bin/sh\ntouch '"+trace+"'\nsleep 60\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"GIT_ASKPASS", "SSH_ASKPASS"} {
		t.Setenv(name, script)
	}
	t.Setenv("SSH_ASKPASS_REQUIRE", "force")
	t.Setenv("DISPLAY", ":0")
	return func() bool { _, err := os.Stat(trace); return err == nil }
}

// faultProcesses lists processes that have a word in their command line or that
// this process started, without the git of the servers.
func faultProcesses(t *testing.T, word string) (found []string) {
	t.Helper()
	entries, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if line, err := os.ReadFile(e); err == nil && strings.Contains(string(line), word) {
			found = append(found, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}

// faultSettled waits until a Town's git processes have ended.
func faultSettled(t *testing.T, tt *depot.Town) {
	t.Helper()
	// The engine waits for the processes it starts. What those started was killed with them,
	// and a busy machine takes a moment to end it.
	const moment = 40 * time.Second // whatever asks for a password waits longer
	for end := time.Now().Add(moment); ; time.Sleep(awaitPoll) {
		left := faultProcesses(t, tt.Dir)
		if len(left) == 0 {
			break
		}
		if time.Now().After(end) {
			t.Errorf("left running: %q", left)
			break
		}
	}
	err := filepath.WalkDir(filepath.Join(tt.Dir, ".gt", "remotes"), func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && (strings.HasSuffix(path, ".git/shallow.lock") || strings.Contains(path, "/staging/") ||
			strings.Contains(path, "refs/gt/incoming") || strings.Contains(path, "refs/gt/outgoing")) {
			t.Errorf("left behind: %s", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// faultRecovered checks that nothing was lost and that a sync now works.
func faultRecovered(t *testing.T, a, b *depot.Town, edits map[string]string) {
	t.Helper()
	a.MustSync()
	b.MustSync()
	if a.Head() != b.Head() {
		a.MustSync()
	}
	for path, text := range edits {
		if a.Read(path) != text || b.Read(path) != text {
			t.Errorf("%s: alpha has %q, beta %q, want %q", path, a.Read(path), b.Read(path), text)
		}
	}
	hostileEqual(t, "files on the other side", a.Files(), b.Files())
	hostileEqual(t, "rows on the other side", a.Rows(), b.Rows())
}

// A remote that misbehaves causes a clear error within the deadline. No prompt
// appears, no process is left, and no edit is lost. When the remote works again,
// everything arrives.
func TestFaultyServers(t *testing.T) {
	// Only what never answers is given up after moments, and what is never reached is not
	// tried for long. All else may take its time on a slow machine.
	patience := map[error]func(*federate.Options){
		gitcmd.ErrDeadline:    func(o *federate.Options) { o.Idle, o.Deadline, o.Patience = time.Second, 2*time.Second, time.Second },
		gitcmd.ErrUnreachable: func(o *federate.Options) { o.Idle, o.Deadline, o.Patience = time.Minute, 2*time.Minute, time.Second },
	}
	patient := func(o *federate.Options) { o.Idle, o.Deadline, o.Patience = time.Minute, 2*time.Minute, time.Minute }
	for name, start := range faultServers() {
		t.Run(name, func(t *testing.T) {
			asked := faultPrompt(t)
			a, b, server, _ := faultPair(t, start)
			edits := map[string]string{}
			for i, f := range []struct {
				name       string
				begin      func()
				pull, push error // nil: succeeds all the same
			}{
				{"black hole", func() { server.Set(gitserver.BlackHole) }, gitcmd.ErrDeadline, gitcmd.ErrDeadline},
				{"login refused", func() { server.Set(gitserver.RefuseAuth) }, gitcmd.ErrAuth, gitcmd.ErrAuth},
				{"read-only", func() { server.Set(gitserver.ReadOnly) }, nil, gitcmd.ErrReadOnly},
				{"answer of a push lost", func() { server.Once(gitserver.DropAnswer) }, nil, nil},
				{"push dropped", func() { server.Once(gitserver.DropBefore) }, nil, nil},
				{"connection cut at once", func() { server.CutAfter(1) }, gitcmd.ErrUnreachable, gitcmd.ErrUnreachable},
				{"connection cut later", func() { server.CutAfter(700) }, gitcmd.ErrUnreachable, gitcmd.ErrUnreachable},
				{"slow as a snail", func() { server.Throttle(60) }, gitcmd.ErrDeadline, gitcmd.ErrDeadline},
			} {
				if name == "SSH" && (f.name == "connection cut at once" || f.name == "slow as a snail") {
					continue // below SSH these are the same to git
				}
				t.Run(f.name, func(t *testing.T) {
					path, theirs := fmt.Sprintf("templates/alpha-%d.txt", i), fmt.Sprintf("roles/beta-%d.md", i)
					edits[path], edits[theirs] = strings.Repeat(f.name+"\n", 40), depot.Role(fmt.Sprintf("beta-%d", i), f.name)
					b.Write(theirs, edits[theirs])
					b.MustPush()
					options := patient
					if less, ok := patience[f.pull]; ok {
						options = less
					}
					a := a.With(t, options)
					a.Write(path, edits[path])
					f.begin()
					began := time.Now()
					_, err := a.Pull(t.Context(), a.Remote, false)
					faultError(t, "pull", f.pull, err)
					_, err = a.Push(t.Context(), a.Remote, false)
					faultError(t, "push", f.push, err)
					if spent := time.Since(began); spent > time.Minute {
						t.Errorf("took %s", spent)
					}
					if a.Read(path) != edits[path] {
						t.Error("the edit is gone")
					}
					server.Set(gitserver.None)
					server.CutAfter(0)
					server.Throttle(0)
					faultSettled(t, a)
					faultRecovered(t, a.With(t), b.With(t), edits)
					if asked() {
						t.Error("somebody was asked for a password")
					}
				})
			}
		})
	}
}

// faultError checks the message of a fault.
func faultError(t *testing.T, what string, kind, err error) {
	t.Helper()
	if kind == nil && err == nil {
		return
	}
	if kind == nil || !errors.Is(err, kind) {
		t.Errorf("%s: want %v, got %v", what, kind, err)
		return
	}
	if town.Next(err) == "" || strings.Contains(err.Error(), transportSecret) || len(err.Error()) > 1500 {
		t.Errorf("%s: not fit for people: %v [next: %s]", what, err, town.Next(err))
	}
	t.Logf("%s: %v [next: %s]", what, err, town.Next(err))
}

// When a host moves, its old address refuses connections. After a join of the new
// one, edits made meanwhile arrive.
func TestFaultHostThatMoved(t *testing.T) {
	for name, start := range faultServers() {
		t.Run(name, func(t *testing.T) {
			a, b, server, repo := faultPair(t, start)
			if err := server.Close(); err != nil {
				t.Fatal(err)
			}
			edits := map[string]string{"roles/late.md": depot.Role("late", "written while the host was gone")}
			a.Write("roles/late.md", edits["roles/late.md"])
			for what, err := range transportAll(t, a) {
				if what != "push --dry-run" { // looks at nothing but the Town
					faultError(t, what, gitcmd.ErrUnreachable, err)
				}
			}
			faultSettled(t, a)
			a.Remote.URL, b.Remote.URL = repo, repo
			for what, err := range transportAll(t, a) {
				faultError(t, what, town.ErrRefused, err)
			}
			_, err := a.Init(t.Context(), a.Remote, depot.Yes)
			faultError(t, "init", town.ErrRefused, err)
			if next := town.Next(err); next != "gt federation join "+repo {
				t.Errorf("init says to do %q", next)
			}
			if out := a.MustJoin(); out.Retired != "" {
				t.Errorf("the store was replaced: %+v", out)
			}
			b.MustJoin()
			faultRecovered(t, a, b, edits)
		})
	}
}

// A call to an address without a listener, or whose listener does not answer, fails
// before it stores anything.
func TestFaultFirstContact(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	asked := faultPrompt(t)
	a := depot.New(t, filepath.Join(t.TempDir(), "a"), "alpha", "")
	rows, files := a.Rows(), a.Files()
	for url, kind := range map[string]error{
		"http://" + address + "/x.git":                  gitcmd.ErrUnreachable,
		"ssh://git@" + address + "/x.git":               gitcmd.ErrUnreachable,
		filepath.Join(t.TempDir(), "nothing.git"):       gitcmd.ErrNotFound,
		"ext::sh -c touch% /tmp/gt-was-here":            gitcmd.ErrURL,
		"-oProxyCommand=true":                           gitcmd.ErrURL,
		"http://ada:" + transportSecret + "@" + address: gitcmd.ErrURL,
	} {
		a.Remote.URL = url
		for what, call := range map[string]func() error{
			"init": func() error { _, err := a.Init(t.Context(), a.Remote, depot.Yes); return err },
			"join": func() error { _, err := a.Join(t.Context(), a.Remote, depot.Yes); return err },
		} {
			faultError(t, what, kind, call())
		}
	}
	hostileEqual(t, "files", files, a.Files())
	hostileEqual(t, "rows", rows, a.Rows())
	faultSettled(t, a)
	if asked() {
		t.Error("somebody was asked for a password")
	}
}
