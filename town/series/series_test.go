package series

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/sirupsen/logrus"

	"gastown/town"
)

// clock is a clock that a test sets.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return c.now
}

// bench is a Store with metrics to append.
type bench struct {
	*testing.T
	*Store
	clock *clock
	log   *bytes.Buffer
	dir   string

	registry *prometheus.Registry
	gauge    *prometheus.GaugeVec
	times    prometheus.Histogram
}

func newBench(t *testing.T) *bench {
	b := &bench{
		T: t, clock: &clock{now: time.Date(2031, 3, 10, 12, 0, 0, 0, time.UTC)}, log: &bytes.Buffer{}, dir: filepath.Join(t.TempDir(), "series"),
		registry: prometheus.NewRegistry(), gauge: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "polecat_stuck"}, []string{"rig"}),
		times: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "gt_mail_delivery_duration_seconds", Buckets: []float64{.1, 1, 5}}),
	}
	b.registry.MustRegister(b.gauge, b.times)
	b.Store = b.another()
	b.Start()
	t.Cleanup(func() { _ = b.Stop() })
	return b
}

// another returns a Store of the same directory, as after a kill of its process.
func (b *bench) another() *Store {
	log := logrus.New()
	log.SetOutput(b.log)
	return New(Options{Dir: b.dir, Log: log, Now: b.clock.Now})
}

func (b *bench) gather() []*dto.MetricFamily {
	b.Helper()
	families, err := b.registry.Gather()
	if err != nil {
		b.Fatal(err)
	}
	return families
}

// round appends after 15 seconds.
func (b *bench) round() error {
	b.Helper()
	return b.Append(b.Context(), b.clock.add(15*time.Second), b.gather())
}

func (b *bench) rounds(n int) {
	b.Helper()
	for range n {
		if err := b.round(); err != nil {
			b.Fatal(err)
		}
	}
}

// value is the only value of an expression now; NaN when there is none.
func (b *bench) value(r interface {
	At(context.Context, string, time.Time) ([]Line, error)
}, expr string) float64 {
	b.Helper()
	all, err := r.At(b.Context(), expr, b.clock.Now())
	if err != nil {
		b.Fatalf("%s: %v", expr, err)
	}
	if len(all) == 0 {
		return math.NaN()
	}
	return all[0].Last()
}

func TestAppend(t *testing.T) {
	b := newBench(t)
	b.gauge.WithLabelValues("web").Set(2)
	b.gauge.WithLabelValues("").Set(1)
	b.times.Observe(.5)
	b.rounds(4)
	b.times.Observe(3)
	b.rounds(4)
	for expr, want := range map[string]float64{
		`polecat_stuck{rig="web"}`: 2, `polecat_stuck{rig=""}`: 1, `sum(polecat_stuck)`: 3, `gt_mail_delivery_duration_seconds_bucket{le="1.0"}`: 1,
		`gt_mail_delivery_duration_seconds_bucket{le="+Inf"}`: 2, `gt_mail_delivery_duration_seconds_sum`: 3.5, `gt_mail_delivery_duration_seconds_count`: 2,
		`count(count_over_time(polecat_stuck[2m]))`: 2, `sum(count_over_time(polecat_stuck[2m]))`: 16, `1 + 1`: 2,
	} {
		if got := b.value(b, expr); got != want {
			t.Errorf("%s is %v, want %v", expr, got, want)
		}
	}
	// A series that is gone has no value from then on, and its past stays.
	b.gauge.DeleteLabelValues("web")
	b.rounds(1)
	if got := b.value(b, `polecat_stuck{rig="web"}`); !math.IsNaN(got) {
		t.Errorf("what is gone is %v", got)
	}
	list, err := b.Range(t.Context(), `polecat_stuck{rig="web"}`, Window{From: b.clock.Now().Add(-time.Hour), To: b.clock.Now(), Step: 15 * time.Second})
	if err != nil || len(list) != 1 || len(list[0].Points) != 8 || list[0].Labels["rig"] != "web" || list[0].Last() != 2 {
		t.Errorf("%+v, %v", list, err)
	}
	// The clock went back: nothing is written, and later it goes on.
	if err := b.Append(t.Context(), b.clock.Now().Add(-time.Minute), b.gather()); err == nil || b.Problem() != nil {
		t.Errorf("%v, %v", err, b.Problem())
	}
	b.rounds(1)
}

