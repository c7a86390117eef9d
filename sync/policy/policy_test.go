package policy

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"gastown/town"
)

var (
	role    = town.Key{Kind: town.KindRole, Name: "mayor"}
	formula = town.Key{Kind: town.KindFormula, Name: "release"}
)

func edit(k town.Key, text, version string, revision uint64) *town.Edit {
	return &town.Edit{Key: k, Text: text, Version: version, Revision: revision, Town: "t", Author: "ann"}
}

func TestRole(t *testing.T) {
	base, ours, theirs := edit(role, "base", "", 1), edit(role, "ours", "", 5), edit(role, "theirs", "", 2)
	twin := edit(role, "theirs", "", 9)
	proposed := town.Proposal{Key: role, Base: "base", Text: "ours", Revision: 5, Town: "t", Author: "ann"}
	tests := []struct {
		name               string
		base, ours, theirs *town.Edit
		inForce            *town.Edit
		propose            []town.Proposal
		archive            []town.Edit
	}{
		{"both edited", base, ours, theirs, theirs, []town.Proposal{proposed}, nil},
		{"both created", nil, ours, theirs, theirs, []town.Proposal{{Key: role, Text: "ours", Revision: 5, Town: "t", Author: "ann"}}, nil},
		{"theirs deleted", base, ours, nil, nil, []town.Proposal{proposed}, nil},
		{"ours deleted", base, nil, theirs, theirs, []town.Proposal{{Key: role, Delete: true, Base: "base", Revision: 1}}, nil},
		{"both deleted", base, nil, nil, nil, nil, []town.Edit{*base}},
		{"alike, theirs newer", base, theirs, twin, twin, nil, []town.Edit{*base}},
		{"alike, ours newer", base, twin, theirs, twin, nil, []town.Edit{*base}},
		{"only ours moved", base, ours, base, ours, nil, []town.Edit{*base}},
		{"only theirs moved", base, base, theirs, theirs, nil, []town.Edit{*base}},
		{"only theirs created", nil, nil, theirs, theirs, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Resolve(Conflict{role, tt.base, tt.ours, tt.theirs})
			if err != nil {
				t.Fatal(err)
			}
			want := Resolution{InForce: tt.inForce, Archive: tt.archive, Propose: tt.propose, Note: got.Note}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if (got.Note != "") != (len(got.Propose) > 0) {
				t.Errorf("note %q with %d proposals", got.Note, len(got.Propose))
			}
		})
	}
}

func TestFormula(t *testing.T) {
	at := func(version string, revision uint64) *town.Edit {
		return edit(formula, fmt.Sprintf("text of %s at %d", version, revision), version, revision)
	}
	base := at("0.9.0", 1)
	tests := []struct {
		name           string
		winner, loser  *town.Edit
		note, noteSwap string
	}{
		{
			"higher version", at("1.10.0", 1), at("1.9.0", 8),
			"formula/release: ours 1.10.0 over theirs 1.9.0, theirs archived",
			"formula/release: theirs 1.10.0 over ours 1.9.0, ours archived",
		},
		{"release over its candidate", at("1.0.0", 1), at("1.0.0-rc.1", 8), "", ""},
		{"build metadata does not count", at("1.0.0+a", 8), at("1.0.0+z", 1), "", ""},
		{"equal: later revision", at("1.0.0", 3), at("1.0.0", 2), "", ""},
		{
			"unreadable is lowest", at("0.0.1-alpha", 1), at("\x1b[31mlatest", 8),
			`formula/release: ours 0.0.1-alpha over theirs "\x1b[31mlatest", theirs archived`, "",
		},
		{"two unreadable: later revision", at("", 4), at("x", 3), "", ""},
		{
			"edit survives deletion", at("1.0.0", 2), nil,
			"formula/release: our edit 1.0.0 survives their deletion",
			"formula/release: their edit 1.0.0 survives our deletion",
		},
		{"overlong version is unreadable", at("0.0.1", 1), at(strings.Repeat("9", 1<<16), 8), "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, c := range []struct {
				Conflict
				note string
			}{
				{Conflict{formula, base, tt.winner, tt.loser}, tt.note},
				{Conflict{formula, base, tt.loser, tt.winner}, tt.noteSwap},
			} {
				got, err := Resolve(c.Conflict)
				if err != nil {
					t.Fatal(err)
				}
				if got.InForce != tt.winner {
					t.Errorf("in force %+v, want %+v", got.InForce, tt.winner)
				}
				var archive []town.Edit
				if tt.loser != nil {
					archive = append(archive, *tt.loser)
				}
				if diff := cmp.Diff(append(archive, *base), got.Archive); diff != "" {
					t.Errorf("archive (-want +got):\n%s", diff)
				}
				if c.note != "" && got.Note != c.note {
					t.Errorf("note %q, want %q", got.Note, c.note)
				}
			}
		})
	}
}

