package federate

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gastown/planes/federation"
	"gastown/town"
)

// pair gives two Towns of one federation.
func pair(t *testing.T) (a, b *testTown, url string) {
	t.Helper()
	root := tempDir(t)
	url = bare(t)
	a = newTown(t, filepath.Join(root, "a"), "alpha")
	b = newTown(t, filepath.Join(root, "b"), "beta")
	a.init(url)
	b.join(url)
	a.pull(url)
	return a, b, url
}

// settle syncs until nothing changes and checks that the Towns are equal.
func settle(t *testing.T, url string, towns ...*testTown) {
	t.Helper()
	for range 2 {
		for _, tt := range towns {
			tt.sync(url)
		}
	}
	for _, tt := range towns[1:] {
		if diff := cmp.Diff(towns[0].files(), tt.files()); diff != "" {
			t.Errorf("files of %s and %s differ:\n%s", towns[0].opts.Name, tt.opts.Name, diff)
		}
		if diff := cmp.Diff(towns[0].rows(), tt.rows()); diff != "" {
			t.Errorf("rows of %s and %s differ:\n%s", towns[0].opts.Name, tt.opts.Name, diff)
		}
	}
}

func TestEditTravels(t *testing.T) {
	t.Parallel()
	a, b, url := pair(t)
	a.write("roles/mayor.md", role("mayor", "edited by alpha"))
	a.write("templates/new.txt", "brand new\n")
	a.remove("formulas/build.formula.toml")
	out := a.push(url)
	if out.Recorded.Edits != 3 || out.Commits != 1 || out.UpToDate {
		t.Errorf("push: %+v", out)
	}
	if again := a.push(url); !again.UpToDate || again.Commits != 0 {
		t.Errorf("push of nothing: %+v", again)
	}
	pulled := b.pull(url)
	if pulled.Documents != 2 || pulled.Removed != 1 || pulled.UpToDate {
		t.Errorf("pull: %+v", pulled)
	}
	b.want("roles/mayor.md", role("mayor", "edited by alpha"))
	b.want("templates/new.txt", "brand new\n")
	b.want("formulas/build.formula.toml", "")
	if again := b.pull(url); !again.UpToDate {
		t.Errorf("pull of nothing: %+v", again)
	}
	settle(t, url, a, b)
}

