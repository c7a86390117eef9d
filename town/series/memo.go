package series

import (
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// longestWindow is the longest range of time that the expression of a rule may read for its
// answer to be remembered. Within it no sample goes because it is too old.
const longestWindow = time.Hour

// memo is the last answer of a rule's expression. While the series that the expression names
// stay as they are, so does the answer.
type memo struct {
	names []string
	back  time.Duration // how far back the expression reads; 0 for the present values only

	known  bool
	number int64 // the newest change when it was answered
	at     int64 // when, in milliseconds
	answer promql.Vector
}

// newMemo returns nil for an expression whose answer may change although no series does.
func newMemo(expr parser.Expr) *memo {
	m := &memo{}
	steady := true
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.VectorSelector:
			i := slices.IndexFunc(n.LabelMatchers, func(l *labels.Matcher) bool {
				return l.Name == model.MetricNameLabel && l.Type == labels.MatchEqual
			})
			shifted := n.Timestamp != nil || n.StartOrEnd != 0 || n.OriginalOffset != 0 || n.OriginalOffsetExpr != nil || n.Anchored || n.Smoothed
			if steady = steady && i >= 0 && !shifted; steady {
				m.names = append(m.names, n.LabelMatchers[i].Value)
			}
		case *parser.MatrixSelector:
			m.back = max(m.back, n.Range)
			steady = steady && n.RangeExpr == nil
		case *parser.Call:
			steady = steady && timeless[n.Func.Name]
		case *parser.SubqueryExpr:
			steady = false
		}
		return nil
	})
	if !steady || m.back > longestWindow {
		return nil
	}
	slices.Sort(m.names)
	m.names = slices.Compact(m.names)
	return m
}

// timeless are the functions whose result depends on nothing but values that stay the same: not
// on the time, and not on how many samples a range has.
var timeless = func() map[string]bool {
	all := map[string]bool{}
	for _, name := range []string{
		"abs", "absent", "ceil", "clamp", "clamp_max", "clamp_min", "exp", "floor", "histogram_quantile", "label_join", "label_replace", "ln", "log10",
		"log2", "round", "scalar", "sgn", "sort", "sort_desc", "sqrt", "vector",
		"changes", "delta", "idelta", "increase", "irate", "last_over_time", "max_over_time", "min_over_time", "quantile_over_time", "rate", "resets",
	} {
		all[name] = true
	}
	return all
}()

// still reports whether the answer is the one for a time at which a round was written.
func (m *memo) still(c *changes, at int64) bool {
	if m == nil || !m.known || at < m.at {
		return false
	}
	_, whole := c.now(at)
	return whole && c.same(m.names, m.back, m.number, m.at)
}

// keep remembers an answer.
func (m *memo) keep(answer promql.Vector, number, at int64) {
	m.known, m.number, m.at, m.answer = true, number, at, slices.Clone(answer)
}

// recall is the answer, for a time.
func (m *memo) recall(at int64) promql.Vector {
	answer := slices.Clone(m.answer)
	for i := range answer {
		answer[i].T = at
	}
	return answer
}
