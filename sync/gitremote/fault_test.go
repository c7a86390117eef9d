package gitremote

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gastown/e2e/script"
	"gastown/sync/gitcmd"
)

// fakeSSH returns an environment in which ssh runs a script here instead of
// connecting; body finds the remote's command in "$cmd". The remote's URL is
// ssh://host/path.
func fakeSSH(t testing.TB, body string) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ssh")
	text := "#!/bin/sh\nfor cmd; do :; done\n" + body + "\n"
	if err := script.Write(path, text); err != nil {
		t.Fatal(err)
	}
	return []string{"GIT_SSH_COMMAND=" + path, "GIT_SSH_VARIANT=simple"}
}

// The server applies the push and the connection dies before it says so.
func TestLostAnswer(t *testing.T) {
	url := bareRepo(t)
	flag := filepath.Join(t.TempDir(), "lossy")
	env := fakeSSH(t, `if test -e `+flag+` && case "$cmd" in git-receive-pack*) true;; *) false;; esac; then
	# Pass on the first answer, the list of refs, then drop everything.
	sh -c "$cmd" | head -c 60 >/dev/null & pid=$!
	exec 3<&0
	mkfifo `+flag+`.in; sh -c "$cmd" <&3 | { dd bs=1 count=$(cat `+flag+`) 2>/dev/null; cat >/dev/null; }
	exit 1
fi
exec sh -c "$cmd"`)
	remote := "ssh://host" + url
	a := openMirror(t, t.TempDir(), remote, func(o *Options) { o.Env = env })
	write(t, a, "one")
	publish(t, a)

	// The connection is cut after as many bytes as the server's list of refs has.
	adv, err := exec.Command("sh", "-c", "printf 0000 | git-receive-pack "+url+" | wc -c").Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(flag, adv, 0o644); err != nil {
		t.Fatal(err)
	}
	write(t, a, "one", "two")
	_, err = a.Publish(t.Context(), PublishOptions{Message: "lost"})
	if !errors.Is(err, ErrUnknownOutcome) {
		t.Fatalf("want ErrUnknownOutcome, got %v", err)
	}
	if err := os.Remove(flag); err != nil {
		t.Fatal(err)
	}
	applied := git(t, url, "rev-parse", testRef)
	if applied == a.Head() {
		t.Fatal("the push was not applied: the test proves nothing")
	}
	leftovers(t, a)
	// The next process finds the outcome at the remote.
	a = openMirror(t, a.opts.Dir, remote, func(o *Options) { o.Env = env })
	if f := fetch(t, a); !f.PublishedEarlier || f.Head != applied {
		t.Fatalf("fetch: %+v", f)
	}
	equal(t, read(t, a), "one", "two")
	if !publish(t, a).Unchanged {
		t.Fatal("published once more what had arrived")
	}
	write(t, a, "one", "two", "three")
	publish(t, a)
	if f := fetch(t, a); f.PublishedEarlier || f.Changed {
		t.Fatalf("fetch: %+v", f)
	}
}

