package plugin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"gastown/cmd/internal/term"
	"gastown/town"
	"gastown/town/integration"
	"gastown/town/plugin"
)

// given is an input that a person wrote.
type given struct {
	json.RawMessage
	as string
}

// PluginCall implements plugin.Named.
func (g given) PluginCall() string { return g.as }

// output is what run and test print.
type output struct {
	Plugin string `json:"plugin"`
	// Called says that the plugin was called; a test may only have checked it.
	Called bool        `json:"called"`
	Said   string      `json:"said,omitempty"`
	Output interface{} `json:"output,omitempty"`
}

// made makes the plugin for one call of this process, and closes it afterwards.
func (o *options) made(ctx context.Context, disabled bool, use func(e plugin.Entry, i *plugin.Instance) error) (err error) {
	h, set, types, err := o.open()
	if err != nil {
		return err
	}
	defer closing(ctx, &err, set.Close)
	_, e, err := o.entry(h, types)
	if err != nil {
		return err
	}
	if !e.Enabled && !disabled {
		return town.Fail("run the plugin "+e.Name, "gt plugin enable "+e.Name, "%w: it is disabled", town.ErrRefused)
	}
	i, err := set.Try(ctx, e)
	if err != nil {
		return err
	}
	defer closing(ctx, &err, i.Close)
	return use(e, i)
}

func (o *options) run(ctx context.Context) error {
	return o.made(ctx, false, func(e plugin.Entry, i *plugin.Instance) error { return o.callOnce(ctx, e, i) })
}

// callOnce calls a plugin as the flags say.
func (o *options) callOnce(ctx context.Context, e plugin.Entry, i *plugin.Instance) (err error) {
	as := i.CalledAs()
	if o.as != "" {
		if !i.Serves(o.as) {
			return town.Fail("run the plugin "+e.Name, "gt plugin show "+e.Name, "%w: it cannot be called as %q", town.ErrUsage, town.Clip(o.as, 40))
		}
		as = o.as
	}
	var input any = plugin.Tick{At: o.call.Now().UTC(), As: as}
	if o.input != "" {
		if !json.Valid([]byte(o.input)) {
			return town.Fail("run the plugin "+e.Name, `--input '{"summary":"hello"}'`, "%w: --input is not JSON", town.ErrUsage)
		}
		if input = (given{json.RawMessage(o.input), as}); as == plugin.Integration {
			input = json.RawMessage(o.input)
		}
	}
	if o.imports || o.dryRun || o.all || o.retry {
		if input, err = o.request(e); err != nil {
			return err
		}
	}
	out, err := i.Execute(ctx, input)
	if err != nil {
		return err
	}
	return o.tell(i, output{Plugin: e.Name, Called: true, Output: out})
}

// request is what an integration is asked for.
func (o *options) request(e plugin.Entry) (any, error) {
	if e.Type != plugin.Integration || o.input != "" {
		return nil, town.Fail("run the plugin "+e.Name, "gt plugin show "+e.Name, "%w: --import, --dry-run, --all and --retry are for integrations, without --input", town.ErrUsage)
	}
	r := integration.Request{DryRun: o.dryRun, All: o.all, Retry: o.retry}
	if o.imports {
		if r.Import = &o.query; o.all || o.retry {
			return nil, town.Fail("run the plugin "+e.Name, "gt plugin run "+e.Name+" --import QUERY", "%w: --import comes without --all and --retry", town.ErrUsage)
		}
	}
	return r, nil
}

// tell prints an output. What a critical health check found is an error, too.
func (o *options) tell(i *plugin.Instance, out output) error {
	var bad error
	if f, ok := out.Output.(plugin.Finding); ok {
		f, err := i.Clean(f)
		if err != nil {
			return err
		}
		if out.Output = f; f.State == plugin.Critical {
			bad = town.Fail("look at "+out.Plugin, f.Next, "it is critical: %s", f.Figure)
		}
	}
	return errors.Join(o.call.Show(out, func(p *term.Printer) {
		switch v := out.Output.(type) {
		case plugin.Finding:
			p.Styled(style(v.State), "%s", v.State)
			p.Line("%s", found(v))
			for _, d := range v.Details {
				p.Wrapped("", "", d)
			}
			if v.Next != "" {
				p.Line("next: %s", v.Next)
			}
		case nil:
			if out.Said != "" {
				p.Line("%s", out.Said)
			} else {
				p.Line("done: it has no output")
			}
		case fmt.Stringer:
			for line := range strings.Lines(v.String()) {
				p.Line("%s", i.Redact(strings.TrimRight(line, "\n")))
			}
		default:
			p.Text(i.Redact(text(v)))
		}
	}), bad)
}

// found is the finding of a health check in one line.
func found(f plugin.Finding) string {
	if f.Threshold == "" {
		return f.Figure
	}
	return f.Figure + " (" + f.Threshold + ")"
}

// text is an output for people: a text as it is, anything else as JSON.
func text(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	var s string
	if json.Unmarshal(data, &s) == nil {
		return s
	}
	var out bytes.Buffer
	if json.Indent(&out, data, "", "  ") != nil {
		return string(data)
	}
	return out.String()
}

func style(state string) term.Style {
	switch state {
	case plugin.Healthy:
		return term.Good
	case plugin.Warning:
		return term.Warn
	}
	return term.Bad
}

// test checks a plugin also when it is disabled, which does not call it then.
func (o *options) test(ctx context.Context) error {
	return o.made(ctx, true, func(e plugin.Entry, i *plugin.Instance) error { return o.prove(ctx, e, i) })
}

// prove says what is known to work of a plugin.
func (o *options) prove(ctx context.Context, e plugin.Entry, i *plugin.Instance) error {
	if !e.Enabled {
		return o.tell(i, output{Plugin: e.Name, Said: "its configuration and its secrets are right; it was not called, because it is disabled"})
	}
	said, can, err := i.Test(ctx)
	switch {
	case err != nil:
		return err
	case can:
		return o.tell(i, output{Plugin: e.Name, Called: true, Said: said})
	case i.CalledAs() == plugin.HealthCheck:
		out, err := i.Execute(ctx, plugin.Tick{At: o.call.Now().UTC(), As: plugin.HealthCheck})
		if err != nil {
			return err
		}
		return o.tell(i, output{Plugin: e.Name, Called: true, Output: out})
	}
	return o.tell(i, output{Plugin: e.Name, Said: "its configuration and its secrets are right; gt plugin run " + e.Name + " calls it"})
}
