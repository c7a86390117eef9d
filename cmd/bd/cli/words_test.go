package cli

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// An error says what failed, on what, and what to do. It does not mention the
// program's internals.
func TestWordsOfErrors(t *testing.T) {
	p := newPlace(t)
	id := p.id("here")
	for what, c := range map[string]struct {
		args []string
		code int
		want []string
		not  string
	}{
		"a sort that is none":      {[]string{"list", "--sort", "labels"}, usageExit, []string{`no such field: "labels"`, "use one of: id, title"}, "dependencies"},
		"an update of nothing":     {[]string{"update"}, usageExit, []string{"bd: update: nothing to change"}, "update :"},
		"a restore of what is":     {[]string{"restore", id}, 1, []string{id + ": it was not deleted", "next: bd list --deleted"}, "nearest"},
		"an export to nowhere":     {[]string{"export", "-o", "none/x.jsonl"}, 1, []string{"write " + filepath.Join(p.dir, "none", "x.jsonl") + ": no such file", "next: "}, ".x.jsonl"},
		"an export to a directory": {[]string{"export", "-o", "."}, 1, []string{"write " + p.dir + ": ", "next: "}, "rename"},
		"an estimate in hours":     {[]string{"create", "x", "-e", "1h30"}, usageExit, []string{`--estimate "1h30": use a whole number of minutes`}, "strconv"},
		"an estimate below zero":   {[]string{"create", "x", "-e=-5"}, usageExit, []string{"use a whole number of minutes"}, ""},
		"an id that is taken":      {[]string{"create", "x", "--id", id}, 1, []string{"the id is taken", "next: give it another id"}, ""},
		"a rig that is none":       {[]string{"create", "x", "--rig", "nowhere"}, usageExit, []string{`no rig "nowhere" has a prefix`, "next: give the prefix"}, ""},
	} {
		code, out, said := p.run(c.args...)
		if code != c.code || out != "" || c.not != "" && strings.Contains(said, c.not) {
			t.Errorf("%s: exit %d: %s%s", what, code, out, said)
		}
		for _, w := range c.want {
			if !strings.Contains(said, w) {
				t.Errorf("%s: nothing says %q in %s", what, w, said)
			}
		}
	}
	code, _, said := p.feed(`{"id":"`+id+`","titel":"x"}`, "update", "--batch", "-")
	if code != 1 || !strings.Contains(said, "use one of: id, title") || !strings.Contains(said, "append_notes") || strings.Contains(said, "dependents") {
		t.Errorf("exit %d: %s", code, said)
	}
}

// When a change was made but could not be printed, the error says not to repeat it.
func TestAppliedUnprinted(t *testing.T) {
	p := newPlace(t)
	id := p.id("one")
	for _, args := range [][]string{{"create", "two", "--silent"}, {"create", "two"}, {"create", "two", "--json"}, {"update", id, "-p", "1"}} {
		var said bytes.Buffer
		if code := p.with(strings.NewReader(""), brokenPipe{}, &said, args...); code != 1 || !slices.Contains(args, "--json") && !strings.Contains(said.String(), "the change was made, so do not repeat it") {
			t.Errorf("bd %q: exit %d: %s", args, code, said.String())
		}
	}
	if out := p.must("export"); strings.Count(out, "\n") != 4 {
		t.Error(out)
	}
}
