package gitserver

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestDropBefore(t *testing.T) {
	eachTransport(t, func(t *testing.T, s *Server, c clone) {
		for _, size := range []int{10, 3 << 20} {
			was, next := s.head(t), c.commit(t, size)
			s.Once(DropBefore)
			if out, err := c.try(defaultPatience, "push", "origin", "main"); err == nil {
				t.Fatalf("a dropped push succeeded: %s", out)
			}
			if got := s.head(t); got != was {
				t.Fatalf("a dropped push was applied: main is %s, was %s", got, was)
			}
			c.must(t, "push", "-q", "origin", "main")
			if got := s.head(t); got != next {
				t.Fatalf("after the fault main is %s, want %s", got, next)
			}
		}
	})
}

func TestDropAnswer(t *testing.T) {
	eachTransport(t, func(t *testing.T, s *Server, c clone) {
		for _, size := range []int{10, 3 << 20} {
			next := c.commit(t, size)
			s.Once(DropAnswer)
			if out, err := c.try(defaultPatience, "push", "origin", "main"); err == nil {
				t.Fatalf("a push without an answer succeeded: %s", out)
			}
			if got := s.head(t); got != next {
				t.Fatalf("the push was not applied: main is %s, want %s", got, next)
			}
			if out := c.must(t, "push", "origin", "main"); !strings.Contains(out, "up-to-date") {
				t.Fatalf("pushing again said %q", out)
			}
		}
	})
}

// A push that has nothing to send does not use up a fault; the next real push meets
// it.
func TestFaultAwaitsAPush(t *testing.T) {
	eachTransport(t, func(t *testing.T, s *Server, c clone) {
		s.Once(DropAnswer)
		c.must(t, "push", "-q", "origin", "main")
		c.must(t, "fetch", "-q")
		c.commit(t, 10)
		if out, err := c.try(defaultPatience, "push", "origin", "main"); err == nil {
			t.Fatalf("the fault was used up too early: %s", out)
		}
	})
}

func TestBlackHole(t *testing.T) {
	eachTransport(t, func(t *testing.T, s *Server, c clone) {
		s.Set(BlackHole)
		before := s.Counts()
		unanswered(t, s, c)
		if cost := s.Counts().Sub(before); cost.Connections != 1 || cost.Out != 0 {
			t.Errorf("the black hole cost %+v, want one connection and nothing sent", cost)
		}
		done := make(chan error, 1)
		go func() { _, err := c.try(defaultPatience, "fetch"); done <- err }()
		await(t, "a connection in the black hole", func() bool { return s.Counts().Sub(before).Connections >= 2 })
		s.Set(None)
		if err := <-done; err == nil {
			t.Error("a connection cut by ending the black hole succeeded")
		}
		c.must(t, "fetch", "-q")
		s.Set(BlackHole) // Close closes the connections that it holds
		unanswered(t, s, c)
	})
}

// unanswered fetches until the server has had the connection for a moment, and gives up.
func unanswered(t *testing.T, s *Server, c clone) {
	t.Helper()
	before := s.Counts()
	ctx, cancel := context.WithTimeout(context.Background(), defaultPatience)
	defer cancel()
	type result struct {
		out string
		err error
	}
	done := make(chan result, 1)
	go func() { out, err := c.run(ctx, "fetch"); done <- result{out, err} }()
	await(t, "a connection in the black hole", func() bool { return s.Counts().Sub(before).Connections > 0 })
	time.Sleep(300 * time.Millisecond) // that no answer comes can only be waited for
	cancel()
	if r := <-done; r.err == nil {
		t.Fatalf("a black hole answered: %s", r.out)
	}
}

func TestRefuseAuthAndReadOnly(t *testing.T) {
	eachTransport(t, func(t *testing.T, s *Server, c clone) {
		c.commit(t, 10)
		was := s.head(t)

		s.Set(RefuseAuth)
		before := s.Counts()
		if out, err := c.try(defaultPatience, "fetch"); err == nil {
			t.Errorf("fetched while refused: %s", out)
		}
		if cost := s.Counts().Sub(before); cost.Refused == 0 || cost.Exchanges != 0 {
			t.Errorf("a refusal cost %+v", cost)
		}

		s.Set(ReadOnly)
		c.must(t, "fetch", "-q")
		if out, err := c.try(defaultPatience, "push", "origin", "main"); err == nil {
			t.Errorf("pushed to a read-only server: %s", out)
		}
		if got := s.head(t); got != was {
			t.Errorf("main moved to %s", got)
		}
		s.Set(None)
		c.must(t, "push", "-q", "origin", "main")
	})
}

