package federate

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"gastown/sync/share"
	"gastown/town"
)

// shared by two repositories, which both have the records of rule "all".
func sharedTwice(t *testing.T) (a *sharer, first, second string) {
	t.Helper()
	first, second = bare(t), bare(t)
	a = newSharer(t, "alpha")
	a.rules(share.Rule{Name: "all", Labels: []string{"all"}})
	a.beads(town.Bead{ID: "gt-1", Title: "SHARED-ONE", Labels: []string{"all"}})
	a.init(first)
	gitOut(t, first, "push", "-q", second, Ref)
	if _, err := a.Join(t.Context(), Remote{"second", second}, yes); err != nil {
		t.Fatal(err)
	}
	a.at("second", second)
	if !bytes.Contains(repository(t, second), []byte("SHARED-ONE")) {
		t.Fatal("the second repository has no records")
	}
	return a, first, second
}

// What is shared with one repository by a rule that nobody confirmed for another
// does not get there by a later push, also when the rule is gone by then: not as
// a row and not in the history, unless a person was told and agreed.
func TestLaterPushesBringNothingUnagreed(t *testing.T) {
	only := share.Rule{Name: "all", Labels: []string{"all"}}
	extra := share.Rule{Name: "extra", Labels: []string{"extra"}, Fields: []string{"title", "description"}}
	redacting := only
	redacting.Redact = []share.Redaction{{Field: "title", Pattern: "PLANTED-[A-Z]+"}}
	for name, test := range map[string]struct{ during, after share.Rules }{
		"a rule that was there for a while":      {share.Rules{only, extra}, share.Rules{only}},
		"another rule that was there":            {share.Rules{extra}, share.Rules{only}},
		"all rules are gone":                     {share.Rules{only, extra}, nil},
		"a redaction came later":                 {share.Rules{only}, share.Rules{redacting}},
		"the same rules, confirmed for one only": {share.Rules{only, extra}, share.Rules{only, extra}},
	} {
		t.Run(name, func(t *testing.T) {
			a, first, second := sharedTwice(t)
			a.rules(test.during...)
			a.beads(town.Bead{ID: "gt-2", Title: "PLANTED-TITLE", Description: "PLANTED-TEXT", Labels: []string{"all", "extra"}})
			if out := a.push(first); out.Shared.Put == 0 {
				t.Fatalf("%+v", out.Shared)
			}
			a.rules(test.after...)
			a.beads(town.Bead{ID: "gt-3", Title: "SHARED-THREE", Labels: []string{"all"}})
			if len(test.after) > 0 {
				a.refuse = false
				a.push(first) // by the rules as they are now
			}
			planted := func() bool { return bytes.Contains(repository(t, second), []byte("PLANTED")) }
			for _, asks := range []bool{true, false} {
				a.refuse = true
				confirm := a.opts.ConfirmShare
				if !asks {
					a.opts.ConfirmShare = nil
					a.Engine = New(a.opts)
				}
				for range 2 {
					out := a.at("second", second)
					if planted() {
						t.Fatalf("it got there, %+v", out.Shared)
					}
					if !slices.ContainsFunc(out.Recorded.Notes, func(n string) bool { return strings.Contains(n, "nobody agreed") }) && len(out.Shared.Waiting) == 0 {
						t.Errorf("nothing is said of it: %+v %q", out.Shared, out.Recorded.Notes)
					}
				}
				a.opts.ConfirmShare = confirm
				a.Engine = New(a.opts)
			}
			if _, err := a.Sync(t.Context(), Remote{"second", second}, false); err != nil || planted() {
				t.Fatalf("a sync: %v", err)
			}
			a.refuse, a.asked = false, nil
			a.at("second", second)
			if len(a.asked) != 1 || a.asked[0].Past == 0 && len(test.during) != len(test.after) {
				t.Fatalf("asked %+v", a.asked)
			}
			if !planted() {
				t.Error("the question was for nothing")
			}
			a.beads(town.Bead{ID: "gt-4", Title: "SHARED-FOUR", Labels: []string{"all"}})
			a.at("second", second)
			if len(a.asked) != 1 {
				t.Errorf("asked again: %+v", a.asked[1:])
			}
		})
	}
}

// Two repositories of one federation that share by the same rules ask nobody:
// whatever was sent to one meanwhile might have been sent to the other.
func TestTwoRepositoriesTakeTurns(t *testing.T) {
	a, first, second := sharedTwice(t)
	b := newSharer(t, "beta")
	b.rules(share.Rule{Name: "all"})
	b.beads(town.Bead{ID: "b-1", Title: "of b"})
	b.join(first)
	a.asked = nil
	for i, word := range []string{"one", "two", "three", "four"} {
		a.describe("gt-1", word)
		a.beads(town.Bead{ID: "gt-n" + word, Title: "SHARED " + word, Labels: []string{"all"}})
		remotes := []Remote{{"origin", first}, {"second", second}}
		if i%2 == 1 {
			slices.Reverse(remotes)
		}
		for _, r := range remotes {
			if _, err := a.Sync(t.Context(), r, false); err != nil {
				t.Fatal(err)
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
}
