package host

import (
	"slices"

	"github.com/sirupsen/logrus"

	"gastown/town/config"
	"gastown/town/plugin"
	"gastown/town/secrets"
	"gastown/town/secrets/backend"
)

// Hidden are the variables that the Deacon keeps from the programs it starts, git above
// all: credentials for Vault, and the secrets that the configuration refers to at its
// start. Variables that something in the Town uses by their names are not among them.
func (h *Host) Hidden() []string {
	var names []string
	if types, err := h.PluginTypes(logrus.StandardLogger(), ""); err == nil {
		file, _ := plugin.Read(h.Layout.Plugins(), types) // one with mistakes has no plugins in force
		for _, e := range file.Entries {
			names = append(names, e.Secrets()...)
		}
	}
	for _, k := range config.Keys() {
		if k.Type == config.TypeString {
			of, _ := secrets.Names(text(h.Config, k.Name))
			names = append(names, of...)
		}
	}
	needed := append([]string{tokenEnv, tokenHostEnv, text(h.Config, "dolt.password_env")}, tokenEnvs...)
	if rigs, err := h.Rigs().Load(); err == nil {
		for _, r := range rigs {
			needed = append(needed, r.Pulls.TokenEnv)
		}
	}
	if presets, err := h.Presets(); err == nil {
		for _, p := range presets {
			needed = append(needed, p.Pass...)
		}
	}
	names = slices.DeleteFunc(names, func(n string) bool { return slices.Contains(needed, n) })
	return append(names, backend.Hidden()...)
}
