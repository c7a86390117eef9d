package operational

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

func line(agent town.Address, run town.Run, text string) Nudge {
	return Nudge{Agent: agent, Run: run, Kind: NudgeLine, From: "mayor/", Text: text, Expires: noon.Add(time.Hour)}
}

func (s *Store) mustNudge(t *testing.T, list ...Nudge) []Nudge {
	t.Helper()
	stored, err := s.Nudge(t.Context(), list, noon)
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

func (s *Store) mustMove(t *testing.T, id int64, from NudgeState, tries int, to NudgeState, want bool) {
	t.Helper()
	moved, err := s.MoveNudge(t.Context(), NudgeMove{ID: id, From: from, Tries: tries, To: to, Result: "why"}, noon)
	if err != nil || moved != want {
		t.Errorf("%s to %s: %v, %v", from, to, moved, err)
	}
}

// A nudge's way, as the rows and the feed show it.
func TestANudgesWay(t *testing.T) {
	s, dir := create(t)
	const hostile = "it's \"odd\";\n\x1b[2J $(x) 🐀"
	stored := s.mustNudge(t, line(nux, 1, hostile), line(ace, 2, "b"))
	if len(stored) != 2 || stored[0].ID != 1 || stored[1].ID != 2 || stored[0].State != NudgeQueued {
		t.Fatalf("%+v", stored)
	}
	s.mustMove(t, 1, NudgeQueued, 0, NudgeTyping, true)
	s.mustMove(t, 1, NudgeQueued, 0, NudgeTyping, false) // it is being typed
	s.mustMove(t, 1, NudgeTyping, 1, NudgeQueued, true)
	s.mustMove(t, 1, NudgeQueued, 0, NudgeTyping, false) // planned from an older look
	s.mustMove(t, 1, NudgeQueued, 1, NudgeTyping, true)
	s = reopen(t, s, dir)
	b, err := s.NudgeBoard(t.Context())
	if err != nil || len(b.Open) != 2 || b.Open[0].State != NudgeTyping || b.Open[0].Tries != 2 || b.Open[0].Text != hostile || b.Open[1].Agent != ace {
		t.Errorf("%+v, %v", b, err)
	}
	s.mustMove(t, 1, NudgeTyping, 2, NudgeConfirmed, true)
	s.mustMove(t, 1, NudgeTyping, 2, NudgeUnknown, false)
	s.mustMove(t, 2, NudgeQueued, 0, NudgeExpired, true)
	s.mustMove(t, 99, NudgeQueued, 0, NudgeTyping, false)
	for _, m := range []NudgeMove{{From: NudgeConfirmed, To: NudgeQueued}, {From: NudgeQueued, To: NudgeConfirmed}, {From: NudgeTyping, To: NudgeExpired}} {
		if _, err := s.MoveNudge(t.Context(), m, noon); err == nil {
			t.Errorf("%+v is possible", m)
		}
	}
	all, err := s.Nudges(t.Context(), []int64{2, 1, 7})
	if err != nil || len(all) != 2 || all[0].State != NudgeConfirmed || all[0].Result != "why" || all[1].State != NudgeExpired {
		t.Errorf("%+v, %v", all, err)
	}
	if got := s.kinds(t); got != "nudge.queued nudge.queued nudge.confirmed nudge.expired" {
		t.Errorf("the feed has %s", got)
	}
	if n, err := s.PruneWork(t.Context(), noon.Add(time.Minute)); err != nil || n != 2 {
		t.Errorf("%d, %v", n, err)
	}
	if all, err := s.Nudges(t.Context(), []int64{1, 2}); err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
}

// However many begin at once, one types.
func TestOneTypesANudge(t *testing.T) {
	s, _ := create(t)
	s.mustNudge(t, line(nux, 1, "a"))
	var group sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for range 8 {
		group.Go(func() {
			moved, err := s.MoveNudge(t.Context(), NudgeMove{ID: 1, From: NudgeQueued, To: NudgeTyping}, noon)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			if moved {
				won++
			}
		})
	}
	group.Wait()
	if won != 1 {
		t.Errorf("%d type it", won)
	}
}

func TestHostileNudges(t *testing.T) {
	s, _ := create(t)
	for name, n := range map[string]Nudge{
		"empty": line(nux, 1, " \n"), "long": line(nux, 1, strings.Repeat("x", MaxNudge+1)), "not UTF-8": line(nux, 1, "a\xff"),
		"nobody": line(town.Address{}, 1, "a"), "run": line(nux, -1, "a"),
	} {
		if _, err := s.Nudge(t.Context(), []Nudge{line(ace, 1, "a"), n}, noon); !errors.Is(err, town.ErrUsage) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for range maxOpenNudges {
		s.mustNudge(t, line(nux, 1, "a"))
	}
	if _, err := s.Nudge(t.Context(), []Nudge{line(ace, 1, "a"), line(nux, 1, "a")}, noon); !errors.Is(err, town.ErrBusy) {
		t.Errorf("%v", err)
	}
	err := s.db.Write(t.Context(), func(tx *doltdb.Tx) error {
		_, err := tx.Exec(t.Context(), "INSERT INTO nudges VALUES (999, 'no agent', 1, 'line', '', 'x', 'queued', 0, '', ?, ?, ?)", stamp(noon), stamp(noon), stamp(noon))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if b, err := s.NudgeBoard(t.Context()); err != nil || len(b.Open) != maxOpenNudges || len(b.Spoilt) != 1 {
		t.Errorf("%d open, spoilt %q, %v", len(b.Open), b.Spoilt, err)
	}
}

// An agent is told of mail once a minute, once for a message, and again in its next
// session.
func TestNotices(t *testing.T) {
	s, _ := create(t)
	told := 0
	notice := func(run town.Run, newest, now time.Duration, want bool) {
		t.Helper()
		n := line(nux, run, "you have mail")
		got, err := s.Notice(t.Context(), n, noon.Add(newest), time.Minute, noon.Add(now))
		if err != nil || got != want {
			t.Errorf("run %d, message of %s, at %s: %v, %v", run, newest, now, got, err)
		}
		if got {
			told++
		}
	}
	done := func(id int64) {
		t.Helper()
		s.mustMove(t, id, NudgeQueued, 0, NudgeTyping, true)
		s.mustMove(t, id, NudgeTyping, 1, NudgeConfirmed, true)
	}
	notice(1, 0, time.Second, true)
	notice(1, time.Second, 2*time.Minute, false) // one waits
	done(1)
	notice(1, 2*time.Second, 30*time.Second, false) // less than a minute ago
	notice(1, 0, 2*time.Minute, false)              // told of it
	notice(1, 2*time.Second, 2*time.Minute, true)
	done(2)
	notice(2, 2*time.Second, 5*time.Minute, true) // another session
	b, err := s.NudgeBoard(t.Context())
	if err != nil || told != 3 || len(b.Open) != 1 || b.Open[0].Kind != NudgeMail || len(b.Noticed) != 1 || b.Noticed[0].Run != 2 || !b.Noticed[0].Newest.Equal(noon.Add(2*time.Second)) {
		t.Errorf("%+v, %v", b, err)
	}
}
