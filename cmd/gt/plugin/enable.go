package plugin

import (
	"context"
	"errors"
	"path/filepath"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/term"
	"gastown/town"
	"gastown/town/plugin"
	"gastown/town/plugin/program"
)

// changed is what enable and disable print.
type changed struct {
	Plugin  string `json:"plugin"`
	Enabled bool   `json:"enabled"`
	// Digest pins the files of a plugin that is a directory.
	Digest string `json:"digest,omitempty"`
	// Fault is what else is wrong with the file.
	Fault string `json:"fault,omitempty"`
}

// changing has a person change the list of plugins, under its lock. op is what the person
// does, for errors.
func (o *options) changing(ctx context.Context, verb string, fn func(op string, h *host.Host, set *plugin.Set, types plugin.Types) error) (err error) {
	h, set, types, err := o.open()
	if err != nil {
		return err
	}
	defer closing(ctx, &err, set.Close)
	op := verb + " the plugin " + o.name
	if err := o.person(h, op); err != nil {
		return err
	}
	unlock, err := o.call.Lock(ctx, h.Layout, "plugins")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	return fn(op, h, set, types)
}

// disable disables a plugin, also in a file that has faults. The Deacon notices it within a
// second or two.
func (o *options) disable(ctx context.Context) error {
	return o.changing(ctx, "disable", func(op string, h *host.Host, _ *plugin.Set, types plugin.Types) error {
		list, err := plugin.Read(h.Layout.Plugins(), types)
		if err != nil && len(list.Text) == 0 {
			return err
		}
		text, fault, err := plugin.Disable(list.Text, types, o.name)
		if err != nil {
			return town.Fail(op, "write enabled: false for it in "+h.Layout.Plugins(), "%w", err)
		}
		if err := writeList(h, text); err != nil {
			return err
		}
		out := changed{Plugin: o.name}
		if fault != nil {
			out.Fault = town.Plain(fault.Error())
		}
		return o.call.Changed(out, func(p *term.Printer) {
			p.Line("%s is disabled", o.name)
			if out.Fault != "" {
				p.Line("the rest of the file is not in force before it is corrected: %s", out.Fault)
			}
		})
	})
}

// enable enables a plugin. The Deacon notices it within a second or two.
func (o *options) enable(ctx context.Context) error {
	return o.changing(ctx, "enable", func(op string, h *host.Host, set *plugin.Set, types plugin.Types) (err error) {
		list, e, err := o.entry(h, types)
		if err != nil {
			return err
		}
		out := changed{Plugin: e.Name, Enabled: true}
		var about offer
		if dir, ok := e.Config["directory"].(string); ok && filepath.IsLocal(dir) {
			b, err := program.ReadBundle(filepath.Join(h.Layout.Root, dir))
			if err != nil {
				return town.Fail(op, "correct its files, or install it again: gt plugin install", "%w", err)
			}
			about.From = dir
			about.of(b)
			out.Digest = b.Digest
		}
		text, err := plugin.SetEnabled(list.Text, types, e.Name, true, out.Digest)
		if err != nil {
			return town.Fail(op, "write it in "+h.Layout.Plugins(), "%w", err)
		}
		// What cannot work is said before it is written.
		now, err := plugin.Parse(text, types)
		if err != nil {
			return err
		}
		e, _ = now.Find(e.Name)
		i, err := set.Try(ctx, e)
		if err != nil {
			return town.Fail(op, "gt plugin test "+e.Name, "%w", err)
		}
		defer closing(ctx, &err, i.Close)
		if err := writeList(h, text); err != nil {
			return err
		}
		return o.call.Changed(out, func(p *term.Printer) {
			if about.Digest != "" {
				about.print(p)
			}
			p.Line("%s is enabled", e.Name)
		})
	})
}
