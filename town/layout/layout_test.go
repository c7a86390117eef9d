package layout_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gastown/town"
	"gastown/town/layout"
)

func TestFindLooksUpwards(t *testing.T) {
	root := t.TempDir()
	deep := filepath.Join(root, "rigs", "gastown", "src")
	if err := os.MkdirAll(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := layout.Find(deep); !errors.Is(err, town.ErrUsage) || town.Next(err) == "" {
		t.Errorf("no Town above: %v", err)
	}
	here := layout.Town{Root: root}
	if err := os.MkdirAll(filepath.Dir(here.Config()), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(here.Config(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := layout.Find(deep)
	if err != nil || got != here {
		t.Errorf("found %v, %v", got, err)
	}
}

func TestEveryPathIsInTheTown(t *testing.T) {
	here := layout.Town{Root: "/towns/a"}
	private := here.Private() + "/"
	for _, p := range []string{here.Data(layout.Ledger), here.Index(), here.Lock("x"), here.Remote("origin"), here.Retired()} {
		if !strings.HasPrefix(p, private) {
			t.Errorf("%s is not below %s", p, private)
		}
	}
	for _, p := range []string{here.Config(), here.Access(), here.Files()} {
		if !strings.HasPrefix(p, here.Root+"/") || strings.HasPrefix(p, private) {
			t.Errorf("%s is not among what people see", p)
		}
	}
}