func TestResolveRefuses(t *testing.T) {
	mine := edit(role, "x", "", 1)
	marked := *mine
	marked.Deleted = true
	evil := town.Key{Kind: town.KindRole, Name: "../../\x1b[2J"}
	template := town.Key{Kind: town.KindTemplate, Name: "pr.md"}
	for name, c := range map[string]Conflict{
		"template":      {Key: template, Ours: edit(template, "x", "1", 1)},
		"unknown kind":  {Key: town.Key{Kind: "plugin", Name: "x"}},
		"hostile name":  {Key: evil, Theirs: edit(evil, "x", "", 1)},
		"another's row": {Key: role, Ours: mine, Theirs: edit(formula, "x", "1.0.0", 1)},
		"marked row":    {Key: role, Ours: mine, Theirs: &marked},
		"nothing":       {},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Resolve(c)
			if !errors.Is(err, ErrNoPolicy) || !errors.Is(err, town.ErrRefused) {
				t.Fatalf("got %v, want ErrNoPolicy", err)
			}
			if town.Next(err) == "" || strings.Contains(err.Error(), "\x1b") {
				t.Errorf("not fit for people: %q, next %q", err, town.Next(err))
			}
		})
	}
}

// drawEdit draws one side: absent, or an edit with one of few texts, versions and
// revisions, so that equal ones are frequent.
func drawEdit(t *rapid.T, k town.Key, name string) *town.Edit {
	if rapid.IntRange(0, 4).Draw(t, name+" absent") == 0 {
		return nil
	}
	return &town.Edit{
		Key:      k,
		Text:     rapid.SampledFrom([]string{"", "a", "b", "c", "d"}).Draw(t, name),
		Version:  rapid.SampledFrom([]string{"", "1.0.0", "v1", "1.0.0+x", "1.1.0", "01.x", "-1"}).Draw(t, name+" version"),
		Revision: rapid.SampledFrom([]uint64{0, 1, 2, 1<<64 - 1}).Draw(t, name+" revision"),
		Town:     town.ID(rapid.SampledFrom([]string{"t", "u"}).Draw(t, name+" town")),
		Author:   "ann",
	}
}

func TestResolveProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.SampledFrom([]town.Key{role, formula}).Draw(t, "key")
		base, ours, theirs := drawEdit(t, k, "base"), drawEdit(t, k, "ours"), drawEdit(t, k, "theirs")
		c := Conflict{k, clone(base), clone(ours), clone(theirs)}
		got, err := Resolve(c)
		if err != nil {
			t.Fatal(err)
		}
		// The same conflict always has the same resolution.
		if diff := cmp.Diff(Conflict{k, base, ours, theirs}, c); diff != "" {
			t.Fatalf("input changed: %s", diff)
		}
		again, _ := Resolve(Conflict{k, base, ours, theirs})
		if diff := cmp.Diff(got, again); diff != "" {
			t.Fatalf("not deterministic: %s", diff)
		}
		// In force is one of the two rows, or none.
		if got.InForce != c.Ours && got.InForce != c.Theirs {
			t.Fatalf("in force is a row of its own: %+v", got.InForce)
		}
		// No text is lost.
		for _, e := range []*town.Edit{base, ours, theirs} {
			if e != nil && !kept(got, e.Text) {
				t.Fatalf("text %q is lost: %+v", e.Text, got)
			}
		}
		// Agreement is stable.
		stable, err := Resolve(Conflict{k, drawEdit(t, k, "any"), got.InForce, clone(got.InForce)})
		if err != nil || !same(stable.InForce, got.InForce) || len(stable.Propose) > 0 {
			t.Fatalf("resolving the result again gives %+v, %v", stable, err)
		}
		// A formula does not depend on who resolves it.
		swapped, _ := Resolve(Conflict{k, base, theirs, ours})
		if k == formula && !same(swapped.InForce, got.InForce) {
			t.Fatalf("%+v here, %+v there", got.InForce, swapped.InForce)
		}
	})
}

func clone(e *town.Edit) *town.Edit {
	if e == nil {
		return nil
	}
	c := *e
	return &c
}

// kept repeats Resolution.holds on purpose: the test must not trust it.
func kept(r Resolution, text string) bool {
	have := map[string]bool{}
	if r.InForce != nil {
		have[r.InForce.Text] = true
	}
	for _, e := range r.Archive {
		have[e.Text] = true
	}
	for _, p := range r.Propose {
		have[p.Base] = true
		if !p.Delete {
			have[p.Text] = true
		}
	}
	return have[text]
}
