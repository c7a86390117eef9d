package front

import (
	"os"
	"path/filepath"
	"testing"

	"gastown/town/layout"
)

// The front repeats three paths of town/layout, which it cannot link.
func TestPathsAreTheLayouts(t *testing.T) {
	town := layout.Town{Root: "/town"}
	if got := filepath.Join("/town", townConfig); got != town.Config() {
		t.Errorf("%s, want %s", got, town.Config())
	}
	if got := filepath.Join("/town", deaconLock); got != town.DeaconLock() {
		t.Errorf("%s, want %s", got, town.DeaconLock())
	}
	if got := filepath.Join("/town", commandSocket); got != town.CommandSocket() {
		t.Errorf("%s, want %s", got, town.CommandSocket())
	}
}

func TestFindTown(t *testing.T) {
	root := t.TempDir()
	for _, town := range []string{"a", "b", "a/inner"} {
		if err := os.MkdirAll(filepath.Join(root, town, "config"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, town, townConfig), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(root, "a", "sub", "deep"), 0o700); err != nil {
		t.Fatal(err)
	}
	a, b := filepath.Join(root, "a"), filepath.Join(root, "b")
	for _, c := range []struct {
		dir  string
		args []string
		env  string
		want string
	}{
		{a, nil, "", a},
		{filepath.Join(a, "sub", "deep"), []string{"list"}, "", a},
		{filepath.Join(a, "inner"), nil, "", filepath.Join(a, "inner")},
		{root, nil, "", ""},
		{a, []string{"--town", b, "list"}, "", b},
		{a, []string{"list", "--town=../b"}, "", b},
		{a, []string{"list", "--town", "../b/"}, a, b},
		{root, nil, "b", b},
		{a, []string{"--", "--town", b}, "", a},
		{a, []string{"--town"}, "", a},
		{a, []string{"--town", filepath.Join(root, "none")}, "", ""},
	} {
		got, ok := place{"gt", c.dir, c.args, environment(map[string]string{"GT_ROOT": c.env})}.town()
		if !ok {
			got = ""
		}
		if got != c.want {
			t.Errorf("in %s with %q and %q: %q, want %q", c.dir, c.args, c.env, got, c.want)
		}
	}
}

func environment(values map[string]string) func(string) string {
	return func(name string) string { return values[name] }
}

// bd knows more ways to name a Town: as the engine, which decides.
func TestFindTownOfBd(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"a/config", "a/.beads", "b/config", "b/rig/deep", "none"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, town := range []string{"a", "b"} {
		if err := os.WriteFile(filepath.Join(root, town, townConfig), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a, b := filepath.Join(root, "a"), filepath.Join(root, "b")
	for _, c := range []struct {
		dir  string
		args []string
		env  map[string]string
		want string
	}{
		{root, []string{"-C", "b/rig/deep", "list"}, nil, b},
		{root, []string{"-Ca", "list"}, nil, a},
		{root, []string{"list", "--directory=b"}, map[string]string{"GT_ROOT": a}, b},
		{a, []string{"-C", "../none", "list"}, map[string]string{"GT_ROOT": a}, ""},
		{root, []string{"--db", "a/.beads/beads.db", "list"}, map[string]string{"GT_ROOT": b}, a},
		{root, []string{"-C", "b", "--db=../a"}, nil, a},
		{root, []string{"--town", "b", "--db", "a"}, nil, b},
		{root, nil, map[string]string{"BEADS_DIR": filepath.Join(a, ".beads")}, a},
		{b, nil, map[string]string{"BEADS_DIR": a}, a},
		{b, nil, map[string]string{"BEADS_DB": filepath.Join(a, ".beads", "beads.db")}, a},
		{root, nil, map[string]string{"BEADS_DB": b, "BEADS_DIR": a}, a},
		{root, nil, map[string]string{"BEADS_DIR": a, "GT_ROOT": b}, b},
		{b, nil, map[string]string{"BEADS_DIR": filepath.Join(root, "none")}, ""},
		{a, []string{"--", "-C", b}, nil, a},
	} {
		got, ok := place{"bd", c.dir, c.args, environment(c.env)}.town()
		if !ok {
			got = ""
		}
		if got != c.want {
			t.Errorf("in %s with %q and %v: %q, want %q", c.dir, c.args, c.env, got, c.want)
		}
	}
}

// What names a descriptor of the caller means nothing in another process.
func TestOwnDescriptors(t *testing.T) {
	for arg, own := range map[string]bool{
		"/dev/fd/63": true, "--file=/dev/stdin": true, "/proc/self/fd/0": true, "--completion-bash": true,
		"-": false, "show": false, "--title=see /dev/null": false, "dev/fd": false,
	} {
		if got := ownDescriptors([]string{"create", arg}); got != own {
			t.Errorf("%q: %v, want %v", arg, got, own)
		}
	}
}
