package ledger

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gastown/town"
)

func TestReadMarkdown(t *testing.T) {
	list, err := ReadMarkdown(strings.Join([]string{
		"# Plan", "not of any bead", "", "## First", "what it", "", "is about", "### Priority", "1", "### Type", "feat", "### Labels", "- a, b", "- c",
		"### Dependencies", "gt-a, discovered-from:gt-b blocked-by:gt-c", "### Acceptance Criteria", "- it works", "### Assignee", "ada", "### Risks", "none",
		"##No heading", "## Second", "```", "## in code", "```", "### Description", "more",
	}, "\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []NewBead{
		{Line: 4, Bead: town.Bead{
			Title: "First", Description: "what it\n\nis about\n\n### Risks\nnone\n##No heading", Priority: 1, Type: town.TypeFeature, Labels: []string{"a", "b", "c"},
			AcceptanceCriteria: "- it works", Assignee: "ada",
			Dependencies: []town.Dependency{{Target: "gt-a", Type: town.DepBlocks}, {Target: "gt-b", Type: town.DepDiscovered}, {Target: "gt-c", Type: town.DepBlocks}},
		}},
		{Line: 24, NoPriority: true, Bead: town.Bead{Title: "Second", Description: "```\n## in code\n```\n\nmore"}},
	}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Error(diff)
	}
	_, err = ReadMarkdown("## One\n### Priority\nhigh\n## Two\n### Type\nno type\n### Deps\nfoo:gt-a\n")
	var bad *BatchError
	if !errors.As(err, &bad) || len(bad.Entries) != 3 || bad.Entries[0].Line != 2 || bad.Entries[1].Line != 5 || bad.Entries[2].Line != 7 {
		t.Error(err)
	}
	for _, none := range []string{"", "text", "##", "##  \n### Priority\n1"} {
		if _, err := ReadMarkdown(none); !errors.Is(err, town.ErrUsage) {
			t.Errorf("%q: %v", none, err)
		}
	}
}

// A plan is created as a whole: parents before children, links by key and by id.
func TestPlan(t *testing.T) {
	s := newLedger(t)
	there := create(t, s, titled("there"))[0].ID
	p, err := ReadPlan([]byte(`{"commit_message":"a plan","color":1,"nodes":[
{"key":"leaf","title":"Leaf","parent":"root","priority":0,"labels":["x"],"deps":[{"target":"other"},{"type":"related","target":"` + there + `"}],"metadata":{"a":1},"metadata_refs":{"root":"root"},"blocks":[]},
{"key":"root","title":"Root","type":"epic","estimate":30},{"key":"other","title":"Other","parent_id":"` + there + `","status":"in_progress"}],
"edges":[{"from_key":"root","to_id":"` + there + `","type":"waits-for","gate":"any-children"}]}`))
	if err != nil || strings.Join(p.Unknown, " ") != "blocks color" || strings.Join(p.Refs(), " ") != there || p.Title() != "a plan" {
		t.Fatalf("%+v, %v", p, err)
	}
	var ids map[string]string
	err = s.Together(t.Context(), p.Title(), func(c *Change) (err error) {
		ids, err = c.Plan(t.Context(), p, nil, NewBead{Prefix: "gt", Bead: town.Bead{Owner: "ada@example.com"}})
		return err
	})
	if err != nil || len(ids) != 3 {
		t.Fatal(ids, err)
	}
	got, err := s.Get(t.Context(), []string{ids["leaf"], ids["root"], ids["other"]}, nil)
	if err != nil {
		t.Fatal(err)
	}
	leaf, root, other := got[0], got[1], got[2]
	if leaf.Parent != root.ID || leaf.Priority != 0 || len(leaf.Dependencies) != 3 || string(leaf.Metadata) != `{"a":1,"root":"`+root.ID+`"}` || leaf.Owner != "ada@example.com" {
		t.Errorf("%+v", leaf)
	}
	if root.Type != town.TypeEpic || *root.EstimatedMinutes != 30 || root.Priority != 2 || len(root.Dependencies) != 1 || root.Dependencies[0].Type != town.DepWaitsFor {
		t.Errorf("%+v", root)
	}
	if other.Parent != there || other.Status != town.StatusInProgress {
		t.Errorf("%+v", other)
	}
	for text, want := range map[string]string{
		`{}`: "no nodes", `[]`: "where an object is expected", `{"nodes":[{"title":"x"}]}`: "it has no key",
		`{"nodes":[{"key":"a","title":"x"},{"key":"a","title":"x"}]}`:                           "another node has this key",
		`{"nodes":[{"key":"a","title":"x","parent":"b"}]}`:                                      `the parent "b" is no node`,
		`{"nodes":[{"key":"a","title":"x"}],"edges":[{"from_key":"a"}]}`:                        "edge 1 does not lead",
		`{"nodes":[{"key":"a","title":"x","metadata_refs":{"r":"b"}}]}`:                         `metadata_refs.r "b" is no node`,
		`{"nodes":[{"key":"a","title":"x","parent":"b"},{"key":"b","title":"y","parent":"a"}]}`: "form a circle",
		`{"nodes":[{"key":"a","title":""}]}`:                                                    "node a: not a valid bead: title is missing",
		`{"nodes":[{"key":"a","title":"x","deps":[{"target":"gt-none"}]}]}`:                     "gt-none",
	} {
		p, err := ReadPlan([]byte(text))
		if err == nil {
			err = s.Try(t.Context(), func(c *Change) error { _, err := c.Plan(t.Context(), p, nil, NewBead{}); return err })
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// A bead that is made to block another one is in its way at once.
func TestANewBeadThatBlocks(t *testing.T) {
	s := newLedger(t)
	there := create(t, s, titled("there"))[0].ID
	first := titled("first")
	first.Blocks = []string{there}
	id := create(t, s, first)[0].ID
	if got := linkTargets(t, s, there); len(got) != 1 || got[0] != id {
		t.Errorf("%q", got)
	}
	first.Blocks = []string{"gt-none"}
	if _, err := s.Create(t.Context(), []NewBead{first}); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
}
