package deacon

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"gastown/tmux"
)

// The checks start no process: every program on the path would leave a trace.
func TestAQuietDeaconStartsNoProcess(t *testing.T) {
	p := found(t)
	_, server := hub(t)
	p.agree("origin", server.URL())
	p.sessions = func(ctx context.Context) ([]tmux.Session, error) {
		return tmux.Server{Socket: p.layout.Tmux(), Env: os.Environ()}.Sessions(ctx)
	}
	bin, trace := t.TempDir(), filepath.Join(t.TempDir(), "trace")
	for _, name := range []string{"git", "tmux", "sh", "df", "dolt"} {
		script := fmt.Sprintf("#!/bin/sh\necho %s \"$@\" >> '%s'\nexit 1\n", name, trace)
		if err := os.WriteFile(filepath.Join(bin, name), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin)
	r := p.mustStart()
	defer r.end()
	// The start asks the remote once, and jobs that act wait for that.
	if _, err := r.client.Run(t.Context(), "prune"); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(trace); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		for _, name := range []string{"checks", "check-git", "heartbeat-flush", "gc-by-size", "prune"} {
			out, err := r.client.Run(t.Context(), name)
			if err != nil || len(out.Runs) != 1 || out.Runs[0].Outcome != "ok" {
				t.Errorf("%s: %+v, %v", name, out, err)
			}
		}
	}
	if programs, err := os.ReadFile(trace); err == nil {
		t.Errorf("programs were started:\n%s", programs)
	}
	// The trace works: calling such a program leaves one.
	if _, err := r.client.Sync(t.Context(), "origin", true); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(trace); err != nil {
		t.Error("a sync started no git: nothing is shown by this")
	}
}
