package series

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	promapi "github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
)

// figure adds a gauge of a name.
func (b *bench) figure(name string) prometheus.Gauge {
	if name == "polecat_stuck" {
		return b.gauge.WithLabelValues("")
	}
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name})
	b.registry.MustRegister(g)
	return g
}

// Prometheus' own client gets from it what it gets from Prometheus.
func TestAPI(t *testing.T) {
	b := newBench(t)
	b.gauge.WithLabelValues("web").Set(2)
	b.gauge.WithLabelValues("api").Set(1)
	b.rounds(8)
	server := httptest.NewServer(API(b.Reader, b.clock.Now))
	defer server.Close()
	client, err := promapi.NewClient(promapi.Config{Address: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	c, now := v1.NewAPI(client), b.clock.Now()
	from := now.Add(-time.Hour)
	show := func(v any, _ v1.Warnings, _ v1.Infos, err error) string {
		t.Helper()
		if err != nil {
			return err.Error()
		}
		switch v := v.(type) {
		case model.Value:
			return v.Type().String() + " " + strings.ReplaceAll(v.String(), "\n", " ")
		case []string:
			return strings.Join(v, " ")
		case model.LabelNames:
			return strings.Join(strings.Fields(strings.Trim(strings.ReplaceAll(v.String(), ",", " "), "[]")), " ")
		case model.LabelValues:
			var all []string
			for _, one := range v {
				all = append(all, string(one))
			}
			return strings.Join(all, " ")
		case []model.LabelSet:
			var all []string
			for _, one := range v {
				all = append(all, one.String())
			}
			return strings.Join(all, " ")
		}
		return ""
	}
	ctx := t.Context()
	for what, c := range map[string]struct{ got, want string }{
		"vector": {show(c.Query(ctx, `sort(polecat_stuck)`, now)), `vector polecat_stuck{rig="api"} => 1 @[1930910520] polecat_stuck{rig="web"} => 2 @[1930910520]`},
		"empty":  {show(c.Query(ctx, `nothing`, now)), `vector `},
		"scalar": {show(c.Query(ctx, `1`, now)), `scalar scalar: 1 @[1930910520]`},
		"matrix": {show(c.QueryRange(ctx, `sum(polecat_stuck)`, v1.Range{Start: now.Add(-30 * time.Second), End: now, Step: 15 * time.Second})),
			`matrix {} => 3 @[1930910490] 3 @[1930910505] 3 @[1930910520]`},
		"empty matrix":    {show(c.QueryRange(ctx, `nothing`, v1.Range{Start: now, End: now, Step: time.Second})), `matrix `},
		"labels":          {show(c.LabelNames(ctx, nil, from, now)), "__name__ le rig"},
		"labels of":       {show(c.LabelNames(ctx, []string{"polecat_stuck"}, from, now)), "__name__ rig"},
		"values":          {show(c.LabelValues(ctx, "rig", nil, from, now)), "api web"},
		"values of":       {show(c.LabelValues(ctx, "rig", []string{`{rig=~"w.*"}`, `{rig="x"}`}, from, now)), "web"},
		"limited values":  {show(c.LabelValues(ctx, "rig", nil, from, now, v1.WithLimit(1))), "api"},
		"no values":       {show(c.LabelValues(ctx, "nothing", nil, from, now)), ""},
		"series":          {show(c.Series(ctx, []string{"polecat_stuck"}, from, now)), `{__name__="polecat_stuck", rig="api"} {__name__="polecat_stuck", rig="web"}`},
		"no series":       {show(c.Series(ctx, []string{"nothing"}, from, now)), ""},
		"series long ago": {show(c.Series(ctx, []string{"polecat_stuck"}, from.Add(-48*time.Hour), from.Add(-24*time.Hour))), ""},
	} {
		if c.got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", what, c.got, c.want)
		}
	}
	for what, c := range map[string]struct {
		err  error
		want v1.ErrorType
	}{
		"malformed": {second(c.Query(ctx, "sum(", now)), v1.ErrBadData}, "too many steps": {second(c.QueryRange(ctx, "1", v1.Range{Start: from, End: now, Step: time.Millisecond})), v1.ErrBadData},
		"backwards": {second(c.QueryRange(ctx, "1", v1.Range{Start: now, End: from, Step: time.Second})), v1.ErrBadData},
		"execution": {second(c.Query(ctx, "polecat_stuck * on() polecat_stuck", now)), v1.ErrExec},
	} {
		if e, ok := c.err.(*v1.Error); !ok || e.Type != c.want {
			t.Errorf("%s: %v, want %s", what, c.err, c.want)
		}
	}
	if err := b.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := c.Query(ctx, "1 + polecat_stuck", now); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("while it is off: %v", err)
	}
}

func second(_ model.Value, _ v1.Warnings, _ v1.Infos, err error) error { return err }

// Whatever is asked is answered as an error of Prometheus' form, with the code 400.
func TestAPIRefuses(t *testing.T) {
	b := newBench(t)
	b.rounds(1)
	h := API(b.Reader, b.clock.Now)
	for _, path := range []string{
		"query?query=1&time=x", "query?query=1&time=1e300", "query?query=1&time=NaN", "query?query=1&time=9999999-01-01T00:00:00Z", "query", "query_range?query=1", "query_range?query=1&start=0&end=1",
		"query_range?query=1&start=0&end=1&step=0", "query_range?query=1&start=0&end=1&step=-5", "query_range?query=1&start=0&end=1&step=NaN", "query_range?query=1&start=0&end=1&step=1e300",
		"query_range?query=1&start=0&end=1&step=x", "query_range?query=1&start=-8000000000&end=8000000000&step=1", "labels?start=x", "labels?limit=x", "labels?limit=-1", "series", "series?match[]=%7B",
		"label/1/values", "label/a%2fb/values", "query?query=" + url.QueryEscape(strings.Repeat("(", 3000)+"1"), "query?query=" + strings.Repeat("1", MaxExpr+1), "query?query=%zz",
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/api/v1/"+path, nil))
		body, err := io.ReadAll(w.Result().Body)
		if err != nil || w.Code != http.StatusBadRequest || !bytes.HasPrefix(body, []byte(`{"status":"error","errorType":"bad_data","error":"`)) {
			t.Errorf("%s: %d %s", path[:min(len(path), 80)], w.Code, body)
		}
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequest("POST", "/api/v1/query", strings.NewReader("query="+strings.Repeat("1", maxBody)))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if h.ServeHTTP(w, r); w.Code != http.StatusBadRequest {
		t.Errorf("a large body: %d", w.Code)
	}
}
