package federate

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"gastown/sync/share"
	"gastown/town"
)

// planted shares a record with the first repository by a rule nobody confirmed
// for the second one, and takes it back.
func (s *sharer) planted(first string) {
	s.t.Helper()
	only := share.Rule{Name: "all", Labels: []string{"all"}}
	s.rules(only, share.Rule{Name: "extra", Labels: []string{"extra"}, Fields: []string{"title"}})
	s.beads(town.Bead{ID: "gt-p", Title: "PLANTED", Labels: []string{"extra"}})
	person := s.opts.ConfirmShare
	s.opts.ConfirmShare = func(SharePreview) error { return nil }
	another := New(s.opts)
	s.opts.ConfirmShare = person
	for _, rules := range []share.Rules{{only, {Name: "extra", Labels: []string{"extra"}, Fields: []string{"title"}}}, {only}} {
		s.rules(rules...)
		if _, err := another.Push(s.t.Context(), Remote{"origin", first}, false); err != nil {
			s.t.Fatal(err)
		}
	}
}

// What is not noted any more of the rules that records were made of costs a
// question, and what no state names is not sent: nothing leaves because a note
// was lost.
func TestALostNoteCostsAQuestion(t *testing.T) {
	for name, test := range map[string]struct {
		lose func(a *sharer) error
		asks int
	}{
		"the notes": {func(a *sharer) error {
			st, err := a.loadState("origin")
			st.Shared.Made = nil
			return errors.Join(err, a.saveState("origin", st))
		}, 1},
		"the state":        {func(a *sharer) error { return os.Remove(a.statePath("origin")) }, 0},
		"the state's text": {func(a *sharer) error { return os.WriteFile(a.statePath("origin"), []byte("{"), 0o600) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			a, first, second := sharedTwice(t)
			a.planted(first)
			if err := test.lose(a); err != nil {
				t.Fatal(err)
			}
			a.beads(town.Bead{ID: "gt-3", Title: "SHARED-THREE", Labels: []string{"all"}})
			a.asked, a.refuse = nil, true
			out := a.at("second", second)
			if bytes.Contains(repository(t, second), []byte("PLANTED")) {
				t.Fatalf("it got there: %+v", out.Shared)
			}
			dry, err := a.Push(t.Context(), Remote{"second", second}, true)
			if err != nil || len(a.asked) != test.asks || len(out.Shared.Waiting) != test.asks || len(dry.Shared.Waiting) != test.asks ||
				strings.Join(out.Recorded.Notes, "\n") != strings.Join(dry.Recorded.Notes, "\n") {
				t.Errorf("asked %d times; a push says %+v %q, one that only tells %+v %q, %v", len(a.asked),
					out.Shared, out.Recorded.Notes, dry.Shared, dry.Recorded.Notes, err)
			}
		})
	}
}

// A person agrees to what was shown, not to what came while the question stood.
func TestAgreementIsToWhatWasShown(t *testing.T) {
	a, first, second := sharedTwice(t)
	a.rules(share.Rule{Name: "all", Labels: []string{"all"}}, share.Rule{Name: "more", Labels: []string{"more"}})
	a.beads(town.Bead{ID: "gt-3", Title: "SHARED-THREE", Labels: []string{"all"}})
	asked := a.opts.ConfirmShare
	a.opts.ConfirmShare = func(p SharePreview) error {
		a.planted(first)
		return asked(p)
	}
	a.Engine = New(a.opts)
	out := a.at("second", second)
	if bytes.Contains(repository(t, second), []byte("PLANTED")) || len(a.asked) == 0 || len(out.Shared.Waiting) == 0 {
		t.Fatalf("asked %d times, %+v", len(a.asked), out.Shared)
	}
	a.opts.ConfirmShare = asked
	a.Engine = New(a.opts)
	a.asked = nil
	if a.at("second", second); len(a.asked) != 1 || a.asked[0].Past == 0 || !bytes.Contains(repository(t, second), []byte("PLANTED")) {
		t.Errorf("asked %+v", a.asked)
	}
}
