package series

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"

	"gastown/town"
)

// The bounds of one question.
const (
	// MaxExpr is how long an expression may be, in bytes.
	MaxExpr = 4096
	// MaxPoints is how many steps an answer over a range may have.
	MaxPoints = 11_000
	// maxSamples is how many samples may be in memory for it.
	maxSamples = 1_000_000
	// maxTime is how long it may take.
	maxTime = 10 * time.Second
	// lookback is how old a sample may be that counts as the present value.
	lookback = 5 * time.Minute
)

// Reader answers questions in PromQL. Its methods may be called from many goroutines,
// unless it was made by Open.
type Reader struct {
	queryable storage.Queryable
	engine    *promql.Engine
	// suspect is called with an error that a file caused; may be nil.
	suspect func(error)
}

func newReader(open func(mint, maxt int64) (storage.Querier, error)) *Reader {
	return &Reader{
		queryable: storage.QueryableFunc(open),
		engine: promql.NewEngine(promql.EngineOpts{
			MaxSamples: maxSamples, Timeout: maxTime, LookbackDelta: lookback, EnableAtModifier: true, EnableNegativeOffset: true,
			NoStepSubqueryIntervalFn: func(int64) int64 { return time.Minute.Milliseconds() },
		}),
	}
}

// Window is a range of time with a step.
type Window struct {
	From, To time.Time
	Step     time.Duration
}

// Last is the window of the last hour, day, week or other duration, with about 240
// steps, so that a chart of it is fine enough.
func Last(d time.Duration, now time.Time) Window {
	step := max(15*time.Second, (d / 240).Truncate(time.Second))
	return Window{From: now.Add(-d), To: now, Step: step}
}

// check says why a window cannot be answered.
func (w Window) check() error {
	switch {
	case w.Step <= 0:
		return fmt.Errorf("%w: the step is not positive", town.ErrUsage)
	case w.To.Before(w.From):
		return fmt.Errorf("%w: the range ends before it begins", town.ErrUsage)
	case w.To.Sub(w.From)/w.Step >= MaxPoints:
		return fmt.Errorf("%w: the range has more than %d steps; take a longer step", town.ErrUsage, MaxPoints)
	}
	return nil
}

// Point is a value at a time.
type Point struct {
	At    time.Time
	Value float64
}

