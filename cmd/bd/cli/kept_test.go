package cli

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

// Settings of the public bd are kept and given back; custom words are known
// everywhere.
func TestSettingsOfTheLedger(t *testing.T) {
	p := newPlace(t)
	p.must("config", "set", "jira.url", "https://example.com/?a=b")
	if o := p.object("config", "get", "jira.url"); o["key"] != "jira.url" || o["value"] != "https://example.com/?a=b" {
		t.Errorf("%v", o)
	}
	if o := p.object("config", "get", "jira.project"); o["value"] != "" {
		t.Errorf("%v", o)
	}
	p.must("config", "set-many", "custom.a=1", "types.custom=incident")
	p.must("config", "set", "status.custom", "in_review,on_hold")
	id := p.id("x", "-t", "incident")
	p.must("update", id, "-s", "in_review")
	if out := p.must("list", "-s", "in_review", "-t", "incident"); !strings.Contains(out, id) {
		t.Error(out)
	}
	if o := p.object("config", "list"); o["custom.a"] != "1" || o["status.custom"] != "in_review,on_hold" || o["bd.prefix"] != "bd" || o["kv.k"] != nil {
		t.Errorf("%v", o)
	}
	p.must("config", "unset", "custom.a")
	if o := p.object("config", "list"); o["custom.a"] != nil {
		t.Errorf("%v", o)
	}
	for _, args := range [][]string{{"config", "set", "status.custom", "no way!"}, {"config", "set-many", "x"}, {"config", "set-many", "bd.prefix=x"}, {"config", "get", "bd.prefx"}, {"config", "set", "nonsense", "1"}} {
		if code, _, said := p.run(args...); code == 0 || said == "" {
			t.Errorf("bd %q: exit %d: %s", args, code, said)
		}
	}
}

func TestValuesOfScripts(t *testing.T) {
	p := newPlace(t)
	if o := p.object("kv", "set", "k.a", "- v"); o["key"] != "k.a" || o["value"] != "- v" {
		t.Errorf("%v", o)
	}
	p.must("kv", "set", "other", "")
	if o := p.object("kv", "get", "k.a"); o["value"] != "- v" || o["found"] != true {
		t.Errorf("%v", o)
	}
	if o := p.object("kv", "list", "--prefix", "k."); len(o) != 1 || o["k.a"] != "- v" {
		t.Errorf("%v", o)
	}
	if o := p.object("kv", "list"); len(o) != 2 {
		t.Errorf("%v", o)
	}
	if code, out, _ := p.run("kv", "get", "none", "--json"); code != 1 || !strings.Contains(out, `"found": false`) {
		t.Errorf("exit %d: %s", code, out)
	}
	if code, _, said := p.run("kv", "get", "none"); code != 1 || !strings.Contains(said, "it is not set") {
		t.Errorf("exit %d: %s", code, said)
	}
	if o := p.object("kv", "clear", "k.a"); o["deleted"] != "true" {
		t.Errorf("%v", o)
	}
	for _, key := range []string{"", " ", "kv.x", "memory.x", "jira.x"} {
		if code, _, said := p.run("kv", "set", key, "v"); code == 0 || said == "" {
			t.Errorf("%q: exit %d: %s", key, code, said)
		}
	}
}

func TestMemories(t *testing.T) {
	p := newPlace(t)
	if o := p.object("remember", "Run the tests with -race"); o["key"] != "run-the-tests-with-race" || o["action"] != "remembered" {
		t.Errorf("%v", o)
	}
	if o := p.object("remember", "other text", "--key", "k"); o["action"] != "remembered" || o["value"] != "other text" {
		t.Errorf("%v", o)
	}
	if o := p.object("remember", "new text", "--key", "k"); o["action"] != "updated" {
		t.Errorf("%v", o)
	}
	if o := p.object("remember", "k"); o["action"] != "recalled" || o["value"] != "new text" {
		t.Errorf("%v", o)
	}
	if o := p.object("recall", "k"); o["value"] != "new text" || o["found"] != true {
		t.Errorf("%v", o)
	}
	if o := p.object("memories"); len(o) != 2 {
		t.Errorf("%v", o)
	}
	if o := p.object("memories", "RACE"); len(o) != 1 {
		t.Errorf("%v", o)
	}
	if o := p.object("forget", "k"); o["deleted"] != "true" || o["key"] != "k" {
		t.Errorf("%v", o)
	}
	for _, verb := range []string{"recall", "forget"} {
		if code, out, _ := p.run(verb, "k", "--json"); code != 1 || !strings.Contains(out, `"found"`) {
			t.Errorf("%s: exit %d: %s", verb, code, out)
		}
		if code, _, said := p.run(verb, "k"); code != 1 || !strings.Contains(said, "bd memories") {
			t.Errorf("%s: exit %d: %s", verb, code, said)
		}
	}
	for _, args := range [][]string{{"remember"}, {"remember", " "}, {"remember", "unheard-of"}, {"remember", "?!"}} {
		if code, _, said := p.run(args...); code == 0 || said == "" {
			t.Errorf("bd %q: exit %d: %s", args, code, said)
		}
	}
}

// An export has the memories and no short-lived beads, unless flags say otherwise.
func TestWhatAnExportHas(t *testing.T) {
	p := newPlace(t)
	p.must("create", "kept", "--id", "gt-a")
	p.must("create", "short-lived", "--id", "gt-b", "--ephemeral")
	p.must("create", "test of it", "--id", "gt-c", "-t", "agent")
	p.must("remember", "so it is", "--key", "k")
	for want, args := range map[string][]string{
		"gt-a gt-c k": {"export"}, "gt-a gt-b gt-c k": {"export", "--all"}, "gt-a gt-c": {"export", "--no-memories"}, "gt-a k": {"export", "--scrub", "--include-infra"},
		"gt-a": {"export", "--id", "gt-a"},
	} {
		var got []string
		for line := range strings.Lines(p.must(args...)) {
			var o struct{ ID, Key string }
			if err := json.Unmarshal([]byte(line), &o); err != nil {
				t.Fatal(err)
			}
			got = append(got, o.ID+o.Key)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("bd %q: %q", args, got)
		}
	}
	file := filepath.Join(p.dir, "all.jsonl")
	if code, out, said := p.run("export", "--all", "-o", file); code != 0 || out != "" || !strings.Contains(said, "3 beads and 1 memory") {
		t.Errorf("exit %d: %s%s", code, out, said)
	}
	other := newPlace(t)
	if o := other.object("import", file); o["created"] != 3.0 || o["memories"] != 1.0 {
		t.Errorf("%v", o)
	}
	if was, is := p.must("export", "--all"), other.must("export", "--all"); was != is {
		t.Errorf("%s\n%s", was, is)
	}
}
