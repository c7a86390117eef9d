package config

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gastown/cmd/bd/internal/session"
	"gastown/cmd/internal/settings"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/config"
)

// Settings that the Town does not have are stored in the ledger. Those of the public
// bd that mean nothing here are kept and given back.

// ledgerHelp says what settings of the ledger mean here; the others mean nothing.
var ledgerHelp = map[string]string{
	ledger.CustomStatuses: "Statuses beside the usual ones, separated by commas",
	ledger.CustomTypes:    "Types beside the usual ones, separated by commas",
}

// plain are settings of the public bd without a dot in their names.
var plain = []string{"json", "no-db", "no-daemon", "no-auto-flush", "no-auto-import", "no-push", "no-git-ops", "db", "identity", "sync-branch", "auto-start-daemon"}

// inLedger reports whether a name is a setting of the ledger. A name in a group of the
// Town's settings that the Town does not have is misspelt, and so is in neither.
func inLedger(name string) bool {
	if slices.Contains(settings.Names(), name) {
		return false
	}
	space, _, dotted := strings.Cut(name, ".")
	if !dotted {
		return slices.Contains(plain, name)
	}
	// These groups have names in both programs.
	shared := []string{"dolt", "federation", "agent", "status", "types"}
	return slices.Contains(shared, space) || !slices.ContainsFunc(config.Keys(), func(k config.Key) bool { return strings.HasPrefix(k.Name, space+".") })
}

// stored returns the ledger's settings without the pairs of bd kv, in their order.
func (o *configOptions) stored(ctx context.Context) (list []ledger.Setting, err error) {
	err = session.Use(ctx, o.call, func(l *session.Ledger) error {
		list, err = l.Settings(ctx, "")
		return err
	})
	return slices.DeleteFunc(list, func(s ledger.Setting) bool { return strings.HasPrefix(s.Name, ledger.KeyValues) }), err
}

func (o *configOptions) getStored(ctx context.Context) error {
	out := ledger.Setting{Name: o.key}
	err := session.Use(ctx, o.call, func(l *session.Ledger) (err error) {
		out.Value, _, err = l.Setting(ctx, o.key)
		return err
	})
	if err != nil {
		return session.Fail("get "+town.Clip(o.key, 80), err)
	}
	return o.call.Show(out, func(p *term.Printer) {
		if out.Value == "" {
			p.Line("%s (not set)", out.Name)
			return
		}
		p.Line("%s", out.Value)
	})
}

// store stores settings of the ledger and prints result.
func (o *configOptions) store(ctx context.Context, list []ledger.Setting, result any) error {
	names := make([]string, len(list))
	for i, s := range list {
		names[i] = s.Name
	}
	err := session.Use(ctx, o.call, func(l *session.Ledger) error { return l.SetSettings(ctx, list...) })
	if err != nil {
		return session.Fail("set "+session.Names(names), err)
	}
	return o.call.Changed(result, func(p *term.Printer) {
		for _, s := range list {
			p.Line("%s is %s", s.Name, s.Value)
		}
	})
}

func (o *configOptions) setStored(ctx context.Context) error {
	s := ledger.Setting{Name: o.key, Value: o.value}
	return o.store(ctx, []ledger.Setting{s}, s)
}

func (o *configOptions) setMany(ctx context.Context) error {
	const op = "set settings"
	var list []ledger.Setting
	for _, pair := range o.pairs {
		name, value, ok := strings.Cut(pair, "=")
		switch {
		case !ok || name == "":
			return session.Fail(op, fmt.Errorf("%w: %q is not KEY=VALUE", town.ErrUsage, town.Clip(pair, 80)))
		case !inLedger(name):
			return town.Fail(op, "bd config set "+town.Clip(name, 80)+" VALUE", "%w: %s is no setting of the ledger", town.ErrUsage, town.Clip(name, 80))
		}
		list = append(list, ledger.Setting{Name: name, Value: value})
	}
	return o.store(ctx, list, list)
}

func (o *configOptions) unsetStored(ctx context.Context) error {
	err := session.Use(ctx, o.call, func(l *session.Ledger) error {
		_, err := l.DeleteSetting(ctx, o.key)
		return err
	})
	if err != nil {
		return session.Fail("unset "+town.Clip(o.key, 80), err)
	}
	return o.call.Changed(struct {
		Key string `json:"key"`
	}{o.key}, func(p *term.Printer) { p.Line("%s is not set", o.key) })
}
