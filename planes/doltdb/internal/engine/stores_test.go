package engine

import (
	"os"
	"path/filepath"
	"testing"
)

// The engine finds settings that it can read, whatever was there before.
func TestSettings(t *testing.T) {
	t.Setenv("DOLT_ROOT_PATH", "")
	home := filepath.Join(t.TempDir(), "home")
	file := filepath.Join(home, ".dolt", "config_global.json")
	for _, before := range []string{"none", "", "{\"us", `{"user.name":"x"}`} {
		want := "{}"
		if before != "none" {
			if err := os.WriteFile(file, []byte(before), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if before == `{"user.name":"x"}` {
			want = before
		}
		if err := Settings(home); err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(file); err != nil || string(text) != want {
			t.Errorf("after %q: %q, %v", before, text, err)
		}
		if got := os.Getenv("DOLT_ROOT_PATH"); got != home {
			t.Errorf("the engine looks in %s", got)
		}
	}
}
