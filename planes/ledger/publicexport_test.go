package ledger

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The file was exported by the public bd 1.0.5: an epic with a child, a bug
// found on the way, a comment, dates. The export equals the import, except for
// what follows from the rest. (That program imports what we write, and then
// exports the file unchanged.)
func TestAnExportOfThePublicProgramComesInAndGoesOut(t *testing.T) {
	data, err := os.ReadFile("testdata/public-1.0.5.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	s := newLedger(t)
	r := imported(t, s, string(data), ImportOptions{})
	if r.Created != strings.Count(string(data), "\n") || len(r.Warnings) > 0 {
		t.Errorf("%+v", r)
	}
	if diff := cmp.Diff(byBead(t, string(data)), byBead(t, exported(t, s))); diff != "" {
		t.Error(diff)
	}
}

// byBead reads an export, without what follows from the rest of it and without
// the dependencies' metadata, which says nothing.
func byBead(t *testing.T, export string) map[string]map[string]any {
	t.Helper()
	all := map[string]map[string]any{}
	for line := range strings.Lines(export) {
		var bead map[string]any
		if err := json.Unmarshal([]byte(line), &bead); err != nil {
			t.Fatal(err)
		}
		for _, name := range counted[1:] {
			delete(bead, name)
		}
		links, _ := bead["dependencies"].([]any)
		for _, link := range links {
			delete(link.(map[string]any), "metadata")
		}
		all[bead["id"].(string)] = bead
	}
	return all
}