// A clock that was ahead, and was put back, does not keep figures from being written until
// its time comes: in the end what it wrote is put aside, and what is older stays.
func TestClockAhead(t *testing.T) {
	b := newBench(t)
	b.gauge.WithLabelValues("web").Set(7)
	for range 30 { // hours, of which the oldest become blocks
		b.clock.add(10 * time.Minute)
		b.rounds(1)
	}
	right := b.clock.Now()
	b.clock.add(365 * 24 * time.Hour)
	b.rounds(2)
	b.clock.add(6 * time.Minute) // the older samples become a block
	b.rounds(1)
	b.clock.now = right
	var err error
	rounds := 0
	for err = errors.New("first"); err != nil && rounds < 100; rounds++ {
		err = b.round()
	}
	if err != nil || rounds < 40 || rounds > 45 {
		t.Fatalf("after %d rounds: %v", rounds, err)
	}
	b.rounds(10)
	if got := b.value(b, "sum(count_over_time(polecat_stuck{rig='web'}[2m]))"); got < 8 {
		t.Errorf("%v samples of the last two minutes", got)
	}
	if got := b.value(b, "sum(count_over_time(polecat_stuck{rig='web'}[6h]))"); got < 20 {
		t.Errorf("%v samples are left of the hours before", got)
	}
	if got := b.value(b, "sum(count_over_time(polecat_stuck{rig='web'}[10h] offset -1y))"); !math.IsNaN(got) {
		t.Errorf("%v samples of the future", got)
	}
	if !strings.Contains(b.log.String(), "the clock was wrong") {
		t.Errorf("the log says %s", b.log)
	}
	// A clock that is put back for a moment costs nothing but that moment.
	now := b.clock.Now()
	b.clock.now = now.Add(-time.Hour)
	if err := b.round(); town.Next(err) == "" || !strings.Contains(err.Error(), "the clock was put back") {
		t.Error(err)
	}
	b.clock.now = now
	b.rounds(1)
}

