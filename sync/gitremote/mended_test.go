package gitremote

import (
	"os"
	"path/filepath"
	"testing"
)

// The mirror can be derived again: a damaged one is rebuilt from the last verified
// state, and unpublished content can be pushed into it again.
func TestDamagedMirrorIsMadeAnew(t *testing.T) {
	url := bareRepo(t)
	a := openMirror(t, t.TempDir(), url)
	write(t, a, "one", "two")
	publish(t, a)
	for name, damage := range map[string]func(manifest string) error{
		"empty":     func(m string) error { return os.WriteFile(m, nil, 0o600) },
		"zeros":     func(m string) error { return os.WriteFile(m, make([]byte, 200), 0o600) },
		"cut short": func(m string) error { return os.Truncate(m, 60) },
		"too large": func(m string) error { return os.Truncate(m, maxManifest+1) },
		"a table is missing": func(m string) error {
			return os.Remove(filepath.Join(filepath.Dir(m), nameOf([]byte("two"))))
		},
		"a table is empty": func(m string) error {
			return os.Truncate(filepath.Join(filepath.Dir(m), nameOf([]byte("one"))), 0)
		},
	} {
		if err := damage(filepath.Join(a.Dir(), manifestName)); err != nil {
			t.Fatal(err)
		}
		m := openMirror(t, a.opts.Dir, url)
		if !m.Mended() {
			t.Errorf("%s: not noticed", name)
		}
		equal(t, read(t, m), "one", "two")
		if openMirror(t, a.opts.Dir, url).Mended() {
			t.Errorf("%s: made anew twice", name)
		}
	}
	m := openMirror(t, a.opts.Dir, url)
	write(t, m, "one", "two", "three")
	if m = openMirror(t, a.opts.Dir, url); m.Mended() {
		t.Error("a mirror that is ahead counts as damaged")
	}
	publish(t, m)

	// Before any state was verified, the rebuilt mirror is empty.
	b := openMirror(t, t.TempDir(), bareRepo(t))
	if err := os.WriteFile(filepath.Join(b.Dir(), manifestName), []byte("5:"), 0o600); err != nil {
		t.Fatal(err)
	}
	if b = openMirror(t, b.opts.Dir, b.opts.URL); !b.Mended() {
		t.Error("not noticed")
	}
	write(t, b, "one")
	publish(t, b)
}
