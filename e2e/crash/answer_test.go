package crash

import (
	"strings"
	"testing"
	"time"

	"gastown/e2e/gitserver"
	"gastown/sync/federate"
	"gastown/sync/gitremote"
)

// TestLostAnswer loses a push, or only the answer to it.
func TestLostAnswer(t *testing.T) {
	for _, fault := range []gitserver.Fault{gitserver.DropAnswer, gitserver.DropBefore} {
		t.Run(fault.String(), func(t *testing.T) {
			dir := t.TempDir()
			repo := bare(t, dir)
			server, err := gitserver.HTTP(repo, gitserver.HTTPOptions{})
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			url := server.URL()
			a, b := newMachine(t, dir+"/a", "a"), newMachine(t, dir+"/b", "b")
			a.must(t, "init", url)
			b.must(t, "join", url)
			a.must(t, "pull", url)
			commits := func() string {
				return strings.TrimSpace(git(t, repo, "rev-list", "--count", gitremote.SpaceDolt.Data()))
			}
			before := commits()

			// The fault happens once: the same call detects it and succeeds.
			a.change(t, "one")
			server.Once(fault)
			a.must(t, "push", url)
			b.must(t, "pull", url)
			if n := b.plane(t).has("one"); n != len(paths) {
				t.Errorf("%d of %d texts arrived", n, len(paths))
			}
			// If the fault happens each time, the push gives up, status says so,
			// and the next push succeeds.
			a.change(t, "two")
			server.Set(fault)
			patient, opts := a.engine, a.options()
			opts.Patience = time.Second
			a.engine = federate.New(opts)
			if err := a.do(t.Context(), "push", url); err == nil && fault == gitserver.DropBefore {
				t.Error("a push that never arrived succeeded")
			} else if s := a.status(t, url).Remotes[0]; err != nil && (!s.Push.Failing || s.Push.Error == "" || s.Ahead != 1) {
				t.Errorf("status after a push that failed: %+v", s)
			}
			server.Set(gitserver.None)
			a.engine = patient
			a.must(t, "push", url)
			b.must(t, "sync", url)
			if n := b.plane(t).has("two"); n != len(paths) {
				t.Errorf("%d of %d texts arrived", n, len(paths))
			}
			if x, y := a.plane(t).head, b.plane(t).head; x != y {
				t.Errorf("the Towns are at %s and %s", x, y)
			}
			if got := commits(); before != "2" || got != "4" {
				t.Errorf("%s commits on the ref, before %s: something was published twice", got, before)
			}
			a.tidy(t)
		})
	}
}
