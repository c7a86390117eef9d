package federate

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"gastown/town"
)

// aSecret is made here, so that no search of this repository finds it.
var aSecret = "AKIA" + "QYLPMN5HFIQR7XYA"

// heldBack fails unless a call was refused because of the line of a file, without
// telling the secret.
func heldBack(t *testing.T, err error, place string) {
	t.Helper()
	if !errors.Is(err, town.ErrRefused) || !strings.Contains(err.Error(), place) || strings.Contains(err.Error()+town.Next(err), aSecret) ||
		!strings.Contains(town.Next(err), "--allow-secrets") {
		t.Errorf("%v, next: %s", err, town.Next(err))
	}
}

// An edit with a secret holds the push back before it is recorded, so nothing of it
// is ever published; what others wrote arrives nevertheless.
func TestSecretInAnEditHoldsThePushBack(t *testing.T) {
	t.Parallel()
	a, b, url := pair(t)
	remote := Remote{Name: "origin", URL: url}
	before := gitOut(t, url, "rev-parse", dataRef)
	for _, path := range []string{"roles/mayor.md", "formulas/build.formula.toml", "templates/bug.md"} {
		was := a.read(path)
		a.write(path, strings.TrimSuffix(was, "\n")+"\n# "+aSecret+"\n")
		line := strings.Count(was, "\n") + 1
		_, err := a.Push(t.Context(), remote, false)
		heldBack(t, err, "federation/"+path+" line "+string(rune('0'+line%10)))
		b.write("templates/new.md", path)
		b.push(url)
		before = gitOut(t, url, "rev-parse", dataRef)
		_, err = a.Sync(t.Context(), remote, false)
		heldBack(t, err, path)
		a.want("templates/new.md", path)
		a.write(path, was)
	}
	a.sync(url)
	if gitOut(t, url, "rev-parse", dataRef) != before {
		t.Error("something was published")
	}
	for table, rows := range a.rows() {
		if contains(rows, aSecret) {
			t.Errorf("%s holds the secret", table)
		}
	}
}

// What was recorded already is searched before it leaves, former texts too. A person
// may allow it; then it is published and not found again, also in a later version of
// the document. Another secret is.
func TestRecordedSecretIsSearched(t *testing.T) {
	t.Parallel()
	a, _, url := pair(t)
	remote := Remote{Name: "origin", URL: url}
	a.write("roles/mayor.md", role("mayor", "key "+aSecret))
	a.commit()
	_, err := a.Push(t.Context(), remote, false)
	heldBack(t, err, "federation/roles/mayor.md line ")
	a.write("roles/mayor.md", role("mayor", "no key"))
	_, err = a.Push(t.Context(), remote, false)
	heldBack(t, err, "a former text of federation/roles/mayor.md line ")
	a.opts.AllowSecrets = true
	a.write("roles/mayor.md", role("mayor", "again "+aSecret))
	a.push(url)
	a.opts.AllowSecrets = false
	a.write("roles/mayor.md", role("mayor", "another line\nand again "+aSecret))
	a.push(url)
	a.write("templates/bug.md", "nothing new\n")
	a.commit()
	a.write("roles/mayor.md", role("mayor", "once more "+aSecret))
	a.commit()
	a.sync(url)
	other := "AKIA" + "ZZLPMN5HFIQR7QQQ"
	a.write("roles/mayor.md", role("mayor", aSecret+"\n"+other))
	if _, err = a.Push(t.Context(), remote, false); err == nil || strings.Contains(err.Error(), other) || strings.Count(err.Error(), "mayor.md line") != 1 {
		t.Error(err)
	}
}

// init and join look before they ask.
func TestSecretsBeforeThePreview(t *testing.T) {
	t.Parallel()
	url := bare(t)
	a, b := newTown(t, filepath.Join(tempDir(t), "a"), "alpha"), newTown(t, filepath.Join(tempDir(t), "b"), "beta")
	remote := Remote{Name: "origin", URL: url}
	no := func(Preview) error { t.Error("asked"); return nil }
	for _, recorded := range []bool{false, true} {
		a.write("templates/x.md", "one\n"+aSecret+"\n")
		if recorded {
			a.commit()
		}
		_, err := a.Init(t.Context(), remote, no)
		heldBack(t, err, "federation/templates/x.md line 2 (")
		if refs := gitOut(t, url, "for-each-ref"); refs != "" {
			t.Errorf("refs: %s", refs)
		}
	}
	a.opts.AllowSecrets = true
	a.init(url)
	for _, recorded := range []bool{false, true} {
		b.write("templates/y.md", "one\n"+aSecret+"\n")
		if recorded {
			b.commit()
		}
		_, err := b.Join(t.Context(), remote, no)
		heldBack(t, err, "federation/templates/y.md line 2 (")
	}
	b.opts.AllowSecrets = true
	b.join(url)
	b.opts.AllowSecrets = false
	b.want("templates/x.md", "one\n"+aSecret+"\n")
	b.write("templates/z.md", "three\n")
	b.push(url) // what another Town published is not searched
}

// A dry run searches what would leave, edits and what is recorded, and says what a push
// would refuse. It names other reasons too, and changes nothing.
func TestDryRunSaysWhatIsRefused(t *testing.T) {
	t.Parallel()
	a, _, url := pair(t)
	remote := Remote{Name: "origin", URL: url}
	refused := func() error {
		t.Helper()
		head := gitOut(t, url, "rev-parse", dataRef)
		out, err := a.Push(t.Context(), remote, true)
		if err != nil || gitOut(t, url, "rev-parse", dataRef) != head {
			t.Fatalf("%+v, %v", out, err)
		}
		return out.Leaving.Refused
	}
	if err := refused(); err != nil {
		t.Errorf("nothing leaves: %v", err)
	}
	a.write("templates/bug.md", "harmless\n")
	if err := refused(); err != nil {
		t.Errorf("harmless: %v", err)
	}
	a.write("templates/bug.md", aSecret+"\n")
	heldBack(t, refused(), "templates/bug.md line 1")
	a.commit() // recording alone asks nothing
	heldBack(t, refused(), "templates/bug.md line 1")
	a.write("templates/bug.md", "taken out\n")
	heldBack(t, refused(), "federation/templates/bug.md line 1") // recorded, so it would leave
	a.opts.AllowSecrets = true
	if err := refused(); err != nil {
		t.Errorf("allowed: %v", err)
	}
	a.push(url)
	a.opts.AllowSecrets = false
	a.sql("CREATE TABLE notes (a INT PRIMARY KEY)")
	if err := refused(); !errors.Is(err, town.ErrRefused) || town.Next(err) == "" {
		t.Errorf("a table that nobody takes: %v", err)
	}
	c := a.copied(a.dir + "-copy")
	if out, err := c.Push(t.Context(), remote, true); err != nil || !errors.Is(out.Leaving.Refused, ErrInstance) {
		t.Errorf("a copy: %+v, %v", out.Leaving, err)
	}
}
