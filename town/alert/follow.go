package alert

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	amalert "github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/pkg/labels"
	"github.com/prometheus/alertmanager/silence/silencepb"
	"github.com/prometheus/common/model"
	"google.golang.org/protobuf/types/known/timestamppb"

	"gastown/planes/operational"
	"gastown/town"
)

// The labels and annotations that alerts get beside their own.
const (
	labelSeverity = "severity"
	labelSource   = "source"
	noteSummary   = "summary"
	noteSince     = "since"
)

// again is after how long an alert that ended is given once more, because a channel that
// was told of it does not know of its end yet.
const again = time.Minute

// labelsOf are the labels of an alert. The severity is one of them: an alert whose
// severity changed is another one to Alertmanager, of the same group.
func labelsOf(a operational.Alert, severity operational.AlertSeverity) model.LabelSet {
	set := model.LabelSet{}
	for name, value := range a.Labels {
		set[model.LabelName(name)] = model.LabelValue(value)
	}
	set[model.AlertNameLabel], set[labelSeverity], set[labelSource] = model.LabelValue(a.Name), model.LabelValue(severity), model.LabelValue(a.Source)
	return set
}

func alertOf(a operational.Alert, severity operational.AlertSeverity, begins, ends, now time.Time) *amalert.Alert {
	return amalert.New(model.Alert{
		Labels: labelsOf(a, severity), StartsAt: begins, EndsAt: ends,
		Annotations: model.LabelSet{noteSummary: model.LabelValue(a.Summary), noteSince: model.LabelValue(a.Since.UTC().Format(time.RFC3339Nano))},
	}, now, false)
}

// follow gives Alertmanager what it does not know yet: alerts that fire, and the ends of
// those that do not, if a channel was told that they do.
func (e *Engine) follow(ctx context.Context, rows []operational.Alert, now time.Time) error {
	var begun, ended []*amalert.Alert
	fires := map[model.Fingerprint]bool{}
	rows = slices.Clone(rows)
	for i, row := range rows {
		var err error
		if rows[i], err = operational.AlertOf(row); err != nil {
			rows[i].Name = "" // another program spoilt the row
		} else if row.Fires() {
			fires[labelsOf(rows[i], row.Severity).Fingerprint()] = true
		}
	}
	for _, row := range rows {
		if row.Name == "" {
			continue
		}
		for _, severity := range operational.AlertSeverities {
			set := labelsOf(row, severity)
			print := set.Fingerprint()
			was, known := e.put[print]
			switch {
			case row.Fires() && severity == row.Severity:
				if known && !was.resolved && was.row.Since.Equal(row.Since) && was.row.Summary == row.Summary {
					continue
				}
				// One that fires for long already would be sent before others that
				// come with it, so it begins now; the message says since when it fires.
				begins := now
				if e.running == nil {
					begins = row.Since
				}
				if known && !was.resolved {
					begins = was.at
				}
				begun = append(begun, alertOf(row, severity, begins, time.Time{}, now))
				e.put[print] = state{row, set, false, begins}
			case fires[print]: // an older row of the same alert
			case known && !was.resolved, e.toldOf(row.Name, set) && (!known || now.Sub(was.at) >= again):
				ends := row.Ended
				if row.Fires() {
					ends = row.Changed // its severity changed
				}
				if ends.IsZero() || ends.After(now) {
					ends = now
				}
				ended = append(ended, alertOf(row, severity, minTime(row.Since, ends), ends, now))
				e.put[print] = state{row, set, true, now}
			}
		}
	}
	for print, was := range e.put { // rows that are gone
		if !was.resolved && !fires[print] {
			ended = append(ended, amalert.New(model.Alert{Labels: was.labels, StartsAt: minTime(was.at, now), EndsAt: now}, now, false))
			was.resolved, was.at = true, now
			e.put[print] = was
		}
	}
	e.forget(now)
	// Critical alerts first: they mute others, which must not be told before.
	slices.SortStableFunc(begun, func(a, b *amalert.Alert) int { return cmp.Compare(milder(a), milder(b)) })
	// The ends last: an alert that ended is not alone in a group that still fires.
	for _, list := range [][]*amalert.Alert{begun, ended} {
		if err := e.alerts.Put(ctx, list...); err != nil {
			return fmt.Errorf("pass on alerts: %w", err)
		}
	}
	return nil
}

// toldOf reports whether a channel was told that an alert fires, and not yet that it ended.
func (e *Engine) toldOf(name string, set model.LabelSet) bool {
	return slices.ContainsFunc(e.channels, func(c Channel) bool { return e.told.fires(c.Name, name, set) })
}

