package plugin

import (
	"context"
	"errors"
	"path/filepath"

	"gastown/cmd/internal/term"
	"gastown/town"
	"gastown/town/plugin"
	"gastown/town/plugin/program"
)

func (o *options) enable(ctx context.Context) error  { return o.set(ctx, true) }
func (o *options) disable(ctx context.Context) error { return o.set(ctx, false) }

// changed is what enable and disable print.
type changed struct {
	Plugin  string `json:"plugin"`
	Enabled bool   `json:"enabled"`
	// Digest pins the files of a plugin that is a directory.
	Digest string `json:"digest,omitempty"`
}

// set enables or disables a plugin. The Deacon notices it within a second or two.
func (o *options) set(ctx context.Context, enabled bool) (err error) {
	h, set, types, err := o.open()
	if err != nil {
		return err
	}
	defer closing(ctx, &err, set.Close)
	op := "disable the plugin " + o.name
	if enabled {
		op = "enable the plugin " + o.name
	}
	if err := o.person(h, op); err != nil {
		return err
	}
	unlock, err := o.call.Lock(ctx, h.Layout, "plugins")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	list, e, err := o.entry(h, types)
	if err != nil {
		return err
	}
	out := changed{Plugin: e.Name, Enabled: enabled}
	var about offer
	if dir, ok := e.Config["directory"].(string); ok && enabled && filepath.IsLocal(dir) {
		b, err := program.ReadBundle(filepath.Join(h.Layout.Root, dir))
		if err != nil {
			return town.Fail(op, "correct its files, or install it again: gt plugin install", "%w", err)
		}
		about.From = dir
		about.of(b)
		out.Digest = b.Digest
	}
	text, err := plugin.SetEnabled(list.Text, types, e.Name, enabled, out.Digest)
	if err != nil {
		return town.Fail(op, "write it in "+h.Layout.Plugins(), "%w", err)
	}
	if enabled {
		// What cannot work is said before it is written.
		changed, err := plugin.Parse(text, types)
		if err != nil {
			return err
		}
		now, _ := changed.Find(e.Name)
		i, err := set.Try(ctx, now)
		if err != nil {
			return town.Fail(op, "gt plugin test "+e.Name, "%w", err)
		}
		defer closing(ctx, &err, i.Close)
	}
	if err := writeList(h, text); err != nil {
		return err
	}
	return o.call.Changed(out, func(p *term.Printer) {
		if about.Digest != "" {
			about.print(p)
		}
		if enabled {
			p.Line("%s is enabled", e.Name)
		} else {
			p.Line("%s is disabled", e.Name)
		}
	})
}
