package federate

import (
	"bytes"
	"slices"
	"testing"

	"gastown/sync/share"
	"gastown/town"
)

// sharedTwice is a Town with two repositories, which both have the records of rule
// "all".
func sharedTwice(t *testing.T) (a *sharer, first, second string) {
	t.Helper()
	first, second = bare(t), bare(t)
	a = newSharer(t, "alpha")
	a.rules(share.Rule{Name: "all", Labels: []string{"all"}})
	a.beads(town.Bead{ID: "gt-1", Title: "SHARED-ONE", Labels: []string{"all"}})
	a.init(first)
	gitOut(t, first, "push", "-q", second, dataRef)
	a.alsoAt("second", second)
	if !has(t, second, "SHARED-ONE") {
		t.Fatal("the second repository has no records")
	}
	return a, first, second
}

// alsoAt joins another repository of the federation the Town is in.
func (s *sharer) alsoAt(name, url string) {
	s.t.Helper()
	if _, err := s.Join(s.t.Context(), Remote{Name: name, URL: url}, yes); err != nil {
		s.t.Fatal(err)
	}
}

// has reports whether a text is anywhere in a repository.
func has(t *testing.T, url, text string) bool {
	t.Helper()
	return bytes.Contains(repository(t, url), []byte(text))
}

// A rule shares records with one repository and is not approved for another. No
// later push brings these records there, even when the rule is gone by then:
// neither as rows nor in the history, whatever a person answers.
func TestLaterPushesBringNothingUnagreed(t *testing.T) {
	t.Parallel()
	only := share.Rule{Name: "all", Labels: []string{"all"}}
	extra := share.Rule{Name: "extra", Labels: []string{"extra"}, Fields: []string{"title", "description"}}
	redacting := only
	redacting.Redact = []share.Redaction{{Field: "title", Pattern: "PLANTED-[A-Z]+"}}
	for name, test := range map[string]struct {
		during, after share.Rules
		// the person is asked about the planted records, and agrees.
		planted bool
	}{
		"a rule that was there for a while":      {share.Rules{only, extra}, share.Rules{only}, false},
		"another rule that was there":            {share.Rules{extra}, share.Rules{redacting}, false},
		"all rules are gone":                     {share.Rules{only, extra}, nil, false},
		"a redaction came later":                 {share.Rules{only}, share.Rules{redacting}, false},
		"the same rules, confirmed for one only": {share.Rules{only, extra}, share.Rules{only, extra}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, first, second := sharedTwice(t)
			a.rules(test.during...)
			labels := []string{"extra"}
			if !slices.ContainsFunc(test.after, func(r share.Rule) bool { return r.Name == "all" && len(r.Redact) == 0 }) {
				labels = append(labels, "all")
			}
			a.beads(town.Bead{ID: "gt-2", Title: "PLANTED-TITLE", Description: "PLANTED-TEXT", Labels: labels})
			if out := a.push(first); out.Shared.Put == 0 || !has(t, first, "PLANTED") {
				t.Fatalf("%+v", out.Shared)
			}
			a.rules(test.after...)
			a.beads(town.Bead{ID: "gt-3", Title: "SHARED-THREE", Labels: []string{"all"}})
			if len(test.after) > 0 {
				a.push(first) // by the rules as they are now
			}
			for _, a.refuse = range []bool{true, false} {
				for range 2 {
					out := a.at("second", second)
					if _, err := a.Sync(t.Context(), Remote{Name: "second", URL: second}, false); err != nil {
						t.Fatal(err)
					}
					if got := has(t, second, "PLANTED"); got != (test.planted && !a.refuse) {
						t.Fatalf("planted there: %t, %+v", got, out.Shared)
					}
				}
			}
			if got := has(t, second, "SHARED-THREE"); got != (len(test.after) > 0) {
				t.Errorf("what is shared is there: %t", got)
			}
		})
	}
}

