package alert

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"gastown/cmd/internal/term"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/alert"
)

// longest is the longest silence. To mute an alert for longer, change its rule.
const longest = 90 * 24 * time.Hour

// lasting reads for how long something is silent.
func lasting(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n int
		if n, err = strconv.Atoi(days); n < 1000 {
			d = time.Duration(n) * 24 * time.Hour
		}
	}
	if err != nil || d < time.Minute || d > longest {
		return 0, town.Fail("set a silence", "for instance: --for 30m, --for 2h, --for 7d", "%w: --for %q is not a time from 1m to 90d", town.ErrUsage, town.Clip(text, 40))
	}
	return d, nil
}

func (o *options) silence(ctx context.Context) error {
	matchers, err := alert.Matchers(o.words)
	if err != nil {
		return town.Fail("set a silence", "gt alert silence --help shows examples", "%w", err)
	}
	var s operational.Silence
	var matched int
	err = o.with(ctx, func(store *operational.Store) error {
		who, err := o.host.Caller()
		if err != nil {
			return err
		}
		now := o.call.Now()
		s, err = store.SetSilence(ctx, operational.Silence{Matchers: alert.Words(matchers), Comment: o.comment, By: who.Name, Ends: now.Add(o.length)}, now)
		if err != nil {
			return err
		}
		firing, err := store.Alerts(ctx, time.Time{})
		for _, a := range firing {
			matched += len(alert.Silenced(a, []operational.Silence{s}, now))
		}
		return err
	})
	if err != nil {
		return err
	}
	return o.call.Changed(s, func(p *term.Printer) {
		p.Line("%s", o.silent(s))
		p.Line("it silences %s that %s now; to end it: gt alert unsilence %s", term.Plural(matched, "alert", "alerts"), fires(matched), s.ID)
	})
}

func fires(n int) string {
	if n == 1 {
		return "fires"
	}
	return "fire"
}

func (o *options) unsilence(ctx context.Context) error {
	if o.all == (len(o.words) > 0) {
		return town.Fail("end silences", "gt alert list shows them", "%w: give ids or --all", town.ErrUsage)
	}
	ended := []operational.Silence{}
	err := o.with(ctx, func(s *operational.Store) error {
		now := o.call.Now()
		who, err := o.host.Caller()
		if err != nil {
			return err
		}
		all, err := s.Silences(ctx, now)
		if err != nil {
			return err
		}
		chosen := all
		if !o.all {
			if chosen, err = choose(all, o.words); err != nil {
				return err
			}
		}
		for _, c := range chosen {
			found, err := s.EndSilence(ctx, c.ID, who.Name, now)
			if err != nil {
				return err
			}
			if found {
				c.Ends, c.Changed = now, now
				ended = append(ended, c)
			}
		}
		return nil
	})
	if len(ended) == 0 {
		if err == nil {
			err = o.call.Summary(ended, func(p *term.Printer) { p.Line("nothing is silent") })
		}
		return err
	}
	return errors.Join(o.call.Changed(ended, func(p *term.Printer) {
		for _, s := range ended {
			p.Line("%s ended: %s", s.ID, town.Visible(strings.Join(s.Matchers, " ")))
		}
	}), err)
}

// choose finds silences by how their ids begin.
func choose(all []operational.Silence, words []string) (chosen []operational.Silence, err error) {
	for _, word := range words {
		var some []operational.Silence
		for _, s := range all {
			if word != "" && strings.HasPrefix(s.ID, word) {
				some = append(some, s)
			}
		}
		if len(some) != 1 {
			why := "there is no such silence"
			if len(some) > 1 {
				why = "several begin so"
			}
			return nil, town.Fail("end the silence "+town.Clip(town.Visible(word), 40), "gt alert list shows them", "%w: %s", town.ErrUsage, why)
		}
		chosen = append(chosen, some[0])
	}
	return chosen, nil
}
