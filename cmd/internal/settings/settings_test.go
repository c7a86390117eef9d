package settings

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gastown/town"
	"gastown/town/config"
)

// module is the path from here to the root of this module.
const module = "../../.."

// A setting is either read by the program or marked as not in force. The mark must
// be removed when code begins to read it.
func TestEverySettingIsReadOrMarked(t *testing.T) {
	var code strings.Builder
	err := filepath.WalkDir(module, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(module, path)
		switch {
		case err != nil:
			return err
		case d.IsDir() && (rel == "e2e" || rel == filepath.Join("town", "config") || strings.HasPrefix(d.Name(), ".") && rel != "."):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		code.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range config.Keys() {
		if !strings.Contains(code.String(), `"`+k.Name+`"`) {
			t.Errorf("%s: nothing in the program reads it", k.Name)
		}
	}
}

func TestSetEverySetting(t *testing.T) {
	for _, k := range config.Keys() {
		c := config.New("alpha")
		value := k.Default
		if value == "" {
			value = "x"
		}
		if err := Set(c, k.Name, value); err != nil {
			t.Errorf("%s: %v", k.Name, err)
		}
		s, err := Get(c, k.Name)
		if err != nil || s.Value != value || s.Restart != k.Restart {
			t.Errorf("%+v, %v", s, err)
		}
	}
	if err := Set(config.New("alpha"), "autotune.interval", "many"); !errors.Is(err, town.ErrUsage) {
		t.Errorf("an invalid value: %v", err)
	}
}