// forget drops what ended long ago.
func (e *Engine) forget(now time.Time) {
	maps.DeleteFunc(e.put, func(_ model.Fingerprint, s state) bool { return s.resolved && now.Sub(s.at) > 2*tidyEvery })
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// silence makes Alertmanager's silences those of the rows.
func (e *Engine) silence(ctx context.Context, rows []operational.Silence, now time.Time) error {
	wanted, changed := map[string]bool{}, false
	for _, row := range rows {
		if !row.Ends.After(now) {
			continue
		}
		key := row.ID + " " + row.Changed.String()
		wanted[key] = true
		if e.set[key] != "" {
			continue
		}
		matchers, err := Matchers(row.Matchers)
		if err != nil || len(matchers) == 0 {
			continue // another program spoilt it
		}
		s := &silencepb.Silence{StartsAt: timestamppb.New(row.Begins), EndsAt: timestamppb.New(row.Ends), Comment: row.Comment, CreatedBy: row.By,
			MatcherSets: []*silencepb.MatcherSet{{}}}
		for _, m := range matchers {
			s.MatcherSets[0].Matchers = append(s.MatcherSets[0].Matchers, &silencepb.Matcher{Name: m.Name, Pattern: m.Value, Type: kinds[m.Type]})
		}
		if err := e.silences.Set(ctx, s); err != nil {
			e.opts.Log.WithField("silence", row.ID).WithError(err).Warn("a silence is not in force")
			continue
		}
		e.set[key], changed = s.Id, true
	}
	for key, id := range e.set {
		if !wanted[key] {
			delete(e.set, key)
			changed = true
			_ = e.silences.Expire(ctx, id) // it may have ended by itself
		}
	}
	for print, was := range e.put {
		if changed && was.resolved { // its end may have been silent
			was.at = time.Time{}
			e.put[print] = was
		}
	}
	_, err := e.silences.GC()
	return err
}

var kinds = map[labels.MatchType]silencepb.Matcher_Type{
	labels.MatchEqual: silencepb.Matcher_EQUAL, labels.MatchNotEqual: silencepb.Matcher_NOT_EQUAL,
	labels.MatchRegexp: silencepb.Matcher_REGEXP, labels.MatchNotRegexp: silencepb.Matcher_NOT_REGEXP,
}

// Matchers reads matchers as people write them: LABEL=VALUE, LABEL!=VALUE, LABEL=~REGEXP
// or LABEL!~REGEXP, where the label name means the alert's name, and a word alone is the
// name itself. Matchers that leave no kind of alert out are town.ErrUsage, because they
// would silence everything.
func Matchers(words []string) (all []*labels.Matcher, err error) {
	for _, w := range words {
		if !strings.ContainsAny(w, "=~") {
			w = model.AlertNameLabel + `="` + escape.Replace(w) + `"`
		}
		m, err := labels.ParseMatcher(w)
		if err != nil {
			return nil, fmt.Errorf("%w: %q is none of NAME, LABEL=VALUE, LABEL!=VALUE, LABEL=~REGEXP and LABEL!~REGEXP: %s", town.ErrUsage, town.Clip(w, 80), town.Clip(err.Error(), 200))
		}
		if m.Name == "name" {
			m.Name = model.AlertNameLabel
		}
		all = append(all, m)
	}
	if len(all) > 0 && !slices.ContainsFunc(all, selective) {
		return nil, fmt.Errorf("%w: it would silence every alert: name one, or a label that it has", town.ErrUsage)
	}
	return all, nil
}

// selective reports whether a matcher leaves some alerts out: those without the label, or,
// of a label that every alert has, those with another value.
func selective(m *labels.Matcher) bool {
	leavesOut := func(value string) bool { return !m.Matches(value) }
	switch m.Name {
	case model.AlertNameLabel:
		return slices.ContainsFunc(unlikelyNames, leavesOut)
	case labelSeverity:
		return slices.ContainsFunc(operational.AlertSeverities, func(s operational.AlertSeverity) bool { return leavesOut(string(s)) })
	case labelSource:
		return slices.ContainsFunc(operational.AlertSources, func(s operational.AlertSource) bool { return leavesOut(string(s)) })
	}
	return leavesOut("")
}

// unlikelyNames are names of alerts that nobody means. A matcher that takes all of them
// takes every name, or all but a few.
var unlikelyNames = []string{"q", "Q", "0", "check-q", "q q", strings.Repeat("zq", 40)}

var escape = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// Words are matchers in the form in which a silence keeps them.
func Words(all []*labels.Matcher) (words []string) {
	for _, m := range all {
		words = append(words, m.String())
	}
	return words
}

// Silenced returns the silences in force that match an alert.
func Silenced(a operational.Alert, all []operational.Silence, now time.Time) (by []operational.Silence) {
	for _, s := range all {
		if matchers, err := Matchers(s.Matchers); err == nil && len(matchers) > 0 && s.Active(now) && labels.Matchers(matchers).Matches(labelsOf(a, a.Severity)) {
			by = append(by, s)
		}
	}
	return by
}

// matcher makes a matcher of constants.
func matcher(kind labels.MatchType, name, value string) *labels.Matcher {
	m, err := labels.NewMatcher(kind, name, value)
	if err != nil {
		panic("alert: " + err.Error())
	}
	return m
}

// anyOf is a regular expression for any of some words.
func anyOf(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = regexp.QuoteMeta(w)
	}
	return strings.Join(quoted, "|")
}

// milder is 0 for a critical alert and 1 for others.
func milder(a *amalert.Alert) int {
	if a.Labels[labelSeverity] == model.LabelValue(operational.SeverityCritical) {
		return 0
	}
	return 1
}
