package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gastown/cmd/internal/shell"
	"gastown/town"
)

// object runs a command with --json and returns the object it prints.
func (p place) object(args ...string) (o map[string]any) {
	p.t.Helper()
	p.json(&o, args...)
	delete(o, "schema_version")
	return o
}

// shown is a bead as bd show prints it.
func (p place) shown(id string) map[string]any {
	p.t.Helper()
	var list []map[string]any
	p.json(&list, "show", id)
	return list[0]
}

// write writes a file in the place and returns its path.
func (p place) write(name, text string) string {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
	return path
}

// The flags of create and update set the fields they name.
func TestFlagsOfFields(t *testing.T) {
	p := newPlace(t)
	design := p.write("design.txt", "how\n")
	meta := p.write("meta.json", `{"a": 1}`)
	code, out, said := p.feed("what\n", "create", "x", "--stdin", "--design-file", design, "--metadata", "@"+meta, "--spec-id", "docs/x.md",
		"--append-notes", "n", "--context", "more", "--defer", "+2d", "--mol-type", "work", "--json")
	var made map[string]any
	if code != 0 || json.Unmarshal([]byte(out), &made) != nil {
		t.Fatalf("exit %d: %s%s", code, out, said)
	}
	id := made["id"].(string)
	for key, want := range map[string]any{
		"description": "what\n\n\n## Context\nmore", "design": "how\n", "spec_id": "docs/x.md", "notes": "n", "status": "deferred",
	} {
		if made[key] != want {
			t.Errorf("%s is %q, not %q", key, made[key], want)
		}
	}
	if made["dependencies"] != nil || made["metadata"].(map[string]any)["a"] != 1.0 {
		t.Errorf("%v", made)
	}
	p.must("update", id, "--set-metadata", "b=2", "--set-metadata", "c=x=y", "--unset-metadata", "a", "--spec-id", "", "--defer", "", "--append-notes", "- m", "--ephemeral",
		"--set-labels", "u", "--set-labels", "v,w")
	b := p.shown(id)
	if m := b["metadata"].(map[string]any); m["b"] != "2" || m["c"] != "x=y" || m["a"] != nil || b["spec_id"] != nil || b["status"] != "open" || b["defer_until"] != nil ||
		b["notes"] != "n\n- m" || b["ephemeral"] != true || len(b["labels"].([]any)) != 3 {
		t.Errorf("%v", b)
	}
	p.must("update", id, "--metadata", `{"d":[1]}`, "--persistent", "--set-labels", "", "-s", "closed", "--session", "s1", "--design-file", design)
	b = p.shown(id)
	if m := b["metadata"].(map[string]any); m["b"] != "2" || m["d"] == nil || b["ephemeral"] != nil || b["labels"] != nil {
		t.Errorf("%v", b)
	}
	if out := p.must("export", "--id", id); !strings.Contains(out, `"closed_by_session":"s1"`) || !strings.Contains(out, `"mol_type":"work"`) {
		t.Error(out)
	}
	for _, args := range [][]string{
		{"create", " "}, {"create", "x", "-l", "a,,b"}, {"create", "x", "-l", ""}, {"create", "x", "-s", "no status!"}, {"create", "x", "--metadata", "[1]"}, {"create", "x", "--metadata", "@none"},
		{"create", "x", "--stdin", "-d", "y"}, {"create", "x", "--design", "a", "--design-file", design}, {"create", "x", "--repo", "relative"}, {"create", "x", "-f", design},
		{"create", "x", "--waits-for-gate", "some"}, {"update", id, "--set-metadata", "x"}, {"update", id, "--metadata", "1"}, {"update", id, "--notes", "a", "--append-notes", "b"},
		{"update", id, "--ephemeral", "--persistent"}, {"update", id, "--add-label", ""}, {"update", id, "--title", ""}, {"update", id, "--session", "s"}, {"label", "add", id, ""}, {"tag", id, " "},
	} {
		was := p.must("export", "--all")
		if code, _, said := p.run(args...); code == 0 || said == "" {
			t.Errorf("bd %q: exit %d: %s", args, code, said)
		}
		if is := p.must("export", "--all"); is != was {
			t.Errorf("bd %q changed something", args)
		}
	}
}