func TestJoinKeepsWhatPeopleWrote(t *testing.T) {
	t.Parallel()
	root := tempDir(t)
	url := bare(t)
	a := newTown(t, filepath.Join(root, "a"), "alpha")
	a.write("roles/mayor.md", role("mayor", "alpha's mayor"))
	a.write("roles/alphas.md", role("alphas", "only alpha's"))
	a.init(url)
	b := newTown(t, filepath.Join(root, "b"), "beta")
	b.write("roles/mayor.md", role("mayor", "beta's mayor"))
	b.write("roles/betas.md", role("betas", "only beta's"))
	b.write("formulas/build.formula.toml", formula("build", "2.0.0", "beta's"))
	b.write("templates/bug.md", "beta's\n")
	var seen Preview
	out, err := b.Join(t.Context(), Remote{Name: "origin", URL: url}, func(p Preview) error { seen = p; return nil })
	if err != nil {
		t.Fatal(err)
	}
	if len(seen.Documents) != 4 || seen.Arrives != 4 {
		t.Errorf("preview offered %v and said %d arrive", seen.Documents, seen.Arrives)
	}
	if out.Retired == "" || out.Store != "uuid-of-alpha" {
		t.Errorf("join: %+v", out)
	}
	b.want("roles/mayor.md", role("mayor", "alpha's mayor"))
	b.want("roles/alphas.md", role("alphas", "only alpha's"))
	b.want("roles/betas.md", role("betas", "only beta's"))
	b.want("formulas/build.formula.toml", formula("build", "2.0.0", "beta's"))
	b.want("templates/bug.md", "beta's\n")
	status, err := b.Status(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(status.Reviews) != 1 || status.Reviews[0].Text != role("mayor", "beta's mayor") {
		t.Errorf("reviews after join: %+v", status.Reviews)
	}
	settle(t, url, a, b)
}

func TestPreviewCountsEveryCommitThatLeaves(t *testing.T) {
	t.Parallel()
	url := bare(t)
	a := newTown(t, filepath.Join(tempDir(t), "a"), "alpha")
	a.write("roles/new.md", role("new", "not recorded yet"))
	var seen Preview
	out, err := a.Init(t.Context(), Remote{Name: "origin", URL: url}, func(p Preview) error { seen = p; return nil })
	if err != nil {
		t.Fatal(err)
	}
	if seen.Commits != out.Commits || len(seen.Documents) != 4 || len(seen.Authors) != 1 {
		t.Errorf("the preview said %+v; %d commits left", seen, out.Commits)
	}
}

func TestJoinThatIsNotConfirmedChangesNothing(t *testing.T) {
	t.Parallel()
	root := tempDir(t)
	url := bare(t)
	a := newTown(t, filepath.Join(root, "a"), "alpha")
	a.init(url)
	b := newTown(t, filepath.Join(root, "b"), "beta")
	before, rows := b.files(), b.rows()
	no := errors.New("no")
	if _, err := b.Join(t.Context(), Remote{Name: "origin", URL: url}, func(Preview) error { return no }); !errors.Is(err, no) {
		t.Fatalf("join: %v", err)
	}
	if diff := cmp.Diff(before, b.files()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(rows, b.rows()); diff != "" {
		t.Error(diff)
	}
	for name, call := range map[string]func() error{
		"push": func() error { _, err := b.Push(t.Context(), Remote{Name: "origin", URL: url}, false); return err },
		"pull": func() error { _, err := b.Pull(t.Context(), Remote{Name: "origin", URL: url}, false); return err },
	} {
		if err := call(); !errors.Is(err, town.ErrRefused) {
			t.Errorf("%s with a remote nobody confirmed: %v", name, err)
		}
	}
}

func TestConflictOfEachKind(t *testing.T) {
	t.Parallel()
	a, b, url := pair(t)
	a.write("roles/mayor.md", role("mayor", "alpha"))
	a.write("formulas/build.formula.toml", formula("build", "1.2.0", "alpha"))
	a.write("templates/bug.md", "alpha\n")
	a.push(url)
	b.write("roles/mayor.md", role("mayor", "beta"))
	b.write("formulas/build.formula.toml", formula("build", "1.10.0", "beta"))
	b.write("templates/bug.md", "beta\n")
	out := b.push(url)
	if out.Attempts != 2 || out.Pulled == nil || out.Reviews != 1 || len(out.Pulled.Notes) != 3 {
		t.Errorf("push over a conflict: %+v %+v", out, out.Pulled)
	}
	b.want("roles/mayor.md", role("mayor", "alpha"))
	b.want("formulas/build.formula.toml", formula("build", "1.10.0", "beta"))
	b.want("templates/bug.md", "beta\n")
	settle(t, url, a, b)
	rows := a.rows()
	for what, ok := range map[string]bool{
		"the formula that lost is archived":    contains(rows["archive"], "formula|build|"+string(town.ContentDigest(formula("build", "1.2.0", "alpha")))),
		"the role that lost is proposed":       len(rows["proposals"]) == 1 && contains(rows["proposals"], "\n\nbeta\n|"),
		"both issues of the template are kept": contains(rows["templates"], "bug.md|2|alpha") && contains(rows["templates"], "bug.md|3|beta"),
	} {
		if !ok {
			t.Errorf("not so: %s\n%v", what, rows)
		}
	}
	// The other Town's reviewer decides, and the decision arrives here.
	res, err := a.Resolve(t.Context(), Decision{Review: "mayor", Outcome: federation.OutcomeMerged, Merged: role("mayor", "alpha and beta")})
	if err != nil || res.Open != 0 {
		t.Fatalf("resolve: %+v %v", res, err)
	}
	a.push(url)
	if pulled := b.pull(url); pulled.Reviews != 0 {
		t.Errorf("still %d reviews open", pulled.Reviews)
	}
	b.want("roles/mayor.md", role("mayor", "alpha and beta"))
	settle(t, url, a, b)
}

func TestUnrecordedEditIsNeverOverwritten(t *testing.T) {
	t.Parallel()
	a, b, url := pair(t)
	a.write("roles/mayor.md", role("mayor", "alpha"))
	a.write("templates/bug.md", "alpha\n")
	a.push(url)
	b.write("roles/mayor.md", role("mayor", "beta, unrecorded"))
	b.remove("templates/bug.md")
	out := b.pull(url)
	if len(out.Kept) != 2 {
		t.Errorf("pull kept %v", out.Kept)
	}
	b.want("roles/mayor.md", role("mayor", "beta, unrecorded"))
	b.want("templates/bug.md", "")
	// Recording it now is a conflict with what was pulled, not an overwrite.
	rec := b.commit()
	if rec.Reviews != 1 {
		t.Errorf("recording an edit of an older row: %+v", rec)
	}
	b.want("roles/mayor.md", role("mayor", "alpha"))
	b.want("templates/bug.md", "alpha\n") // an edit survives a removal
	settle(t, url, a, b)
}

func TestPlaneFromAnotherDayTakesNoTextAway(t *testing.T) {
	t.Parallel()
	a := newTown(t, filepath.Join(tempDir(t), "a"), "alpha")
	dir := a.database().Dir
	saved := filepath.Join(tempDir(t), "federation")
	if err := os.CopyFS(saved, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	a.write("roles/scout.md", role("scout", "new since then"))
	a.write("roles/mayor.md", role("mayor", "edited since then"))
	a.write("formulas/build.formula.toml", formula("build", "2.0.0", "edited since then"))
	a.remove("templates/bug.md")
	a.commit()
	if err := os.Rename(dir, dir+"-newer"); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS(saved)); err != nil {
		t.Fatal(err)
	}
	a.commit()
	a.want("roles/scout.md", role("scout", "new since then"))
	a.want("formulas/build.formula.toml", formula("build", "2.0.0", "edited since then"))
	status, err := a.Status(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(status.Reviews) != 1 || status.Reviews[0].Text != role("mayor", "edited since then") {
		t.Errorf("the role edited since then: %+v", status.Reviews)
	}
}

func TestMissingDirectoryIsNotARemovalOfEverything(t *testing.T) {
	t.Parallel()
	a, b, url := pair(t)
	for _, gone := range []string{"", "roles"} {
		aside := filepath.Join(tempDir(t), "aside")
		if err := os.Rename(a.path(gone), aside); err != nil {
			t.Fatal(err)
		}
		for name, call := range map[string]func() error{
			"commit": func() error { _, err := a.Commit(t.Context(), ""); return err },
			"pull":   func() error { _, err := a.Pull(t.Context(), Remote{Name: "origin", URL: url}, false); return err },
			"push":   func() error { _, err := a.Push(t.Context(), Remote{Name: "origin", URL: url}, false); return err },
		} {
			b.write("templates/bug.md", "news so that a pull has something to do: "+gone+name+"\n")
			b.push(url)
			if err := call(); !errors.Is(err, town.ErrRefused) || town.Next(err) == "" {
				t.Errorf("%s without %q: %v", name, gone, err)
			}
		}
		if err := os.Rename(aside, a.path(gone)); err != nil {
			t.Fatal(err)
		}
		settle(t, url, a, b)
	}
	a.remove("roles/mayor.md") // an empty directory is deliberate
	if rec := a.commit(); rec.Edits != 1 {
		t.Errorf("removing the last role: %+v", rec)
	}
}

func TestPreviewNamesFormerTexts(t *testing.T) {
	t.Parallel()
	root, url := tempDir(t), bare(t)
	secret := func(tt *testTown, name string) {
		tt.write("roles/"+name+".md", role(name, "PASSWORD hunter2"))
		tt.commit()
		tt.remove("roles/" + name + ".md")
		tt.write("templates/bug.md", "second\n")
		tt.commit()
	}
	want := func(p Preview, name string) {
		t.Helper()
		if p.Former[key("roles/"+name+".md")] != 1 || p.Former[key("templates/bug.md")] != 1 {
			t.Errorf("the preview names as former texts only %v", p.Former)
		}
	}
	a := newTown(t, filepath.Join(root, "a"), "alpha")
	secret(a, "removed")
	if _, err := a.Init(t.Context(), Remote{Name: "origin", URL: url}, func(p Preview) error { want(p, "removed"); return nil }); err != nil {
		t.Fatal(err)
	}
	b := newTown(t, filepath.Join(root, "b"), "beta")
	secret(b, "also-removed")
	if _, err := b.Join(t.Context(), Remote{Name: "origin", URL: url}, func(p Preview) error { want(p, "also-removed"); return nil }); err != nil {
		t.Fatal(err)
	}
}

func TestSecondFederationIsRefused(t *testing.T) {
	t.Parallel()
	a, _, url := pair(t)
	other := bare(t)
	c := newTown(t, filepath.Join(tempDir(t), "c"), "gamma")
	c.init(other)
	before := a.rows()
	_, err := a.Join(t.Context(), Remote{Name: "second", URL: other}, func(Preview) error { t.Error("asked to confirm"); return nil })
	if !errors.Is(err, town.ErrRefused) || town.Next(err) == "" {
		t.Errorf("joining another federation: %v", err)
	}
	if diff := cmp.Diff(before, a.rows()); diff != "" {
		t.Error(diff)
	}
	a.sync(url)
}
