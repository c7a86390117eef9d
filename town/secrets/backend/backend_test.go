package backend_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gastown/town"
	"gastown/town/config"
	"gastown/town/secrets"
	"gastown/town/secrets/backend"
	"gastown/town/secrets/vaulttest"
)

// The variables of the documents choose the sources; settings do when there are none.
func TestOpen(t *testing.T) {
	v := vaulttest.New(t)
	v.Put("secret/gastown", map[string]any{"A": "of the vault"})
	file := filepath.Join(t.TempDir(), "secrets.env")
	if err := os.WriteFile(file, []byte("A=of the file\nB=of the file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		vars, settings map[string]string
		a, b           string // values, or what the error says after a !
	}{
		"default":      {nil, nil, "of the environment", "of the file"},
		"env":          {map[string]string{"GT_SECRETS_BACKEND": "env"}, nil, "of the environment", "!the environment"},
		"file":         {map[string]string{"GT_SECRETS_BACKEND": "file"}, nil, "of the file", "of the file"},
		"vault":        {map[string]string{"GT_SECRETS_BACKEND": "vault", "GT_VAULT_ADDR": v.URL}, nil, "of the vault", "!secret/gastown"},
		"vault, file":  {nil, map[string]string{"secrets.backend": "file,vault", "secrets.vault_addr": v.URL}, "of the vault", "of the file"},
		"no address":   {map[string]string{"GT_SECRETS_BACKEND": "vault,env"}, nil, "!address is not known", "!address is not known"},
		"leased wrong": {nil, map[string]string{"secrets.backend": "vault", "secrets.vault_addr": v.URL, "secrets.vault_leased": "x"}, "!PREFIX=PATH", "!PREFIX=PATH"},
	} {
		t.Run(name, func(t *testing.T) {
			getenv := func(n string) string {
				if v := c.vars[n]; v != "" {
					return v
				}
				return map[string]string{"A": "of the environment", "VAULT_TOKEN": vaulttest.RootToken}[n]
			}
			cfg := config.New("harbour").In(getenv)
			for key, value := range c.settings {
				if _, err := cfg.Set(key, value); err != nil {
					t.Fatal(err)
				}
			}
			sources, at := backend.Open(cfg, backend.Options{Getenv: getenv, File: file, Now: v.Now})
			r := secrets.New(sources...)
			for name, want := range map[string]string{"A": c.a, "B": c.b} {
				got, err := r.Lookup(t.Context(), name)
				if reason, fails := strings.CutPrefix(want, "!"); fails {
					if err == nil || !strings.Contains(err.Error(), reason) {
						t.Errorf("%s: %q, %v; want %s", name, got, err, want)
					}
					if strings.Contains(want, "=") || strings.Contains(want, "address") {
						if at != nil || town.Next(err) == "" {
							t.Errorf("%s: %v has no next step", name, err)
						}
					}
				} else if err != nil || got != want {
					t.Errorf("%s: %q, %v; want %q", name, got, err, want)
				}
			}
		})
	}
}

func TestSame(t *testing.T) {
	a, b := config.New("a"), config.New("b")
	if !backend.Same(a, b) {
		t.Error("no setting differs")
	}
	for _, k := range config.Keys() {
		if strings.HasPrefix(k.Name, "secrets.") && k.Type == config.TypeString {
			if _, err := b.Set(k.Name, "another"); err != nil {
				t.Fatal(err)
			}
			if backend.Same(a, b) {
				t.Errorf("%s makes no difference", k.Name)
			}
			delete(b.Settings, k.Name)
		}
	}
}

// The credentials are those of the documentation.
func TestHidden(t *testing.T) {
	if !slices.Equal(backend.Hidden(), []string{"GT_VAULT_TOKEN", "VAULT_TOKEN", "GT_VAULT_SECRET_ID"}) {
		t.Errorf("%q", backend.Hidden())
	}
}
