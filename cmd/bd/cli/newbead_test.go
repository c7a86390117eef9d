package cli

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"gastown/town"
)

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
