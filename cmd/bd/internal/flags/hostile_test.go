package flags

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"pgregory.net/rapid"

	"gastown/cmd/bd/internal/hostile"
	"gastown/cmd/internal/shell"
	"gastown/planes/doltdb"
	"gastown/planes/ledger"
	"gastown/town"
)

// filterFlags are flags whose values are parsed in different ways.
var filterFlags = []string{
	"status", "type", "priority", "assignee", "label", "id", "prefix", "sort", "limit", "offset", "created-after", "due-before",
	"created-before", "closed-after", "parent", "owner", "label-not", "exclude-type", "priority-min", "priority-max", "title", "desc-contains",
	"notes-contains", "external-contains", "defer-before", "exclude-label", "state", "metadata-field", "has-metadata-key", "spec",
}

// checkFilter checks that flags either make a filter that the database can run or
// are refused as a usage error.
func checkFilter(ctx context.Context, t rapid.TB, store *ledger.Store, flags ...[2]string) {
	app := kingpin.New("bd", "")
	app.Terminate(nil)
	app.UsageWriter(&bytes.Buffer{}).ErrorWriter(&bytes.Buffer{})
	var set Filters
	set.Define(app.Command("list", ""))
	args := []string{"list"}
	for _, f := range flags {
		args = append(args, "--"+f[0]+"="+f[1])
	}
	if _, err := app.Parse(args); err != nil {
		return
	}
	got, err := set.Build(time.Unix(1e9, 0), true)
	if err != nil {
		if shell.ExitCode(err) != shell.ExitUsage && !strings.Contains(err.Error(), town.ErrBadBead.Error()) {
			t.Errorf("%q: %v", args, err)
		}
		return
	}
	for _, o := range got.Sort {
		if !slices.Contains(ledger.FieldNames(), o.Field) {
			t.Errorf("sorts by %q", o.Field)
		}
	}
	for _, s := range append(got.Statuses, got.Not...) {
		if _, err := town.StatusWord(string(s)); err != nil {
			t.Error(err)
		}
	}
	got.Fields = ledger.Fields{"id"}
	n := 0
	count := func(ledger.Item) error {
		n++
		return nil
	}
	if err := store.List(ctx, got, count); err != nil && !errors.Is(err, town.ErrBadBead) {
		t.Errorf("%q: %v", args, err)
	} else if err == nil && (got.Limit > 0 && n > got.Limit) {
		t.Errorf("%q: %d beads", args, n)
	}
}

// someLedger returns a ledger with one bead.
func someLedger(t testing.TB) *ledger.Store {
	s, err := ledger.Create(t.Context(), doltdb.Options{
		Dir: filepath.Join(t.TempDir(), "ledger"), Actor: town.Actor{Name: "Ada", Email: "ada@example.com"}, Wait: time.Minute, Command: "test",
	}, "3f8d3c1e-6a55-4c7c-9d1c-0c2f5b8f3a13")
	if err == nil {
		_, err = s.Create(t.Context(), []ledger.NewBead{{Bead: town.Bead{Title: "one"}}})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestFlagsAreFilters(t *testing.T) {
	s := someLedger(t)
	flag := rapid.SampledFrom(filterFlags)
	rapid.Check(t, func(rt *rapid.T) {
		checkFilter(t.Context(), rt, s, [2]string{flag.Draw(rt, "flag"), hostile.Text().Draw(rt, "value")}, [2]string{flag.Draw(rt, "other"), hostile.Text().Draw(rt, "otherValue")})
	})
}

// FuzzFilters gives two flags arbitrary values.
func FuzzFilters(f *testing.F) {
	add := func(flag, value, other, otherValue string) {
		f.Add(uint8(slices.Index(filterFlags, flag)), value, uint8(slices.Index(filterFlags, other)), otherValue)
	}
	for _, s := range hostile.Values() {
		add("status", s, "assignee", s)
		add("sort", s, "label", s)
		add("created-after", s, "parent", s)
		add("title", s, "notes-contains", s)
		add("priority-min", s, "exclude-type", s)
		add("metadata-field", "k="+s, "spec", s)
		add("metadata-field", s+"=v", "has-metadata-key", s)
	}
	for _, date := range []string{"+2w", "-99999999w", "0000-01-01", "9999-12-31T23:59:59+23:59", "2026-02-30", "yesterday", "in 99999 years", "in 100000 months", "99999 weeks ago", "next monday at 25:00", "-9223372036854775808h", "99999999999999d"} {
		add("due-before", date, "closed-after", date)
	}
	add("status", "open,in-progress,all", "sort", "-updated,id")
	add("limit", "9223372036854775807", "offset", "9223372036854775807")
	add("limit", "10", "offset", "99999999999")
	store := someLedger(f)
	flag := func(n uint8) string { return filterFlags[int(n)%len(filterFlags)] }
	f.Fuzz(func(t *testing.T, first uint8, value string, second uint8, other string) {
		checkFilter(t.Context(), t, store, [2]string{flag(first), value}, [2]string{flag(second), other})
	})
}
