package ledger

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// dated is a line of an import with a date and links of the type blocks.
func dated(id, updated string, targets ...string) string {
	var links []string
	for _, target := range targets {
		links = append(links, fmt.Sprintf(`{"depends_on_id":%q,"type":"blocks","created_at":"2026-01-01T00:00:00Z"}`, target))
	}
	return fmt.Sprintf(`{"id":%q,"title":"t","created_at":"2026-01-01T00:00:00Z","updated_at":"%sT00:00:00Z","dependencies":[%s]}`+"\n", id, updated, strings.Join(links, ","))
}

// What waited for a deleted bead waits for it again when an import revives it, unless a
// newer line says otherwise.
func TestRevivedBeadsHaveTheLinksThatLedToThem(t *testing.T) {
	for _, c := range []struct {
		name, lines string
		deleted     []string
		want        string // the targets of gt-a
		warnings    int
	}{
		{"an old line", dated("gt-b", "2026-01-01"), []string{"gt-b"}, "gt-b", 0},
		{"a new line", dated("gt-b", "2999-01-01"), []string{"gt-b"}, "gt-b", 0},
		{"both were deleted", dated("gt-b", "2026-01-01") + dated("gt-a", "2026-01-01"), []string{"gt-b", "gt-a"}, "gt-b", 0},
		{"both were deleted, the other way", dated("gt-b", "2026-01-01") + dated("gt-a", "2026-01-01"), []string{"gt-a", "gt-b"}, "gt-b", 0},
		{"a newer line of the other bead", dated("gt-b", "2026-01-01") + dated("gt-a", "2999-01-01"), []string{"gt-b"}, "", 0},
		{"an older line of the other bead", dated("gt-b", "2026-01-01") + dated("gt-a", "2025-01-01"), []string{"gt-b"}, "gt-b", 0},
		{"the same link in the file", dated("gt-b", "2026-01-01") + dated("gt-a", "2999-01-01", "gt-b"), []string{"gt-b"}, "gt-b", 0},
		{"it would close a circle", dated("gt-b", "2999-01-01", "gt-a"), []string{"gt-b"}, "", 1},
		{"the other bead is gone", dated("gt-b", "2026-01-01"), []string{"gt-b", "gt-a"}, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newLedger(t)
			imported(t, s, dated("gt-a", "2026-01-01", "gt-b")+dated("gt-b", "2026-01-01"), ImportOptions{})
			for _, id := range c.deleted {
				if err := s.Delete(t.Context(), []string{id}, ""); err != nil {
					t.Fatal(err)
				}
			}
			r := imported(t, s, c.lines, ImportOptions{Revive: true})
			if len(r.Warnings) != c.warnings || c.warnings > 0 && !strings.HasPrefix(r.Warnings[0], "line 1: ") {
				t.Errorf("%+v", r)
			}
			var targets []string
			for id := range strings.FieldsSeq("gt-a gt-b") {
				if ids := listedIDs(t, s, Filter{IDs: []string{id}}); id == "gt-a" && len(ids) > 0 {
					targets = linkTargets(t, s, id)
				}
			}
			if slices.Sort(targets); strings.Join(targets, " ") != c.want {
				t.Errorf("gt-a waits for %q, want %q", targets, c.want)
			}
			if cycles, err := s.DepCycles(t.Context()); err != nil || len(cycles) > 0 {
				t.Errorf("%v, %v", cycles, err)
			}
		})
	}
}

// A child that got another parent while its former one was deleted keeps that one.
func TestARestoredParentTakesNoChildBack(t *testing.T) {
	for name, back := range map[string]func(*Store, string) error{
		"restore": func(s *Store, id string) error { return s.Restore(t.Context(), []string{id}) },
		"revive": func(s *Store, id string) error {
			_, err := s.Import(t.Context(), strings.NewReader(dated(id, "2026-01-01")), ImportOptions{Revive: true})
			return err
		},
		"revive by a newer line": func(s *Store, id string) error {
			_, err := s.Import(t.Context(), strings.NewReader(dated(id, "2999-01-01")), ImportOptions{Revive: true})
			return err
		},
		"restore both": func(s *Store, id string) error {
			if err := s.Delete(t.Context(), []string{"gt-moved"}, ""); err != nil {
				return err
			}
			return s.Restore(t.Context(), []string{id, "gt-moved"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newLedger(t)
			imported(t, s, dated("gt-old", "2026-01-01")+dated("gt-new", "2026-01-01")+dated("gt-moved", "2026-01-01")+dated("gt-kept", "2026-01-01"), ImportOptions{})
			former, other := "gt-old", "gt-new"
			if _, err := s.Update(t.Context(), []Patch{{ID: "gt-moved", Parent: &former}, {ID: "gt-kept", Parent: &former}}); err != nil {
				t.Fatal(err)
			}
			if err := s.Delete(t.Context(), []string{former}, ""); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Update(t.Context(), []Patch{{ID: "gt-moved", Parent: &other}}); err != nil {
				t.Fatal(err)
			}
			if err := back(s, former); err != nil {
				t.Fatal(err)
			}
			for child, want := range map[string]string{"gt-moved": other, "gt-kept": former} {
				if got := linkTargets(t, s, child); !slices.Equal(got, []string{want}) {
					t.Errorf("the parents of %s are %q, not %q", child, got, want)
				}
			}
		})
	}
}
