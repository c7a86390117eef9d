package files

import (
	"errors"
	"os"
	"testing"

	"gastown/town"
)

// DropRescued removes only rescued texts, and only with the digest the caller names.
func TestDropRescued(t *testing.T) {
	tree := newTree(t)
	put(t, tree, "templates/a", "a")
	put(t, tree, "templates/a.1~", "rescued")
	key := town.Key{Kind: town.KindTemplate, Name: "a"}
	r := Rescue{Key: key, Path: "templates/a.1~"}
	content, err := tree.RescuedText(t.Context(), r)
	if err != nil || content != town.ContentDigest("rescued") {
		t.Fatalf("%s, %v", content, err)
	}
	put(t, tree, "templates/a.1~", "edited since")
	if err := tree.DropRescued(r, content); !errors.Is(err, ErrEdited) || get(t, tree, r.Path) != "edited since" {
		t.Errorf("got %v", err)
	}
	for _, path := range []string{"templates/a", "templates/a.1~/../a", "roles/a.1~", "templates/b.1~", "templates/a.1", "/templates/a.1~"} {
		if err := tree.DropRescued(Rescue{Key: key, Path: path}, town.ContentDigest("a")); err == nil {
			t.Errorf("%s was taken for a rescued text", path)
		}
	}
	if got := get(t, tree, "templates/a"); got != "a" {
		t.Error(got)
	}
	if err := tree.DropRescued(r, town.ContentDigest("edited since")); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(tree.abs(r.Path)); !os.IsNotExist(err) {
		t.Error("it is still there")
	}
}
