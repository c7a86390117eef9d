package host

import (
	"os"
	"path/filepath"
	"testing"

	"gastown/town/config"
	"gastown/town/layout"
)

// Files of credentials stay out of backups, wherever they are.
func TestCredentialsStayOutOfBackups(t *testing.T) {
	place := layout.Town{Root: t.TempDir()}
	cfg := config.New("alpha")
	if err := os.Mkdir(filepath.Join(place.Root, "config"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"age", "vault", "other"} {
		if err := os.WriteFile(filepath.Join(place.Root, "config", name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(place.Root, "key")
	if err := os.Symlink(filepath.Join(place.Root, "config", "age"), link); err != nil {
		t.Fatal(err)
	}
	cfg.Settings = map[string]string{"backup.key": link, "secrets.vault_credential_file": filepath.Join(place.Root, "config", "vault")}
	omit := (&Host{Layout: place, Config: cfg}).omitted()
	for rel, want := range map[string]bool{"config": false, "config/other": false, "config/age": true, "config/vault": true, "config/a.secret": true, "config/town.key": true} {
		if got := omit(rel); got != want {
			t.Errorf("%s: %v, want %v", rel, got, want)
		}
	}
}
