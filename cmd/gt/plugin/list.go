package plugin

import (
	"context"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"gastown/cmd/internal/term"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/plugin"
)

// shown is one plugin as list and show print it.
type shown struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Enabled bool   `json:"enabled"`
	// Ready says that it can be called; Reason is why not.
	Ready    bool   `json:"ready"`
	Reason   string `json:"reason,omitempty"`
	Schedule string `json:"schedule,omitempty"`
	// State and Figure are what a health check found last.
	State  string `json:"state,omitempty"`
	Figure string `json:"figure,omitempty"`
	// Last is the last call by schedule, with how it ended.
	Last    *time.Time             `json:"last,omitempty"`
	Outcome string                 `json:"outcome,omitempty"`
	Error   string                 `json:"error,omitempty"`
	Timeout string                 `json:"timeout,omitempty"`
	AtOnce  int                    `json:"at_once,omitempty"`
	Config  map[string]interface{} `json:"config,omitempty"`
}

// read reads the file, what this call would make of it, and what the Deacon noted.
func (o *options) read(ctx context.Context) (all []shown, err error) {
	h, set, _, err := o.open()
	if err != nil {
		return nil, err
	}
	defer closing(ctx, &err, set.Close)
	if err := set.Load(ctx); err != nil {
		return nil, err
	}
	runs, checks := map[string]operational.JobRun{}, map[string]operational.CheckState{}
	states := set.States()
	if len(states) > 0 {
		err = h.Rows(ctx, func(s *operational.Store) error {
			jobs, err := s.JobRuns(ctx)
			if err != nil {
				return err
			}
			for _, j := range jobs {
				runs[j.Job] = j
			}
			found, err := s.CheckStates(ctx)
			for _, c := range found {
				checks[c.Name] = c
			}
			return err
		})
	}
	for _, s := range states {
		one := shown{Name: s.Entry.Name, Type: s.Entry.Type, Enabled: s.Entry.Enabled, Ready: s.Ready, Reason: town.Plain(s.Reason),
			Timeout: s.Entry.Timeout.String(), AtOnce: s.Entry.AtOnce, Config: s.Entry.Config}
		if i, ok := set.Plugin(one.Name); ok {
			if t, ok := i.Plugin().(plugin.Timed); ok {
				one.Schedule = t.Schedule()
			}
		}
		if c, ok := checks[plugin.CheckName(one.Name)]; ok && one.Enabled {
			one.State, one.Figure = c.State, c.Figure
		}
		if r, ok := runs["plugin:"+one.Name]; ok {
			one.Last, one.Outcome, one.Error = &r.Began, r.Outcome, town.Plain(r.Error)
		}
		all = append(all, one)
	}
	return all, err
}

func (o *options) list(ctx context.Context) error {
	all, err := o.read(ctx)
	if err != nil {
		return err
	}
	for i := range all {
		all[i].Config, all[i].Timeout, all[i].AtOnce = nil, "", 0
	}
	if all == nil {
		all = []shown{}
	}
	return o.call.Show(all, func(p *term.Printer) {
		if len(all) == 0 {
			p.Line("no plugins: deacon/plugins.yaml lists them, see gt plugin --help")
			return
		}
		var rows [][]string
		for _, s := range all {
			last := ""
			if s.Last != nil {
				last = o.call.Ago(*s.Last) + " " + s.Outcome
			}
			rows = append(rows, []string{s.Name, s.Type, s.standing(), strings.TrimSpace(s.State + " " + s.Figure), last})
		}
		p.Table([]string{"PLUGIN", "TYPE", "STATE", "FOUND", "LAST"}, rows)
		for _, s := range all {
			if s.Reason != "" {
				p.Wrapped(term.Warn, "", s.Reason)
			}
		}
	})
}

func (s shown) standing() string {
	switch {
	case !s.Enabled:
		return "disabled"
	case !s.Ready:
		return "not ready"
	}
	return "enabled"
}

func (o *options) show(ctx context.Context) error {
	all, err := o.read(ctx)
	if err != nil {
		return err
	}
	var one *shown
	var f plugin.File
	for i := range all {
		f.Entries = append(f.Entries, plugin.Entry{Name: all[i].Name})
		if all[i].Name == o.name {
			one = &all[i]
		}
	}
	if one == nil {
		return plugin.Unknown(f, o.name)
	}
	config, err := yaml.Marshal(one.Config)
	if err != nil {
		return err
	}
	return o.call.Show(one, func(p *term.Printer) {
		p.Line("%s: %s, %s", one.Name, one.Type, one.standing())
		if one.Reason != "" {
			p.Wrapped(term.Warn, "", one.Reason)
		}
		p.Line("timeout %s, %d at once", one.Timeout, one.AtOnce)
		if one.Schedule != "" {
			p.Line("called %s", one.Schedule)
		}
		if one.State != "" {
			p.Line("found: %s %s", one.State, one.Figure)
		}
		if one.Last != nil {
			p.Line("last call %s: %s %s", o.call.Ago(*one.Last), one.Outcome, one.Error)
		}
		if len(one.Config) > 0 {
			p.Line("config:")
			p.Body("  ", string(config))
		}
	})
}
