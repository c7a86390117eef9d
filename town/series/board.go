package series

import (
	"context"
	"math"
	"strings"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
)

// The units of figures.
const (
	UnitCount   = "count"
	UnitSeconds = "seconds"
)

// Figure is one of the figures that tell how a Town is. Its name is that of a series.
type Figure struct {
	Name string `json:"name"`
	Help string `json:"help"`
	Unit string `json:"unit"`
}

// Figures are the Town's key figures: five about its state, then four about its speed, which
// are 95th percentiles of the last 15 minutes.
var Figures = []Figure{
	{"polecat_count", "polecats at work", UnitCount},
	{"polecat_stuck", "polecats that are stuck", UnitCount},
	{"merge_queue_depth", "open merge requests", UnitCount},
	{"dolt_latency", "a query of the database", UnitSeconds},
	{"mail_backlog", "unread messages", UnitCount},
	{"polecat_spawn_time", "from a bead's assignment until its polecat works", UnitSeconds},
	{"mail_latency", "from a message until its agent is told", UnitSeconds},
	{"convoy_refresh_time", "a look at all convoys", UnitSeconds},
	{"patrol_time", "a patrol of the Witness", UnitSeconds},
}

// boardTime and boardStep are what a Row shows of the past.
const (
	boardTime = time.Hour
	boardStep = time.Minute
)

// Row is a figure as it is and was.
type Row struct {
	Figure
	// Value is the present value; nil for none.
	Value *float64 `json:"value"`
	// Thresholds are above which value the figure has which severity, by the rules in
	// force.
	Thresholds map[string]float64 `json:"thresholds"`
	// State is healthy, a severity, or unknown when there is no value.
	State string `json:"state"`
	// Past are the values of the last hour, one a minute, the oldest first; nil for none.
	Past []*float64 `json:"past"`
}

// Board reads the figures in one query. The thresholds are those of the rules in force;
// malformed rules have none.
func (r *Reader) Board(ctx context.Context, rules []byte, now time.Time) ([]Row, error) {
	now = now.Truncate(time.Millisecond) // as samples are
	var names []string
	for _, f := range Figures {
		names = append(names, f.Name)
	}
	all, err := r.Range(ctx, `{__name__=~"`+strings.Join(names, "|")+`"}`, Window{now.Add(-boardTime), now, boardStep})
	if err != nil {
		return nil, err
	}
	limits := Thresholds(rules)
	rows := make([]Row, len(Figures))
	for i, f := range Figures {
		rows[i] = Row{Figure: f, State: "unknown", Thresholds: limits[f.Name], Past: make([]*float64, int(boardTime/boardStep)+1)}
		for _, l := range all {
			if l.Labels["__name__"] != f.Name {
				continue
			}
			for _, p := range l.Points {
				if n := int(p.At.Sub(now.Add(-boardTime)) / boardStep); n >= 0 && n < len(rows[i].Past) && !math.IsNaN(p.Value) && !math.IsInf(p.Value, 0) {
					rows[i].Past[n] = &p.Value
				}
			}
		}
		rows[i].judge()
	}
	return rows, nil
}

// judge sets the present value and its state.
func (r *Row) judge() {
	r.Value = r.Past[len(r.Past)-1]
	if r.Value == nil {
		return
	}
	r.State = "healthy"
	for _, s := range severities {
		if limit, there := r.Thresholds[s]; there && *r.Value > limit {
			r.State = s
		}
	}
}

// Thresholds are those that rules compare a series with, by its name and by severity: those
// of rules that raise alerts and have the form NAME > NUMBER. Of several the least counts.
func Thresholds(rules []byte) map[string]map[string]float64 {
	all := map[string]map[string]float64{}
	groups, err := parseRules(rules)
	if err != nil {
		return all
	}
	for _, g := range groups.Groups {
		for _, r := range g.Rules {
			name, limit, ok := threshold(r.Expr)
			if r.Alert == "" || !ok {
				continue
			}
			severity := r.Labels[Severity]
			if severity == "" {
				severity = g.Labels[Severity]
			}
			severity = severities[max(0, rank(severity))]
			if all[name] == nil {
				all[name] = map[string]float64{}
			}
			if former, there := all[name][severity]; !there || limit < former {
				all[name][severity] = limit
			}
		}
	}
	return all
}

// threshold takes an expression of the form NAME > NUMBER apart.
func threshold(expr string) (name string, limit float64, ok bool) {
	parsed, err := promqlParser.ParseExpr(expr)
	if err != nil {
		return "", 0, false
	}
	compared, ok := parsed.(*parser.BinaryExpr)
	if !ok || compared.Op != parser.GTR {
		return "", 0, false
	}
	series, isSeries := compared.LHS.(*parser.VectorSelector)
	number, isNumber := compared.RHS.(*parser.NumberLiteral)
	if !isSeries || !isNumber || len(series.LabelMatchers) != 1 {
		return "", 0, false
	}
	return series.Name, number.Val, true
}
