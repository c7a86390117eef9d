package files

import (
	"os"
	"testing"

	"gastown/town"
)

// What editors, patch, git and file managers leave is no document in any of the
// directories: it is neither recorded nor reported, and stays where it is.
func TestLitterIsNoDocument(t *testing.T) {
	tree := newTree(t)
	var litter []string
	for dir, file := range map[string]string{"roles": "mayor.md", "formulas": "build.formula.toml", "templates": "bug.md"} {
		for _, name := range []string{
			file + "~", file + ".~1~", file + ".bak", file + ".BAK", file + ".orig", file + ".rej", file + ".tmp", file + ".swp", file + ".swo", file + ".swx",
			file + ".save", file + "~HEAD", file + ".kate-swp", file + ".BACKUP.4711.md", file + "___jb_tmp___", "#" + file + "#",
			"." + file + ".swp", "." + file + ".swo", "." + file + ".kate-swp", ".#" + file, ".~lock." + file + "#", ".DS_Store", "4913", "Thumbs.db",
			"mayor_BACKUP_4711.md", "build_REMOTE_12.formula.toml", "bug_LOCAL_3.md",
		} {
			path := dir + "/" + name
			put(t, tree, path, "left by a program")
			litter = append(litter, path)
		}
	}
	// These only look similar.
	documents := []string{"templates/orig", "templates/bak.md", "templates/tmp", "templates/4913.md", "templates/the.original", "templates/a_backup_1.md"}
	for _, path := range documents {
		put(t, tree, path, "a document")
	}
	ix := NewIndex()
	for range 2 {
		c := scanTree(t, tree, ix)
		if len(c.Invalid) > 0 || len(c.Deleted) > 0 {
			t.Errorf("reported: %v", c.Invalid)
		}
		recordAll(t, ix, c)
	}
	if ix.Len() != len(documents) {
		t.Errorf("%d documents are recorded, want %d", ix.Len(), len(documents))
	}
	for _, path := range litter {
		if _, err := os.Lstat(tree.abs(path)); err != nil {
			t.Error(err)
		}
	}
}

// A document that was recorded under such a name, by another Town for instance, is
// a document: its edits and its removal are noticed.
func TestRecordedLitterStaysADocument(t *testing.T) {
	tree := newTree(t)
	ix := NewIndex()
	key := town.Key{Kind: town.KindTemplate, Name: "notes.bak"}
	applyTree(t, tree, ix, Write{Key: key, Text: "from another Town", Base: town.DigestOf("row")})
	if c := scanTree(t, tree, ix); len(c.Added)+len(c.Modified)+len(c.Deleted) > 0 || c.Files != 1 {
		t.Errorf("%+v", c)
	}
	put(t, tree, "templates/notes.bak", "edited")
	if c := scanTree(t, tree, ix); len(c.Modified) != 1 || c.Modified[0].Text != "edited" {
		t.Errorf("%+v", c)
	}
	if err := os.Remove(tree.abs("templates/notes.bak")); err != nil {
		t.Fatal(err)
	}
	if c := scanTree(t, tree, ix); len(c.Deleted) != 1 {
		t.Errorf("%+v", c)
	}
}