// Another process reads what was written, also after a kill, and the next Store goes on.
func TestAppendedIsKept(t *testing.T) {
	b := newBench(t)
	b.gauge.WithLabelValues("web").Set(7)
	b.rounds(3)
	next := b.another() // b is killed: it is not stopped
	next.Start()
	defer next.Stop()
	b.Store, b.clock.now = next, b.clock.now.Add(time.Minute)
	if got := b.value(b, "sum(count_over_time(polecat_stuck[5m]))"); got != 3 {
		t.Errorf("%v samples are there", got)
	}
	b.rounds(1)
	f, err := Open(b.dir, discard)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // one question after the other
		if got := b.value(f, "sum(count_over_time(polecat_stuck[5m]))"); got != 4 {
			t.Errorf("%v samples are read", got)
		}
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	left, err := filepath.Glob(filepath.Join(b.dir, "tmp*"))
	if err != nil || len(left) > 0 {
		t.Errorf("%q are left", left)
	}
	if _, err := Open(filepath.Join(b.dir, "none"), discard); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestOff(t *testing.T) {
	b := newBench(t)
	b.rounds(1)
	if err := b.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := b.round(); !errors.Is(err, ErrOff) || !errors.Is(b.Problem(), ErrOff) {
		t.Errorf("%v, %v", err, b.Problem())
	}
	if _, err := b.At(t.Context(), "up", b.clock.Now()); !errors.Is(err, ErrOff) {
		t.Error(err)
	}
	b.Start()
	b.rounds(1)
}

// What is asked is bounded, and refused as wrong usage.
func TestQuestionsAreBounded(t *testing.T) {
	b := newBench(t)
	b.rounds(2)
	now := b.clock.Now()
	for what, ask := range map[string]func() error{
		"a long expression": func() error { _, err := b.At(t.Context(), strings.Repeat("1+", MaxExpr)+"1", now); return err },
		"no expression":     func() error { _, err := b.At(t.Context(), "", now); return err },
		"a malformed one":   func() error { _, err := b.At(t.Context(), "sum(", now); return err },
		"a text":            func() error { _, err := b.At(t.Context(), `"a"`, now); return err },
		"a short step": func() error {
			_, err := b.Range(t.Context(), "up", Window{now.Add(-24 * time.Hour), now, time.Second})
			return err
		},
		"no step":             func() error { _, err := b.Range(t.Context(), "up", Window{now, now, 0}); return err },
		"a range that is not": func() error { _, err := b.Range(t.Context(), "up", Window{now, now.Add(-time.Second), 1}); return err },
		"a bad selector":      func() error { _, err := b.Series(t.Context(), []string{"{"}, now, now, 1); return err },
		"no selector":         func() error { _, err := b.Series(t.Context(), nil, now, now, 1); return err },
	} {
		if err := ask(); !errors.Is(err, town.ErrUsage) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if w := Last(time.Hour, now); w.check() != nil || w.Step != 15*time.Second {
		t.Errorf("%+v", w)
	}
	if w := Last(30*24*time.Hour, now); w.check() != nil || w.To.Sub(w.From)/w.Step > 250 {
		t.Errorf("%+v", w)
	}
	many := make([]*dto.Metric, MaxSeries+1)
	for i := range many {
		many[i] = &dto.Metric{Label: []*dto.LabelPair{{Name: new("n"), Value: new(time.Duration(i).String())}}, Gauge: &dto.Gauge{Value: new(1.0)}}
	}
	if err := b.Append(t.Context(), b.clock.add(time.Minute), []*dto.MetricFamily{{Name: new("m"), Type: dto.MetricType_GAUGE.Enum(), Metric: many}}); !errors.Is(err, ErrMany) {
		t.Error(err)
	}
	b.rounds(1)
}

// hours makes samples of some hours, of which the older ones are in blocks.
func (b *bench) hours(n int) {
	b.Helper()
	for range n * 60 {
		if err := b.Append(b.Context(), b.clock.add(time.Minute), b.gather()); err != nil {
			b.Fatal(err)
		}
	}
	blocks, err := filepath.Glob(filepath.Join(b.dir, "0*"))
	if err != nil || len(blocks) == 0 {
		b.Fatalf("no blocks: %v", err)
	}
}

// recovered fails unless figures are kept again within the next rounds.
func (b *bench) recovered(what string) {
	b.Helper()
	for range 12 {
		err := b.Append(b.Context(), b.clock.add(5*time.Minute), b.gather())
		if err == nil && b.value(b, "sum(polecat_stuck)") == 1 {
			// Everything that is left can be read.
			_, err = b.Range(b.Context(), "sum(polecat_stuck)", Window{b.clock.Now().Add(-48 * time.Hour), b.clock.Now(), time.Minute})
		}
		if err == nil {
			return
		}
		b.Logf("%s: %v", what, err)
	}
	b.Errorf("%s: no figures are kept any more\n%s", what, b.log)
}

// Whatever happens to a file or a directory, while a Store has it open or not, figures
// are kept again afterwards.
func TestDamage(t *testing.T) {
	damages := map[string]func(path string) error{
		"removed":   os.RemoveAll,
		"emptied":   func(path string) error { return truncate(path, 0) },
		"halved":    func(path string) error { return truncate(path, 2) },
		"scribbled": scribble,
		"replaced": func(path string) error {
			return errors.Join(os.RemoveAll(path), os.WriteFile(path, []byte("something else"), 0o600))
		},
	}
	for _, open := range []bool{true, false} {
		for name, damage := range damages {
			t.Run(name+map[bool]string{true: " while open", false: ""}[open], func(t *testing.T) {
				b := newBench(t)
				b.gauge.WithLabelValues("web").Set(1)
				b.hours(8)
				for _, path := range b.paths() {
					if _, err := os.Lstat(path); err != nil {
						continue // it went with another one, or was put aside
					}
					if !open {
						if err := b.Stop(); err != nil {
							t.Logf("%s: %v", path, err)
						}
					}
					if err := damage(path); err != nil {
						t.Fatal(err)
					}
					if !open {
						b.Start()
					}
					b.recovered(path)
				}
				if err := damage(b.dir); err == nil {
					b.recovered("the directory")
				}
			})
		}
	}
}

// paths are those of all files, then of all directories but the first.
func (b *bench) paths() (all []string) {
	var dirs []string
	err := filepath.WalkDir(b.dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path == b.dir:
		case d.IsDir():
			dirs = append(dirs, path)
		default:
			all = append(all, path)
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return append(all, dirs...)
}

// each calls fn for a file, or for all files below a directory.
func each(path string, fn func(path string, size int64) error) error {
	return filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return fn(path, info.Size())
	})
}

func truncate(path string, by int64) error {
	return each(path, func(path string, size int64) error {
		if by > 0 {
			size /= by
		} else {
			size = 0
		}
		return os.Truncate(path, size)
	})
}

func scribble(path string) error {
	return each(path, func(path string, size int64) error {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteAt(bytes.Repeat([]byte{0xa7}, int(min(size/2, 4096))), size/3)
		return errors.Join(err, f.Close())
	})
}

// What cannot be read is moved, with a message, and stays no longer than figures do.
func TestAside(t *testing.T) {
	b := newBench(t)
	b.gauge.WithLabelValues("web").Set(1)
	b.hours(6)
	if err := b.Stop(); err != nil {
		t.Fatal(err)
	}
	indexes, err := filepath.Glob(filepath.Join(b.dir, "0*", "index"))
	if err != nil || len(indexes) < 2 {
		t.Fatal(indexes, err)
	}
	if err := os.Truncate(indexes[0], 20); err != nil {
		t.Fatal(err)
	}
	b.Start()
	moved, err := filepath.Glob(filepath.Join(Aside(b.dir), "*", filepath.Base(filepath.Dir(indexes[0])), "index"))
	if err != nil || len(moved) != 1 || !strings.Contains(b.log.String(), "were put aside") {
		t.Errorf("%q, %v\n%s", moved, err, b.log)
	}
	if _, err := os.Stat(indexes[1]); err != nil {
		t.Error(err)
	}
	b.rounds(1)
	if err := b.Stop(); err != nil {
		t.Fatal(err)
	}
	b.clock.add(DefaultKeep + time.Hour)
	b.Start()
	if _, err := os.Stat(moved[0]); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
