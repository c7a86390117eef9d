package backup

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gastown/town"
)

// A file where a directory of the Town belongs is moved out of the way of a restore, and is
// not lost.
func TestAFileWhereADirectoryBelongs(t *testing.T) {
	for _, place := range []string{".gt/data/ledger", ".gt/data"} {
		h := newHarness(t)
		point := h.take(Databases).Point.Name
		at := filepath.Join(h.Root, place)
		if err := errors.Join(os.RemoveAll(at), os.WriteFile(at, []byte("in the way"), 0o600)); err != nil {
			t.Fatal(err)
		}
		h.restore(point, "")
		for _, plane := range planeNames {
			equal(t, h.names(plane), "first")
		}
		if !found(t, h.Retired, "in the way") {
			t.Errorf("%s: what was there is lost", place)
		}
	}
	h := newHarness(t)
	h.write("federation/roles/deep/mayor.md", "the role")
	h.take(Files)
	at := filepath.Join(h.Root, "federation", "roles")
	if err := errors.Join(os.RemoveAll(at), os.WriteFile(at, []byte("in the way"), 0o600)); err != nil {
		t.Fatal(err)
	}
	e, err := h.Choose(t.Context(), h.to(), Files, "", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := h.RestoreFiles(t.Context(), h.to(), e, true); err != nil || len(out.Files) != 1 {
		t.Fatal(out.Files, err)
	}
	if _, err := h.RestoreFiles(t.Context(), h.to(), e, false); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(at, "deep", "mayor.md")); err != nil || string(text) != "the role" {
		t.Errorf("%q, %v", text, err)
	}
	if !found(t, h.Retired, "in the way") {
		t.Error("what was there is lost")
	}
}

// found reports whether a file below dir has a text.
func found(t *testing.T, dir, text string) (is bool) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			content, rerr := os.ReadFile(path)
			is, err = is || string(content) == text, rerr
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return is
}

// What is written after a key was added can be read with that key alone, also what has not
// changed since. So the old key can go when the points from before have gone.
func TestANewKeyReplacesTheOld(t *testing.T) {
	h := newHarness(t)
	file := filepath.Join(h.root, "keys")
	text := map[string]string{}
	for _, name := range []string{"old", "new"} {
		path := filepath.Join(h.root, name)
		if _, err := MakeKey(path); err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text[name] = string(content)
	}
	use := func(keys string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(keys), 0o600); err != nil {
			t.Fatal(err)
		}
		k, err := ReadKey(file)
		if err != nil {
			t.Fatal(err)
		}
		h.Destinations[0].Store = Sealed{Directory{Dir: h.dest}, k}
	}
	h.write("config/town.yaml", "kept")
	use(text["old"])
	h.take(Databases)
	h.take(Files)
	use(text["new"] + text["old"])
	whole, added := h.take(Databases), h.take(Files)
	if whole.Unchanged || added.Unchanged {
		t.Fatal("nothing was written for the new key")
	}
	if again := h.take(Databases); !again.Unchanged {
		t.Error("the databases were written once more")
	}
	if again := h.take(Files); !again.Unchanged {
		t.Error("the files were written once more")
	}
	h.put("second")
	if next := h.take(Databases).Point; next.Added >= whole.Point.Added {
		t.Errorf("the next point added %d bytes, the one before it %d", next.Added, whole.Point.Added)
	}

	use(text["new"])
	if err := os.RemoveAll(h.Dir); err != nil { // on another machine
		t.Fatal(err)
	}
	for _, kind := range []Kind{Databases, Files} {
		e, err := h.Choose(t.Context(), h.to(), kind, "", time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.Verify(t.Context(), h.to(), e.Name, true); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	h.put("third")
	h.restore("", "")
	equal(t, h.names("ledger"), "first", "second")
}

// A key that is lost, or made anew, is said with what to do. So are points from before the
// key was set or removed.
func TestALostKey(t *testing.T) {
	h := newHarness(t)
	h.take(Databases)
	plain := h.Destinations[0]
	file := filepath.Join(h.root, "key.txt")
	if _, err := ReadKey(file); err == nil || !strings.Contains(town.Next(err), "put your copy of the key there") {
		t.Errorf("%v, next: %s", err, town.Next(err))
	}
	seal := func() {
		t.Helper()
		if _, err := MakeKey(file); err != nil {
			t.Fatal(err)
		}
		k, err := ReadKey(file)
		if err != nil {
			t.Fatal(err)
		}
		h.Destinations[0].Store = Sealed{plain.Store, k}
	}
	passed := func(want int, how string) {
		t.Helper()
		n, next, err := h.PassedOver(t.Context(), h.to())
		if err != nil || n != want || want > 0 && !strings.Contains(next, how) {
			t.Errorf("%d points are passed over, next: %s, %v", n, next, err)
		}
	}
	passed(0, "")
	seal()
	passed(1, "gt config unset backup.key")
	if _, err := h.Choose(t.Context(), h.to(), Databases, "", time.Time{}); err == nil || town.Next(err) != "gt config unset backup.key" {
		t.Errorf("%v, next: %s", err, town.Next(err))
	}
	h.take(Databases)
	passed(1, "gt config unset backup.key")
	sealed := h.Destinations[0]
	h.Destinations[0] = plain
	passed(1, "gt config backup.key FILE")

	h.Destinations[0] = sealed
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	seal() // after the first one was lost
	all, err := h.Take(t.Context(), Databases, true)
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	if n := town.Next(all[0].Err); !strings.Contains(all[0].Err.Error(), "another key than those of "+file) || !strings.Contains(n, "add the key") || !strings.Contains(n, "gt config backup.to ") {
		t.Errorf("%v, next: %s", all[0].Err, n)
	}
}
