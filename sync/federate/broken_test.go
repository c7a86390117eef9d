package federate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gastown/e2e/gitserver"
	"gastown/sync/gitcmd"
	"gastown/town"
)

// direction is where bytes go.
type direction int

const (
	up   direction = iota // to the server
	down                  // to the client
)

func (d direction) String() string { return [...]string{"to the server", "to the client"}[d] }

// breaker is a proxy that resets a connection once, after so many bytes.
type breaker struct {
	url    string
	target string

	mu     sync.Mutex
	passed [2]int64 // since the last arm
	dir    direction
	at     int64 // -1 for never
	broke  bool
}

// breaks puts a breaker in front of a server.
func breaks(t *testing.T, server *gitserver.Server) *breaker {
	t.Helper()
	u, err := url.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &breaker{target: u.Host, at: -1}
	u.Host = l.Addr().String()
	b.url = u.String()
	var all sync.WaitGroup
	all.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { b.serve(client) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		_ = server.Close() // it ends the connections that are open
		all.Wait()
	})
	return b
}

func (b *breaker) serve(client net.Conn) {
	server, err := net.Dial("tcp", b.target)
	if err != nil {
		_ = client.Close()
		return
	}
	var both sync.WaitGroup
	both.Go(func() { b.carry(up, server, client) })
	both.Go(func() { b.carry(down, client, server) })
	both.Wait()
}

// carry passes bytes on until one side ends or the connection is to break.
func (b *breaker) carry(dir direction, to, from net.Conn) {
	defer func() { _, _ = to.Close(), from.Close() }()
	buf := make([]byte, 8<<10)
	for {
		n, err := from.Read(buf)
		pass, reset := b.allow(dir, n)
		if _, werr := to.Write(buf[:pass]); werr != nil || err != nil {
			return
		}
		if reset {
			for _, c := range []net.Conn{to, from} {
				_ = c.(*net.TCPConn).SetLinger(0) // a reset, and not an orderly end
			}
			return
		}
	}
}

func (b *breaker) allow(dir direction, n int) (pass int, reset bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	left := b.at - b.passed[dir]
	b.passed[dir] += int64(n)
	if b.at < 0 || b.dir != dir || left > int64(n) {
		return n, false
	}
	b.at, b.broke = -1, true
	return int(max(0, left)), true
}

// arm breaks the next connection after so many bytes; -1 is never.
func (b *breaker) arm(dir direction, at int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.passed, b.dir, b.at, b.broke = [2]int64{}, dir, at, false
}

// did reports whether the connection broke, and how many bytes passed since arm.
func (b *breaker) did() (broke bool, passed [2]int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.broke, b.passed
}

// moments are where a connection breaks, as parts of what a call sends or receives. A
// push has arrived when its last answer breaks. A short test takes the first two.
var moments = []struct {
	dir  direction
	part float64
}{{up, 0.4}, {down, 0.97}, {up, 0.01}, {up, 0.8}, {up, 0.99}, {down, 0}, {down, 0.3}, {down, 0.7}}

// each does something twice undisturbed, and then with a connection that breaks at each
// moment.
func (b *breaker) each(t *testing.T, what string, do func(t *testing.T, n int)) {
	t.Helper()
	do(t, 0) // the first one also catches up
	b.arm(up, -1)
	do(t, 1)
	_, whole := b.did()
	n := 1
	for _, m := range moments {
		at := int64(m.part * float64(whole[m.dir]))
		n++
		t.Run(fmt.Sprintf("%s/%v/%d of %d", what, m.dir, at, whole[m.dir]), func(t *testing.T) {
			for range 3 { // what is sent differs a little from call to call
				b.arm(m.dir, at)
				do(t, n)
				broke, passed := b.did()
				if broke {
					return
				}
				at = int64(m.part * float64(passed[m.dir]))
				n++
			}
			t.Error("the connection never broke: the test proves nothing")
		})
		if testing.Short() && n == 3 {
			return
		}
	}
}

// noting makes a Town's progress available.
func noting(tt *testTown) *atomic.Bool {
	var waited atomic.Bool
	tt.opts.Progress = func(p Progress) {
		if strings.HasPrefix(p.Phase, "wait for the server of origin: the connection broke") || strings.HasSuffix(p.Phase, "which is too busy") {
			waited.Store(true)
		}
	}
	return &waited
}

