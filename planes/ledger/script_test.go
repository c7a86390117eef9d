package ledger

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"gastown/town"
)

func TestReadScript(t *testing.T) {
	steps, err := ReadScript("# a comment\n\nclose gt-a \"all done\" now\nupdate gt-b title=\"a \\\"b\\\" \\\\c\" priority=0\ncreate bug 1 Login fails\n  dep add gt-a external:x related\ndep rm gt-a gt-b\n")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range steps {
		got = append(got, fmt.Sprintf("%d %s %q", s.Line, s.Op, s.args))
	}
	want := []string{
		`3 close ["gt-a" "all done" "now"]`, `4 update ["gt-b" "title=a \"b\" \\c" "priority=0"]`, `5 create ["bug" "1" "Login" "fails"]`,
		`6 dep.add ["gt-a" "external:x" "related"]`, `7 dep.remove ["gt-a" "gt-b"]`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
	if refs := ScriptRefs(steps); !slices.Equal(refs, []string{"gt-a", "gt-b"}) {
		t.Errorf("%q", refs)
	}
	_, err = ReadScript("close\nshow gt-a\nupdate gt-a\ncreate bug 1\ndep gt-a\nclose \"gt-a\ndep add gt-a")
	var bad *BatchError
	if !errors.As(err, &bad) || len(bad.Entries) != 7 || !errors.Is(err, town.ErrUsage) {
		t.Fatal(err)
	}
	for i, e := range bad.Entries {
		if e.Line != i+1 {
			t.Error(e)
		}
	}
}

// The steps of a script see each other, and all of them or none are in force.
func TestAScriptIsOneChange(t *testing.T) {
	s := newLedger(t)
	made := create(t, s, titled("a"), titled("b"), titled("c"))
	a, b, c := made[0].ID, made[1].ID, made[2].ID
	head := func() string {
		h, err := s.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	run := func(text string) ([]Effect, error) {
		steps, err := ReadScript(text)
		if err != nil {
			t.Fatal(err)
		}
		var effects []Effect
		err = s.Together(t.Context(), "a script", func(c *Change) (err error) {
			effects, err = c.Script(t.Context(), steps, nil, "gt", false)
			return err
		})
		return effects, err
	}
	was := head()
	text := fmt.Sprintf("dep add %[1]s %[2]s\nupdate %[1]s status=in_progress assignee=ada\nclose %[3]s done here\ncreate chore 3 made by it\n", a, b, c)
	for line, fault := range []string{"close gt-none", "update " + a + " colour=red", "update " + a + " status=closed!", "create bug 9 x", "dep remove " + b + " " + a, "dep add " + b + " " + a} {
		_, err := run(text + fault)
		if err == nil || !strings.HasPrefix(err.Error(), "line 5: ") || head() != was {
			t.Errorf("%d: %s: %v", line, fault, err)
		}
	}
	effects, err := run(text)
	if err != nil || len(effects) != 4 || effects[3].Op != "create" || !strings.HasPrefix(effects[3].Target, "gt-") {
		t.Fatalf("%+v, %v", effects, err)
	}
	got, err := s.Get(t.Context(), []string{a, c, effects[3].Target}, nil)
	if err != nil || got[0].Status != town.StatusInProgress || got[0].Assignee != "ada" || len(got[0].Dependencies) != 1 ||
		got[1].CloseReason != "done here" || got[2].Title != "made by it" || got[2].Priority != 3 || got[2].Type != town.TypeChore {
		t.Errorf("%+v, %v", got, err)
	}
	versions, err := s.Versions(t.Context(), a, 0)
	if err != nil || len(versions) != 2 {
		t.Errorf("%d versions, %v", len(versions), err)
	}
	// Try changes nothing.
	now := head()
	if err := s.Try(t.Context(), func(c *Change) error { _, err := c.Create(t.Context(), []NewBead{titled("x")}); return err }); err != nil || head() != now {
		t.Error(err)
	}
}

// A bead that is retired is closed and linked, one that is merged hands its children
// on, and an epic whose children are closed can be closed.
func TestRetireAndMerge(t *testing.T) {
	s := newLedger(t)
	epic := titled("epic")
	epic.Type = town.TypeEpic
	twin := epic
	empty := epic
	made := create(t, s, epic, twin, empty, titled("old"))
	keep, drop, old := made[0].ID, made[1].ID, made[3].ID
	child := titled("child")
	child.Parent = drop
	childID := create(t, s, child)[0].ID
	err := s.Together(t.Context(), "merge", func(c *Change) error {
		if _, err := c.Retire(t.Context(), old, keep, town.DepSupersedes, "superseded by "+keep); err != nil {
			return err
		}
		children, err := c.Merge(t.Context(), keep, []string{drop})
		if err == nil && !slices.Equal(children, []string{childID}) {
			t.Errorf("%q", children)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Get(t.Context(), []string{old, drop, childID}, nil)
	if err != nil || got[0].Status != town.StatusClosed || got[0].Dependencies[0].Type != town.DepSupersedes || got[0].CloseReason != "superseded by "+keep ||
		got[1].Status != town.StatusClosed || got[1].Dependencies[0].ID != keep || got[2].Parent != keep {
		t.Errorf("%+v, %v", got, err)
	}
	closeAll := func() (ids []string) {
		err := s.Together(t.Context(), "close", func(c *Change) error {
			done, err := c.CloseFinished(t.Context(), "all done")
			for _, b := range done.Beads {
				ids = append(ids, b.ID)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return ids
	}
	if ids := closeAll(); len(ids) != 0 {
		t.Errorf("%q", ids)
	}
	if _, err := closeBeads(t.Context(), s, []string{childID}, ""); err != nil {
		t.Fatal(err)
	}
	if ids := closeAll(); !slices.Equal(ids, []string{keep}) {
		t.Errorf("%q, not %s", ids, keep)
	}
}
