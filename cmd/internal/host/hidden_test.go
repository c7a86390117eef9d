package host

import (
	"slices"
	"testing"

	"gastown/cmd/internal/shell"
	"gastown/town/config"
	"gastown/town/layout"
)

// What the configuration refers to is kept from programs, but never what git and ssh cannot do
// without.
func TestHidden(t *testing.T) {
	place := layout.Town{Root: t.TempDir()}
	cfg := config.New("alpha")
	cfg.Settings = map[string]string{
		"backup.to":              "disk=/mnt/disk s3://bucket/town?region=eu-central-1",
		"deacon.dashboard_token": "${DASHBOARD}${HOME}${PATH}${SSH_AUTH_SOCK}${GIT_ASKPASS}${XDG_CONFIG_HOME}${https_proxy}${LANG}",
	}
	h := &Host{Layout: place, Config: cfg, call: &shell.Call{Name: "gt test", Invocation: &shell.Invocation{}}}
	hidden := h.Hidden()
	slices.Sort(hidden)
	want := []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "DASHBOARD", "GT_VAULT_SECRET_ID", "GT_VAULT_TOKEN", "VAULT_TOKEN"}
	if !slices.Equal(hidden, want) {
		t.Errorf("hidden are %q, want %q", hidden, want)
	}
}