func TestHTTPCredentials(t *testing.T) {
	o := HTTPOptions{User: "emma", Password: "pass word", Token: "t0ken"}
	s := start(t, BareOptions{FirstCommit: true}, func(repo string) (*Server, error) { return HTTP(repo, o) })
	with := func(user string) string { return strings.Replace(s.URL(), "://", "://"+user+"@", 1) }
	for user, good := range map[string]bool{
		"emma:pass%20word": true, "anyone:t0ken": true,
		"emma:wrong": false, "other:pass%20word": false, "emma:": false,
	} {
		c := clone{dir: filepath.Join(t.TempDir(), "c"), env: append(os.Environ(), "GIT_TERMINAL_PROMPT=0",
			"GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GIT_ASKPASS=true")}
		before := s.Counts()
		out, err := c.try(defaultPatience, "ls-remote", with(user))
		if good != (err == nil) {
			t.Errorf("%s: %v: %s", user, err, out)
		}
		want := int64(0)
		if good {
			want = 1 // a client's first request without credentials is not an exchange
		}
		if cost := s.Counts().Sub(before); cost.Exchanges != want || cost.Refused < 1 {
			t.Errorf("%s cost %+v, want %d exchanges", user, cost, want)
		}
	}
	bearer := clone{dir: t.TempDir(), env: append(os.Environ(), "GIT_TERMINAL_PROMPT=0")}
	for header, good := range map[string]bool{"Bearer t0ken": true, "Bearer x": false, "Bearer ": false} {
		out, err := bearer.try(defaultPatience, "-c", "http.extraHeader=Authorization: "+header, "ls-remote", s.URL())
		if good != (err == nil) {
			t.Errorf("%s: %v: %s", header, err, out)
		}
	}
	beside := strings.TrimSuffix(s.URL(), filepath.Base(s.URL())) + "other.git"
	if out, err := bearer.try(defaultPatience, "-c", "http.extraHeader=Authorization: Bearer t0ken",
		"ls-remote", beside); err == nil || !strings.Contains(out, "not found") {
		t.Errorf("another repository: %v: %s", err, out)
	}
}

// Over SSH only the two git commands on the one repository run, and only the
// generated key is accepted.
func TestSSHRunsNothingElse(t *testing.T) {
	s := start(t, BareOptions{FirstCommit: true}, SSH)
	address := strings.TrimPrefix(strings.TrimSuffix(s.URL(), "/"+s.name()), "ssh://git@")
	host, port, _ := strings.Cut(address, ":")
	shell := func(config, command string) (string, error) {
		out, err := exec.CommandContext(t.Context(), "ssh", "-F", config, "-p", port, "git@"+host, command).CombinedOutput()
		return string(out), err
	}
	config := filepath.Join(s.scratch, "ssh_config")
	witness := filepath.Join(t.TempDir(), "witness")
	for _, command := range []string{
		"touch " + witness,
		"git-upload-pack /other.git",
		"git-upload-pack '/../" + filepath.Base(s.repo) + "'",
		"git-receive-pack " + quote(s.repo),
		"git-upload-pack " + quote("/"+filepath.Base(s.repo)) + " ; touch " + witness,
		"git-upload-pack --help " + quote("/"+filepath.Base(s.repo)),
		"git-shell", "",
	} {
		if out, err := shell(config, command); err == nil || !strings.Contains(out, "only git-upload-pack") {
			t.Errorf("%q: %v: %s", command, err, out)
		}
	}
	if _, err := os.Stat(witness); err == nil {
		t.Error("a command other than git's was executed")
	}
	if got := s.Counts(); got.Exchanges != 0 {
		t.Errorf("refused sessions count as exchanges: %+v", got)
	}

	other := start(t, BareOptions{}, SSH)
	stranger := filepath.Join(t.TempDir(), "config")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), filepath.Join(s.scratch, "id_"), filepath.Join(other.scratch, "id_"), 1)
	if err := os.WriteFile(stranger, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := shell(stranger, "git-upload-pack x"); err == nil || !strings.Contains(out, "denied") {
		t.Errorf("a stranger's key: %v: %s", err, out)
	}
}

