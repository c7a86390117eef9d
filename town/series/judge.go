package series

import (
	"cmp"
	"context"
	"errors"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"
	"github.com/sirupsen/logrus"

	"gastown/town"
)

// Firing is a rule that fires, for one set of labels.
type Firing struct {
	Name string
	// Severity is warning, error or critical.
	Severity string
	// Labels are those of the series and of the rule, without the severity.
	Labels map[string]string
	// Summary is the rule's annotation summary, or description, or its expression.
	Summary string
}

// Verdict is what the rules say at one moment.
type Verdict struct {
	// Firing are in the order of their names and labels; one for each.
	Firing []Firing
	// Sure says that the rules were judged long enough after they were read to know which
	// fire. Before that, one that fired before the Deacon's start is not among Firing.
	Sure bool
	// Failed says which rules could not be judged, and why. They are in the state that
	// they had before.
	Failed []string
	// Asked is how many expressions were evaluated. Those whose series are what they were the
	// last time are not.
	Asked int
}

// Judge judges rules. Its methods are not safe for concurrent use.
type Judge struct {
	store    *Store
	manager  *rules.Manager
	interval time.Duration
	groups   []*judged
	text     string           // of the rules that are judged
	memos    map[string]*memo // by the expression of a rule
	asked    int
}

type judged struct {
	*rules.Group
	memos []*memo // of the rules, in their order; nil where an answer cannot be remembered
	last  time.Time
	// silent says that no expression had an answer when the group was judged last. The memos
	// do not: another group may have asked since.
	silent bool
	// rounds counts how often it was judged; the third time it is sure.
	rounds int
}

// outage is for how long a rule that fired may have been without a Deacon to go on
// firing.
const outage = time.Hour

// sureAfter is how often a group is judged before it is sure.
const sureAfter = 3

// NewJudge returns a judge of the figures in a store, without rules. A group of rules
// without an interval of its own is judged each interval.
func NewJudge(s *Store, interval time.Duration) *Judge {
	j := &Judge{store: s, interval: interval}
	j.manager = rules.NewManager(&rules.ManagerOptions{
		NameValidationScheme: model.LegacyValidation, ExternalURL: &url.URL{}, Context: context.Background(),
		QueryFunc: j.query, NotifyFunc: func(context.Context, string, ...*rules.Alert) {},
		AppendableV2: s, Queryable: s.Reader, Logger: logger(discard), OutageTolerance: outage, ResendDelay: time.Hour,
		GroupLoader: loader{}, Parser: promqlParser,
	})
	return j
}

// discard is a log for what Failed and the errors say already.
var discard = func() logrus.FieldLogger {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return log
}()

// Load replaces the rules. When they are malformed, the former ones stay. A rule that
// was there before keeps its state.
func (j *Judge) Load(text []byte) error {
	if string(text) == j.text && j.groups != nil {
		return nil
	}
	var all []*judged
	memos := map[string]*memo{}
	for _, source := range []string{string(recorded), string(text)} {
		loaded, errs := j.manager.LoadGroups(j.interval, labels.EmptyLabels(), "", nil, false, source)
		if len(errs) > 0 {
			return errors.Join(errs...)
		}
		var some []*judged
		for _, g := range loaded {
			one := &judged{Group: g}
			for _, r := range g.Rules() {
				expr := r.Query().String()
				if memos[expr] == nil {
					memos[expr] = newMemo(r.Query())
				}
				one.memos = append(one.memos, memos[expr])
			}
			some = append(some, one)
		}
		slices.SortFunc(some, func(a, b *judged) int { return cmp.Compare(a.Name(), b.Name()) })
		all = append(all, some...) // what is recorded is computed first
	}
	for _, g := range all {
		i := slices.IndexFunc(j.groups, func(old *judged) bool { return old.Name() == g.Name() })
		if i >= 0 {
			g.CopyState(j.groups[i].Group)
			g.rounds, g.last = j.groups[i].rounds, j.groups[i].last
		}
	}
	j.groups, j.text, j.memos = all, string(text), memos
	return nil
}

// loader reads rules from the text itself.
type loader struct{}

