package cli

import (
	"os"
	"slices"
	"strings"
	"testing"

	"gastown/cmd/internal/shell"
	"gastown/town"
)

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