// The connection dies before the server has everything: nothing is applied.
func TestConnectionDiesWhileSending(t *testing.T) {
	url := bareRepo(t)
	flag := filepath.Join(t.TempDir(), "cut")
	env := fakeSSH(t, `if test -e `+flag+` && case "$cmd" in git-receive-pack*) true;; *) false;; esac; then
	head -c 5000 | sh -c "$cmd"
	exit 1
fi
exec sh -c "$cmd"`)
	a := openMirror(t, t.TempDir(), "ssh://host"+url, func(o *Options) { o.Env = env })
	write(t, a, "one")
	head := publish(t, a).Head
	if err := os.WriteFile(flag, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	write(t, a, "one", strings.Repeat("long ", 100000))
	if _, err := a.Publish(t.Context(), PublishOptions{}); !errors.Is(err, gitcmd.ErrUnreachable) {
		t.Fatalf("want ErrUnreachable, got %v", err)
	}
	if now := git(t, url, "rev-parse", testRef); now != head {
		t.Fatal("half a push was applied")
	}
	if err := os.Remove(flag); err != nil {
		t.Fatal(err)
	}
	if f := fetch(t, a); f.PublishedEarlier || f.Head != head {
		t.Fatalf("fetch: %+v", f)
	}
	publish(t, a)
}

func TestRefusedByHook(t *testing.T) {
	url := bareRepo(t)
	a := openMirror(t, t.TempDir(), url)
	write(t, a, "one")
	hook := filepath.Join(url, "hooks", "pre-receive")
	if err := script.Write(hook, "#!/bin/sh\necho 'this repository is frozen' >&2\nexit 1\n"); err != nil {
		t.Fatal(err)
	}
	_, err := a.Publish(t.Context(), PublishOptions{})
	if !errors.Is(err, gitcmd.ErrReadOnly) || !strings.Contains(err.Error(), "this repository is frozen") {
		t.Fatalf("want ErrReadOnly with the hook's words, got %v", err)
	}
	leftovers(t, a)
	if err := os.Remove(hook); err != nil {
		t.Fatal(err)
	}
	publish(t, a)
}

// A silent remote is given up after the idle limit, or at once when the caller
// cancels. No process keeps running.
func TestSilentRemote(t *testing.T) {
	t.Parallel()
	pids := filepath.Join(t.TempDir(), "pids")
	env := fakeSSH(t, `echo $$ >>`+pids+`
exec sleep 600`)
	asked := func() []string { // the processes of the remote side, so far
		out, err := os.ReadFile(pids)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		return strings.Fields(string(out))
	}
	endless := func(time.Duration) (context.Context, context.CancelFunc) { return context.WithCancel(t.Context()) }
	for _, c := range []struct {
		name  string
		want  error
		limit func(*Options, time.Duration)
		ctx   func(time.Duration) (context.Context, context.CancelFunc)
	}{
		{"idle", gitcmd.ErrDeadline, func(o *Options, d time.Duration) { o.Idle = d }, endless},
		{"deadline", gitcmd.ErrDeadline, func(o *Options, d time.Duration) { o.Deadline = d }, endless},
		{"the caller's deadline", context.DeadlineExceeded, func(*Options, time.Duration) {}, func(d time.Duration) (context.Context, context.CancelFunc) {
			return context.WithTimeout(t.Context(), d)
		}},
		{"cancelled", context.Canceled, func(*Options, time.Duration) {}, func(d time.Duration) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(d, cancel)
			return ctx, cancel
		}},
	} {
		before := len(asked())
		// A machine that is busy does not even start ssh in so short a time.
		for limit := 500 * time.Millisecond; len(asked()) == before; limit *= 2 {
			if limit > time.Minute {
				t.Fatalf("%s: the remote was never asked", c.name)
			}
			ctx, cancel := c.ctx(limit)
			a := openMirror(t, t.TempDir(), "ssh://host/x", func(o *Options) { o.Env = env; c.limit(o, limit) })
			start := time.Now()
			_, err := a.Fetch(ctx)
			cancel()
			if !errors.Is(err, c.want) {
				t.Errorf("%s: want %v, got %v", c.name, c.want, err)
			}
			if d := time.Since(start); d > limit+2*time.Minute {
				t.Errorf("%s: took %s", c.name, d)
			}
			leftovers(t, a)
		}
	}
	for _, pid := range asked() {
		var n int
		if _, err := fmt.Sscan(pid, &n); err != nil {
			t.Fatal(err)
		}
		gone(t, n)
	}
}

// A refused verification is the remote's fault and changes nothing; a
// cancelled one is not.
func TestVerifyDecides(t *testing.T) {
	url := bareRepo(t)
	a := openMirror(t, t.TempDir(), url)
	write(t, a, "one")
	publish(t, a)
	bad := errors.New("chunk 7 does not hash to its address")
	var asked []string
	b := openMirror(t, t.TempDir(), url, func(o *Options) {
		o.Verify = func(_ context.Context, dir string, files []string) error { asked = files; return bad }
	})
	if _, err := b.Fetch(t.Context()); !errors.Is(err, ErrCorrupt) || !errors.Is(err, bad) {
		t.Fatalf("want ErrCorrupt and the reason, got %v", err)
	}
	if len(asked) != 1 || asked[0] != nameOf([]byte("one")) || b.Head() != "" {
		t.Fatalf("asked for %v, head %q", asked, b.Head())
	}
	leftovers(t, b)
	ctx, cancel := context.WithCancel(t.Context())
	b = openMirror(t, b.opts.Dir, url, func(o *Options) {
		o.Verify = func(ctx context.Context, _ string, _ []string) error { cancel(); return ctx.Err() }
	})
	if _, err := b.Fetch(ctx); !errors.Is(err, context.Canceled) || errors.Is(err, ErrCorrupt) {
		t.Fatalf("want a plain cancellation, got %v", err)
	}
}

// gone waits for a killed process to end. An orphan may stay a zombie until init
// reaps it.
func gone(t *testing.T, pid int) {
	t.Helper()
	await(t, fmt.Sprintf("process %d of the remote side to end", pid), func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || strings.Contains(string(stat), ") Z ")
	})
}
