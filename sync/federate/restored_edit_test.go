package federate

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"gastown/planes/doltdb"
)

// The databases are restored from an older copy, and then somebody edits a file. The
// edit is one of what the remote has, so nobody needs to review it.
func TestEditAfterARestore(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"sync", "push", "pull", "commit", "served"} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			a, b, url := pair(t)
			restore := a.backup(".gt/data")
			moveOn(a, b, url)
			restore()
			if call == "served" {
				a.serve()
			}
			a.write("roles/mayor.md", role("mayor", "edited after the restore"))
			a.write("templates/bug.md", "edited after the restore\n")
			a.remove("roles/new.md")
			a.write("roles/last.md", role("last", "edited after the restore"))
			remote := Remote{Name: "origin", URL: url}
			status, err := a.Status(t.Context(), []Remote{remote})
			if err != nil || !status.Remotes[0].Older || status.Remotes[0].Ahead != 0 {
				t.Errorf("%+v, %v", status.Remotes, err)
			}
			notes := []string{}
			switch call {
			case "sync", "served":
				out := a.sync(url)
				notes = slices.Concat(out.Recorded.Notes, out.Pulled.Notes)
			case "push":
				notes = a.push(url).Recorded.Notes
			case "pull":
				notes = a.pull(url).Notes
			case "commit":
				notes = a.commit().Notes
			}
			if !contains(notes, "was older") || len(notes) != 1 {
				t.Errorf("the notes are %q", notes)
			}
			settle(t, url, a, b)
			a.want("roles/mayor.md", role("mayor", "edited after the restore"))
			a.want("templates/bug.md", "edited after the restore\n")
			a.want("roles/scout.md", role("scout", "of beta"))
			a.want("roles/last.md", role("last", "edited after the restore"))
			a.want("formulas/build.formula.toml", "")
			if status, err := a.Status(t.Context(), []Remote{remote}); err != nil || len(status.Reviews) > 0 || status.Remotes[0].Older {
				t.Errorf("%+v, %v", status, err)
			}
			a.quiet(url)
		})
	}
}

// An edit that was recorded in the restored plane, before anybody compared it with
// the remote, meets what is there in a merge.
func TestEditRecordedInARestoredPlane(t *testing.T) {
	t.Parallel()
	a, b, url := pair(t)
	restore := a.backup(".gt")
	moveOn(a, b, url)
	restore()
	a.write("roles/other.md", role("other", "recorded in the restored plane"))
	a.commit()
	a.write("templates/bug.md", "recorded in the restored plane\n")
	settle(t, url, a, b)
	a.want("roles/other.md", role("other", "recorded in the restored plane"))
	a.want("roles/mayor.md", role("mayor", "published by alpha"))
	a.want("templates/bug.md", "recorded in the restored plane\n")
	a.quiet(url)
}

// A join brings back what a restored plane lacks, also when the notes are gone.
func TestJoinOfARestoredPlane(t *testing.T) {
	t.Parallel()
	for _, lost := range []bool{false, true} {
		t.Run(fmt.Sprintf("notes lost %t", lost), func(t *testing.T) {
			t.Parallel()
			a, b, url := pair(t)
			restore := a.backup(".gt/data")
			moveOn(a, b, url)
			want := a.files()
			restore()
			if lost {
				if err := os.Remove(a.statePath("origin")); err != nil {
					t.Fatal(err)
				}
			}
			a.join(url)
			for path, text := range want {
				a.want(path, text)
			}
			settle(t, url, a, b)
			a.quiet(url)
		})
	}
}

// A pull and a sync of nothing open no database, also after calls that read it.
func TestNothingNewOpensNothing(t *testing.T) {
	t.Parallel()
	a, _, url := pair(t)
	if _, err := a.Status(t.Context(), []Remote{{Name: "origin", URL: url}}); err != nil {
		t.Fatal(err)
	}
	a.sync(url)
	opened := 0
	a.opts.Trace = a.counting("open", &opened)
	for range 2 {
		if out := a.pull(url); !out.UpToDate {
			t.Errorf("%+v", out)
		}
	}
	if opened > 0 {
		t.Errorf("two pulls of nothing opened the plane %d times", opened)
	}
	opened = 0
	a.write("roles/mayor.md", role("mayor", "edited"))
	a.commit()
	a.pull(url)
	if opened != 2 {
		t.Errorf("a commit and a pull of nothing opened the plane %d times", opened)
	}
	a.pull(url)
	if opened != 2 {
		t.Error("the pull after that opened it again")
	}
}

// The journal of the plane's database loses its end, or is an earlier one of the
// same database. Whatever the engine makes of it, the plane catches up or says that
// it is damaged.
func TestCutJournal(t *testing.T) {
	t.Parallel()
	a, b, url := pair(t)
	journal := doltdb.WatchedFiles(a.database().Dir)[0]
	before, err := os.Stat(journal)
	if err != nil {
		t.Fatal(err)
	}
	moveOn(a, b, url)
	want := a.files()
	saved := filepath.Join(tempDir(t), "plane")
	copyOf(t, a.database().Dir, saved)
	after, err := os.Stat(journal)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int64{before.Size(), after.Size() - 1, after.Size() - 7, after.Size() - 100, (before.Size() + after.Size()) / 2} {
		t.Run(fmt.Sprint(size-after.Size()), func(t *testing.T) {
			c := *a
			c.t = t
			if err := os.RemoveAll(c.database().Dir); err != nil {
				t.Fatal(err)
			}
			copyOf(t, saved, c.database().Dir)
			if err := os.Truncate(journal, size); err != nil {
				t.Fatal(err)
			}
			out, err := c.Sync(t.Context(), Remote{Name: "origin", URL: url}, false)
			if err != nil {
				t.Fatalf("%+v %v", out, err)
			}
			for path, text := range want {
				c.want(path, text)
			}
			c.quiet(url)
		})
	}
}
