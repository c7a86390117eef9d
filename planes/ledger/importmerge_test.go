package ledger

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"gastown/town"
)

func exported(t *testing.T, s *Store) string {
	t.Helper()
	var buf bytes.Buffer
	if err := s.Export(t.Context(), Filter{}, func(b town.Bead) error { return WriteLine(&buf, b) }); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

func imported(t *testing.T, s *Store, text string, opts ImportOptions) ImportResult {
	t.Helper()
	result, err := s.Import(t.Context(), strings.NewReader(text), opts)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func linkTargets(t *testing.T, s *Store, id string) (all []string) {
	t.Helper()
	got, err := s.Get(t.Context(), []string{id}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range got[0].Dependencies {
		all = append(all, l.ID)
	}
	return all
}

// An export from before a link was made, or removed, does not change that link.
func TestAnOlderExportLeavesLinksAlone(t *testing.T) {
	s := newLedger(t)
	made := create(t, s, titled("a"), titled("b"))
	a, b := made[0].ID, made[1].ID
	before := exported(t, s)
	if _, err := s.DepAdd(t.Context(), []town.Dependency{{Bead: a, Target: b}}); err != nil {
		t.Fatal(err)
	}
	if r := imported(t, s, before, ImportOptions{}); r.Older != 1 || r.Updated != 0 {
		t.Errorf("%+v", r)
	}
	if got := linkTargets(t, s, a); !slices.Equal(got, []string{b}) {
		t.Errorf("the new link is lost: %q", got)
	}
	linked := exported(t, s)
	if _, err := s.DepRemove(t.Context(), a, b, ""); err != nil {
		t.Fatal(err)
	}
	if r := imported(t, s, linked, ImportOptions{}); r.Older != 1 || r.Updated != 0 {
		t.Errorf("%+v", r)
	}
	if got := linkTargets(t, s, a); len(got) != 0 {
		t.Errorf("the removed link is back: %q", got)
	}
	if r := imported(t, s, linked, ImportOptions{Force: true}); r.Updated != 1 {
		t.Errorf("%+v", r)
	}
	if got := linkTargets(t, s, a); !slices.Equal(got, []string{b}) {
		t.Errorf("--force did not take the export's link: %q", got)
	}
}

// Programs may not date links. Of two states with the same date, the links of
// both are stored.
func TestLinksOfOneDateAreUnited(t *testing.T) {
	s := newLedger(t)
	line := func(target string) string {
		return line0 + fmt.Sprintf(`,"dependencies":[{"issue_id":"gt-a","depends_on_id":"external:%s","type":"blocks","created_at":"2026-01-02T03:04:05Z"}]}`, target)
	}
	imported(t, s, line("x"), ImportOptions{})
	if r := imported(t, s, line("y"), ImportOptions{}); r.Updated != 1 {
		t.Errorf("%+v", r)
	}
	for _, again := range []string{line("x"), line("y"), line0 + "}"} {
		if r := imported(t, s, again, ImportOptions{}); r.Unchanged != 1 {
			t.Errorf("%s: %+v", again, r)
		}
	}
	if got := linkTargets(t, s, "gt-a"); !slices.Equal(got, []string{"external:x", "external:y"}) {
		t.Errorf("%q", got)
	}
	if imported(t, s, line("x"), ImportOptions{Force: true}); len(linkTargets(t, s, "gt-a")) != 1 {
		t.Error("--force did not replace the links")
	}
}
