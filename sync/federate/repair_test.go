package federate

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gastown/planes/federation"
	"gastown/town"
)

func agreed(Repair) error { return nil }

// repaired repairs the remote and returns the outcome.
func (tt *testTown) repaired(url string) Repair {
	tt.t.Helper()
	out, err := tt.RepairRemote(tt.t.Context(), Remote{Name: "origin", URL: url}, false, agreed)
	if err != nil {
		tt.t.Fatalf("%s: repair: %v [next: %s]", tt.opts.Name, err, town.Next(err))
	}
	return out
}

// stuck fails unless a pull is refused with the step that helps.
func (tt *testTown) stuck(url string) {
	tt.t.Helper()
	_, err := tt.Pull(tt.t.Context(), Remote{Name: "origin", URL: url}, false)
	if err == nil || !strings.Contains(town.Next(err), "gt federation repair origin --dry-run") {
		tt.t.Errorf("%s: pull: %v [next: %s]", tt.opts.Name, err, town.Next(err))
	}
}

// git runs git in a repository.
func git(t *testing.T, repo string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-C", repo, "-c", "user.name=x", "-c", "user.email=x@example.com"}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %q: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// trio makes three Towns that exchange through one repository.
func trio(t *testing.T) (a, b, m *testTown, url string) {
	t.Helper()
	a, b, url = pair(t)
	m = newTown(t, filepath.Join(tempDir(t), "m"), "mess")
	m.join(url)
	settle(t, url, a, b, m)
	return a, b, m, url
}

// A remote to which one Town's plane brought what nobody takes is repaired by another
// one. What is good of it stays, and all Towns go on by themselves: the one that stood
// still with edits of its own, and the one that made the mess.
func TestRepairOfContent(t *testing.T) {
	t.Parallel()
	good := "INSERT INTO roles VALUES ('good', '---\\ndescription: x\\n---\\ngood\\n', '', 1, 'me', 'Ada <ada@example.com>')"
	for _, c := range []struct{ statement, gone string }{
		{"CREATE TABLE notes (a INT PRIMARY KEY)", `table "notes"`},
		{"CREATE VIEW v AS SELECT 1", "dolt_schemas"},
		{"CREATE TRIGGER tr BEFORE INSERT ON roles FOR EACH ROW SET NEW.author = 'me'", "dolt_schemas"},
		{"ALTER TABLE towns ADD COLUMN colour INT", `definition of table "towns"`},
		{"ALTER TABLE formulas DROP COLUMN author", `definition of table "formulas"`},
		{"DROP TABLE resolutions", `the removal of table "resolutions"`},
		{"INSERT INTO roles VALUES ('Not a name', 'x', '', 1, 'me', 'Ada')", "Not a name"},
		{"UPDATE templates SET text = REPEAT('x', 2000000)", "bug.md"},
		{"INSERT INTO archive VALUES ('role', 'mayor', 'no digest', '', 'x')", "no digest"},
		{"DELETE FROM archive", "table archive: the removal"},
		{"INSERT INTO meta VALUES ('k', 'v')", `"meta"`},
	} {
		t.Run(c.statement, func(t *testing.T) {
			t.Parallel()
			a, b, m, url := trio(t)
			m.write("roles/mayor.md", role("mayor", "rewritten, so that there is an archive"))
			m.commit()
			m.write("roles/mayor.md", role("mayor", "again"))
			m.push(url)
			a.sync(url)
			b.sync(url)
			m.sql(c.statement, good)
			m.publishUnchecked(url)
			bad := git(t, url, "rev-parse", "refs/dolt/data")
			b.write("roles/own.md", role("own", "beta's"))
			b.commit()
			a.stuck(url)
			b.stuck(url)

			before := a.files()
			dry, err := a.RepairRemote(t.Context(), Remote{Name: "origin", URL: url}, true, agreed)
			if err != nil || len(dry.Parts) != 1 || dry.Parts[0].Commits != 1 || !contains(dry.Parts[0].Gone, c.gone) || dry.Copy != "" {
				t.Fatalf("dry run: %+v, %v", dry, err)
			}
			refused := errors.New("refused")
			if _, err := a.RepairRemote(t.Context(), Remote{Name: "origin", URL: url}, false, func(Repair) error { return refused }); !errors.Is(err, refused) {
				t.Errorf("declined: %v", err)
			}
			if git(t, url, "rev-parse", "refs/dolt/data") != bad || len(a.files()) != len(before) {
				t.Error("a preview changed something")
			}
			out := a.repaired(url)
			if out.Parts[0].GoneTotal != dry.Parts[0].GoneTotal || git(t, out.Copy, "rev-parse", "refs/dolt/data") != bad {
				t.Errorf("repaired: %+v", out)
			}
			if again := a.repaired(url); len(again.Parts) != 0 {
				t.Errorf("repaired once more: %+v", again)
			}
			b.sync(url)
			m.pull(url)
			settle(t, url, a, b, m)
			for _, tt := range []*testTown{a, b, m} {
				tt.want("roles/own.md", role("own", "beta's"))
				if !strings.Contains(c.statement, "INSERT ON roles") {
					tt.want("roles/good.md", "---\ndescription: x\n---\ngood\n")
				}
			}
			if left, _ := filepath.Glob(filepath.Join(a.opts.Layout.Remote("origin"), "repair*")); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
}

// A ref whose Git layer is broken goes back to the last publication that can be read,
// or to what the Town fetched last where the history was cut.
func TestRepairOfPublications(t *testing.T) {
	t.Parallel()
	for _, cut := range []bool{false, true} {
		for what, tree := range map[string]func(t *testing.T, url string) string{
			"not a Dolt tree": func(t *testing.T, url string) string {
				return mktree(t, url, func(string, string) string { return "" })
			},
			"a table file is missing": func(t *testing.T, url string) string {
				return mktree(t, url, func(name, line string) string {
					if name == "manifest" {
						return line
					}
					return ""
				})
			},
			"a table file is damaged": func(t *testing.T, url string) string {
				path := filepath.Join(t.TempDir(), "garbage")
				if err := os.WriteFile(path, []byte("garbage"), 0o600); err != nil {
					t.Fatal(err)
				}
				blob := git(t, url, "hash-object", "-w", path)
				return mktree(t, url, func(name, line string) string {
					if name == "manifest" {
						return line
					}
					return "100644 blob " + blob + "\t" + name
				})
			},
		} {
			name := what
			if cut {
				name += ", history cut"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				a, b, m, url := trio(t)
				b.write("roles/own.md", role("own", "beta's"))
				b.push(url)
				a.pull(url)
				parents := []string{"-p", git(t, url, "rev-parse", "refs/dolt/data")}
				if cut {
					parents = nil
				}
				bad := git(t, url, append([]string{"commit-tree", "-m", "broken", tree(t, url)}, parents...)...)
				git(t, url, "update-ref", "refs/dolt/data", bad)
				m.write("roles/late.md", role("late", "mess's"))
				m.commit()
				a.stuck(url)
				m.stuck(url)
				out := a.repaired(url)
				if p := out.Parts[0]; p.Own != cut || len(p.Unread) != 1 || p.Unread[0].Subject != "broken" || git(t, out.Copy, "rev-parse", "refs/dolt/data") != bad {
					t.Errorf("repaired: %+v", out)
				}
				m.sync(url)
				b.sync(url)
				settle(t, url, a, b, m)
				for _, tt := range []*testTown{a, b, m} {
					tt.want("roles/own.md", role("own", "beta's"))
					tt.want("roles/late.md", role("late", "mess's"))
				}
			})
		}
	}
}

// mktree makes a tree from that of the ref, with each line as change says.
func mktree(t *testing.T, url string, change func(name, line string) string) string {
	t.Helper()
	var lines []string
	for line := range strings.Lines(git(t, url, "ls-tree", "refs/dolt/data")) {
		line = strings.TrimSpace(line)
		_, name, _ := strings.Cut(line, "\t")
		if line = change(name, line); line != "" {
			lines = append(lines, line)
		}
	}
	cmd := exec.Command("git", "-C", url, "mktree")
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n"))
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// A Town whose own plane holds what nobody would take repairs that itself, and then
// publishes the rest.
func TestRepairOfTheOwnPlane(t *testing.T) {
	t.Parallel()
	a, b, url := pair(t)
	a.sql("CREATE TABLE notes (a INT PRIMARY KEY)", "UPDATE roles SET text = '---\\ndescription: x\\n---\\nby hand\\n' WHERE name = 'mayor'")
	remote := Remote{Name: "origin", URL: url}
	if _, err := a.Push(t.Context(), remote, false); !strings.Contains(town.Next(err), "gt federation repair --dry-run") {
		t.Fatalf("push: %v [next: %s]", err, town.Next(err))
	}
	dry, err := a.RepairOwn(t.Context(), true, agreed)
	if err != nil || len(dry.Parts) != 1 || !contains(dry.Parts[0].Gone, `"notes"`) || dry.Parts[0].Kept != 1 {
		t.Fatalf("dry run: %+v, %v", dry, err)
	}
	if _, err := a.RepairOwn(t.Context(), false, agreed); err != nil {
		t.Fatal(err)
	}
	if again, err := a.RepairOwn(t.Context(), false, agreed); err != nil || len(again.Parts) != 0 {
		t.Errorf("once more: %+v, %v", again, err)
	}
	a.push(url)
	b.pull(url)
	b.want("roles/mayor.md", byHand)
	settle(t, url, a, b)
	if w := b.writer("roles/mayor.md", byHand); w != (federation.Writer{Author: a.opts.Actor.String()}) {
		t.Errorf("writer %+v", w)
	}
}
