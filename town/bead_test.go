package town

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func sound() Bead {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return Bead{ID: "gt-a1", Title: "a title", Status: StatusOpen, Type: TypeTask, CreatedAt: at, UpdatedAt: at}
}

func TestBeadLimits(t *testing.T) {
	if err := sound().Validate(); err != nil {
		t.Fatal(err)
	}
	negative := -1
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for want, spoil := range map[string]func(*Bead){
		"title is missing":                func(b *Bead) { b.Title = " \t" },
		"title has 501 characters":        func(b *Bead) { b.Title = strings.Repeat("é", 501) },
		"description has 1048577 bytes":   func(b *Bead) { b.Description = strings.Repeat("x", MaxTextBytes+1) },
		"notes is not UTF-8":              func(b *Bead) { b.Notes = "\xff" },
		"design holds a NUL":              func(b *Bead) { b.Design = "a\x00b" },
		`status "shut!"`:                  func(b *Bead) { b.Status = "shut!" },
		"priority 5":                      func(b *Bead) { b.Priority = 5 },
		`issue_type "a b"`:                func(b *Bead) { b.Type = "a b" },
		"closed_at is set exactly when":   func(b *Bead) { b.Status = StatusClosed },
		"estimated_minutes -1":            func(b *Bead) { b.EstimatedMinutes = &negative },
		"updated_at is in the year 10000": func(b *Bead) { b.UpdatedAt = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
		`label "a,b"`:                     func(b *Bead) { b.Labels = []string{"a,b"} },
		`label " a"`:                      func(b *Bead) { b.Labels = []string{" a"} },
		`label "a\x1b[1m"`:                func(b *Bead) { b.Labels = []string{"a\x1b[1m"} },
		`id "../a"`:                       func(b *Bead) { b.ID = "../a" },
		"comment is empty":                func(b *Bead) { b.Comments = []Comment{{CreatedAt: at}} },
		"gt-a1 depends on itself": func(b *Bead) {
			b.Dependencies = []Dependency{{Bead: "gt-a1", Target: "gt-a1", Type: DepBlocks, CreatedAt: at}}
		},
		`dependency on "external:"`: func(b *Bead) {
			b.Dependencies = []Dependency{{Bead: "gt-a1", Target: "external:", Type: DepBlocks, CreatedAt: at}}
		},
		"other fields have 1048579 bytes, the limit": func(b *Bead) {
			b.Extra = map[string]json.RawMessage{"k": []byte(`"` + strings.Repeat("x", MaxExtraBytes) + `"`)}
		},
	} {
		b := sound()
		spoil(&b)
		if err := b.Validate(); !errors.Is(err, ErrBadBead) || !strings.Contains(err.Error(), want) || len(err.Error()) > 1000 {
			t.Errorf("%.200v does not say %q", err, want)
		}
	}
}

func TestWords(t *testing.T) {
	if s, err := ParseStatus(" In-Progress "); err != nil || s != StatusInProgress {
		t.Error(s, err)
	}
	if k, err := ParseDepType("discovered_from"); err != nil || k != DepDiscovered {
		t.Error(k, err)
	}
	if _, err := ParseBeadType("taks"); !errors.Is(err, ErrUsage) {
		t.Error(err)
	}
	for in, want := range map[string]int{"0": 0, "P1": 1, "p4": 4} {
		if p, err := ParsePriority(in); err != nil || p != want {
			t.Error(in, p, err)
		}
	}
	for _, in := range []string{"", "5", "P", "P12", "-1", "high"} {
		if _, err := ParsePriority(in); !errors.Is(err, ErrUsage) {
			t.Error(in, err)
		}
	}
}

func TestBeadIDs(t *testing.T) {
	seen := map[string]bool{}
	for n := 1; n < 10_000_000; n *= 3 {
		length := BeadSuffixLength(n)
		if ids := 2 * float64(n); length > minSuffix && ids*ids/2/math.Pow(36, float64(length)) > collisionBound {
			t.Errorf("%d digits for %d beads", length, n)
		}
		id := NewBeadID("gt", length)
		if seen[id] || CheckBeadID(id) != nil || PrefixOf(id) != "gt" || len(id) != len("gt-")+length {
			t.Error(id)
		}
		seen[id] = true
	}
	for n, want := range map[int]int{0: 5, 17: 5, 600: 7, 3700: 8, 22_000: 9, 130_000: 10} {
		if got := BeadSuffixLength(n); got != want {
			t.Errorf("%d digits for %d beads, not %d", got, n, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		parent, n := NewBeadID("a-b", 5), rapid.IntRange(1, 99999).Draw(t, "n")
		if p, m, ok := ParentID(ChildID(parent, n)); p != parent || m != n || !ok {
			t.Fatal(p, m, ok)
		}
	})
	for _, id := range []string{"gt-a", ".1", "gt-a.0", "gt-a.01", "gt-a.x", "gt-a.-1"} {
		if _, _, ok := ParentID(id); ok {
			t.Error(id)
		}
	}
	for _, p := range []string{"", "A", "-a", "a-", strings.Repeat("a", 33), "a/b"} {
		if CheckPrefix(p) == nil {
			t.Error(p)
		}
	}
}

func TestCloneSharesNothing(t *testing.T) {
	b := sound()
	b.Labels, b.DueAt = []string{"x"}, &time.Time{}
	c := b.Clone()
	c.Labels[0], *c.DueAt = "y", time.Unix(1, 0)
	if b.Labels[0] != "x" || !b.DueAt.IsZero() {
		t.Error(b)
	}
}

func TestNearest(t *testing.T) {
	words := []string{"title", "status", "notes", "gt-a1b2c", "gt-a1b2d"}
	for in, want := range map[string]string{"tilte": "[title]", "gt-a1b2e": "[gt-a1b2c gt-a1b2d]", "": "[]", "zzzzz": "[]"} {
		if got := fmt.Sprint(Nearest(in, words, 2)); got != want {
			t.Errorf("%q: %s", in, got)
		}
	}
}

// Steps are in the order of their numbers, which is not that of their ids as texts.
func TestByChild(t *testing.T) {
	ids := []string{"gt-b", "gt-a.10", "gt-a.2", "gt-a.x", "gt-a.1"}
	slices.SortFunc(ids, ByChild)
	if want := []string{"gt-a.1", "gt-a.2", "gt-a.10", "gt-a.x", "gt-b"}; !slices.Equal(ids, want) {
		t.Errorf("%v, want %v", ids, want)
	}
	if !IsStep([]string{"x", StepLabel("bugfix")}) || IsStep([]string{"bugfix"}) {
		t.Error("labels of steps")
	}
}

// Exactly the ids are refused that git refuses at the end of a branch.
func TestCheckBranchOf(t *testing.T) {
	for id, want := range map[string]bool{
		"gt-a": true, "gt-a.1": true, "gt-a.1.2": true, "a.b-c_d": true, "gt-a.locked": true, "gt-lock": true,
		"gt-a..b": false, "gt-a.": false, "gt-a.lock": false, "gt-a.1.lock": false,
	} {
		if got := CheckBranchOf(id) == nil; got != want || CheckBeadID(id) != nil {
			t.Errorf("%s: %v, want %v", id, got, want)
		}
		if git := exec.Command("git", "check-ref-format", "--branch", "polecat/nux/"+id).Run() == nil; git != want {
			t.Errorf("%s: git says %v", id, git)
		}
	}
}
