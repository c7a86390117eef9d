package gitserver

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// defaultPatience is the time limit of every git command in these tests.
const defaultPatience = 3 * time.Minute

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// transports are the ways to serve. The tests below hold for each.
var transports = map[string]func(repo string) (*Server, error){
	"http": func(repo string) (*Server, error) { return HTTP(repo, HTTPOptions{}) },
	"tls":  func(repo string) (*Server, error) { return HTTP(repo, HTTPOptions{TLS: true}) },
	"ssh":  SSH,
}

// eachTransport runs a test once per transport, with a repository of one commit and
// a clone made before any fault is set.
func eachTransport(t *testing.T, test func(t *testing.T, s *Server, c clone)) {
	for name, serve := range transports {
		t.Run(name, func(t *testing.T) {
			s := start(t, BareOptions{FirstCommit: true}, serve)
			test(t, s, s.cloneFor(t, s.URL()))
		})
	}
}

func start(t *testing.T, o BareOptions, serve func(string) (*Server, error)) *Server {
	t.Helper()
	repo := filepath.Join(t.TempDir(), "it's a depot.git")
	if err := Bare(t.Context(), repo, o); err != nil {
		t.Fatal(err)
	}
	s, err := serve(repo)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if _, err := os.Stat(s.scratch); !os.IsNotExist(err) {
			t.Errorf("temporary files are left: %v", err)
		}
	})
	return s
}

// clone is a working copy whose git can reach the server and ignores the
// configuration of this machine.
type clone struct {
	dir string
	env []string
}

func (s *Server) cloneFor(t *testing.T, url string) clone {
	t.Helper()
	c := clone{dir: filepath.Join(t.TempDir(), "clone")}
	home := t.TempDir()
	c.env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "LC_ALL=C", "GIT_TERMINAL_PROMPT=0",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull,
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b",
	}, s.Env()...)
	if out, err := c.try(defaultPatience, "clone", "-q", url, c.dir); err != nil {
		t.Fatalf("clone: %v: %s", err, out)
	}
	return c
}

// try runs git in the clone and returns its output and errors.
func (c clone) try(patience time.Duration, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return c.run(ctx, args...)
}

// run runs git in the clone until ctx ends, and returns its output and errors.
func (c clone) run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = c.dir
	if _, err := os.Stat(c.dir); err != nil {
		cmd.Dir = ""
	}
	cmd.Env = c.env
	// The end of ctx also ends its ssh or curl helper, which would hold the output
	// open.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func (c clone) must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := c.try(defaultPatience, args...)
	if err != nil {
		t.Fatalf("git %v: %v: %s", args, err, out)
	}
	return out
}

// commit records a file of size incompressible bytes.
func (c clone) commit(t *testing.T, size int) string {
	t.Helper()
	data := make([]byte, size)
	state := uint64(time.Now().UnixNano())
	for i := range data {
		state = state*6364136223846793005 + 1442695040888963407
		data[i] = byte(state >> 56)
	}
	if err := os.WriteFile(filepath.Join(c.dir, "file"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	c.must(t, "add", "file")
	c.must(t, "commit", "-q", "-m", "change")
	return c.must(t, "rev-parse", "HEAD")
}

// head is the tip of the repository's main, read from disk.
func (s *Server) head(t *testing.T) string {
	t.Helper()
	commit, err := output(t.Context(), s.repo, "rev-parse", "main")
	if err != nil {
		t.Fatal(err)
	}
	return commit
}

func TestPushAndFetch(t *testing.T) {
	eachTransport(t, func(t *testing.T, s *Server, c clone) {
		for _, size := range []int{10, 3 << 20} { // over 1 MiB git sends HTTP bodies in chunks
			before := s.Counts()
			pushed := c.commit(t, size)
			c.must(t, "push", "-q", "origin", "main")
			if got := s.head(t); got != pushed {
				t.Fatalf("repository is at %s, pushed %s", got, pushed)
			}
			cost := s.Counts().Sub(before)
			if cost.Exchanges != 1 || cost.Refused != 0 || cost.Requests < 1 || cost.Connections < 1 {
				t.Errorf("a push cost %+v, want one exchange, none refused", cost)
			}
			if cost.In < int64(size) || cost.In > int64(size)+20_000 {
				t.Errorf("a push of %d bytes counted %d bytes received", size, cost.In)
			}
		}

		before := s.Counts()
		other := s.cloneFor(t, s.URL())
		if got := other.must(t, "rev-parse", "HEAD"); got != s.head(t) {
			t.Errorf("clone is at %s, repository at %s", got, s.head(t))
		}
		cost := s.Counts().Sub(before)
		if cost.Exchanges != 1 || cost.Out < 3<<20 {
			t.Errorf("a clone of 3 MiB cost %+v", cost)
		}
		before = s.Counts()
		other.must(t, "fetch", "-q")
		if cost := s.Counts().Sub(before); cost.Exchanges != 1 || cost.Out > 20_000 {
			t.Errorf("a fetch of nothing cost %+v", cost)
		}
	})
}

func TestRepositoryHabits(t *testing.T) {
	for name, test := range map[string]struct {
		o    BareOptions
		args []string
		says string
	}{
		"read-only hook":   {BareOptions{ReadOnly: true}, nil, "refs/heads/main: this repository is read-only"},
		"pre-receive":      {BareOptions{Refuse: "it's Sunday"}, nil, "it's Sunday"},
		"non-fast-forward": {BareOptions{DenyNonFastForwards: true}, []string{"--force"}, "non-fast-forward"},
	} {
		t.Run(name, func(t *testing.T) {
			test.o.FirstCommit = true
			for transport, serve := range transports {
				s := start(t, test.o, serve)
				c := s.cloneFor(t, s.URL())
				was := s.head(t)
				c.commit(t, 10)
				c.must(t, "commit", "-q", "--amend", "-m", "changed")
				if name == "non-fast-forward" {
					c.must(t, "push", "-q", "origin", "main")
					was = s.head(t)
					c.must(t, "commit", "-q", "--amend", "-m", "changed again")
				}
				out, err := c.try(defaultPatience, append([]string{"push", "origin", "main"}, test.args...)...)
				if err == nil || !strings.Contains(out, test.says) {
					t.Errorf("%s: push: %v: %s\nwant a refusal saying %q", transport, err, out, test.says)
				}
				if got := s.head(t); got != was {
					t.Errorf("%s: a refused push moved main from %s to %s", transport, was, got)
				}
			}
		})
	}
}

func TestServesOnlyARepository(t *testing.T) {
	for name, serve := range transports {
		if _, err := serve(t.TempDir()); err == nil || !strings.Contains(err.Error(), "not a bare git repository") {
			t.Errorf("%s: serving an empty directory: %v", name, err)
		}
	}
}
