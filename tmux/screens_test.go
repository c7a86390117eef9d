package tmux

import (
	"strings"
	"testing"
)

// The screens of several panes come from one process, each with its own facts. A program
// cannot show what looks like another one's.
func TestScreens(t *testing.T) {
	s := server(t)
	first := created(t, s, "first", "sh", "-c", "printf 'one $1\\t%%1\\t'; seq 3; sleep 60")
	second := created(t, s, "second", "sh", "-c", "printf '\\033[2mdimmed\\033[0m two'; sleep 60")
	awaitText(t, s, first.Pane.ID, "3")
	awaitText(t, s, second.Pane.ID, "two")
	of := sessionsOf(t, s)
	all, err := s.Screens(t.Context(), of...)
	if err != nil || len(all) != 2 {
		t.Fatal(all, err)
	}
	one, two := all[first.Pane.ID], all[second.Pane.ID]
	if one.Name != "first" || !strings.Contains(one.Text, "one") || !strings.Contains(one.Text, "3") || strings.Contains(one.Text, "two") {
		t.Errorf("%+v", one)
	}
	if two.Name != "second" || !strings.Contains(two.Text, "\x1b[2mdimmed") || strings.Count(two.Text, "\n") != two.Pane.Height {
		t.Errorf("%q of %d lines", two.Text, two.Pane.Height)
	}
	// One that is gone is left out, and no error.
	if err := s.Remove(t.Context(), second.ID); err != nil {
		t.Fatal(err)
	}
	all, err = s.Screens(t.Context(), of...)
	if _, there := all[first.Pane.ID]; err != nil || !there || len(all) != 1 {
		t.Errorf("%v, %v", all, err)
	}
	if all, err := s.Screens(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
}

func sessionsOf(t *testing.T, s Server) []Session {
	t.Helper()
	all, err := s.Sessions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// As many panes as a large Town has fit into one process.
func TestScreensOfMany(t *testing.T) {
	s := server(t)
	created(t, s, "one", "sleep", "60")
	one := sessionsOf(t, s)[0]
	one.Pane.ID = "%1234567" // a long one, and gone: tmux must take the command all the same
	of := []Session{}
	for range maxScreens {
		of = append(of, one)
	}
	if all, err := s.Screens(t.Context(), of...); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
}
