package metrics

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/settings"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/durable"
	"gastown/town/layout"
	"gastown/town/series"
)

func (o *options) monitor(ctx context.Context) error {
	const key = "monitor." + performance
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	if err := h.Change(ctx, func(c *config.Config) error { return settings.Set(c, key, o.value) }); err != nil {
		return err
	}
	out, err := settings.Get(h.Config, key)
	if err != nil {
		return err
	}
	return o.call.Summary(out, func(p *term.Printer) { out.Say(p) })
}

func (o *options) rules(context.Context) error {
	t, err := o.call.FindTown()
	if err != nil {
		return err
	}
	if o.write {
		return o.writeRules(t)
	}
	text, err := series.ReadRules(t.Rules())
	if err != nil {
		return err
	}
	return o.call.Show(map[string]string{"rules": string(text)}, func(p *term.Printer) { p.Text(strings.TrimSuffix(string(text), "\n")) })
}

// writeRules puts the built-in rules where a person edits them.
func (o *options) writeRules(t layout.Town) error {
	path := t.Rules()
	if _, err := os.Lstat(path); err == nil {
		return town.Fail("write the rules", "edit it; gt monitor rules prints it", "%w: %s is there already", town.ErrRefused, path)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = durable.WriteFile(path, series.DefaultRules, 0o600)
	}
	if err != nil {
		return fmt.Errorf("write the rules: %w", err)
	}
	return shell.ErrAppliedUnprinted(o.call.Summary(map[string]string{"file": path}, func(p *term.Printer) {
		p.Line("the built-in rules are in %s now; the Deacon follows your changes there", path)
	}))
}
