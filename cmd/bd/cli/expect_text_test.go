package cli

import (
	"encoding/json"
	"strings"
	"testing"
)

// printedIDs are the ids in a JSON array of beads, or in one bead.
func printedIDs(t *testing.T, out string) (ids []string) {
	t.Helper()
	type bead struct {
		ID string `json:"id"`
	}
	var list []bead
	if strings.HasPrefix(out, "{") {
		list = make([]bead, 1)
		if err := json.Unmarshal([]byte(out), &list[0]); err != nil {
			t.Errorf("%v in %s", err, out)
		}
	} else if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Errorf("%v in %s", err, out)
	}
	for _, b := range list {
		ids = append(ids, b.ID)
	}
	return ids
}

// valueAt is what a JSON object, or the first one of a list, has under a key, which
// may be one of a group.
func valueAt(t *testing.T, out, key string) json.RawMessage {
	t.Helper()
	var object map[string]json.RawMessage
	var list []json.RawMessage
	if json.Unmarshal([]byte(out), &list) == nil && len(list) > 0 {
		out = string(list[0])
	}
	if err := json.Unmarshal([]byte(out), &object); err != nil {
		t.Errorf("%v in %s", err, out)
	}
	if group, rest, nested := strings.Cut(key, "."); nested && object[key] == nil {
		return valueAt(t, string(object[group]), rest)
	}
	return object[key]
}

// words splits a line as a shell does.
func words(t testing.TB, line string) (list []string) {
	t.Helper()
	var word strings.Builder
	var quote rune
	begun := false
	for _, c := range line {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			} else {
				word.WriteRune(c)
			}
		case c == '\'' || c == '"':
			quote, begun = c, true
		case c == ' ' || c == '\n' || c == '\t':
			if begun {
				list = append(list, word.String())
				word.Reset()
				begun = false
			}
		default:
			begun = true
			word.WriteRune(c)
		}
	}
	if quote != 0 {
		t.Fatalf("a quote does not end: %s", line)
	}
	if begun {
		list = append(list, word.String())
	}
	return list
}
