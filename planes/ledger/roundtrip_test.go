package ledger

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"gastown/town"
)

// anyBead draws a bead with anything that an export has. Of the beads before it, it
// may depend on some.
func anyBead(t *rapid.T, n int) town.Bead {
	word := rapid.StringMatching(`[a-z]{1,8}`)
	text := rapid.OneOf(rapid.Just(""), rapid.StringMatching(`[ -~é\n]{0,40}`))
	at := rapid.Custom(func(t *rapid.T) time.Time {
		return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.Int64Range(0, 1e14).Draw(t, "at")) * time.Microsecond)
	})
	optional := func(name string) *time.Time {
		if !rapid.Bool().Draw(t, name) {
			return nil
		}
		when := at.Draw(t, name)
		return &when
	}
	object := func(name string) json.RawMessage {
		if !rapid.Bool().Draw(t, name) {
			return nil
		}
		raw, _ := json.Marshal(rapid.MapOfN(word, rapid.OneOf(word.AsAny(), rapid.IntRange(-9, 9).AsAny(), rapid.Bool().AsAny()), 1, 3).Draw(t, name))
		return raw
	}
	b := town.Bead{
		ID: fmt.Sprintf("gt-%d", n), Title: "t" + word.Draw(t, "title"), Description: text.Draw(t, "description"), Notes: text.Draw(t, "notes"),
		Status:   rapid.SampledFrom(append([]town.Status{"in_review", "on-hold"}, town.Statuses...)).Draw(t, "status"),
		Type:     rapid.SampledFrom([]town.BeadType{"task", "bug", "agent", "gate", "incident"}).Draw(t, "type"),
		Priority: rapid.IntRange(0, 4).Draw(t, "priority"), Assignee: rapid.OneOf(rapid.Just(""), word).Draw(t, "assignee"),
		CreatedAt: at.Draw(t, "created"), UpdatedAt: at.Draw(t, "updated"), DueAt: optional("due"), DeferUntil: optional("defer"),
		SpecID: rapid.OneOf(rapid.Just(""), word).Draw(t, "spec"), Metadata: object("metadata"),
		Ephemeral: rapid.Bool().Draw(t, "ephemeral"), Template: rapid.Bool().Draw(t, "template"), Pinned: rapid.Bool().Draw(t, "pinned"),
		Labels: rapid.SliceOfNDistinct(word, 0, 3, rapid.ID).Draw(t, "labels"),
	}
	if b.Status == town.StatusClosed {
		when := at.Draw(t, "closed")
		b.ClosedAt, b.CloseReason = &when, text.Draw(t, "reason")
	}
	if raw := object("extra"); raw != nil {
		b.Extra = map[string]json.RawMessage{"waiters": raw, "unheard_of": raw}
	}
	for i := range rapid.IntRange(0, min(n, 3)).Draw(t, "links") {
		d := town.Dependency{
			Bead: b.ID, Target: fmt.Sprintf("gt-%d", rapid.IntRange(0, n-1).Draw(t, "target")), Type: town.DepTypes[(n+i)%len(town.DepTypes)],
			CreatedAt: at.Draw(t, "linked"), CreatedBy: word.Draw(t, "by"), Thread: rapid.OneOf(rapid.Just(""), word).Draw(t, "thread"),
		}
		if raw := object("edge"); raw != nil {
			d.Metadata = string(raw)
		}
		b.Dependencies = append(b.Dependencies, d)
	}
	for i := range rapid.IntRange(0, 2).Draw(t, "comments") {
		b.Comments = append(b.Comments, town.Comment{ID: fmt.Sprintf("c%d", i), Bead: b.ID, Author: word.Draw(t, "author"), Text: "x" + text.Draw(t, "text"), CreatedAt: at.Draw(t, "said")})
	}
	return b
}

// openCycles leaves out the links that no ledger has.
func openCycles(list []town.Bead) {
	var all []town.Dependency
	for _, b := range list {
		all = append(all, b.Dependencies...)
	}
	found := closings(all, nil, nil)
	for i := range list {
		list[i].Dependencies = slices.DeleteFunc(list[i].Dependencies, func(d town.Dependency) bool {
			return slices.ContainsFunc(found, func(c closing) bool { return linkKey(c.link) == linkKey(d) })
		})
	}
}

// What was exported comes in unchanged: beads with all their fields, links with
// their metadata, and memories.
func TestExportThenImportIsTheIdentity(t *testing.T) {
	gen := rapid.Custom(func(t *rapid.T) []town.Bead {
		list := make([]town.Bead, 60)
		for i := range list {
			list[i] = anyBead(t, i)
		}
		openCycles(list)
		return list
	})
	all := func(s *Store) string {
		t.Helper()
		out := bytes.NewBufferString(exported(t, s))
		list, err := s.Memories(t.Context(), "")
		for _, m := range list {
			if err == nil {
				err = WriteMemory(out, m)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	for seed := range 3 {
		list := gen.Example(seed)
		s, other := newLedger(t), newLedger(t)
		r := imported(t, s, string(lines(t, list)), ImportOptions{})
		if r.Created != len(list) {
			t.Fatalf("%+v", r)
		}
		if _, _, err := s.Remember(t.Context(), Memory{Name: "one", Text: "a\nb"}, Memory{Name: "two", Text: "<é>", Author: "Kim"}); err != nil {
			t.Fatal(err)
		}
		text := all(s)
		if r := imported(t, other, text, ImportOptions{}); r.Created != len(list) || r.Memories != 2 {
			t.Errorf("seed %d: %+v", seed, r)
		}
		if got := all(other); got != text {
			t.Errorf("seed %d: was\n%s\nis\n%s", seed, text, got)
		}
		if r := imported(t, s, text, ImportOptions{}); r.Unchanged != len(list) || r.Created+r.Updated+r.Memories != 0 {
			t.Errorf("seed %d: %+v", seed, r)
		}
		// The beads that were drawn are the ones that came out.
		var first bytes.Buffer
		for _, b := range list {
			tidy(&b)
			slices.SortFunc(b.Comments, func(a, b town.Comment) int {
				if c := a.CreatedAt.Compare(b.CreatedAt); c != 0 {
					return c
				}
				return strings.Compare(a.ID, b.ID)
			})
			if err := WriteLine(&first, b); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(objects(t, first.String()), objects(t, exported(t, s))); diff != "" {
			t.Errorf("seed %d: %s", seed, diff)
		}
	}
}

// objects are the lines of an export by their ids.
func objects(t *testing.T, export string) map[string]map[string]any {
	t.Helper()
	all := map[string]map[string]any{}
	for line := range strings.Lines(export) {
		var object map[string]any
		if err := json.Unmarshal([]byte(line), &object); err != nil {
			t.Fatal(err)
		}
		all[object["id"].(string)] = object
	}
	return all
}
