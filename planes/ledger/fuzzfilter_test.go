package ledger

import (
	"encoding/json"
	"errors"
	"hash/crc32"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"gastown/town"
)

// fuzzedConditions is how many conditions fuzzedFilter knows.
const fuzzedConditions = 43

// fuzzedFilter makes a filter of what a fuzzer gives: a bit of which for each
// condition, and what they compare with.
func fuzzedFilter(which uint64, list, text string, n int, at int64) (f Filter) {
	values := strings.Split(list, ",")
	typed := func(to *[]town.BeadType) {
		for _, v := range values {
			*to = append(*to, town.BeadType(v))
		}
	}
	statuses := func(to *[]town.Status) {
		for _, v := range values {
			*to = append(*to, town.Status(v))
		}
	}
	// A moment people can write, to the microsecond as the database compares.
	from := time.Unix(at%(1<<37), 0).UTC()
	span := Span{From: from, To: from.Add(time.Duration(n) * time.Hour)}
	for i, set := range []func(){
		func() { f.IDs = values }, func() { statuses(&f.Statuses) }, func() { statuses(&f.Not) }, func() { typed(&f.Types) },
		func() { typed(&f.NotTypes) }, func() { f.Assignees = values }, func() { f.Owners = values }, func() { f.CreatedBy = values },
		func() { f.Priorities = []int{n, n + 1} }, func() { f.Labels = values }, func() { f.AnyLabels = values }, func() { f.NotLabels = values },
		func() { f.Prefixes = values }, func() { f.Parent = text }, func() { f.Text = text }, func() { f.Created = span },
		func() { f.Updated.From = span.From }, func() { f.Closed.To = span.To }, func() { f.Due = span }, func() { f.Overdue = true },
		func() { f.Sort, _ = ParseOrder(text) }, func() { f.Limit = max(n, -n) }, func() { f.Offset = max(n, -n) }, func() { f.Limit = math.MaxInt },
		func() { f.Title = text }, func() { f.Description = text }, func() { f.Notes = list }, func() { f.Reference = text }, func() { f.ExternalRef = text },
		func() { f.NoDescription = true }, func() { f.NoLabels = true }, func() { f.NoParent = true }, func() { f.IDPrefix = text },
		func() { f.Deferred = true }, func() { f.DeferUntil = span }, func() { f.Pinned = true }, func() { f.NotPinned = true },
		func() { f.Metadata = map[string]string{"k": text} }, func() { f.MetadataKeys = []string{"k", "n.x:y/z-é"} }, func() { f.Spec = text },
		func() { f.Ephemeral = new(bool) },
		func() { f.All = []Filter{{Statuses: f.Statuses, Labels: values[:1]}, {}} },
		func() { f.Any = []Filter{{Parent: text}, {Owners: values, Overdue: true}, {Assignees: values}} },
		func() {
			f.None = []Filter{{Closed: span}, {NotLabels: values, Any: []Filter{{Due: span}, {Details: Details{Title: text, Deferred: true}}}}}
		},
	} {
		if which&(1<<i) != 0 {
			set()
		}
	}
	return f
}

// bland is the same filter with nothing in it that anybody wrote.
func bland(f Filter) Filter {
	for _, list := range []*[]string{&f.IDs, &f.Assignees, &f.Owners, &f.CreatedBy, &f.Labels, &f.AnyLabels, &f.NotLabels, &f.Prefixes} {
		*list = slices.Repeat([]string{"x"}, len(*list))
	}
	for _, list := range []*[]town.Status{&f.Statuses, &f.Not} {
		*list = slices.Repeat([]town.Status{"x"}, len(*list))
	}
	for _, list := range []*[]town.BeadType{&f.Types, &f.NotTypes} {
		*list = slices.Repeat([]town.BeadType{"x"}, len(*list))
	}
	for _, text := range []*string{&f.Text, &f.Parent, &f.Title, &f.Description, &f.Notes, &f.Reference, &f.ExternalRef, &f.IDPrefix, &f.Spec} {
		if *text != "" {
			*text = "x"
		}
	}
	for _, list := range []*[]Filter{&f.All, &f.Any, &f.None} {
		*list = slices.Clone(*list)
		for i := range *list {
			(*list)[i] = bland((*list)[i])
		}
	}
	return f
}

