package series

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"

	"gastown/town"
	"gastown/town/strict"
)

const (
	// maxRulesFile is the largest file of rules that is read, in bytes.
	maxRulesFile = 256 << 10
	// maxRules is how many rules it may have.
	maxRules = 200
	// leastInterval is how often a group may be judged.
	leastInterval = 5 * time.Second
)

// Severity is the label of a rule that says how bad its trouble is: warning, error or
// critical. A rule without it warns.
const Severity = "severity"

// severities are its values, the mildest first.
var severities = []string{"warning", "error", "critical"}

// DefaultRules are the rules that apply where no file has others: those of the Town's
// key figures and of its performance.
//
//go:embed rules.yaml
var DefaultRules []byte

// recorded are the rules that compute the figures which rules and people name. They
// always apply.
//
//go:embed recorded.yaml
var recorded []byte

// The shape of a file, for errors in plain words. Package rulefmt reads it again.
type (
	rulesFile struct {
		Groups []rulesGroup `yaml:"groups"`
	}
	rulesGroup struct {
		Name        string            `yaml:"name"`
		Interval    string            `yaml:"interval"`
		QueryOffset string            `yaml:"query_offset"`
		Limit       int               `yaml:"limit"`
		Labels      map[string]string `yaml:"labels"`
		Rules       []rule            `yaml:"rules"`
	}
	rule struct {
		Record        string            `yaml:"record"`
		Alert         string            `yaml:"alert"`
		Expr          string            `yaml:"expr"`
		For           string            `yaml:"for"`
		KeepFiringFor string            `yaml:"keep_firing_for"`
		Labels        map[string]string `yaml:"labels"`
		Annotations   map[string]string `yaml:"annotations"`
	}
)

// ReadRules reads a file of rules in Prometheus' own format. Where there is no file it
// returns DefaultRules. Errors name the file, the line, the reason and the next step.
func ReadRules(path string) ([]byte, error) {
	text, err := strict.ReadFile(path, maxRulesFile)
	if errors.Is(err, fs.ErrNotExist) {
		return DefaultRules, nil
	}
	if err == nil {
		_, err = parseRules(text)
	}
	if err != nil {
		return nil, town.Fail("read "+path, "correct the file; until then the rules that were last in force stay", "%w: %w", town.ErrUsage, err)
	}
	return text, nil
}

// parseRules checks a file and reads it.
func parseRules(text []byte) (*rulefmt.RuleGroups, error) {
	doc, err := strict.Document(text)
	if errors.Is(err, strict.ErrEmpty) {
		return &rulefmt.RuleGroups{}, nil
	}
	if err != nil {
		return nil, err
	}
	var shape rulesFile
	if err := strict.YAML(text, &shape); err != nil {
		return nil, err
	}
	at := func(group, rule int, key ...string) int {
		path := []string{"groups", strconv.Itoa(group)}
		if rule >= 0 {
			path = append(path, "rules", strconv.Itoa(rule))
		}
		return strict.Line(doc, append(path, key...)...)
	}
	if faults := shape.faults(at); len(faults) > 0 {
		return nil, &strict.Error{Faults: faults}
	}
	groups, errs := rulefmt.Parse(text, false, model.LegacyValidation, promqlParser, logger(discard))
	var faults []strict.Fault
	for _, err := range errs {
		faults = append(faults, faultOf(err, groups, at))
	}
	if len(faults) > 0 {
		return nil, &strict.Error{Faults: faults}
	}
	return groups, nil
}

// faults are what package rulefmt words badly, or does not look at.
func (f rulesFile) faults(at func(group, rule int, key ...string) int) (faults []strict.Fault) {
	add := func(line int, format string, args ...any) {
		faults = append(faults, strict.Fault{Line: line, Reason: fmt.Sprintf(format, args...)})
	}
	duration := func(g, r int, key, value string, least time.Duration) {
		if value == "" {
			return
		}
		d, err := model.ParseDuration(value)
		switch {
		case err != nil:
			add(at(g, r, key), "%s is no duration such as 30s or 5m: %q", key, town.Clip(value, 40))
		case time.Duration(d) < least:
			add(at(g, r, key), "%s is shorter than %s", key, least)
		}
	}
	count := 0
	for g, group := range f.Groups {
		if group.Name == "" {
			add(at(g, -1), "a group has no name")
		} else if slices.ContainsFunc(f.Groups[:g], func(other rulesGroup) bool { return other.Name == group.Name }) {
			add(at(g, -1), "there are two groups %q", town.Clip(group.Name, 60))
		}
		duration(g, -1, "interval", group.Interval, leastInterval)
		duration(g, -1, "query_offset", group.QueryOffset, 0)
		if group.Limit < 0 {
			add(at(g, -1, "limit"), "limit is negative")
		}
		if len(group.Rules) == 0 {
			add(at(g, -1), "group %q has no rules", town.Clip(group.Name, 60))
		}
		count += len(group.Rules)
		for r, rule := range group.Rules {
			name := rule.Alert + rule.Record
			switch {
			case rule.Alert == "" && rule.Record == "":
				add(at(g, r), "a rule has neither alert nor record")
			case rule.Alert != "" && rule.Record != "":
				add(at(g, r), "a rule has both alert and record")
			case rule.Expr == "":
				add(at(g, r), "rule %q has no expr", town.Clip(name, 60))
			}
			duration(g, r, "for", rule.For, 0)
			duration(g, r, "keep_firing_for", rule.KeepFiringFor, 0)
			for _, labels := range []map[string]string{group.Labels, rule.Labels} {
				if s, set := labels[Severity]; set && rule.Alert != "" && rank(s) < 0 && !strings.Contains(s, "{{") {
					add(at(g, r, "labels", Severity), "severity is %q, and none of %s", town.Clip(s, 40), strings.Join(severities, ", "))
				}
			}
		}
	}
	if count > maxRules {
		add(0, "there are %d rules, more than %d", count, maxRules)
	}
	return faults
}

// position begins the errors of package rulefmt.
var position = regexp.MustCompile(`^(?:(\d+):\d+: )+(?:group "[^"]*", rule \d+, )?`)

// faultOf gives an error of package rulefmt a line.
func faultOf(err error, groups *rulefmt.RuleGroups, at func(group, rule int, key ...string) int) strict.Fault {
	f := strict.Fault{Reason: err.Error()}
	if m := position.FindStringSubmatch(f.Reason); m != nil {
		f.Line, _ = strconv.Atoi(m[1])
		f.Reason = f.Reason[len(m[0]):]
	}
	one, ok := errors.AsType[*rulefmt.Error](err)
	if ok && groups != nil {
		f.Reason = fmt.Sprintf("rule %q: %s", town.Clip(one.RuleName, 60), strings.TrimPrefix(f.Reason, fmt.Sprintf("group %q, rule %d, %q: ", one.Group, one.Rule, one.RuleName)))
		f.Reason = strings.Replace(f.Reason, fmt.Sprintf("%q: ", one.RuleName)+fmt.Sprintf("%q: ", one.RuleName), fmt.Sprintf("%q: ", one.RuleName), 1)
		for g := range groups.Groups {
			if f.Line == 0 && groups.Groups[g].Name == one.Group {
				f.Line = at(g, one.Rule-1)
			}
		}
	}
	f.Reason = town.Clip(f.Reason, 300)
	return f
}

// rank is how bad a severity is; -1 for a word that is none.
func rank(severity string) int { return slices.Index(severities, severity) }
