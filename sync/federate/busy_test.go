package federate

import (
	"context"
	"errors"
	"testing"
	"time"

	"gastown/e2e/gitserver"
	"gastown/sync/gitcmd"
	"gastown/town"
)

// busyFor lets a server refuse to serve until it has done so a number of times more.
func busyFor(t *testing.T, s *gitserver.Server, times int64) {
	t.Helper()
	until := s.Counts().Refused + times
	s.Set(gitserver.Busy)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	go func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil && s.Counts().Refused < until {
			<-tick.C
		}
		s.Set(gitserver.None)
	}()
}

// A server that has too many requests is waited for, within the patience.
func TestBusyServer(t *testing.T) {
	t.Parallel()
	a, b, path := pair(t)
	server := served(t, path)
	remote := Remote{Name: "origin", URL: server.URL()}
	b.join(remote.URL)

	a.write("templates/alphas.md", "alpha\n")
	a.push(path)
	busyFor(t, server, 2) // 429 and 503
	b.pull(remote.URL)
	b.want("templates/alphas.md", "alpha\n")

	// The push loses, so it looks, and meets refusals in each step.
	a.write("templates/alphas.md", "alpha again\n")
	a.push(path)
	b.write("templates/betas.md", "beta\n")
	busyFor(t, server, 1)
	b.push(remote.URL)
	b.want("templates/alphas.md", "alpha again\n")
	a.pull(path)
	a.want("templates/betas.md", "beta\n")

	// When the patience ends the error says what the server said.
	b.opts.Patience = time.Nanosecond
	b.write("templates/betas.md", "beta again\n")
	server.Set(gitserver.Busy)
	for what, do := range map[string]func() error{
		"pull": func() error { _, err := b.Pull(t.Context(), remote, false); return err },
		"push": func() error { _, err := b.Push(t.Context(), remote, false); return err },
	} {
		before := server.Counts().Refused
		err := do()
		if !errors.Is(err, gitcmd.ErrBusy) || !errors.Is(err, gitcmd.ErrUnreachable) || town.Next(err) != "run it again in a while" {
			t.Errorf("%s: %v [%s]", what, err, town.Next(err))
		}
		if n := server.Counts().Refused - before; n != 2 {
			t.Errorf("%s asked %d times, want a first and a last one", what, n)
		}
	}
	server.Set(gitserver.None)
	b.push(remote.URL)
	a.pull(path)
	a.want("templates/betas.md", "beta again\n")
}

// An SSH server that closes connections before its first line has too many.
func TestBusyServerOverSSH(t *testing.T) {
	t.Parallel()
	a, b, path := pair(t)
	server, err := gitserver.SSH(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	b.opts.Env = append(b.opts.Env, server.Env()...)
	b.join(server.URL())
	b.write("templates/betas.md", "beta\n")
	busyFor(t, server, 1)
	b.push(server.URL())
	a.pull(path)
	a.want("templates/betas.md", "beta\n")
}