// MarshalJSON writes a point as Prometheus does: [SECONDS, "VALUE"].
func (p Point) MarshalJSON() ([]byte, error) {
	return json.Marshal([2]any{float64(p.At.UnixMilli()) / 1000, strconv.FormatFloat(p.Value, 'g', -1, 64)})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (p *Point) UnmarshalJSON(data []byte) (err error) {
	var seconds float64
	var value string
	if err = json.Unmarshal(data, &[2]any{&seconds, &value}); err == nil {
		p.At = time.UnixMilli(int64(math.Round(seconds * 1000))).UTC()
		p.Value, err = strconv.ParseFloat(value, 64)
	}
	return err
}

// Line is one series of an answer.
type Line struct {
	// Labels include the name, as __name__, where the answer has one.
	Labels map[string]string `json:"metric"`
	Points []Point           `json:"values"`
}

// Last is the newest value; NaN where there is none.
func (l Line) Last() float64 {
	if len(l.Points) == 0 {
		return math.NaN()
	}
	return l.Points[len(l.Points)-1].Value
}

// Range answers an expression for each step of a window. Steps at which a series has no
// value are left out.
func (r *Reader) Range(ctx context.Context, expr string, w Window) ([]Line, error) {
	result, err := r.ExecRange(ctx, expr, w)
	if err != nil {
		return nil, err
	}
	defer result.Close()
	return lines(result.Value)
}

// At answers an expression for one moment. Each line has one point, except where the
// expression itself is a range such as polecat_count[1h].
func (r *Reader) At(ctx context.Context, expr string, at time.Time) ([]Line, error) {
	result, err := r.ExecAt(ctx, expr, at)
	if err != nil {
		return nil, err
	}
	defer result.Close()
	return lines(result.Value)
}

// Result is an answer in Prometheus' own form. The value is valid until Close.
type Result struct {
	*promql.Result
	Close func()
}

// ExecRange is Range with Prometheus' own answer.
func (r *Reader) ExecRange(ctx context.Context, expr string, w Window) (Result, error) {
	if err := w.check(); err != nil {
		return Result{}, err
	}
	return r.exec(ctx, expr, func() (promql.Query, error) {
		return r.engine.NewRangeQuery(ctx, r.queryable, nil, expr, w.From, w.To, w.Step)
	})
}

// ExecAt is At with Prometheus' own answer.
func (r *Reader) ExecAt(ctx context.Context, expr string, at time.Time) (Result, error) {
	return r.exec(ctx, expr, func() (promql.Query, error) {
		return r.engine.NewInstantQuery(ctx, r.queryable, nil, expr, at)
	})
}

func (r *Reader) exec(ctx context.Context, expr string, begin func() (promql.Query, error)) (Result, error) {
	if len(expr) > MaxExpr {
		return Result{}, fmt.Errorf("%w: the expression has %d bytes, more than %d", town.ErrUsage, len(expr), MaxExpr)
	}
	q, err := begin()
	if err != nil {
		return Result{}, fmt.Errorf("%w: %s: %w", town.ErrUsage, town.Clip(expr, 200), err)
	}
	var result *promql.Result
	err = guarded(func() error {
		result = q.Exec(ctx)
		return result.Err
	})
	if err != nil {
		q.Close()
		r.damaged(err)
		return Result{}, err
	}
	return Result{result, q.Close}, nil
}

// lines copies an answer.
func lines(value parser.Value) ([]Line, error) {
	all := []Line{}
	switch v := value.(type) {
	case promql.Scalar:
		return []Line{{Labels: map[string]string{}, Points: []Point{{time.UnixMilli(v.T).UTC(), v.V}}}}, nil
	case promql.Vector:
		for _, s := range v {
			all = append(all, Line{Labels: s.Metric.Map(), Points: []Point{{time.UnixMilli(s.T).UTC(), s.F}}})
		}
	case promql.Matrix:
		for _, s := range v {
			l := Line{Labels: s.Metric.Map(), Points: make([]Point, len(s.Floats))}
			for i, p := range s.Floats {
				l.Points[i] = Point{time.UnixMilli(p.T).UTC(), p.F}
			}
			all = append(all, l)
		}
	default:
		return nil, fmt.Errorf("%w: the answer is a %s, not a number", town.ErrUsage, value.Type())
	}
	return all, nil
}

// Names are the names of labels, or with a name its values, of the series that match
// one of the selectors and have samples between two times; without a selector of all.
func (r *Reader) Names(ctx context.Context, label string, selectors []string, from, to time.Time, most int) (names []string, err error) {
	sets, err := matchers(selectors)
	if err != nil {
		return nil, err
	}
	err = r.view(ctx, from, to, func(ctx context.Context, q storage.Querier) error {
		for _, set := range sets {
			some, _, err := one(ctx, q, label, set, most)
			if err != nil {
				return err
			}
			names = append(names, some...)
		}
		return nil
	})
	slices.Sort(names)
	names = slices.Compact(names)
	return slices.Clip(names[:min(len(names), most)]), err
}

func one(ctx context.Context, q storage.Querier, label string, set []*labels.Matcher, most int) ([]string, any, error) {
	hints := &storage.LabelHints{Limit: most}
	if label == "" {
		names, w, err := q.LabelNames(ctx, hints, set...)
		return names, w, err
	}
	names, w, err := q.LabelValues(ctx, label, hints, set...)
	return names, w, err
}

// Series are the labels of the series that match one of the selectors and have samples
// between two times.
func (r *Reader) Series(ctx context.Context, selectors []string, from, to time.Time, most int) (all []labels.Labels, err error) {
	sets, err := matchers(selectors)
	if err != nil {
		return nil, err
	}
	if len(selectors) == 0 {
		return nil, fmt.Errorf("%w: no selector is given", town.ErrUsage)
	}
	err = r.view(ctx, from, to, func(ctx context.Context, q storage.Querier) error {
		hints := &storage.SelectHints{Start: from.UnixMilli(), End: to.UnixMilli(), Func: "series", Limit: most}
		seen := map[uint64]bool{}
		for _, set := range sets {
			found := q.Select(ctx, false, hints, set...)
			for found.Next() && len(all) < most {
				if l := found.At().Labels(); !seen[l.Hash()] {
					seen[l.Hash()] = true
					all = append(all, l)
				}
			}
			if err := found.Err(); err != nil {
				return err
			}
		}
		return nil
	})
	slices.SortFunc(all, labels.Compare)
	return all, err
}

func (r *Reader) view(ctx context.Context, from, to time.Time, fn func(context.Context, storage.Querier) error) error {
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	q, err := r.queryable.Querier(from.UnixMilli(), to.UnixMilli())
	if err != nil {
		return err
	}
	err = guarded(func() error { return fn(ctx, q) })
	r.damaged(err)
	return errors.Join(err, q.Close())
}

// damaged tells of an error that a file caused.
func (r *Reader) damaged(err error) {
	if r.suspect != nil && err != nil && (errors.Is(err, errCut) || fileWords.MatchString(err.Error())) {
		r.suspect(err)
	}
}

// fileWords are words of the database about its files. Its errors have no kinds. A false
// suspicion costs one reading of the files.
var fileWords = regexp.MustCompile(`\b(chunk|segment|checksum|postings|symbol|index|mmap|block)\b`)

// maxSelectors is how many selectors one question may have.
const maxSelectors = 32

func matchers(selectors []string) (sets [][]*labels.Matcher, err error) {
	if len(selectors) > maxSelectors {
		return nil, fmt.Errorf("%w: there are %d selectors, more than %d", town.ErrUsage, len(selectors), maxSelectors)
	}
	if len(selectors) == 0 {
		return [][]*labels.Matcher{nil}, nil
	}
	for _, s := range selectors {
		if len(s) > MaxExpr {
			return nil, fmt.Errorf("%w: a selector has %d bytes, more than %d", town.ErrUsage, len(s), MaxExpr)
		}
		set, err := promqlParser.ParseMetricSelector(s)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", town.ErrUsage, town.Clip(s, 200), err)
		}
		sets = append(sets, set)
	}
	return sets, nil
}

// CheckExpr says what is wrong with an expression in PromQL, as far as that can be known
// before it is evaluated.
func CheckExpr(expr string) error {
	_, err := promqlParser.ParseExpr(expr)
	return err
}

var promqlParser = parser.NewParser(parser.Options{})
