package cli

import (
	"encoding/json"
	"strings"
	"testing"
)

// A batch is one change: its lines are done in order, all or none.
func TestBatchLines(t *testing.T) {
	p := newPlace(t)
	a, b := p.id("a"), p.id("b")
	text := "# both\nclose " + a + " done here\nupdate " + b + " status=in_progress priority=0\ncreate bug 1 \"made here\"\n"
	code, out, said := p.feed(text, "batch", "--json")
	var o struct {
		Operations int
		Status     string
		Results    []struct {
			Line       int
			Op, Target string
		}
	}
	if code != 0 || json.Unmarshal([]byte(out), &o) != nil || o.Operations != 3 || o.Status != "ok" || o.Results[0].Line != 2 || o.Results[0].Target != a || o.Results[2].Op != "create" {
		t.Fatalf("exit %d: %s%s", code, out, said)
	}
	was := p.must("export")
	for _, bad := range []string{"close gt-none", "show " + a, "update " + b + " status", "close \"", "update " + b + " colour=red"} {
		if code, _, said := p.feed("update "+b+" title=changed\n"+bad, "batch"); code == 0 || !strings.Contains(said, "line 2: ") || p.must("export") != was {
			t.Errorf("%s: exit %d: %s", bad, code, said)
		}
	}
	if code, _, said := p.feed("update "+b+" title=changed", "batch", "--dry-run"); code != 0 || p.must("export") != was {
		t.Errorf("exit %d: %s", code, said)
	}
	if code, out, _ := p.feed("", "batch", "--json"); code != 0 || !strings.Contains(out, `"operations": 0`) {
		t.Errorf("exit %d: %s", code, out)
	}
}

func TestRenamePrefix(t *testing.T) {
	p := newPlace(t)
	a := p.id("a")
	p.must("create", "after "+a, "--deps", a)
	was := p.must("export")
	if o := p.object("rename-prefix", "kw-", "--dry-run"); o["issues_count"] != 2.0 || p.must("export") != was {
		t.Errorf("%v", o)
	}
	o := p.object("rename-prefix", "kw-")
	if o["old_prefix"] != "bd" || o["new_prefix"] != "kw" || o["issues_count"] != 2.0 {
		t.Errorf("%v", o)
	}
	if is := p.must("export"); is != strings.ReplaceAll(was, "bd-", "kw-") {
		t.Errorf("%s\n%s", was, is)
	}
	if id := p.id("new"); !strings.HasPrefix(id, "kw-") {
		t.Error(id)
	}
	if code, _, said := p.run("rename-prefix", "No way"); code == 0 || said == "" {
		t.Errorf("exit %d: %s", code, said)
	}
}

// Beads that say the same are merged, and finished epics closed, when asked for.
func TestMergeAndFinish(t *testing.T) {
	p := newPlace(t)
	p.must("create", "same", "--id", "gt-a")
	p.must("create", "same", "--id", "gt-b")
	child := p.id("child", "--parent", "gt-b")
	p.must("create", "extra", "--id", "gt-c", "--deps", "gt-b")
	epic := p.id("epic", "-t", "epic")
	task := p.id("task", "--parent", epic)
	was := p.must("export")
	p.must("duplicates", "--auto-merge", "--dry-run")
	if o := p.object("epic", "close-eligible"); o["count"] != 0.0 || p.must("export") != was {
		t.Errorf("%v", o)
	}
	o := p.object("duplicates", "--auto-merge")
	if m := o["merge_results"].([]any)[0].(map[string]any); m["target"] != "gt-b" || p.shown("gt-a")["status"] != "closed" || p.shown(child)["parent"] != "gt-b" {
		t.Errorf("%v", o)
	}
	p.must("close", task)
	if o := p.object("epic", "close-eligible", "--dry-run"); o["count"] != 1.0 || p.shown(epic)["status"] != "open" {
		t.Errorf("%v", o)
	}
	if o := p.object("epic", "close-eligible", "-r", "all done"); o["reason"] != "all done" || p.shown(epic)["close_reason"] != "all done" {
		t.Errorf("%v", o)
	}
}
