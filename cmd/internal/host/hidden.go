package host

import (
	"slices"
	"strings"

	"github.com/sirupsen/logrus"

	"gastown/deacon/invocation"
	"gastown/town/backup"
	"gastown/town/plugin"
	"gastown/town/secrets/backend"
)

// Hidden are the variables that the Deacon keeps from the programs it starts, git above
// all: credentials for Vault, and the secrets that the configuration refers to at its
// start. Variables that something in the Town uses by their names are not among them, and
// neither are those that every program needs, such as HOME, also if the configuration refers
// to one.
func (h *Host) Hidden() []string {
	var names []string
	if types, err := h.PluginTypes(logrus.StandardLogger(), ""); err == nil {
		file, _ := plugin.Read(h.Layout.Plugins(), types) // one with mistakes has no plugins in force
		for _, e := range file.Entries {
			names = append(names, e.Secrets()...)
		}
	}
	for _, r := range backend.References(h.Config) {
		names = append(names, r.Secret)
	}
	if places, err := backup.ParseDestinations(text(h.Config, "backup.to")); err == nil {
		for _, p := range places {
			for _, s := range p.Secrets() {
				names = append(names, s.Name)
			}
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
	names = slices.DeleteFunc(names, func(n string) bool { return slices.Contains(needed, n) || ordinary(n) })
	return append(names, backend.Hidden()...)
}

// ordinaryPrefixes begin variables that programs, git above all, need as they are.
var ordinaryPrefixes = []string{"GIT_", "SSH_", "XDG_", "LC_", "DBUS_", "GPG_", "SSL_CERT_"}

// ordinaryNames are others, besides kept and invocation.Shown. Those of proxies count in any case.
var ordinaryNames = []string{"HOSTNAME", "LANGUAGE", "CURL_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"}

// ordinary reports whether a variable is one that programs need, whoever refers to it.
func ordinary(name string) bool {
	return slices.Contains(kept, name) || slices.Contains(invocation.Shown, name) || slices.Contains(ordinaryNames, strings.ToUpper(name)) ||
		slices.ContainsFunc(ordinaryPrefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}
