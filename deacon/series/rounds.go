package series

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"

	"gastown/planes/operational"
	"gastown/town/series"
	"gastown/town/ticks"
)

// sureEvery is how often the rows of alerts are compared with the rules although nothing
// changed: somebody else may have changed the rows.
const sureEvery = 5 * time.Minute

// rounds take, store and judge figures.
type rounds struct {
	*Part
	interval time.Duration
	judge    *series.Judge

	settled   string // the alerts that the rows say
	settledAt time.Time
	told      string // the failure that was last logged
}

func newRounds(p *Part, interval time.Duration) *rounds {
	return &rounds{Part: p, interval: interval, judge: series.NewJudge(p.host.Series(), interval)}
}

// loop is a round each interval, until ctx ends.
func (r *rounds) loop(ctx context.Context) {
	r.host.Series().Start()
	for ctx.Err() == nil {
		err := caught(func() error { return r.round(ctx) })
		if ctx.Err() != nil {
			return
		}
		if text := fmt.Sprint(err); text != r.told {
			if r.told = text; err != nil {
				r.host.Log().WithError(err).Warn("a round of figures failed")
			}
		}
		select {
		case <-ctx.Done():
		case <-ticks.Next(r.interval):
		case <-r.wake:
		}
	}
}

// round is one round. Its error is logged; the next round tries again.
func (r *rounds) round(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, roundTime)
	defer cancel()
	looked := r.look(ctx)
	families, gathered := r.host.Gatherer().Gather()
	if len(families) == 0 && gathered != nil {
		return gathered
	}
	now := r.host.Now()
	appended := r.host.Series().Append(ctx, now, append(families, r.named(families)...))
	if err := r.judge.Load(r.inForce()); err != nil {
		return err // they were checked when they were read
	}
	v := r.judge.Judge(ctx, now)
	r.asked.Add(float64(v.Asked))
	list, refused := alertsOf(v.Firing)
	r.mu.Lock()
	r.appended, r.failed, r.refused = appended, v.Failed, refused
	r.mu.Unlock()
	switch {
	case appended != nil:
		return appended // nothing new is known
	case looked != nil:
		return looked
	case !v.Sure:
		return nil
	}
	return r.raise(ctx, list)
}

// alertsOf are the alerts for what fires. refused says which rules fire with labels that no
// alert may have: each of them is one alert without labels.
func alertsOf(firing []series.Firing) (list []operational.Alert, refused []string) {
	for _, f := range firing[:min(len(firing), operational.MaxAlerts)] {
		one := operational.Alert{
			Name: f.Name, Severity: operational.AlertSeverity(f.Severity), Source: operational.FromRule, Labels: some(f.Labels), Summary: f.Summary,
		}
		a, err := operational.AlertOf(one)
		if err != nil {
			if text := err.Error(); !slices.Contains(refused, text) {
				refused = append(refused, text)
			}
			one.Labels = nil
			if a, err = operational.AlertOf(one); err != nil {
				continue
			}
		}
		same := slices.IndexFunc(list, func(other operational.Alert) bool { return other.Fingerprint == a.Fingerprint })
		switch {
		case same < 0:
			list = append(list, a)
		case slices.Index(operational.AlertSeverities, a.Severity) > slices.Index(operational.AlertSeverities, list[same].Severity):
			list[same] = a
		}
	}
	return list, refused
}

// raise makes the rows of alerts say what fires.
func (r *rounds) raise(ctx context.Context, list []operational.Alert) error {
	var text strings.Builder
	for _, a := range list {
		fmt.Fprintln(&text, a.Fingerprint, a.Severity)
	}
	now := r.host.Now()
	if since := now.Sub(r.settledAt); text.String() == r.settled && since >= 0 && since < sureEvery {
		return nil
	}
	if err := r.settle(ctx, list); err != nil {
		return err
	}
	r.settled, r.settledAt = text.String(), now
	return nil
}

// some drops the labels beyond those that an alert may have.
func some(all map[string]string) map[string]string {
	if len(all) <= operational.MaxAlertLabels {
		return all
	}
	few := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(all))[:operational.MaxAlertLabels] {
		few[name] = all[name]
	}
	return few
}

// settle writes the rows of alerts, unless the planes are lent.
func (p *Part) settle(ctx context.Context, list []operational.Alert) error {
	used, err := p.use(func() error {
		return p.host.Operational(ctx, func(s *operational.Store) error {
			_, err := s.SettleAlerts(ctx, operational.FromRule, list, p.host.Now())
			return err
		})
	})
	if err == nil && !used {
		return fmt.Errorf("the planes are lent")
	}
	return err
}

// named returns the key figures as metrics with the names that rules and queries use. A
// figure that was never measured is left out.
func (r *rounds) named(families []*dto.MetricFamily) (named []*dto.MetricFamily) {
	add := func(name string, v float64) {
		named = append(named, &dto.MetricFamily{Name: &name, Type: dto.MetricType_GAUGE.Enum(), Metric: []*dto.Metric{{Gauge: &dto.Gauge{Value: &v}}}})
	}
	if f, known := r.figures(); known {
		add("polecat_count", float64(f.active))
		add("polecat_stuck", float64(f.stuck))
		add("merge_queue_depth", float64(f.merges))
		add("mail_backlog", float64(f.mail))
	}
	for _, f := range families {
		if f.GetName() == "gt_dolt_latency_seconds" && len(f.GetMetric()) == 1 {
			if v := f.GetMetric()[0].GetGauge().GetValue(); v > 0 {
				add("dolt_latency", v)
			}
		}
	}
	return named
}