// The links of a new bead lead where their words say.
func TestLinksOfANewBead(t *testing.T) {
	p := newPlace(t)
	a, b, c, d := p.id("a"), p.id("b"), p.id("c"), p.id("d")
	id := p.id("new", "--deps", "blocks:"+a+",blocked-by:"+b+",depends-on:"+c, "--deps", d, "--waits-for", c, "--waits-for-gate", "any-children", "--deps", "discovered-from:"+d)
	links := map[string]bool{}
	for line := range strings.Lines(p.must("export")) {
		var bead town.Bead
		if err := json.Unmarshal([]byte(line), &bead); err != nil {
			t.Fatal(err)
		}
		for _, l := range bead.Dependencies {
			links[l.Bead+" "+string(l.Type)+" "+l.Target+" "+l.Metadata] = true
		}
	}
	for _, want := range []string{
		a + " blocks " + id + " ", id + " blocks " + b + " ", id + " blocks " + c + " ", id + " blocks " + d + " ",
		id + " discovered-from " + d + " ", id + " waits-for " + c + " " + town.AnyChild,
	} {
		if !links[want] {
			t.Errorf("no link %q in %v", want, links)
		}
	}
	if len(links) != 6 {
		t.Errorf("%v", links)
	}
	if code, _, _ := p.run("create", "x", "--deps", "blocks:gt-none"); code != 1 || strings.Count(p.must("export"), "\n") != 5 {
		t.Errorf("exit %d", code)
	}
}

// A dry run says what would be made and makes nothing, also when it would fail.
func TestDryRunsOfCreate(t *testing.T) {
	p := newPlace(t)
	if o := p.object("create", "x", "--dry-run"); o["title"] != "x" || o["id"] != "" {
		t.Errorf("%v", o)
	}
	if code, _, _ := p.run("create", "x", "--dry-run", "--parent", "gt-none"); code != 1 {
		t.Errorf("exit %d", code)
	}
	if code, _, said := p.run("create", "x", "--validate", "-t", "bug"); code != 1 || !strings.Contains(said, "Steps to Reproduce") {
		t.Errorf("exit %d: %s", code, said)
	}
	if out := p.must("export"); out != "" {
		t.Error(out)
	}
	p.must("create", "x", "--validate", "-t", "bug", "-d", "steps to reproduce: none", "--acceptance", "it is gone")
}

// Files make several beads, all or none.
func TestBeadsFromFiles(t *testing.T) {
	p := newPlace(t)
	there := p.id("there")
	md := p.write("plan.md", "## One\ntext\n### Priority\n0\n### Deps\n"+there+"\n## Two\n### Labels\na b\n")
	var made []map[string]any
	p.json(&made, "create", "-f", md)
	if len(made) != 2 || made[0]["title"] != "One" || made[0]["priority"] != 0.0 || made[1]["priority"] != 2.0 || len(made[1]["labels"].([]any)) != 2 {
		t.Errorf("%v", made)
	}
	if code, out, _ := p.feed("## Three", "create", "-f", "-", "--silent"); code != 0 || strings.Count(out, "\n") != 1 {
		t.Errorf("exit %d: %s", code, out)
	}
	plan := p.write("plan.json", `{"nodes":[{"key":"r","title":"Root","type":"epic"},{"key":"l","title":"Leaf","parent":"r","deps":[{"target":"`+there+`"}]}]}`)
	ids := p.object("create", "--graph", plan)["ids"].(map[string]any)
	if b := p.shown(ids["l"].(string)); b["parent"] != ids["r"] {
		t.Errorf("%v", b)
	}
	was := p.must("export")
	bad := p.write("bad.md", "## Good\n## Bad\n### Type\nno type\n")
	for _, args := range [][]string{
		{"create", "-f", bad}, {"create", "title", "-f", md}, {"create", "-f", p.write("none.md", "no headings")}, {"create", "--graph", p.write("bad.json", `{"nodes":[{"key":"a"}]}`)},
		{"create", "--graph", plan, "-p", "1"}, {"create", "-f", md, "--graph", plan}, {"create", "-f", filepath.Join(p.dir, "nowhere.md")},
	} {
		if code, _, said := p.run(args...); code == 0 || said == "" || p.must("export") != was {
			t.Errorf("bd %q: exit %d: %s", args, code, said)
		}
	}
	if o := p.object("create", "--graph", plan, "--dry-run"); o["dry_run"] != true || p.must("export") != was {
		t.Errorf("%v", o)
	}
}