func TestDelayThrottleCut(t *testing.T) {
	eachTransport(t, func(t *testing.T, s *Server, c clone) {
		const size = 200_000
		c.commit(t, size)

		began := time.Now()
		s.Delay(400 * time.Millisecond)
		c.must(t, "fetch", "-q")
		if took := time.Since(began); took < 400*time.Millisecond {
			t.Errorf("a delayed fetch took %v", took)
		}
		s.Delay(0)

		began = time.Now()
		s.Throttle(400_000)
		c.must(t, "push", "-q", "origin", "main")
		if took := time.Since(began); took < 500*time.Millisecond {
			t.Errorf("%d bytes at 400,000 a second took %v", size, took)
		}
		s.Throttle(0)

		s.CutAfter(size / 2)
		url := s.URL()
		broken := clone{dir: filepath.Join(t.TempDir(), "broken"), env: c.env}
		if out, err := broken.try(defaultPatience, "clone", url, broken.dir); err == nil {
			t.Errorf("a cut clone succeeded: %s", out)
		}
		s.CutAfter(0)
		c.must(t, "fetch", "-q")
	})
}

// BeforePush lets another push win between a client's look and its own push.
func TestBeforePush(t *testing.T) {
	eachTransport(t, func(t *testing.T, s *Server, c clone) {
		rival, err := output(t.Context(), s.repo, "-c", "user.name=r", "-c", "user.email=r@r",
			"commit-tree", "-p", "main", "-m", "rival", "main^{tree}")
		if err != nil {
			t.Fatal(err)
		}
		var calls atomic.Int64
		s.BeforePush(func() {
			calls.Add(1)
			if err := run(t.Context(), s.repo, "update-ref", "refs/heads/main", rival); err != nil {
				t.Error(err)
			}
		})
		c.must(t, "fetch", "-q")
		if calls.Load() != 0 {
			t.Error("a fetch counted as a push")
		}
		c.commit(t, 10)
		if out, err := c.try(defaultPatience, "push", "origin", "main"); err == nil {
			t.Errorf("a push over a rival's succeeded: %s", out)
		}
		if calls.Load() != 1 || s.head(t) != rival {
			t.Errorf("%d calls, main is %s, want the rival's %s", calls.Load(), s.head(t), rival)
		}
	})
}

// Close ends a throttled push and its git processes.
func TestCloseUnderWay(t *testing.T) {
	eachTransport(t, func(t *testing.T, s *Server, c clone) {
		c.commit(t, 1<<20)
		was := s.head(t)
		before := s.Counts()
		s.Throttle(100_000)
		done := make(chan error, 1)
		go func() { _, err := c.try(defaultPatience, "push", "origin", "main"); done <- err }()
		await(t, "some of the push", func() bool { return s.Counts().Sub(before).In > 50_000 })
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; err == nil {
			t.Error("a push to a closed server succeeded")
		}
		await(t, "the end of its goroutines", func() bool { return goleak.Find() == nil })
		await(t, "the end of its processes", func() bool { return running(t, s.repo) == "" })
		if s.head(t) != was {
			t.Error("half a push was applied")
		}
		if locks, _ := filepath.Glob(filepath.Join(s.repo, "refs", "heads", "*.lock")); len(locks) != 0 {
			t.Errorf("locks are left: %v", locks)
		}
	})
}

// await polls a condition that another process brings about.
func await(t *testing.T, what string, ready func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(defaultPatience)
	for !ready() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited too long for %s", what)
		}
	}
}

// running lists processes that work in or on the repository.
func running(t *testing.T, repo string) string {
	t.Helper()
	var found []string
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		command, _ := os.ReadFile(filepath.Join(dir, "cmdline")) // the process may have ended meanwhile
		cwd, _ := os.Readlink(filepath.Join(dir, "cwd"))
		if strings.Contains(string(command), repo) || strings.HasPrefix(cwd, repo) {
			found = append(found, dir+" "+strings.ReplaceAll(string(command), "\x00", " "))
		}
	}
	return strings.Join(found, "\n")
}
