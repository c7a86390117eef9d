package series

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// town makes about as many series as a Town with 100 polecats has.
func (b *bench) town() {
	jobs := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "gt_deacon_job_duration_seconds", Buckets: []float64{.001, .005, .02, .1, .5, 2, 10, 60}}, []string{"job"})
	polecats := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "gt_polecats"}, []string{"rig", "state"})
	b.registry.MustRegister(jobs, polecats)
	for i := range 60 {
		jobs.WithLabelValues(fmt.Sprint("job-", i)).Observe(.01)
	}
	for i := range 100 {
		for _, state := range []string{"working", "idle", "stalled", "waiting"} {
			polecats.WithLabelValues(fmt.Sprint("rig-", i), state).Set(float64(i))
		}
	}
	b.gauge.WithLabelValues("web").Set(1)
}

// What one round of a large Town costs: it is printed, not judged, because the machine may
// be busy.
func TestRoundCost(t *testing.T) {
	b := newBench(t)
	b.town()
	j := NewJudge(b.Store, 15*time.Second)
	if err := j.Load(DefaultRules); err != nil {
		t.Fatal(err)
	}
	var gather, appended, judged time.Duration
	const n = 400
	for range n {
		at := b.clock.add(15 * time.Second)
		start := time.Now()
		f := b.gather()
		gather += time.Since(start)
		start = time.Now()
		if err := b.Append(t.Context(), at, f); err != nil {
			t.Fatal(err)
		}
		appended += time.Since(start)
		start = time.Now()
		if v := j.Judge(t.Context(), at); len(v.Failed) > 0 || len(v.Firing) > 0 {
			t.Fatalf("%+v", v)
		}
		judged += time.Since(start)
	}
	t.Logf("gather %s, append %s, judge %s", gather/n, appended/n, judged/n)
}
