package federate

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gastown/e2e/script"
)

// Pulls and pushes are told apart: a remote that refuses every push fails no pull,
// and a pull that succeeds hides no push that failed.
func TestPullsAndPushesAreApart(t *testing.T) {
	t.Parallel()
	url := bare(t)
	remote := Remote{Name: "origin", URL: url}
	a := newTown(t, filepath.Join(tempDir(t), "a"), "alpha")
	a.init(url)
	known := func() Contact {
		t.Helper()
		all, err := a.Contacts([]Remote{remote})
		if err != nil {
			t.Fatal(err)
		}
		return all[0]
	}
	if c := known(); c.Push.Succeeded.IsZero() || len(c.Failing()) != 0 {
		t.Fatalf("after init: %+v", c)
	}
	refuse := filepath.Join(url, "hooks", "pre-receive")
	if err := os.MkdirAll(filepath.Dir(refuse), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := script.Write(refuse, "#!/bin/sh\nexit 1\n"); err != nil {
		t.Fatal(err)
	}
	a.write("roles/mayor.md", role("mayor", "alpha"))
	before := known()
	for what, call := range map[string]func() error{
		"push": func() error { _, err := a.Push(t.Context(), remote, false); return err },
		"sync": func() error { _, err := a.Sync(t.Context(), remote, false); return err },
	} {
		if err := call(); err == nil {
			t.Fatalf("%s: it was not refused", what)
		}
		c := known()
		if !c.Push.Failing || c.Push.Error == "" || c.Pull.Failing || !c.Push.Succeeded.Equal(before.Push.Succeeded) {
			t.Errorf("%s: %+v", what, c)
		}
		a.pull(url)
		if c := known(); !c.Push.Failing || c.Pull.Failing || !c.Pull.Succeeded.After(before.Pull.Succeeded) {
			t.Errorf("after a pull: %+v", c)
		}
	}
	// Who interrupts a pull has not found it failing.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.Pull(ctx, remote, false); err == nil || known().Pull.Failing {
		t.Errorf("%v, %+v", err, known().Pull)
	}
	if err := os.Remove(refuse); err != nil {
		t.Fatal(err)
	}
	a.push(url)
	c := known()
	if len(c.Failing()) != 0 || c.Push.Failed.IsZero() || c.Push.Error == "" {
		t.Errorf("the last failure is forgotten, or still counts: %+v", c.Push)
	}
	// A remote that is gone fails the pull of a sync.
	if err := os.Rename(url, url+".gone"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Sync(t.Context(), remote, false); err == nil || !known().Pull.Failing || known().Push.Failing {
		t.Errorf("%v, %+v", err, known().Exchange)
	}
}

// What a former version noted about the last attempt is taken over.
func TestAttemptsOfAFormerVersion(t *testing.T) {
	a := newTown(t, filepath.Join(tempDir(t), "a"), "alpha")
	path := a.statePath("origin")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	text := `{"verified": "2026-01-02T03:04:05Z", "failed": "2026-01-02T04:04:05Z", "error": "no answer"}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := a.loadState("origin")
	if err != nil || !s.Pull.Failing || s.Pull.Error != "no answer" || s.Push.Failing || !s.Push.Succeeded.Equal(s.Verified) {
		t.Fatalf("%+v, %v", s, err)
	}
	if err := a.saveState("origin", s); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(path); err != nil || strings.Count(string(text), "no answer") != 1 {
		t.Errorf("%s, %v", text, err)
	}
}