// commits counts the publications that a repository holds.
func commits(t *testing.T, repo string) int {
	t.Helper()
	n, err := strconv.Atoi(git(t, repo, "rev-list", "--count", dataRef))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Connections break before an answer, within a pack, and after a push was taken. Every
// exchange goes on by itself, publishes once, and says what it did.
func TestConnectionsThatBreak(t *testing.T) {
	t.Parallel()
	a, b, path := pair(t)
	line := breaks(t, served(t, path))
	b.join(line.url)
	remote := Remote{Name: "origin", URL: line.url}
	long := strings.Repeat("a long text, so that a pack has a middle\n", 2000)
	waited := noting(b)

	line.each(t, "push", func(t *testing.T, n int) {
		before, text := commits(t, path), fmt.Sprintf("%s%d\n", long, n)
		b.write("templates/betas.md", text)
		out, err := b.Push(t.Context(), remote, false)
		if err != nil {
			t.Fatalf("%v [next: %s]", err, town.Next(err))
		}
		if out.UpToDate || out.Commits != 1 || out.Pulled != nil && out.Pulled.Reviews > 0 {
			t.Errorf("reported %+v", out)
		}
		if now := commits(t, path); now != before+1 {
			t.Errorf("%d publications, there were %d", now, before)
		}
		a.pull(path)
		a.want("templates/betas.md", text)
	})
	line.each(t, "pull", func(t *testing.T, n int) {
		text := fmt.Sprintf("%s%d\n", long, n)
		a.write("templates/alphas.md", text)
		a.push(path)
		if out, err := b.Pull(t.Context(), remote, false); err != nil || out.UpToDate {
			t.Fatalf("%+v %v [next: %s]", out, err, town.Next(err))
		}
		b.want("templates/alphas.md", text)
	})
	line.each(t, "sync", func(t *testing.T, n int) {
		text := fmt.Sprintf("%s%d\n", long, n)
		a.write("templates/alphas.md", "again\n"+text)
		a.push(path)
		b.write("templates/betas.md", "again\n"+text)
		out, err := b.Sync(t.Context(), remote, false)
		if err != nil || out.Pulled.UpToDate || out.Pushed.UpToDate {
			t.Fatalf("%+v %v [next: %s]", out, err, town.Next(err))
		}
		a.pull(path)
		a.want("templates/betas.md", "again\n"+text)
		b.want("templates/alphas.md", "again\n"+text)
	})
	if !waited.Load() {
		t.Error("nobody was told that a server is waited for")
	}
	b.pull(line.url)
	a.pull(path)
	if diff := cmp.Diff(a.files(), b.files()); diff != "" {
		t.Errorf("the Towns differ:\n%s", diff)
	}
}

// Connections break while a Town makes or joins a federation.
func TestConnectionsThatBreakAtFirst(t *testing.T) {
	t.Parallel()
	repo := bare(t)
	line := breaks(t, served(t, repo))
	line.each(t, "init", func(t *testing.T, n int) {
		for _, ref := range strings.Fields(refs(t, repo)) {
			git(t, repo, "update-ref", "-d", ref)
		}
		a := newTown(t, filepath.Join(tempDir(t), "a"), fmt.Sprintf("alpha%d", n))
		out, err := a.Init(t.Context(), Remote{Name: "origin", URL: line.url}, yes)
		if err != nil || out.UpToDate || commits(t, repo) != 1 {
			t.Fatalf("%+v %v [next: %s]", out, err, town.Next(err))
		}
	})
	line.each(t, "join", func(t *testing.T, n int) {
		name := fmt.Sprintf("beta%d", n)
		b := newTown(t, filepath.Join(tempDir(t), "b"), name)
		out, err := b.Join(t.Context(), Remote{Name: "origin", URL: line.url}, yes)
		if err != nil || !out.Done || out.Pushed.UpToDate {
			t.Fatalf("%+v %v [next: %s]", out, err, town.Next(err))
		}
		if rows := b.rows()["towns"]; !contains(rows, name) {
			t.Errorf("the registry has %q", rows)
		}
	})
}

// The answer to a repair is lost, or the repair does not arrive: it goes on.
func TestConnectionsThatBreakInARepair(t *testing.T) {
	t.Parallel()
	a, _, m, path := trio(t)
	line := breaks(t, served(t, path))
	a.join(line.url)
	n := 0
	damage := func() {
		m.pull(path)
		n++
		m.sql(fmt.Sprintf("CREATE TABLE notes%d (a INT PRIMARY KEY)", n))
		m.publishUnchecked(path)
	}
	line.each(t, "repair", func(t *testing.T, _ int) {
		damage()
		out, err := a.RepairRemote(t.Context(), Remote{Name: "origin", URL: line.url}, false, agreed)
		if err != nil || len(out.Parts) != 1 {
			t.Fatalf("%+v %v [next: %s]", out, err, town.Next(err))
		}
		if again := a.repaired(line.url); len(again.Parts) != 0 {
			t.Errorf("there is more to repair: %+v", again)
		}
	})
}

// statuses is a proxy that answers some requests itself.
type statuses struct {
	code, times atomic.Int64
	asked       atomic.Int64
	url         string
}

func answering(t *testing.T, server *gitserver.Server) *statuses {
	t.Helper()
	u, err := url.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &statuses{url: "http://" + l.Addr().String() + u.Path}
	through := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: u.Scheme, Host: u.Host})
	h := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		if s.times.Add(-1) >= 0 {
			_, _ = io.Copy(io.Discard, r.Body)
			http.Error(w, "an answer of the proxy", int(s.code.Load()))
			return
		}
		through.ServeHTTP(w, r)
	})}
	var serving sync.WaitGroup
	serving.Go(func() { _ = h.Serve(l) })
	t.Cleanup(func() {
		_ = h.Close()
		serving.Wait()
	})
	return s
}