// A Town with two repositories does not carry the records of another Town from one
// to the other: the other Town agreed to the first alone.
func TestRecordsOfOthersStayWhereTheyWereShared(t *testing.T) {
	t.Parallel()
	first, second := bare(t), bare(t)
	a, b, c := newSharer(t, "alpha"), newSharer(t, "beta"), newSharer(t, "gamma")
	for _, s := range []*sharer{a, b, c} {
		s.rules(share.Rule{Name: "all"})
		s.beads(town.Bead{ID: "gt-1", Title: "RECORD-OF-" + s.opts.Name})
	}
	a.init(first)
	b.join(first)
	gitOut(t, first, "push", "-q", second, dataRef)
	b.alsoAt("second", second)
	c.join(second)
	a.describe("gt-1", "changed")
	for i := range 3 {
		a.beads(town.Bead{ID: "gt-n" + string(rune('a'+i)), Title: "RECORD-OF-alpha again"})
		a.sync(first)
		for _, r := range []Remote{{Name: "origin", URL: first}, {Name: "second", URL: second}} {
			if _, err := b.Sync(t.Context(), r, false); err != nil {
				t.Fatal(err)
			}
		}
		c.sync(second)
	}
	for url, test := range map[string]struct{ there, not string }{
		first: {"RECORD-OF-alpha", "RECORD-OF-gamma"}, second: {"RECORD-OF-gamma", "RECORD-OF-alpha"},
	} {
		if has(t, url, test.not) || !has(t, url, test.there) || !has(t, url, "RECORD-OF-beta") {
			t.Errorf("%s is where nobody shared it, or %s is not where it was shared", test.not, test.there)
		}
	}
	if got, none := c.seen("beta"), c.seen("alpha"); len(got) != 1 || len(none) != 0 {
		t.Errorf("gamma sees %q of beta, %q of alpha", got, none)
	}
	if ofA, ofC := b.seen("alpha"), b.seen("gamma"); len(ofA) != 4 || len(ofC) != 1 {
		t.Errorf("beta, which is in both, sees %q and %q", ofA, ofC)
	}
}

// With two repositories and unchanged rules nobody is asked again.
func TestTwoRepositoriesTakeTurns(t *testing.T) {
	t.Parallel()
	a, first, second := sharedTwice(t)
	b := newSharer(t, "beta")
	b.rules(share.Rule{Name: "all"})
	b.beads(town.Bead{ID: "b-1", Title: "of b"})
	b.join(first)
	a.asked = nil
	for i, word := range []string{"one", "two", "three", "four"} {
		a.describe("gt-1", word)
		a.beads(town.Bead{ID: "gt-n" + word, Title: "SHARED " + word, Labels: []string{"all"}})
		remotes := []Remote{{Name: "origin", URL: first}, {Name: "second", URL: second}}
		if i%2 == 1 {
			slices.Reverse(remotes)
		}
		for _, r := range remotes {
			if out, err := a.Sync(t.Context(), r, false); err != nil || out.Pushed.Shared.Put != 2 {
				t.Fatalf("%+v %v", out.Pushed.Shared, err)
			}
		}
		b.sync(first)
	}
	if len(a.asked) > 0 {
		t.Errorf("asked %+v", a.asked)
	}
	c := newSharer(t, "gamma")
	c.join(second)
	if got := c.seen("alpha"); len(got) != 5 {
		t.Errorf("%q", got)
	}
	// Removing the rules takes the records back from each repository at its next
	// push. A preview for no remote counts those of both.
	a.rules()
	p, err := a.PreviewShare(t.Context())
	if err != nil || len(p.Removed) != 5 {
		t.Errorf("%+v %v", p.Removed, err)
	}
	if out := a.push(first); out.Shared.Removed != 5 {
		t.Errorf("%+v", out.Shared)
	}
	if p, err = a.PreviewShare(t.Context()); err != nil || len(p.Removed) != 5 {
		t.Errorf("%+v %v", p.Removed, err)
	}
	if out := a.at("second", second); out.Shared.Removed != 5 {
		t.Errorf("%+v", out.Shared)
	}
	if p, err = a.PreviewShare(t.Context()); err != nil || len(p.Removed) != 0 {
		t.Errorf("%+v %v", p.Removed, err)
	}
}

// A remote with another address than before is another repository. Nothing that was
// exchanged with the former one goes there, whatever the two have in common.
func TestAnotherAddressIsAnotherRepository(t *testing.T) {
	t.Parallel()
	only := share.Rule{Name: "all", Labels: []string{"all"}}
	for name, common := range map[string][]string{"nothing": {dataRef}, "what was there then": {dataRef, ledgerRef + ":" + ledgerRef}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first, second := bare(t), bare(t)
			a, b := newSharer(t, "alpha"), newSharer(t, "beta")
			a.rules(only)
			a.beads(town.Bead{ID: "gt-1", Title: "SHARED-ONE", Labels: []string{"all"}})
			a.init(first)
			gitOut(t, first, append([]string{"push", "-q", second}, common...)...)
			b.rules(share.Rule{Name: "all"})
			b.beads(town.Bead{ID: "b-1", Title: "PLANTED-BY-BETA"})
			b.join(first)
			a.beads(town.Bead{ID: "gt-2", Title: "PLANTED-BY-ALPHA", Labels: []string{"all"}})
			a.sync(first)
			a.work(patch(t, `[{"id":"gt-2","title":"SHARED-TWO"}]`))
			moved := Remote{Name: "origin", URL: second}
			if _, err := a.Join(t.Context(), moved, yes); err != nil {
				t.Fatal(err)
			}
			if _, err := a.Sync(t.Context(), moved, false); err != nil {
				t.Fatal(err)
			}
			if has(t, second, "PLANTED") || !has(t, second, "SHARED-TWO") {
				t.Error("what only the former repository was to have is there, or what is shared now is not")
			}
		})
	}
}
