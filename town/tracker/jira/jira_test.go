package jira

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gastown/town/tracker/trackertest"
)

// Every text becomes a document that Jira takes, and loses no word.
func TestDocument(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOf(rapid.SampledFrom([]string{
			"", "one two", "# Title", "####### seven", "#", "```", "```go", "  indented", "- item", "x := 1", " ", "\u00e9\u4e16"})).Draw(t, "lines"), "\n")
		raw, err := json.Marshal(document(text))
		if err != nil {
			t.Fatal(err)
		}
		got, ok := trackertest.DocText(raw)
		if !ok {
			t.Fatalf("%q becomes %s", text, raw)
		}
		for _, word := range []string{"one two", "Title", "seven", "item", "x := 1", "\u4e16"} {
			if strings.Count(got, word) != strings.Count(text, word) {
				t.Fatalf("%q becomes %q", text, got)
			}
		}
		_ = plain(raw)
	})
}

func TestPlain(t *testing.T) {
	for doc, want := range map[string]string{
		`null`: "", `"text of an old site"`: "text of an old site", `[1]`: "", `{"type":"doc","content":[{"type":"rule"}]}`: "",
		`{"type":"doc","version":1,"content":[{"type":"heading","attrs":{"level":2},"content":[{"type":"text","text":"T"}]},
		  {"type":"paragraph","content":[{"type":"text","text":"a"},{"type":"hardBreak"},{"type":"mention","attrs":{"text":"@ann"}}]},
		  {"type":"bulletList","content":[{"type":"listItem","content":[{"type":"paragraph","content":[{"type":"text","text":"i"}]}]}]},
		  {"type":"codeBlock","content":[{"type":"text","text":"c"}]}]}`: "## T\n\na\n@ann\n\n- i\n\n```\nc\n```",
	} {
		if got := plain(json.RawMessage(doc)); got != want {
			t.Errorf("%s: %q, want %q", doc, got, want)
		}
	}
	deep := strings.Repeat(`{"type":"paragraph","content":[`, 5000) + strings.Repeat(`]}`, 5000)
	if got := plain(json.RawMessage(deep)); len(got) > 1000 {
		t.Errorf("%d bytes", len(got))
	}
}

func TestNew(t *testing.T) {
	for _, o := range []Options{
		{Base: "https://x", Project: `GT" OR project = "HR`}, {Base: "http://x.example", Project: "GT"}, {Base: "", Project: "GT"}, {Base: "https://x", Project: ""},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}
