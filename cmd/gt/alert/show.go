package alert

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"gastown/cmd/internal/term"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/alert"
)

// listed is an alert as the commands print it.
type listed struct {
	operational.Alert
	// Silenced are the ids of the silences that keep it from being sent.
	Silenced []string `json:"silenced,omitempty"`
}

// found is what gt alert list prints.
type found struct {
	Alerts   []listed              `json:"alerts"`
	Silences []operational.Silence `json:"silences"`
}

// read reads alerts, with those that ended if all is set, and silences.
func (o *options) read(ctx context.Context, ended bool) (f found, err error) {
	now := o.call.Now()
	f = found{Alerts: []listed{}, Silences: []operational.Silence{}}
	err = o.with(ctx, func(s *operational.Store) error {
		since := time.Time{}
		if ended {
			since = now.Add(-operational.AlertsKept)
		}
		alerts, err := s.Alerts(ctx, since)
		if err != nil {
			return err
		}
		silences, err := s.Silences(ctx, now)
		f.Silences = append(f.Silences, silences...)
		for _, a := range alerts {
			l := listed{Alert: a}
			if a.Fires() {
				for _, by := range alert.Silenced(a, silences, now) {
					l.Silenced = append(l.Silenced, by.ID)
				}
			}
			f.Alerts = append(f.Alerts, l)
		}
		return err
	})
	return f, err
}

func (o *options) list(ctx context.Context) error {
	f, err := o.read(ctx, o.all)
	if err != nil {
		return err
	}
	return o.call.Show(f, func(p *term.Printer) {
		if len(f.Alerts) == 0 {
			p.Line("no alert fires")
		} else {
			var rows [][]string
			for _, a := range f.Alerts {
				rows = append(rows, []string{short(a.Fingerprint), string(a.Severity), o.state(a), o.call.Ago(a.Since), town.Visible(a.Name), labels(a.Labels), town.Visible(a.Summary)})
			}
			p.Table([]string{"ID", "SEVERITY", "STATE", "SINCE", "NAME", "LABELS", "WHAT"}, rows)
		}
		for _, s := range f.Silences {
			p.Line("%s", o.silent(s))
		}
	})
}

func (o *options) show(ctx context.Context) error {
	f, err := o.read(ctx, true)
	if err != nil {
		return err
	}
	all := make([]operational.Alert, 0, len(f.Alerts))
	var names []string
	for _, a := range f.Alerts {
		all, names = append(all, a.Alert), append(names, a.Name)
	}
	shown := []listed{}
	for _, word := range o.words {
		some := alert.Find(all, word)
		if len(some) == 0 {
			next := "gt alert list --all shows them"
			if near := town.Nearest(word, names, 1); len(near) > 0 {
				next = "did you mean " + near[0] + "?"
			}
			return town.Fail("show the alert "+town.Clip(town.Visible(word), 80), next, "%w: there is none", town.ErrUsage)
		}
		for _, a := range some {
			shown = append(shown, f.Alerts[slices.IndexFunc(all, func(o operational.Alert) bool { return o.Fingerprint == a.Fingerprint })])
		}
	}
	return o.call.Show(shown, func(p *term.Printer) {
		for _, a := range shown {
			p.Styled(style(a), "%s", town.Visible(a.Name))
			p.Line("  %s, %s, since %s", a.Severity, o.state(a), a.Since.Format(time.RFC3339))
			p.Wrapped("", "  ", "  "+town.Visible(a.Summary))
			for _, name := range slices.Sorted(maps.Keys(a.Labels)) {
				p.Line("  %s=%s", name, town.Visible(a.Labels[name]))
			}
			if !a.Fires() {
				p.Line("  ended %s", a.Ended.Format(time.RFC3339))
			}
			for _, id := range a.Silenced {
				p.Line("  silent; to end that: gt alert unsilence %s", id)
			}
			p.Line("  found by a %s; id %s", a.Source, a.Fingerprint)
		}
	})
}

// state is one word for what an alert does.
func (o *options) state(a listed) string {
	switch {
	case !a.Fires():
		return "ended " + o.call.Ago(a.Ended)
	case len(a.Silenced) > 0:
		return "silent"
	}
	return "fires"
}

// silent describes a silence in a line.
func (o *options) silent(s operational.Silence) string {
	line := "silence " + s.ID + ": " + town.Visible(strings.Join(s.Matchers, " ")) + ", "
	if s.Begins.After(o.call.Now()) {
		line += "from " + s.Begins.Format(time.RFC3339) + " "
	}
	line += "for " + remaining(s.Ends.Sub(o.call.Now())) + " more, by " + cmp.Or(town.Visible(s.By), "nobody known")
	if s.Comment != "" {
		line += ": " + town.Visible(s.Comment)
	}
	return line
}

// remaining words how long a silence lasts, to the minute: 30m, 1h50m, 2h, 6d23h.
func remaining(d time.Duration) string {
	d = max(d, time.Minute).Round(time.Minute)
	text := ""
	for _, unit := range []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}} {
		if n := d / unit.size; n > 0 {
			text += fmt.Sprintf("%d%s", n, unit.name)
			d -= n * unit.size
		}
	}
	return text
}

func style(a listed) term.Style {
	switch {
	case !a.Fires(), len(a.Silenced) > 0:
		return term.Good
	case a.Severity == operational.SeverityWarning:
		return term.Warn
	}
	return term.Bad
}

func short(fingerprint string) string { return fingerprint[:min(8, len(fingerprint))] }

func labels(set map[string]string) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(set)) {
		all = append(all, name+"="+town.Visible(set[name]))
	}
	return cmp.Or(strings.Join(all, " "), "-")
}
