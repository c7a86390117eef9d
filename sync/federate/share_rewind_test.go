package federate

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gastown/planes/ledger"
	"gastown/sync/share"
	"gastown/town"
)

// describe changes a bead's description.
func (s *sharer) describe(id, text string) {
	s.t.Helper()
	s.work(func(l *ledger.Store) error {
		patches, err := ledger.ReadPatches(strings.NewReader(`[{"id":"` + id + `","description":"` + text + `"}]`))
		if err == nil {
			_, err = l.Update(s.t.Context(), patches)
		}
		return err
	})
}

// barred makes the repository refuse pushes until the returned function is called.
func barred(t testing.TB, url string) (open func()) {
	t.Helper()
	hook := filepath.Join(url, "hooks", "pre-receive")
	if err := os.MkdirAll(filepath.Dir(hook), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(hook, []byte("#!/bin/sh\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(hook); err != nil {
			t.Fatal(err)
		}
	}
}

// fails is a push that the repository refuses after everything was staged.
func (s *sharer) fails(url string) {
	s.t.Helper()
	open := barred(s.t, url)
	if out, err := s.Push(s.t.Context(), Remote{"origin", url}, false); err == nil {
		s.t.Fatalf("%+v", out)
	}
	open()
}

// What was staged and never published does not leave with a later push, however
// the person took it out: not as a row, and not in the history.
func TestUnpublishedRecordsDoNotLeaveLater(t *testing.T) {
	all := share.Rule{Name: "all", Fields: []string{"title", "description"}}
	for name, takeOut := range map[string]func(*sharer){
		"bead edited":      func(s *sharer) { s.describe("gt-1", "SHARED-LATER") },
		"field taken out":  func(s *sharer) { s.rules(share.Rule{Name: "all", Fields: []string{"title"}}) },
		"rules taken back": func(s *sharer) { s.rules(share.Rule{Name: "first", Labels: []string{"first"}}) },
		"redacted": func(s *sharer) {
			r := all
			r.Redact = []share.Redaction{{Field: "description", Pattern: "PLANTED-.*"}}
			s.rules(r)
		},
	} {
		for _, begun := range []bool{true, false} {
			t.Run(name+map[bool]string{true: " after others", false: " at first"}[begun], func(t *testing.T) {
				url := bare(t)
				a := newSharer(t, "alpha")
				a.init(url)
				if begun {
					a.rules(share.Rule{Name: "first", Labels: []string{"first"}})
					a.beads(town.Bead{ID: "gt-0", Title: "SHARED-FIRST", Labels: []string{"first"}})
					a.push(url)
				}
				a.beads(town.Bead{ID: "gt-1", Title: "title", Description: "PLANTED-ONE " + strings.Repeat("filler ", 2000)})
				a.rules(all)
				a.fails(url)
				if out, err := a.Push(t.Context(), Remote{"origin", url}, true); err != nil || out.Shared.Put == 0 || out.UpToDate {
					t.Errorf("a dry run after that: %+v %v", out.Shared, err)
				}
				takeOut(a)
				a.beads(town.Bead{ID: "gt-2", Title: "SHARED-LAST", Labels: []string{"first"}})
				a.push(url)
				b := newSharer(t, "beta")
				b.join(url)
				if got := strings.Join(b.seen("alpha"), " "); !strings.Contains(got, "SHARED-LAST") {
					t.Errorf("the next push did not arrive: %s", got)
				}
				if everything := repository(t, url); bytes.Contains(everything, []byte("PLANTED")) {
					t.Error("what was taken out before it was published has left")
				} else if !bytes.Contains(everything, []byte("SHARED-LAST")) {
					t.Error("the search proves nothing")
				}
			})
		}
	}
}

// A merge does not make a part of the history of what was never published.
func TestUnpublishedRecordsDoNotLeaveByAMerge(t *testing.T) {
	url := bare(t)
	a, b := newSharer(t, "alpha"), newSharer(t, "beta")
	rule := share.Rule{Name: "all", Fields: []string{"title", "description"}}
	a.rules(rule)
	a.beads(town.Bead{ID: "gt-1", Title: "SHARED-ONE"})
	a.init(url)
	b.rules(rule)
	b.beads(town.Bead{ID: "b-1", Title: "of b"})
	b.join(url)
	a.describe("gt-1", "PLANTED-ONE")
	a.fails(url)
	a.describe("gt-1", "SHARED-LAST")
	a.pull(url)
	if got := a.seen("beta"); len(got) != 1 {
		t.Fatalf("%v: nothing was merged", got)
	}
	if out := a.push(url); out.Shared.Put != 1 {
		t.Fatalf("%+v", out.Shared)
	}
	if everything := repository(t, url); bytes.Contains(everything, []byte("PLANTED")) || !bytes.Contains(everything, []byte("SHARED-LAST")) {
		t.Error("what was taken out before it was published has left")
	}
}

// A push whose answer was lost had arrived: its records are not told to be
// somebody else's when the next push finds them.
func TestArrivedWithoutAnAnswer(t *testing.T) {
	for _, pulls := range []bool{true, false} {
		a, url := sharingAll(t)
		state, err := os.ReadFile(a.statePath("origin"))
		if err != nil {
			t.Fatal(err)
		}
		mirror := filepath.Join(a.opts.Layout.Remote("origin"))
		former := filepath.Join(t.TempDir(), "former")
		if err := os.CopyFS(former, os.DirFS(mirror)); err != nil {
			t.Fatal(err)
		}
		a.beads(town.Bead{ID: "gt-2", Title: "two"})
		a.push(url)
		// As if the process had ended before it noted that.
		if err := os.RemoveAll(mirror); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(mirror, os.DirFS(former)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(a.statePath("origin"), state, 0o600); err != nil {
			t.Fatal(err)
		}
		if pulls {
			if out := a.pull(url); len(out.Notes) > 0 {
				t.Fatalf("%q", out.Notes)
			}
		}
		a.beads(town.Bead{ID: "gt-3", Title: "three"})
		out := a.push(url)
		if out.Pulled != nil && len(out.Pulled.Notes) > 0 || len(out.Recorded.Notes) > 0 || out.Shared.Total != 3 {
			t.Fatalf("%+v %+v", out, out.Shared)
		}
		b := newSharer(t, "beta")
		b.join(url)
		if got := b.seen("alpha"); len(got) != 3 {
			t.Fatal(got)
		}
	}
}
