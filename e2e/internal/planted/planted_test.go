package planted

import (
	"encoding/base64"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// heard is a test that notes what it is told.
type heard struct {
	testing.TB
	errors int
}

func (h *heard) Helper()               {}
func (h *heard) Errorf(string, ...any) { h.errors++ }

// The search finds what is there, in each form and place.
func TestFinds(t *testing.T) {
	s := Secrets{"A": "one-Planted/7f+x", "B": "two-Planted/8g+y"}
	for _, text := range []string{s["A"], url.QueryEscape(s["A"]), base64.StdEncoding.EncodeToString([]byte(s["A"])), `"` + s["A"] + `"`} {
		if got := s.In("x " + text + " y"); !slices.Equal(got, []string{"A"}) {
			t.Errorf("%q: %q", text, got)
		}
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"a/b/c": "x" + s["B"], "mine": s["A"], "clean": "nothing"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h := &heard{TB: t}
	if read := s.Files(h, []string{filepath.Join(dir, "mine")}, dir); read != 2 || h.errors != 1 {
		t.Errorf("%d files read, %d secrets found", read, h.errors)
	}
}
