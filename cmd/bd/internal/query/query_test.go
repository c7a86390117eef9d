package query

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gastown/planes/ledger"
	"gastown/town"
)

var now = time.Date(2026, 3, 10, 15, 4, 5, 0, time.UTC)

// AND binds more than OR, NOT more than both, and parentheses decide otherwise.
func TestWhatBindsMore(t *testing.T) {
	leaf := func(label string) ledger.Filter { return ledger.Filter{Labels: []string{label}} }
	or := func(parts ...ledger.Filter) ledger.Filter { return ledger.Filter{Any: parts} }
	and := func(parts ...ledger.Filter) ledger.Filter { return ledger.Filter{All: parts} }
	a, b, c := leaf("a"), leaf("b"), leaf("c")
	for text, want := range map[string]ledger.Filter{
		"label=a":                          a,
		"label = 'a'":                      a,
		`label="a"`:                        a,
		"label=a OR label=b AND label=c":   or(a, and(b, c)),
		"(label=a or label=b) and label=c": and(or(a, b), c),
		"NOT label=a AND label=b":          and(without(a), b),
		"NOT (label=a AND label=b)":        without(and(a, b)),
		"not not label=a":                  without(without(a)),
		"label=a AND label=b AND label=c":  and(a, b, c),
		"((label=a))":                      a,
		"label!=a":                         without(a),
		`label="and (x)"`:                  leaf("and (x)"),
		`label='it\'s'`:                    leaf("it's"),
		"updated>=3d":                      {Updated: ledger.Span{From: now.AddDate(0, 0, -3)}},
		"due<3d":                           {Due: ledger.Span{To: now.AddDate(0, 0, 3)}},
		"closed<=2026-03-01":               {Closed: ledger.Span{To: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)}},
		"created='last monday'":            {Created: ledger.Span{From: time.Date(2026, 3, 9, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC)}},
		"priority!=2":                      {Priorities: []int{0, 1, 3, 4}},
		"PRIORITY>=P3":                     {Priorities: []int{3, 4}},
		"assignee=NONE":                    {Assignees: []string{""}},
		"pinned=no":                        without(ledger.Filter{Details: ledger.Details{Pinned: true}}),
		"Metadata.aB=x":                    {Metadata: map[string]string{"aB": "x"}}, "spec=docs/*": {Spec: "docs/"}, "ephemeral=1": {Ephemeral: &yes},
		"status=in-progress": {Statuses: []town.Status{town.StatusInProgress}},
		"description=none":   {Details: ledger.Details{NoDescription: true}},
		"id=gt-a*":           {Details: ledger.Details{IDPrefix: "gt-a"}},
		"\tlabel=a\n":        a,
		"label=a=b":          {},
	} {
		got, err := Parse(text, now)
		if text == "label=a=b" {
			if err == nil {
				t.Errorf("%s is %+v", text, got.Filter)
			}
			continue
		}
		if diff := cmp.Diff(want, got.Filter, cmp.AllowUnexported(ledger.Filter{})); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", text, err, diff)
		}
		if got.Status != strings.Contains(text, "status") {
			t.Errorf("%s: %v", text, got.Status)
		}
	}
}

// FuzzParse: whatever the expression is, it is a filter or wrong usage.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"", "(", ")", "((((", "not", "and", "status", "status=", "status==open", "a=b", "'", `"\`, "title='", "label=\x00", "priority=99999999999999999999",
		"created>99999999w", "created=0000-01-01", "closed<9999-12-31", "id=*", "status=open AND", "=open", "status=open)", "NOT", "due<=9999-12-31",
		strings.Repeat("not ", 100) + "label=a", strings.Repeat("(", 60) + "label=a", strings.Repeat("label=a OR ", 1000) + "label=b", "label=ß OR title=İ",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := Parse(text, now); err != nil && !errors.Is(err, town.ErrUsage) && !errors.Is(err, town.ErrBadBead) {
			t.Errorf("%q: %v", text, err)
		}
	})
}