func (loader) Load(text string, _ bool, _ model.ValidationScheme) (*rulefmt.RuleGroups, []error) {
	groups, err := parseRules([]byte(text))
	if err != nil {
		return nil, []error{err}
	}
	return groups, nil
}

func (loader) Parse(query string) (parser.Expr, error) { return promqlParser.ParseExpr(query) }

// query is what rules ask with.
func (j *Judge) query(ctx context.Context, expr string, at time.Time) (promql.Vector, error) {
	m, when := j.memos[expr], at.UnixMilli()
	if m.still(&j.store.changes, when) {
		return m.recall(when), nil
	}
	j.asked++
	number, whole := j.store.changes.now(when)
	answer, err := j.ask(ctx, expr, at)
	if m != nil {
		m.keep(answer, number, when)
		m.known = whole && err == nil
	}
	return answer, err
}

func (j *Judge) ask(ctx context.Context, expr string, at time.Time) (promql.Vector, error) {
	result, err := j.store.ExecAt(ctx, expr, at)
	if err != nil {
		return nil, err
	}
	defer result.Close()
	switch v := result.Value.(type) {
	case promql.Vector:
		return slices.Clone(v), nil
	case promql.Scalar:
		return promql.Vector{{T: v.T, F: v.V}}, nil
	}
	return nil, errors.New("the expression is neither a vector nor a number")
}

// rests reports whether a group need not be evaluated: nothing fires or waits to fire, and
// each of its expressions has no answer, as the last time.
func (j *Judge) rests(g *judged, now time.Time) bool {
	if g.rounds < sureAfter || !g.silent {
		return false
	}
	for i, r := range g.Rules() {
		if r.LastError() != nil || !g.memos[i].still(&j.store.changes, now.UnixMilli()) || len(g.memos[i].answer) > 0 {
			return false
		}
		active := false
		if a, ok := r.(*rules.AlertingRule); ok {
			a.ForEachActiveAlert(func(a *rules.Alert) { active = active || a.State != rules.StateInactive })
		}
		if active {
			return false
		}
	}
	return true
}

// Judge judges the groups that are due.
func (j *Judge) Judge(ctx context.Context, now time.Time) Verdict {
	v := Verdict{Sure: true}
	j.asked = 0
	all := map[string]Firing{}
	for _, g := range j.groups {
		// A little early counts, because rounds are not quite regular.
		if since := now.Sub(g.last); since >= g.Interval()-g.Interval()/10 || since < 0 {
			if !j.rests(g, now) {
				g.Eval(ctx, now)
				g.silent = !slices.ContainsFunc(g.memos, func(m *memo) bool { return m == nil || !m.known || len(m.answer) > 0 })
			}
			g.last = now
			if g.rounds++; g.rounds == sureAfter-1 {
				g.RestoreForState(now)
			}
		}
		v.Sure = v.Sure && g.rounds >= sureAfter
		for _, r := range g.Rules() {
			if err := r.LastError(); err != nil {
				v.Failed = append(v.Failed, r.Name()+": "+town.Clip(err.Error(), 300))
			}
			if a, ok := r.(*rules.AlertingRule); ok {
				collect(all, a)
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		v.Firing = append(v.Firing, all[key])
	}
	v.Asked = j.asked
	return v
}

// collect adds what fires. Of the same name and labels the worst stays.
func collect(all map[string]Firing, r *rules.AlertingRule) {
	r.ForEachActiveAlert(func(a *rules.Alert) {
		if a.State != rules.StateFiring {
			return
		}
		f := Firing{Name: r.Name(), Severity: severities[max(0, rank(a.Labels.Get(Severity)))], Labels: a.Labels.Map()}
		delete(f.Labels, Severity)
		delete(f.Labels, labels.AlertName)
		f.Summary = cmp.Or(a.Annotations.Get("summary"), a.Annotations.Get("description"), r.Query().String())
		key := f.Name + "\x00" + labels.FromMap(f.Labels).String()
		if former, there := all[key]; !there || rank(former.Severity) < rank(f.Severity) {
			all[key] = f
		}
	})
}

// Describe lists the rules that are judged: those that raise alerts, by name.
func (j *Judge) Describe() string {
	var names []string
	for _, g := range j.groups {
		for _, r := range g.AlertingRules() {
			names = append(names, r.Name())
		}
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}
