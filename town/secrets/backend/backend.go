// Package backend makes the sources of secrets that a Town's settings name.
package backend

import (
	"context"
	"slices"
	"strings"
	"time"

	"gastown/town/config"
	"gastown/town/secrets"
	"gastown/town/secrets/vault"
)

// The words of the setting secrets.backend. Sources are asked in this order.
const (
	Vault       = "vault"
	Environment = "env"
	File        = "file"
)

// Options are what a Town's settings do not say.
type Options struct {
	Getenv func(string) string
	// File is the Town's file of secrets.
	File string
	// Tended says that the caller runs the Vault's Run.
	Tended bool
	Now    func() time.Time
}

// Open returns the sources in the order in which they are asked. v is the Vault among
// them; nil when there is none. It contacts nobody. Settings that cannot be used become a
// source that fails with the reason.
func Open(c *config.Config, o Options) (sources []secrets.Source, v *vault.Source) {
	words, err := c.List("secrets.backend")
	if err != nil {
		return []secrets.Source{broken{err}}, nil
	}
	if slices.Contains(words, Vault) {
		if v, err = vault.New(vaultOptions(c, o)); err != nil {
			sources = append(sources, broken{err})
		} else {
			sources = append(sources, v)
		}
	}
	if slices.Contains(words, Environment) {
		sources = append(sources, secrets.Environment(o.Getenv))
	}
	if slices.Contains(words, File) {
		sources = append(sources, secrets.File(o.File))
	}
	return sources, v
}

func vaultOptions(c *config.Config, o Options) vault.Options {
	text := func(key string) string {
		v, _, _ := c.Get(key) // its value was checked when the configuration was read
		return v
	}
	version, _ := c.Int("secrets.vault_kv")
	every, _ := c.Duration("secrets.vault_interval")
	out := vault.Options{
		Address: text("secrets.vault_addr"), Namespace: text("secrets.vault_namespace"), CAFile: text("secrets.vault_ca_file"),
		Path: text("secrets.vault_path"), KV: version, Every: every, Tended: o.Tended, Now: o.Now,
		Login: vault.Login{
			Method: text("secrets.vault_login"), Mount: text("secrets.vault_login_path"), Role: text("secrets.vault_role"),
			File: text("secrets.vault_credential_file"), Getenv: o.Getenv,
		},
	}
	for one := range strings.SplitSeq(text("secrets.vault_leased"), ",") {
		if one = strings.TrimSpace(one); one != "" {
			prefix, path, _ := strings.Cut(one, "=")
			out.Leased = append(out.Leased, vault.Leased{Prefix: strings.TrimSpace(prefix), Path: strings.TrimSpace(path)})
		}
	}
	return out
}

// Same reports whether two configurations have the same sources.
func Same(a, b *config.Config) bool {
	for _, k := range config.Keys() {
		if !strings.HasPrefix(k.Name, "secrets.") {
			continue
		}
		before, _, _ := a.Get(k.Name)
		if now, _, _ := b.Get(k.Name); now != before {
			return false
		}
	}
	return true
}

// Reference is a secret to which a setting refers as ${NAME}.
type Reference struct{ Setting, Secret string }

// References are those of all settings, in the order of the table of settings.
func References(c *config.Config) (all []Reference) {
	for _, k := range config.Keys() {
		if k.Type != config.TypeString {
			continue
		}
		value, _, _ := c.Get(k.Name)
		names, _ := secrets.Names(value) // a value that is malformed refers to nothing
		for _, name := range names {
			all = append(all, Reference{k.Name, name})
		}
	}
	return all
}

// broken is a source that cannot be used.
type broken struct{ err error }

func (broken) String() string { return "the backend of the settings" }

func (b broken) Lookup(context.Context, string) (string, bool, error) { return "", false, b.err }

func (b broken) Check(context.Context) error { return b.err }

// Hidden are the variables of the environment whose values no program may see that the
// Town starts: credentials for Vault.
func Hidden() []string { return vault.Credentials }
