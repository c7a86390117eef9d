package gitcmd

import (
	"os"
	"path/filepath"
	"testing"
)

// A process that was killed while it made the repository does not prevent the next
// one from making it, whatever the directory's name is.
func TestInitAfterAKill(t *testing.T) {
	for _, name := range []string{"plain", "with [a] pattern*"} {
		dir := filepath.Join(t.TempDir(), name)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, left := range []string{"HEAD.lock", "config.lock"} {
			if err := os.WriteFile(filepath.Join(dir, left), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := Init(dir, Options{Env: here()}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if left, _ := os.ReadDir(dir); len(left) != 4 { // HEAD, config, objects, refs
			t.Errorf("%s: %v", name, left)
		}
	}
}