// The short commands do what their long forms do, and print what programs expect.
func TestShortCommands(t *testing.T) {
	p := newPlace(t)
	id := strings.TrimSpace(p.must("q", "Fix", "the", "page", "-t", "bug", "-p", "1", "-l", "web"))
	b := p.shown(id)
	if b["title"] != "Fix the page" || b["issue_type"] != "bug" || b["priority"] != 1.0 {
		t.Errorf("%v", b)
	}
	other := p.id("other")
	if o := p.object("note", id, "two", "words"); o["id"] != id || o["notes"] != "two words" {
		t.Errorf("%v", o)
	}
	if code, _, _ := p.feed("from a pipe\n", "note", id, "--stdin"); code != 0 || p.shown(id)["notes"] != "two words\nfrom a pipe" {
		t.Errorf("exit %d: %v", code, p.shown(id))
	}
	if o := p.object("assign", id, "kim"); o["assignee"] != "kim" {
		t.Errorf("%v", o)
	}
	if o := p.object("assign", id, ""); o["assignee"] != nil {
		t.Errorf("%v", o)
	}
	if o := p.object("tag", id, "x"); len(o["labels"].([]any)) != 2 {
		t.Errorf("%v", o)
	}
	for want, args := range map[string][]string{"added": {"link", id, other}, "unchanged": {"link", id, other, "-t", "blocks"}} {
		_ = want
		p.must(args...)
	}
	if o := p.object("link", id, other, "-t", "related"); o["status"] != "added" || o["issue_id"] != id || o["depends_on_id"] != other || o["type"] != "related" {
		t.Errorf("%v", o)
	}
	if o := p.object("duplicate", other, "--of", id); o["duplicate"] != other || o["canonical"] != id || o["status"] != "closed" {
		t.Errorf("%v", o)
	}
	third := p.id("third")
	if o := p.object("supersede", third, "--with", id); o["superseded"] != third || o["replacement"] != id || o["status"] != "closed" {
		t.Errorf("%v", o)
	}
	for _, args := range [][]string{{"note", id}, {"note", id, ""}, {"duplicate", id, "--of", id}, {"duplicate", id, "--of", "gt-none"}, {"supersede", id}, {"q"}, {"q", ""}, {"assign", id}, {"link", id, id}} {
		was := p.must("export")
		if code, _, said := p.run(args...); code == 0 || said == "" || p.must("export") != was {
			t.Errorf("bd %q: exit %d: %s", args, code, said)
		}
	}
}

// Comments have authors, and come from arguments, files and pipes.
func TestCommentsOfOthers(t *testing.T) {
	p := newPlace(t)
	id := p.id("x")
	if o := p.object("comments", "add", id, "so", "it is", "--author", "kim"); o["author"] != "kim" || o["text"] != "so it is" || o["issue_id"] != id {
		t.Errorf("%v", o)
	}
	if o := p.object("comment", id, "- a point", "--author", "lee"); o["author"] != "lee" || o["text"] != "- a point" {
		t.Errorf("%v", o)
	}
	p.must("comment", id, "--file", p.write("c.txt", "from a file\n"))
	if code, _, said := p.feed("from a pipe\n", "comments", "add", id, "--stdin"); code != 0 {
		t.Errorf("exit %d: %s", code, said)
	}
	var list []town.Comment
	p.json(&list, "comments", id)
	var texts []string
	for _, c := range list {
		texts = append(texts, c.Author+": "+c.Text)
	}
	slices.Sort(texts)
	if want := []string{"Ada: from a file", "Ada: from a pipe", "kim: so it is", "lee: - a point"}; !slices.Equal(texts, want) {
		t.Errorf("%q", texts)
	}
	for _, args := range [][]string{{"comment", id, ""}, {"comment", id, "x", "--stdin"}, {"comments", "add", id}} {
		if code, _, said := p.run(args...); code == 0 || said == "" {
			t.Errorf("bd %q: exit %d: %s", args, code, said)
		}
	}
}

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

// The person's editor gets the text, and what it leaves is stored.
func TestEdit(t *testing.T) {
	p := newPlace(t)
	id := p.id("x", "-d", "one")
	p.env = append(p.env, "PATH="+os.Getenv("PATH"), "TMPDIR="+t.TempDir(), "EDITOR=sed -i s/one/two/")
	p.must("edit", id)
	if b := p.shown(id); b["description"] != "two" {
		t.Errorf("%v", b)
	}
	was := p.must("export")
	p.must("edit", id)
	for i, v := range p.env {
		if strings.HasPrefix(v, "EDITOR=") {
			p.env[i] = "EDITOR=false"
		}
	}
	if code, _, said := p.run("edit", id, "--title"); code != 1 || !strings.Contains(said, "your text is in ") || p.must("export") != was {
		t.Errorf("exit %d: %s", code, said)
	}
	p.env = slices.DeleteFunc(p.env, func(v string) bool { return strings.HasPrefix(v, "EDITOR=") })
	if code, _, said := p.run("edit", id); code != shell.ExitUsage && code != shell.ExitFailed || !strings.Contains(said, "set EDITOR") {
		t.Errorf("exit %d: %s", code, said)
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
