package secrets

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"gastown/deacon/control"
	"gastown/deacon/part"
	"gastown/town"
	"gastown/town/backup"
	"gastown/town/config"
	"gastown/town/plugin"
	"gastown/town/rig"
	"gastown/town/secrets"
	"gastown/town/secrets/backend"
	"gastown/town/secrets/vault"
)

// Asked is what a survey looks at.
type Asked struct {
	Config *config.Config
	// Plugins are those of deacon/plugins.yaml, Rigs the Town's rigs.
	Plugins []plugin.Entry
	Rigs    []rig.Settings
	// Secrets finds secrets.
	Secrets *secrets.Resolver
	// Getenv looks up variables that are used by their names.
	Getenv func(string) string
}

// Survey looks for every secret that the Town uses.
func Survey(ctx context.Context, a Asked) control.Secrets {
	out := control.Secrets{Uses: []control.SecretUse{}, Sources: []string{}}
	for _, s := range a.Secrets.Sources() {
		out.Sources = append(out.Sources, s.String())
	}
	add := func(u control.SecretUse) {
		if u.Missing() {
			out.Missing++
		}
		out.Uses = append(out.Uses, u)
	}
	for _, e := range a.Plugins {
		for _, name := range e.Secrets() {
			u := a.look(ctx, name, "the plugin "+e.Name)
			u.Off = !e.Enabled
			add(u)
		}
	}
	for _, r := range backend.References(a.Config) {
		add(a.look(ctx, r.Secret, "the setting "+r.Setting))
	}
	if name := part.Text(a.Config, "dolt.password_env"); name != "" && (part.Text(a.Config, "dolt.host") != "" || part.Text(a.Config, "dolt.listen") != "") {
		add(a.variable(name, "the setting dolt.password_env"))
	}
	places, _ := backup.ParseDestinations(part.Text(a.Config, "backup.to")) // a malformed value has none
	for _, place := range places {
		for _, s := range place.Secrets() {
			if s.When == "" {
				add(a.look(ctx, s.Name, "the backups at "+place.Name))
				continue
			}
			u := a.look(ctx, s.Name, "the backups at "+place.Name+" ("+s.When+")")
			u.Optional = true
			add(u)
		}
	}
	for _, r := range a.Rigs {
		if name := r.Pulls.TokenEnv; name != "" {
			add(a.variable(name, "pull requests of the rig "+r.Name))
		}
	}
	for _, s := range a.Secrets.Sources() {
		// Also where no secret is used: the next one would not be found.
		err := s.Check(ctx)
		if err != nil && out.Problem == "" {
			out.Problem, out.Next = town.Message(err), cmp.Or(town.Next(err), "gt deacon reload, when it can be asked again")
		}
		if v, ok := s.(*vault.Source); ok {
			state := v.State()
			out.Ends = state.Ends
			if err != nil { // Vault is the first that is asked
				out.Since = state.Since
			}
		}
	}
	return out
}

// look looks for a secret that a configuration refers to as ${NAME}.
func (a Asked) look(ctx context.Context, name, use string) control.SecretUse {
	u := control.SecretUse{Name: name, For: use}
	found, err := a.Secrets.Where(ctx, name)
	if err != nil {
		u.Reason, u.Next = town.Message(err), town.Next(err)
		if u.Next == "" {
			u.Next = "put " + name + " there, then: gt deacon reload"
		}
		return u
	}
	u.Found = found
	return u
}

// variable looks for a secret that is a variable of the environment and nothing else.
func (a Asked) variable(name, use string) control.SecretUse {
	u := control.SecretUse{Name: name, For: use}
	if a.Getenv != nil && strings.TrimSpace(a.Getenv(name)) != "" {
		u.Found = "the environment"
		return u
	}
	u.Reason = "there is no variable " + name + " in the environment, which is the only place for it"
	u.Next = "set it, then: gt deacon restart"
	return u
}

// missing are the names that nothing has, each once.
func missing(s control.Secrets) (names []string) {
	for _, u := range s.Uses {
		if u.Missing() {
			names = append(names, u.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
