package autotune

import (
	"context"
	"strconv"
	"strings"
	"time"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/term"
	"gastown/planes/operational"
	"gastown/town/config"
	"gastown/town/noise"
	"gastown/town/tuning"
)

// status is what gt autotune status prints.
type status struct {
	Enabled  bool                 `json:"enabled"`
	Interval string               `json:"interval"`
	Scope    []string             `json:"scope"`
	Settings []setting            `json:"settings"`
	Changes  []operational.Tuning `json:"changes"`
}

// setting is one that may be tuned.
type setting struct {
	Key   string `json:"key"`
	Scope string `json:"scope"`
	// Value is the one that the Deacon uses, Source where it comes from.
	Value  string `json:"value"`
	Source string `json:"source"`
	Bounds string `json:"bounds"`
	// Tunable is false for a setting that a person made, and for one out of scope.
	Tunable bool `json:"tunable"`
}

// mostChanges is how many changes are printed; --json has all.
const mostChanges = 20

func (o *options) status(ctx context.Context) error {
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	out := status{Changes: []operational.Tuning{}}
	if out.Enabled, err = h.Config.Bool(enabledKey); err != nil {
		return err
	}
	interval, err := h.Config.Duration("autotune.interval")
	if err != nil {
		return err
	}
	out.Interval = interval.String()
	if out.Scope, err = h.Config.List("autotune.scope"); err != nil {
		return err
	}
	all, err := h.Tuned(ctx)
	if err != nil {
		return err
	}
	out.Changes = append(out.Changes, all...)
	if out.Settings, err = settingsOf(h.Config, out.Scope); err != nil {
		return err
	}
	return o.call.Show(out, func(p *term.Printer) { out.say(p) })
}

func settingsOf(cfg *config.Config, scope []string) (all []setting, err error) {
	seen := map[string]bool{}
	for _, k := range tuning.Knobs {
		if seen[k.Key] {
			continue // another direction
		}
		seen[k.Key] = true
		value, source, err := cfg.Get(k.Key)
		if err != nil {
			return nil, err
		}
		one := setting{Key: k.Key, Scope: k.Scope, Value: value, Source: string(source), Bounds: k.Bounds()}
		for _, s := range scope {
			one.Tunable = one.Tunable || s == k.Scope && source != config.SourceSet && source != config.SourceEnv
		}
		all = append(all, one)
	}
	return all, nil
}

func (s status) say(p *term.Printer) {
	if s.Enabled {
		p.Line("autotune is on: one change at a time of %s, each tried for %s", strings.Join(s.Scope, ", "), s.Interval)
	} else {
		p.Line("autotune is off: gt autotune enable")
	}
	p.Line("")
	var rows [][]string
	for _, k := range s.Settings {
		may := "no: a person set it"
		switch {
		case k.Tunable:
			may = "yes"
		case k.Source == string(config.SourceDefault), k.Source == string(config.SourceTuned):
			may = "no: not in autotune.scope"
		}
		rows = append(rows, []string{k.Key, k.Value, k.Source, k.Bounds, may})
	}
	p.Table([]string{"SETTING", "NOW", "FROM", "BOUNDS", "MAY CHANGE"}, rows)
	p.Line("")
	if len(s.Changes) == 0 {
		p.Line("Nothing was changed so far.")
		return
	}
	rows = nil
	for i := len(s.Changes) - 1; i >= 0 && len(rows) < mostChanges; i-- {
		c := s.Changes[i]
		rows = append(rows, []string{strconv.FormatInt(c.ID, 10), c.At.Format(time.DateTime), c.Setting, c.From, c.To, string(c.State), median(c.Before), median(c.Since), c.Why})
	}
	p.Table([]string{"NUMBER", "AT (UTC)", "SETTING", "FROM", "TO", "STATE", "BEFORE", "SINCE", "WHY"}, rows)
	if len(rows) < len(s.Changes) {
		p.Line("and %d earlier ones", len(s.Changes)-len(rows))
	}
}

func median(s noise.Summary) string {
	if s.N == 0 {
		return "-"
	}
	return strconv.FormatFloat(s.Median, 'g', 3, 64)
}
