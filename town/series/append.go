package series

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
)

// MaxSeries is how many series one Append may have.
const MaxSeries = 20_000

// ErrMany reports more series than MaxSeries.
var ErrMany = errors.New("there are too many series")

// Append writes the present values of metrics, all with the same time. A series that the
// Append before had, and this one has not, ends. When it fails, nothing was written, and
// the error says why; a later one may succeed. It does not retry.
func (s *Store) Append(ctx context.Context, at time.Time, families []*dto.MetricFamily) error {
	s.appending.Lock()
	defer s.appending.Unlock()
	if err := s.present(); err != nil {
		return err
	}
	s.mu.RLock()
	err := ErrOff
	if s.db != nil {
		db := s.db
		err = guarded(func() error { return s.append(db.AppenderV2(ctx), at.UnixMilli(), families) })
		if err == nil {
			err = s.tidy(ctx, db, at)
		}
	}
	s.mu.RUnlock()
	switch {
	case err == nil:
		s.lateSince = time.Time{}
		return nil
	case errors.Is(err, ErrMany), errors.Is(err, ErrOff):
		return err
	case late(err):
		return s.late(at, err)
	}
	return s.failed(err)
}

// late reports that the clock went back: newer samples are there already.
func late(err error) bool {
	return errors.Is(err, storage.ErrOutOfOrderSample) || errors.Is(err, storage.ErrOutOfBounds) ||
		errors.Is(err, storage.ErrTooOldSample) || errors.Is(err, storage.ErrDuplicateSampleForTimestamp)
}

func (s *Store) append(app storage.AppenderV2, at int64, families []*dto.MetricFamily) (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, app.Rollback())
		}
	}()
	now := make(map[uint64]sample, len(s.known))
	w := writer{app: app, at: at, now: now, known: s.known, changes: &s.changes}
	for _, f := range families {
		if err := w.family(f); err != nil {
			return fmt.Errorf("%s: %w", f.GetName(), err)
		}
	}
	for hash, former := range s.known {
		if _, still := now[hash]; !still {
			s.changes.note(former.labels.Get(model.MetricNameLabel), at)
			if _, err := app.Append(0, former.labels, 0, at, math.Float64frombits(value.StaleNaN), nil, nil, storage.AOptions{}); err != nil && !late(err) {
				return err
			}
		}
	}
	if err := app.Commit(); err != nil {
		return err
	}
	s.known = now
	s.changes.wrote(at)
	return nil
}

// sample is the last sample of a series.
type sample struct {
	labels labels.Labels
	value  float64
}

// writer appends the samples of metrics.
type writer struct {
	app     storage.AppenderV2
	at      int64
	known   map[uint64]sample // of the last Append
	now     map[uint64]sample
	changes *changes
	builder labels.ScratchBuilder
}

func (w *writer) family(f *dto.MetricFamily) error {
	name := f.GetName()
	for _, m := range f.GetMetric() {
		var err error
		switch f.GetType() {
		case dto.MetricType_COUNTER:
			err = w.sample(name, m, "", "", m.GetCounter().GetValue())
		case dto.MetricType_GAUGE:
			err = w.sample(name, m, "", "", m.GetGauge().GetValue())
		case dto.MetricType_HISTOGRAM:
			err = w.histogram(name, m)
		case dto.MetricType_SUMMARY:
			err = w.summary(name, m)
		default:
			err = w.sample(name, m, "", "", m.GetUntyped().GetValue())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) histogram(name string, m *dto.Metric) error {
	h := m.GetHistogram()
	for _, b := range h.GetBucket() {
		if !math.IsInf(b.GetUpperBound(), 1) {
			if err := w.sample(name+"_bucket", m, "le", number(b.GetUpperBound()), float64(b.GetCumulativeCount())); err != nil {
				return err
			}
		}
	}
	return errors.Join(
		w.sample(name+"_bucket", m, "le", "+Inf", float64(h.GetSampleCount())),
		w.sample(name+"_sum", m, "", "", h.GetSampleSum()), w.sample(name+"_count", m, "", "", float64(h.GetSampleCount())))
}

func (w *writer) summary(name string, m *dto.Metric) error {
	s := m.GetSummary()
	for _, q := range s.GetQuantile() {
		if err := w.sample(name, m, "quantile", number(q.GetQuantile()), q.GetValue()); err != nil {
			return err
		}
	}
	return errors.Join(w.sample(name+"_sum", m, "", "", s.GetSampleSum()), w.sample(name+"_count", m, "", "", float64(s.GetSampleCount())))
}

// number formats a label as Prometheus does: 1 as 1.0.
func number(f float64) string {
	text := strconv.FormatFloat(f, 'g', -1, 64)
	if _, err := strconv.Atoi(text); err == nil {
		text += ".0"
	}
	return text
}

func (w *writer) sample(name string, m *dto.Metric, key, val string, v float64) error {
	if len(w.now) >= MaxSeries {
		return fmt.Errorf("%w: more than %d", ErrMany, MaxSeries)
	}
	w.builder.Reset()
	w.builder.Add(model.MetricNameLabel, name)
	for _, l := range m.GetLabel() {
		if l.GetValue() != "" {
			w.builder.Add(l.GetName(), l.GetValue())
		}
	}
	if key != "" {
		w.builder.Add(key, val)
	}
	w.builder.Sort()
	l := w.builder.Labels()
	hash := l.Hash()
	if former, there := w.known[hash]; !there || math.Float64bits(former.value) != math.Float64bits(v) {
		w.changes.note(name, w.at)
	}
	w.now[hash] = sample{l, v}
	_, err := w.app.Append(0, l, 0, w.at, v, nil, nil, storage.AOptions{})
	return err
}

// broken is an appender that fails.
type broken struct{ err error }

func (b broken) Append(storage.SeriesRef, labels.Labels, int64, int64, float64, *histogram.Histogram, *histogram.FloatHistogram, storage.AOptions) (storage.SeriesRef, error) {
	return 0, b.err
}

func (b broken) AppendExemplars(storage.SeriesRef, labels.Labels, []exemplar.Exemplar) (storage.SeriesRef, error) {
	return 0, b.err
}
func (b broken) Commit() error   { return b.err }
func (b broken) Rollback() error { return nil }
