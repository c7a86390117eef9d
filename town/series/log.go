package series

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"
)

// logger passes warnings and errors of the database on to a log.
func logger(log logrus.FieldLogger) *slog.Logger { return slog.New(handler{log}) }

type handler struct{ log logrus.FieldLogger }

func (h handler) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }

func (h handler) Handle(_ context.Context, r slog.Record) error {
	log := h.log
	r.Attrs(func(a slog.Attr) bool {
		log = log.WithField(a.Key, a.Value.String())
		return true
	})
	if r.Level >= slog.LevelError {
		log.Error("figures: " + r.Message)
	} else {
		log.Warn("figures: " + r.Message)
	}
	return nil
}

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	for _, a := range attrs {
		h.log = h.log.WithField(a.Key, a.Value.String())
	}
	return h
}

func (h handler) WithGroup(string) slog.Handler { return h }

// repaired reports whether opening a database had to repair its log.
func repaired(g prometheus.Gatherer) bool {
	families, err := g.Gather()
	if err != nil {
		return false
	}
	for _, f := range families {
		if f.GetName() == "prometheus_tsdb_wal_corruptions_total" {
			for _, m := range f.GetMetric() {
				return m.GetCounter().GetValue() > 0
			}
		}
	}
	return false
}