func (s *statuses) answer(code, times int64) {
	s.code.Store(code)
	s.times.Store(times)
	s.asked.Store(0)
}

// What a proxy says while its server is away or busy passes. What the server says for
// good does not, and nobody waits for it.
func TestAnswersThatPass(t *testing.T) {
	t.Parallel()
	a, b, path := pair(t)
	s := answering(t, served(t, path))
	b.join(s.url)
	remote := Remote{Name: "origin", URL: s.url}
	waited := noting(b)
	for _, code := range []int64{429, 502, 503, 504} {
		waited.Store(false)
		text := fmt.Sprintf("%d\n", code)
		a.write("templates/alphas.md", text)
		a.push(path)
		b.write("templates/betas.md", text)
		s.answer(code, 1)
		b.pull(s.url)
		s.answer(code, 1)
		if out := b.push(s.url); out.UpToDate || out.Commits != 1 {
			t.Errorf("%d: %+v", code, out)
		}
		a.pull(path)
		a.want("templates/betas.md", text)
		b.want("templates/alphas.md", text)
		if !waited.Load() {
			t.Errorf("%d: nobody was told that a server is waited for", code)
		}
	}
	b.write("templates/betas.md", "not sent\n")
	for code, kind := range map[int64]error{401: gitcmd.ErrAuth, 403: nil, 404: gitcmd.ErrNotFound, 500: gitcmd.ErrUnreachable} {
		for what, do := range map[string]func(context.Context) error{
			"pull": func(ctx context.Context) error { _, err := b.Pull(ctx, remote, false); return err },
			"push": func(ctx context.Context) error { _, err := b.Push(ctx, remote, false); return err },
		} {
			waited.Store(false)
			s.answer(code, 1<<30)
			err := do(t.Context())
			if err == nil || kind != nil && !errors.Is(err, kind) || waited.Load() || s.asked.Load() > 2 {
				t.Errorf("%s, %d: asked %d times, waited %v: %v", what, code, s.asked.Load(), waited.Load(), err)
			}
		}
	}
	s.answer(0, 0)
	b.push(s.url)
}

// A connection that breaks each time ends the call with its patience.
func TestConnectionsThatBreakEachTime(t *testing.T) {
	t.Parallel()
	a, b, path := pair(t)
	server := served(t, path)
	remote := Remote{Name: "origin", URL: server.URL()}
	b.join(server.URL())
	b.opts.Patience = time.Nanosecond
	b.write("templates/betas.md", "beta\n")
	server.CutAfter(100)
	for what, do := range map[string]func() error{
		"pull": func() error { _, err := b.Pull(t.Context(), remote, false); return err },
		"push": func() error { _, err := b.Push(t.Context(), remote, false); return err },
		"sync": func() error { _, err := b.Sync(t.Context(), remote, false); return err },
	} {
		if err := do(); !errors.Is(err, gitcmd.ErrBroken) || town.Next(err) == "" {
			t.Errorf("%s: %v [next: %s]", what, err, town.Next(err))
		}
	}
	server.CutAfter(0)
	server.Set(gitserver.DropBefore) // the push alone does not arrive
	if out, err := b.Push(t.Context(), remote, false); !errors.Is(err, gitcmd.ErrOutcomeUnknown) || !strings.Contains(err.Error(), "nothing has arrived") {
		t.Errorf("%+v %v [next: %s]", out, err, town.Next(err))
	}
	server.Set(gitserver.None)
	b.push(server.URL())
	a.pull(path)
	a.want("templates/betas.md", "beta\n")
}
