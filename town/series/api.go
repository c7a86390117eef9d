package series

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	"gastown/town"
)

// The bounds of the HTTP API, beside those of every question.
const (
	// maxBody is how large a request's body may be, in bytes.
	maxBody = 64 << 10
	// maxNames is how many names or series an answer lists.
	maxNames = 10_000
	// maxAtOnce is how many questions are answered at once.
	maxAtOnce = 4
)

// API answers as Prometheus does under /api/v1, so that its clients and Grafana can ask a
// Reader: query, query_range, labels, label/NAME/values and series.
func API(r *Reader, now func() time.Time) http.Handler {
	a := &api{reader: r, now: now, places: make(chan struct{}, maxAtOnce)}
	mux := http.NewServeMux()
	for path, answer := range map[string]answer{
		"/api/v1/query": a.query, "/api/v1/query_range": a.queryRange, "/api/v1/labels": a.labels, "/api/v1/series": a.series,
	} {
		mux.HandleFunc("GET "+path, a.serve(answer))
		mux.HandleFunc("POST "+path, a.serve(answer))
	}
	mux.HandleFunc("GET /api/v1/label/{name}/values", a.serve(a.values))
	mux.HandleFunc("GET /api/v1/status/buildinfo", a.serve(a.build))
	return mux
}

type api struct {
	reader *Reader
	now    func() time.Time
	places chan struct{}
}

// answer writes the data of an answer with write, while it is valid.
type answer func(r *http.Request, write func(data any)) error

// response is what Prometheus wraps every answer in.
type response struct {
	Status    string `json:"status"`
	Data      any    `json:"data,omitempty"`
	ErrorType string `json:"errorType,omitempty"`
	Error     string `json:"error,omitempty"`
}

func (a *api) serve(fn answer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		reply := func(code int, v response) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(code)
			_ = json.NewEncoder(w).Encode(v) // an error means that the peer has gone
		}
		select {
		case a.places <- struct{}{}:
			defer func() { <-a.places }()
		case <-r.Context().Done():
			return
		}
		if err := r.ParseForm(); err != nil {
			reply(http.StatusBadRequest, response{Status: "error", ErrorType: "bad_data", Error: err.Error()})
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), maxTime)
		defer cancel()
		err := fn(r.WithContext(ctx), func(data any) { reply(http.StatusOK, response{Status: "success", Data: data}) })
		if err != nil {
			code, kind := classify(err)
			reply(code, response{Status: "error", ErrorType: kind, Error: town.Message(err)})
		}
	}
}

// classify is Prometheus' code and word for an error.
func classify(err error) (code int, kind string) {
	switch {
	case errors.Is(err, town.ErrUsage):
		return http.StatusBadRequest, "bad_data"
	case errors.Is(err, ErrOff), errors.Is(err, errCut):
		return http.StatusServiceUnavailable, "unavailable"
	case errors.As(err, new(promql.ErrQueryTimeout)), errors.Is(err, context.DeadlineExceeded):
		return http.StatusServiceUnavailable, "timeout"
	case errors.As(err, new(promql.ErrQueryCanceled)), errors.Is(err, context.Canceled):
		return http.StatusServiceUnavailable, "canceled"
	case errors.As(err, new(promql.ErrStorage)):
		return http.StatusInternalServerError, "internal"
	}
	return http.StatusUnprocessableEntity, "execution"
}

// queried is the data of an answer to a query.
type queried struct {
	Type   parser.ValueType `json:"resultType"`
	Result any              `json:"result"`
}

func (a *api) query(r *http.Request, write func(any)) error {
	at, err := moment(r, "time", a.now())
	if err != nil {
		return err
	}
	return a.result(write)(a.reader.ExecAt(r.Context(), r.FormValue("query"), at))
}

func (a *api) queryRange(r *http.Request, write func(any)) (err error) {
	var w Window
	if w.From, err = moment(r, "start", time.Time{}); err != nil {
		return err
	}
	if w.To, err = moment(r, "end", time.Time{}); err != nil {
		return err
	}
	if w.Step, err = step(r.FormValue("step")); err != nil {
		return err
	}
	return a.result(write)(a.reader.ExecRange(r.Context(), r.FormValue("query"), w))
}

