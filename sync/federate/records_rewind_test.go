package federate

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gastown/e2e/script"
	"gastown/planes/ledger"
	"gastown/sync/share"
	"gastown/town"
)

// describe changes a bead's description.
func (s *sharer) describe(id, text string) {
	s.t.Helper()
	s.work(patch(s.t, `[{"id":"`+id+`","description":"`+text+`"}]`))
}

// patch changes beads, as bd update --batch takes it.
func patch(t testing.TB, text string) func(*ledger.Store) error {
	return func(l *ledger.Store) error {
		patches, err := ledger.ReadPatches(strings.NewReader(text))
		if err == nil {
			_, err = l.Update(t.Context(), patches)
		}
		return err
	}
}

// barred makes the repository refuse pushes until the returned function is called.
func barred(t testing.TB, url string) (open func()) {
	t.Helper()
	hook := filepath.Join(url, "hooks", "pre-receive")
	if err := os.MkdirAll(filepath.Dir(hook), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := script.Write(hook, "#!/bin/sh\nexit 1\n"); err != nil {
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
	if out, err := s.Push(s.t.Context(), Remote{Name: "origin", URL: url}, false); err == nil {
		s.t.Fatalf("%+v", out)
	}
	open()
}

// A record that was staged, never published and then withdrawn does not leave with
// a later push, neither as a row nor in the history.
func TestUnpublishedRecordsDoNotLeaveLater(t *testing.T) {
	t.Parallel()
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
				t.Parallel()
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
				if out, err := a.Push(t.Context(), Remote{Name: "origin", URL: url}, true); err != nil || out.Shared.Put == 0 || out.UpToDate {
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

// A merge does not bring unpublished commits into the history.
func TestUnpublishedRecordsDoNotLeaveByAMerge(t *testing.T) {
	t.Parallel()
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

// unanswered is a push that arrives, but whose process ends before the answer.
func (s *sharer) unanswered(url string) {
	s.t.Helper()
	dir, former := s.opts.Layout.Remote("origin"), filepath.Join(tempDir(s.t), "former")
	hook := filepath.Join(url, "hooks", "post-receive")
	if err := script.Write(hook, "#!/bin/sh\ncp -a '"+dir+"' '"+former+"'\n"); err != nil {
		s.t.Fatal(err)
	}
	s.push(url)
	if err := errors.Join(os.Remove(hook), os.RemoveAll(dir), os.Rename(former, dir)); err != nil {
		s.t.Fatal(err)
	}
}

// A push arrived and its answer was lost. When a later call finds the records, it
// knows them as this Town's own, and takes them back if their rule is gone.
func TestArrivedWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	for name, between := range map[string]func(*sharer, string){
		"push":                        func(*sharer, string) {},
		"pull":                        func(s *sharer, url string) { s.pull(url) },
		"a push that is refused":      func(s *sharer, url string) { s.fails(url) },
		"a push that is not answered": func(s *sharer, url string) { s.unanswered(url) },
		"a sync":                      func(s *sharer, url string) { s.sync(url) },
		"a commit of another Town": func(s *sharer, url string) {
			b := newSharer(s.t, "beta")
			b.rules(share.Rule{Name: "all"})
			b.beads(town.Bead{ID: "b-1", Title: "of b"})
			b.join(url)
		},
	} {
		for _, removed := range []bool{false, true} {
			for _, first := range []bool{false, true} {
				if first && !removed {
					continue
				}
				t.Run(fmt.Sprintf("%s, rule removed %t, at first %t", name, removed, first), func(t *testing.T) {
					t.Parallel()
					url := bare(t)
					a := newSharer(t, "alpha")
					rule := share.Rule{Name: "all"}
					if first {
						a.init(url)
						a.rules(rule)
					} else {
						a.rules(rule)
						a.beads(town.Bead{ID: "gt-1", Title: "one"})
						a.init(url)
					}
					a.beads(town.Bead{ID: "gt-2", Title: "two"})
					a.unanswered(url)
					if removed {
						a.rules()
					} else {
						a.beads(town.Bead{ID: "gt-3", Title: "three"})
					}
					between(a, url)
					out := a.sync(url)
					told := slices.Concat(out.Pulled.Notes, out.Pushed.Recorded.Notes)
					if out.Pushed.Pulled != nil {
						told = append(told, out.Pushed.Pulled.Notes...)
					}
					if len(told) > 0 {
						t.Errorf("%q", told)
					}
					want := 0
					if !removed {
						want = 2
					}
					if !removed && !first {
						want = 3
					}
					c := newSharer(t, "gamma")
					c.join(url)
					if got := c.seen("alpha"); len(got) != want {
						t.Errorf("%q", got)
					}
				})
			}
		}
	}
}
