package spending

import (
	"github.com/prometheus/client_golang/prometheus"

	"gastown/town/spending"
)

// counters are the metrics of the part: what was used since the Deacon started, by rig and
// model.
type counters struct {
	tokens, messages, dollars *prometheus.CounterVec
	labels                    map[[2]string]bool
}

// maxLabels bounds the series. What has no room counts as of the model "other".
const maxLabels = 200

func newCounters() counters {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	return counters{
		tokens:   counter("gt_spent_tokens_total", "Tokens that agents used, by kind.", "rig", "model", "kind"),
		messages: counter("gt_spent_messages_total", "Answers of models that agents got.", "rig", "model"),
		dollars:  counter("gt_spent_dollars_total", "What agents spent in US dollars, of models with a known price.", "rig", "model"),
		labels:   map[[2]string]bool{},
	}
}

// add counts what was read.
func (f *counters) add(sums []spending.Sum, prices spending.Prices) {
	for _, s := range sums {
		rig, model := s.Agent.Rig, s.Model
		if at := [2]string{rig, model}; !f.labels[at] {
			if len(f.labels) >= maxLabels {
				rig, model = "", "other"
			} else {
				f.labels[at] = true
			}
		}
		for kind, n := range map[string]int64{"input": s.Input, "cache_read": s.CacheRead, "cache_write": s.CacheWrite, "output": s.Output} {
			f.tokens.WithLabelValues(rig, model, kind).Add(float64(n))
		}
		f.messages.WithLabelValues(rig, model).Add(float64(s.Messages))
		if price, ok := prices.Find(s.Model); ok {
			f.dollars.WithLabelValues(rig, model).Add(price.Of(s.Usage))
		}
	}
}
