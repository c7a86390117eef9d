package federate

import "testing"

// holdsRole reports whether the Town's plane has a text of a role.
func (tt *testTown) holdsRole(name, body string) bool {
	return (&modelTown{testTown: tt}).keeps()[wrote{"roles/" + name + ".md", role(name, body)}]
}

// A plane is replaced by an older copy while an invalid file keeps the index at a commit
// that the copy has. What was recorded since is in its file alone, so it is an edit,
// although the index says that the file shows a row.
func TestOlderPlaneBehindAnInvalidFile(t *testing.T) {
	t.Parallel()
	for _, copied := range []string{"before the pull", "after the pull"} {
		t.Run(copied, func(t *testing.T) {
			t.Parallel()
			a, b, url := pair(t)
			restore := a.backup(".gt/data/federation")
			b.write("formulas/build.formula.toml", formula("build", "1.1.0", "of beta"))
			b.push(url)
			a.write("formulas/build.formula.toml", "not valid")
			if out := a.pull(url); len(out.Kept) != 1 {
				t.Fatalf("the pull kept %v", out.Kept)
			}
			if copied == "after the pull" {
				restore = a.backup(".gt/data/federation")
			}
			a.write("roles/mayor.md", role("mayor", "of alpha"))
			a.write("templates/bug.md", "of alpha\n")
			a.write("roles/new.md", role("new", "of alpha"))
			a.commit()
			restore()
			if status, err := a.Status(t.Context(), nil); err != nil || !status.Pending {
				t.Errorf("%+v, %v", status, err)
			}
			b.write("roles/mayor.md", role("mayor", "of beta"))
			b.push(url)
			a.pull(url)
			a.want("roles/mayor.md", role("mayor", "of alpha"))
			a.want("roles/new.md", role("new", "of alpha"))
			a.write("formulas/build.formula.toml", formula("build", "1.2.0", "of alpha"))
			settle(t, url, a, b)
			b.want("templates/bug.md", "of alpha\n")
			b.want("roles/new.md", role("new", "of alpha"))
			if !a.holdsRole("mayor", "of alpha") || !b.holdsRole("mayor", "of alpha") {
				t.Error("the text of alpha is lost")
			}
		})
	}
}

// What a replaced plane left in its file alone is recorded again by the next call that
// records, and then stays when somebody writes over the file.
func TestWhatAReplacedPlaneLeft(t *testing.T) {
	t.Parallel()
	a, b, url := pair(t)
	restore := a.backup(".gt/data/federation")
	a.write("roles/mayor.md", role("mayor", "recorded"))
	a.commit()
	restore()
	a.commit()
	a.write("roles/mayor.md", role("mayor", "written over it"))
	settle(t, url, a, b)
	if !b.holdsRole("mayor", "recorded") || !b.holdsRole("mayor", "written over it") {
		t.Error("a text is lost")
	}
}