// FuzzFilter: whatever values a filter compares with, its statement is the
// same, it runs, and it selects what match selects, among existing and among
// deleted beads.
func FuzzFilter(f *testing.F) {
	for i := range fuzzedConditions {
		f.Add(uint64(1)<<i, "gt-a,open,ui,,bug,Ada", "gt-p", 3, int64(1767323045))
		f.Add(uint64(1)<<i|1<<22|1<<23, "", "", 1, int64(0))
		f.Add(uint64(1)<<i|1<<14, "it's,%,_", `100% _sure_ \`, -1, int64(0))
	}
	for _, text := range []string{"-priority,created", "id,id", "İ", "ß", "\\", "%_", "ǅ", "K", "\xff", "\x00", "'; --", "it's", "docs/", "docs/a%"} {
		f.Add(uint64(1<<14|1<<20), "", text, 0, int64(0))
		f.Add(uint64(1<<38|1<<40), "", text, 0, int64(0))
		f.Add(uint64(1<<5|1<<9|1<<12), text, text, 0, int64(0))
	}
	s := newLedger(f)
	beads, dead := fuzzedBeads(f, s)
	f.Fuzz(func(t *testing.T, which uint64, list, text string, n int, at int64) {
		filter := fuzzedFilter(which, list, text, n%1000, at)
		filter.Fields = Fields{"id"}
		now := s.moment()
		if got, want := filter.conditions(now).String(), bland(filter).conditions(now).String(); got != want {
			t.Fatalf("%+v is %s, not %s", filter, got, want)
		}
		var items []Item
		if err := s.List(t.Context(), filter, Collect(&items)); !(utf8.ValidString(list) && utf8.ValidString(text)) && errors.Is(err, town.ErrBadBead) {
			return
		} else if err != nil {
			t.Fatalf("%+v: %v", filter, err)
		}
		whole, all := items, filter
		if all.Limit != 0 || all.Offset != 0 {
			all.Limit, all.Offset, whole = 0, 0, nil
			if err := s.List(t.Context(), all, Collect(&whole)); err != nil {
				t.Fatal(err)
			}
		}
		ids := func(items []Item) (ids []string) {
			for _, i := range items {
				ids = append(ids, i.ID)
			}
			return ids
		}
		part := ids(whole)[min(filter.Offset, len(whole)):]
		if filter.Limit > 0 {
			part = part[:min(filter.Limit, len(part))]
		}
		if !slices.Equal(part, ids(items)) {
			t.Fatalf("%+v is %v of %v", filter, ids(items), ids(whole))
		}
		matching := func(from []town.Bead) (ids []string) {
			for _, b := range from {
				if filter.match(b, now.Truncate(deferGrain)) {
					ids = append(ids, b.ID)
				}
			}
			slices.Sort(ids)
			return ids
		}
		if want, got := matching(beads), slices.Sorted(slices.Values(ids(whole))); !slices.Equal(want, got) {
			t.Fatalf("%+v selects %v, not %v", filter, got, want)
		}
		graves, err := s.Tombstones(t.Context(), all)
		if err != nil {
			t.Fatalf("deleted, %+v: %v", filter, err)
		}
		var buried []string
		for _, g := range graves {
			buried = append(buried, g.Bead.ID)
		}
		if want := matching(dead); !slices.Equal(want, slices.Sorted(slices.Values(buried))) {
			t.Fatalf("%+v selects %v of what was deleted, not %v", filter, buried, want)
		}
		if crc32.ChecksumIEEE([]byte(text+list))%storedShare != 0 {
			return // these add a condition of their own, and nothing to the filter's
		}
		items = nil
		if err := s.Ready(t.Context(), filter, Collect(&items)); err != nil {
			t.Fatalf("ready %+v: %v", filter, err)
		}
		if _, err := s.Blocked(t.Context(), filter); err != nil {
			t.Fatalf("blocked %+v: %v", filter, err)
		}
	})
}

// fuzzedBeads makes beads of which each condition selects some, and deletes
// copies of them.
func fuzzedBeads(f *testing.F, s *Store) (beads, dead []town.Bead) {
	day := func(n int) *time.Time {
		t := time.Date(2026, 1, n, 3, 4, 5, 123456000, time.UTC)
		return &t
	}
	for _, prefix := range []string{"", "dead-"} {
		parent := prefix + "gt-p"
		list := []town.Bead{
			{ID: parent, Title: "100% _sure_ \\ it's", Status: town.StatusOpen, Type: "epic", Assignee: "Ada", CreatedAt: *day(1)},
			{ID: prefix + "gt-a", Title: "FIX the Parser", Status: town.StatusOpen, Type: "bug", Notes: "gt-p is 100% _sure_", ExternalRef: "gh-9", Labels: []string{"ui", "a:b/c"}, Priority: 1, CreatedAt: *day(2), DueAt: day(3)},
			{ID: prefix + "gt-b", Title: "鍍金 ÉTÉ İ ß K ǅ", Description: "Straße\nGROSS", Status: town.StatusInProgress, Type: "task", Assignee: "a,b", Labels: []string{"ui"}, DeferUntil: day(7), Pinned: true, Metadata: json.RawMessage(`{"k":"it's","n.x:y/z-é":7}`), SpecID: "docs/a_b.md",
				Priority: 4, CreatedAt: *day(3), Owner: "Eve", Dependencies: []town.Dependency{{Target: parent, Type: town.DepParent}}},
			{ID: prefix + "x-y-1.1", Title: "a;DROP TABLE issues--", Status: town.StatusClosed, Type: "chore", CreatedBy: "%", ClosedAt: day(9), CreatedAt: *day(4), Labels: []string{"_%"},
				Dependencies: []town.Dependency{{Target: prefix + "gt-a", Type: town.DepBlocks}}},
			{ID: prefix + "nodash", Title: "tail\u0301 ", Description: "'; --", Status: "blocked", Type: "word", Owner: "?", CreatedAt: time.Unix(0, 0).UTC(), Dependencies: []town.Dependency{{Target: prefix + "gt-a", Type: town.DepBlocks}}},
		}
		var text strings.Builder
		var ids []string
		for _, b := range list {
			tidy(&b)
			if err := WriteLine(&text, b); err != nil {
				f.Fatal(err)
			}
			ids = append(ids, b.ID)
			if prefix == "" {
				beads = append(beads, b)
			} else {
				dead = append(dead, b)
			}
		}
		if result, err := s.Import(f.Context(), strings.NewReader(text.String()), ImportOptions{}); err != nil || result.Created != len(list) {
			f.Fatalf("%+v, %v", result, err)
		}
		if prefix != "" {
			if err := s.Delete(f.Context(), ids, "gone"); err != nil {
				f.Fatal(err)
			}
		}
	}
	return beads, dead
}