func (a *api) result(write func(any)) func(Result, error) error {
	return func(result Result, err error) error {
		if err != nil {
			return err
		}
		defer result.Close()
		q := queried{Type: result.Value.Type(), Result: result.Value}
		switch v := result.Value.(type) { // an empty answer is a list, not null
		case promql.Vector:
			if len(v) == 0 {
				q.Result = []any{}
			}
		case promql.Matrix:
			list := make([]line, len(v))
			for i, s := range v {
				list[i] = line{s.Metric, s.Floats}
			}
			q.Result = list
		}
		write(q)
		return nil
	}
}

// line is a series of an answer, as Prometheus writes it.
type line struct {
	Metric labels.Labels   `json:"metric"`
	Values []promql.FPoint `json:"values"`
}

func (a *api) labels(r *http.Request, write func(any)) error { return a.names(r, "", write) }

func (a *api) values(r *http.Request, write func(any)) error {
	name := r.PathValue("name")
	if !model.LegacyValidation.IsValidLabelName(name) {
		return fmt.Errorf("%w: invalid label name: %q", town.ErrUsage, town.Clip(name, 80))
	}
	return a.names(r, name, write)
}

func (a *api) names(r *http.Request, label string, write func(any)) error {
	from, to, most, err := a.span(r)
	if err != nil {
		return err
	}
	names, err := a.reader.Names(r.Context(), label, r.Form["match[]"], from, to, most)
	if err != nil {
		return err
	}
	if names == nil {
		names = []string{}
	}
	write(names)
	return nil
}

func (a *api) series(r *http.Request, write func(any)) error {
	from, to, most, err := a.span(r)
	if err != nil {
		return err
	}
	all, err := a.reader.Series(r.Context(), r.Form["match[]"], from, to, most)
	if err != nil {
		return err
	}
	if all == nil {
		all = []labels.Labels{}
	}
	write(all)
	return nil
}

// build tells Grafana which functions it may use.
func (a *api) build(_ *http.Request, write func(any)) error {
	write(map[string]string{"version": "3.0.0", "application": "gastown"})
	return nil
}

// span reads the optional start, end and limit of a request for names.
func (a *api) span(r *http.Request) (from, to time.Time, most int, err error) {
	if from, err = moment(r, "start", a.now().Add(-DefaultKeep)); err != nil {
		return from, to, 0, err
	}
	if to, err = moment(r, "end", a.now()); err != nil {
		return from, to, 0, err
	}
	most = maxNames
	if text := r.FormValue("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return from, to, 0, fmt.Errorf("%w: invalid parameter \"limit\": %q is no number", town.ErrUsage, town.Clip(text, 40))
		}
		if n > 0 {
			most = min(n, maxNames)
		}
	}
	return from, to, most, nil
}

// moment reads a time: seconds since 1970 or RFC 3339. other is for a request without it;
// the zero time makes it required.
func moment(r *http.Request, name string, other time.Time) (time.Time, error) {
	text := r.FormValue(name)
	if text == "" && !other.IsZero() {
		return other, nil
	}
	t, err := ParseTime(text)
	if err != nil {
		return t, fmt.Errorf("%w: invalid parameter %q: %w", town.ErrUsage, name, err)
	}
	return t, nil
}

// The times that a request may name: those that a duration can count.
var (
	firstTime = time.Unix(-1<<33, 0)
	lastTime  = time.Unix(1<<33, 0)
)

// ParseTime reads a time as Prometheus does: seconds since 1970, or RFC 3339.
func ParseTime(text string) (t time.Time, err error) {
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && math.Abs(seconds) <= float64(lastTime.Unix()) {
		whole, part := math.Modf(seconds)
		return time.Unix(int64(whole), int64(math.Round(part*1000))*int64(time.Millisecond)).UTC(), nil
	}
	if t, err = time.Parse(time.RFC3339Nano, text); err == nil && t.After(firstTime) && t.Before(lastTime) {
		return t, nil
	}
	return t, fmt.Errorf("cannot parse %q to a valid timestamp", town.Clip(text, 60))
}

// step reads a duration: a number of seconds, or such as 5m.
func step(text string) (time.Duration, error) {
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && seconds > 0 && seconds <= float64(lastTime.Unix()) {
		return time.Duration(seconds * float64(time.Second)), nil
	}
	d, err := model.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%w: invalid parameter \"step\": cannot parse %q to a valid duration", town.ErrUsage, town.Clip(text, 60))
	}
	return time.Duration(d), nil
}
