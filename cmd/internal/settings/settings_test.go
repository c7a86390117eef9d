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
		if read := strings.Contains(code.String(), `"`+k.Name+`"`); read == k.NotInForce {
			t.Errorf("%s: read by the program: %v, marked as not in force: %v", k.Name, read, k.NotInForce)
		}
	}
}

func TestSetRefusesWhatIsNotInForce(t *testing.T) {
	for _, k := range config.Keys() {
		c := config.New("alpha")
		value := k.Default
		if value == "" {
			value = "x"
		}
		err := Set(c, k.Name, value)
		if k.NotInForce != errors.Is(err, town.ErrRefused) || !k.NotInForce && err != nil {
			t.Errorf("%s: %v", k.Name, err)
		}
		s, err := Get(c, k.Name)
		if err != nil || s.InForce == k.NotInForce || s.Restart != k.Restart {
			t.Errorf("%+v, %v", s, err)
		}
	}
	if err := Set(config.New("alpha"), "autotune.interval", "many"); !errors.Is(err, town.ErrUsage) {
		t.Errorf("an invalid value of a setting that is not in force: %v", err)
	}
}
