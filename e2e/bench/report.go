package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"gastown/town/series"
)

// The names of the report's figures, of metrics of 15 days.
const (
	reportTime   = "gt report of 15 days"
	reportMemory = "gt report of 15 days, memory of the Deacon more than before"
)

// reportDays is how long metrics are kept, and reportEvery how often they are recorded.
const (
	reportDays  = 15
	reportEvery = 15 * time.Second
)

// reports measures gt report on metrics of so many days.
func reports(ctx context.Context, o options, days int) ([]deaconFigure, error) {
	return scratch(o, func(h *host) ([]deaconFigure, error) { return h.reports(ctx, o, days) })
}

func (h *host) reports(ctx context.Context, o options, days int) (figures []deaconFigure, err error) {
	if err := h.town(ctx); err != nil {
		return nil, err
	}
	if err := recordDays(ctx, h.at.Series(), time.Now(), days); err != nil {
		return nil, fmt.Errorf("make metrics of %d days: %w", days, err)
	}
	figures, err = h.turns(ctx, []glanceLine{{reportTime, h.program, []string{"report", "--output", filepath.Join(h.dir, "report.html")}}}, o.runs)
	if err != nil {
		return figures, err
	}
	more, err := h.reportMemory(ctx, filepath.Join(h.dir, "report.html"))
	return append(figures, more...), err
}

// reportMemory is how much more memory the Deacon holds at most while it makes a report.
func (h *host) reportMemory(ctx context.Context, file string) (figures []deaconFigure, err error) {
	err = h.attended(ctx, func() error {
		if _, err := h.program.run(ctx, h.writer, "metrics", "show"); err != nil {
			return err
		}
		if err := h.forgetPeak(ctx); err != nil {
			return err
		}
		before, err := h.peak(ctx)
		if err != nil {
			return err
		}
		if _, err := h.program.run(ctx, h.writer, "report", "--output", file); err != nil {
			return err
		}
		most, err := h.peak(ctx)
		figures = append(figures, deaconFigure{Name: reportMemory, Unit: "MB", Value: most - before})
		return err
	})
	return figures, err
}

// recordDays makes the files of metrics that a Deacon with 60 jobs, 40 commands and the
// shapes of its statements would have recorded in the days until a time.
func recordDays(ctx context.Context, dir string, until time.Time, days int) (err error) {
	log := logrus.New()
	log.SetOutput(io.Discard)
	now := until.AddDate(0, 0, -days)
	s := series.New(series.Options{Dir: dir, Log: log, Now: func() time.Time { return now }})
	s.Start()
	defer func() { err = errors.Join(err, s.Stop()) }()
	registry := prometheus.NewRegistry()
	vector := func(name, label string) *prometheus.GaugeVec { // as a gauge, a counter is as large
		v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name}, []string{label})
		registry.MustRegister(v)
		return v
	}
	began := vector("gt_deacon_start_time_seconds", "version")
	seconds, runs := vector("gt_sql_seconds_total", "shape"), vector("gt_sql_runs_total", "shape")
	spent, ended := vector("gt_command_seconds_total", "command"), vector("gt_commands_total", "command")
	worked, times := vector("gt_deacon_job_duration_seconds_sum", "job"), vector("gt_deacon_job_duration_seconds_count", "job")
	keyed := map[string]prometheus.Gauge{}
	for _, f := range series.Figures {
		keyed[f.Name] = prometheus.NewGauge(prometheus.GaugeOpts{Name: f.Name})
		registry.MustRegister(keyed[f.Name])
	}
	began.WithLabelValues("bench").Set(float64(now.Unix()))
	for round := 0; now.Before(until); round++ {
		wave := 1 + math.Sin(float64(round)/500)
		for _, set := range []struct {
			seconds, runs *prometheus.GaugeVec
			n             int
		}{{seconds, runs, 25}, {spent, ended, 40}, {worked, times, 60}} {
			for i := range set.n {
				if (round+i)%4 == 0 { // most series do not change in most rounds
					name := fmt.Sprint("x ", i)
					set.seconds.WithLabelValues(name).Add(wave * float64(i+1) / 1000)
					set.runs.WithLabelValues(name).Add(float64(i%7 + 1))
				}
			}
		}
		for i, f := range series.Figures {
			keyed[f.Name].Set(wave * float64(i+1))
		}
		families, err := registry.Gather()
		if err != nil {
			return err
		}
		if err := s.Append(ctx, now, families); err != nil {
			return err
		}
		now = now.Add(reportEvery)
	}
	return nil
}
