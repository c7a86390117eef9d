package alert

import (
	"context"
	"errors"
	"time"

	"github.com/sirupsen/logrus"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/term"
	"gastown/deacon/control"
	"gastown/town"
	"gastown/town/alert"
	"gastown/town/plugin"
	"gastown/town/plugin/builtin"
)

// prover sends a message that proves a channel.
type prover interface {
	// channels are the names of those in force.
	channels(context.Context) ([]string, error)
	prove(ctx context.Context, channel, by string) (control.AlertTested, error)
}

// test proves channels in the Deacon, where they are in force. Without one the command
// makes them itself.
func (o *options) test(ctx context.Context) error {
	if o.all == (len(o.words) > 0) {
		return town.Fail("test a channel", "for instance: gt alert test slack-alerts", "%w: give names of channels or --all", town.ErrUsage)
	}
	h, err := host.Open(o.call)
	if err != nil {
		return err
	}
	who, err := h.Caller()
	if err != nil {
		return err
	}
	set := newSet(h, o)
	defer func() { _ = set.Close(context.WithoutCancel(ctx)) }() // its calls have ended
	var by prover = alone{set, h.Config.Town.Name, string(h.Config.Town.ID), o.call.Now}
	if h.HasDeacon() {
		client, _, err := host.Reach(ctx, h.Layout, "test a channel")
		if err != nil {
			return err
		}
		defer client.Close()
		by = inDeacon{client, by}
	}
	if o.all {
		if o.words, err = by.channels(ctx); err != nil {
			return err
		}
	}
	done := []control.AlertTested{}
	var failed []error
	for _, channel := range o.words {
		one, err := by.prove(ctx, channel, who.Name)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		done = append(done, one)
	}
	return errors.Join(append(failed, o.call.Show(done, func(p *term.Printer) {
		if len(o.words) == 0 {
			p.Line("there is no channel: docs/alerts.md says how to make one")
		}
		for _, d := range done {
			p.Line("%s: %s (%s)", d.Channel, d.Answer, term.Short(time.Duration(d.Took*float64(time.Second))))
		}
	}))...)
}

func newSet(h *host.Host, o *options) *plugin.Set {
	log := logrus.New()
	log.SetOutput(o.call.Stderr)
	from := h.Secrets()
	return plugin.NewSet(plugin.Options{
		Path: h.Layout.Plugins(), Types: builtin.Types(builtin.Services{Now: o.call.Now, Log: log}), Log: log, Now: o.call.Now,
		Secrets: from, Closed: from.Close,
	})
}

// inDeacon proves channels that are in force in the Deacon.
type inDeacon struct {
	client *control.Client
	alone  prover
}

func (d inDeacon) channels(ctx context.Context) ([]string, error) { return d.alone.channels(ctx) }

func (d inDeacon) prove(ctx context.Context, channel, by string) (control.AlertTested, error) {
	return d.client.TestAlert(ctx, control.AlertTest{Channel: channel, By: by})
}

// alone proves channels in this process.
type alone struct {
	set      *plugin.Set
	town, id string
	now      func() time.Time
}

func (a alone) channels(ctx context.Context) (names []string, err error) {
	if err := a.set.Load(ctx); err != nil {
		return nil, err
	}
	for _, i := range a.set.Plugins(plugin.Notification) {
		names = append(names, i.Name())
	}
	return names, nil
}

func (a alone) prove(ctx context.Context, channel, by string) (out control.AlertTested, err error) {
	names, err := a.channels(ctx)
	if err != nil {
		return out, err
	}
	i, ok := a.set.Plugin(channel)
	if !ok || !i.Serves(plugin.Notification) {
		op := "test the channel " + town.Clip(town.Visible(channel), 64)
		for _, s := range a.set.States() {
			if s.Entry.Name == channel && s.Reason != "" {
				return out, town.Fail(op, "correct it, then test it again", "it is not in force: %s", s.Reason)
			}
		}
		next := "deacon/plugins.yaml lists the plugins; docs/alerts.md shows channels"
		if near := town.Nearest(channel, names, 1); len(near) > 0 {
			next = "did you mean " + near[0] + "?"
		}
		return out, town.Fail(op, next, "%w: no enabled notification plugin has this name", town.ErrUsage)
	}
	answer, took, err := alert.Prove(ctx, i, alert.NewTest(a.town, alert.KeyOf(a.id, "test"), by, a.now()))
	return control.AlertTested{Channel: channel, Answer: answer, Took: took.Seconds()}, err
}
