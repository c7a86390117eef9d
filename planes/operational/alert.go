package operational

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

// alertSchema holds the alerts that fire, and those that ended in the last 30 days.
var alertSchema = doltdb.Migration{
	Name: "alerts",
	Statements: []string{
		`CREATE TABLE alerts (
			fingerprint CHAR(64) PRIMARY KEY, name VARCHAR(128) NOT NULL, severity VARCHAR(16) NOT NULL, source VARCHAR(16) NOT NULL,
			labels VARCHAR(4096) NOT NULL, summary VARCHAR(512) NOT NULL, since DATETIME(6) NOT NULL, ended DATETIME(6), changed DATETIME(6) NOT NULL,
			INDEX idx_ended (ended))`,
	},
}

// The kinds of the feed's events about alerts. AlertRaised: an alert fires, or a firing
// one has another severity. AlertEnded: it fires no more.
const (
	AlertRaised = "alert.raised"
	AlertEnded  = "alert.ended"
)

// AlertSeverity says how bad a problem is.
type AlertSeverity string

// The severities, the mildest first.
const (
	SeverityWarning  AlertSeverity = "warning"
	SeverityError    AlertSeverity = "error"
	SeverityCritical AlertSeverity = "critical"
)

// AlertSeverities lists every severity, the mildest first.
var AlertSeverities = []AlertSeverity{SeverityWarning, SeverityError, SeverityCritical}

// AlertSource says who found a problem. Only the source that raised an alert ends it.
type AlertSource string

// The sources of alerts.
const (
	FromRule   AlertSource = "rule"
	FromCheck  AlertSource = "check"
	FromPlugin AlertSource = "plugin"
	FromBudget AlertSource = "budget"
)

// AlertSources lists every source.
var AlertSources = []AlertSource{FromRule, FromCheck, FromPlugin, FromBudget}

// Limits of alerts. Texts are in bytes; longer ones are cut, except names of labels.
const (
	maxAlertName, maxAlertSummary, maxLabelName, maxLabelValue = 120, 500, 64, 200
	// MaxAlertLabels is how many labels an alert may have.
	MaxAlertLabels = 16
	// MaxAlerts is how many alerts of one source may fire at once.
	MaxAlerts = 1000
	// AlertsKept is how long an alert stays after its end.
	AlertsKept = 30 * 24 * time.Hour
	// maxEnded is how many ended alerts stay.
	maxEnded = 10_000
)

// Alert is one problem that the Town found by itself. Name and Labels are its identity.
type Alert struct {
	// Fingerprint stands for Name and Labels. The Store sets it.
	Fingerprint string            `json:"fingerprint"`
	Name        string            `json:"name"`
	Severity    AlertSeverity     `json:"severity"`
	Source      AlertSource       `json:"source"`
	Labels      map[string]string `json:"labels"`
	// Summary says what is wrong, in one line for people.
	Summary string `json:"summary"`
	// Since is when it began, Ended when it was over; zero while it fires. Changed is
	// when any of this last changed.
	Since   time.Time `json:"since"`
	Ended   time.Time `json:"ended,omitzero"`
	Changed time.Time `json:"changed"`
}

// Fires reports whether the alert has not ended.
func (a Alert) Fires() bool { return a.Ended.IsZero() }

// labelName is what Prometheus takes as the name of a label.
var labelName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// AlertOf returns an alert in the form in which it is stored: with its fingerprint,
// texts on one line, without control characters and within their limits. An unknown severity
// or source, a missing name, and labels that are malformed or too many are errors.
func AlertOf(a Alert) (Alert, error) {
	refuse := func(format string, args ...any) (Alert, error) {
		return a, fmt.Errorf("alert %q: %s", town.Clip(a.Name, maxAlertName), fmt.Sprintf(format, args...))
	}
	a.Name, a.Summary = oneLine(a.Name, maxAlertName), oneLine(a.Summary, maxAlertSummary)
	switch {
	case a.Name == "":
		return refuse("it has no name")
	case !slices.Contains(AlertSeverities, a.Severity):
		return refuse("its severity %q is none of warning, error, critical", town.Clip(string(a.Severity), 32))
	case !slices.Contains(AlertSources, a.Source):
		return refuse("its source %q is none of rule, check, plugin, budget", town.Clip(string(a.Source), 32))
	case len(a.Labels) > MaxAlertLabels:
		return refuse("it has %d labels, more than %d", len(a.Labels), MaxAlertLabels)
	}
	labels := make(map[string]string, len(a.Labels))
	parts := []string{"alert", a.Name}
	for _, name := range slices.Sorted(maps.Keys(a.Labels)) {
		if len(name) > maxLabelName || !labelName.MatchString(name) {
			return refuse("%q is not the name of a label", town.Clip(name, maxLabelName))
		}
		// To have no label and to have an empty one is the same, as in Prometheus.
		if value := oneLine(a.Labels[name], maxLabelValue); value != "" {
			labels[name], parts = value, append(parts, name, value)
		}
	}
	a.Labels, a.Fingerprint = labels, string(town.DigestOf(parts...))
	if len(a.labels()) > 4096 {
		return refuse("its labels are too long")
	}
	return a, nil
}

// labels are the labels as their column has them.
func (a Alert) labels() string {
	text, _ := json.Marshal(a.Labels) // strings: never fails
	return string(text)
}

// oneLine makes a text one line without control characters and invisible ones.
func oneLine(s string, most int) string {
	return strings.TrimSpace(text(town.Visible(s), most))
}
