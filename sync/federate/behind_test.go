package federate

import (
	"os"
	"testing"
)

// A row that was not written because its file held an edit is written once the edit
// is gone, for whatever reason.
func TestEditThatIsUndoneGivesWay(t *testing.T) {
	t.Parallel()
	a, b, url := pair(t)
	a.write("templates/bug.md", "alpha\n")
	a.write("formulas/build.formula.toml", formula("build", "1.1.0", "alpha"))
	a.push(url)
	b.write("templates/bug.md", "beta thinks again\n")
	b.write("formulas/build.formula.toml", "not valid")
	if out := b.pull(url); len(out.Kept) != 2 {
		t.Fatalf("pull kept %v", out.Kept)
	}
	if out := b.push(url); len(out.Recorded.Invalid) != 1 {
		t.Fatalf("push: %+v", out)
	}
	b.write("formulas/build.formula.toml", formula("build", "1.0.0", "starter"))
	b.pull(url)
	b.want("formulas/build.formula.toml", formula("build", "1.1.0", "alpha"))
	a.write("templates/bug.md", "alpha again\n")
	a.push(url)
	shown := b.read("templates/bug.md")
	b.write("templates/bug.md", "beta thinks once more\n")
	b.pull(url)
	b.write("templates/bug.md", shown)
	b.pull(url)
	b.want("templates/bug.md", "alpha again\n")
	settle(t, url, a, b)
}

// When the index is lost, unedited files do not count as edits of the rows that
// arrive.
func TestLostIndexMakesNoEdits(t *testing.T) {
	t.Parallel()
	a, b, url := pair(t)
	a.write("roles/mayor.md", role("mayor", "alpha"))
	a.push(url)
	if err := os.Remove(b.opts.Layout.Index()); err != nil {
		t.Fatal(err)
	}
	if out := b.pull(url); len(out.Kept) != 0 {
		t.Errorf("pull kept %v", out.Kept)
	}
	b.want("roles/mayor.md", role("mayor", "alpha"))
	if out := b.commit(); out.Edits != 0 || out.Reviews != 0 {
		t.Errorf("commit: %+v", out)
	}
	settle(t, url, a, b)
}
