package plugin

import (
	"errors"
	"fmt"
	"time"

	"gastown/town"
)

// Routing says which alerts a plugin that is a channel gets, and when.
type Routing struct {
	// Severities are those it takes; none means all.
	Severities []string
	// Wait is how long the first message about a name waits for other alerts of it,
	// Interval the shortest time between two messages about a name, and Repeat after how
	// long a message is sent again while nothing changes. Zero means the default.
	Wait, Interval, Repeat time.Duration
	// Quiet channels get no message when a trouble is over.
	Quiet bool
}

// The bounds of the times of a channel.
const (
	maxWait                          = time.Hour
	minMessageEvery, maxMessageEvery = time.Second, 24 * time.Hour
	minRepeat, maxRepeat             = time.Minute, 30 * 24 * time.Hour
)

// RoutingSettings are the fields of a config that say it. A type embeds them with the yaml
// tag ",inline".
type RoutingSettings struct {
	Severity []string `yaml:"severity"`
	Wait     string   `yaml:"group_wait"`
	Interval string   `yaml:"group_interval"`
	Repeat   string   `yaml:"repeat_interval"`
	Resolved *bool    `yaml:"send_resolved"`
}

// RoutingFields are their names, none of which may refer to a secret.
var RoutingFields = []string{"severity", "group_wait", "group_interval", "repeat_interval", "send_resolved"}

// severities are the words for severities of alerts.
var severities = []string{"warning", "error", "critical"}

// Routing reads the fields. Its errors are faults.
func (s RoutingSettings) Routing() (Routing, error) {
	var wrong []error
	for i, severity := range s.Severity {
		wrong = append(wrong, OneOf(fmt.Sprintf("severity.%d", i), severity, severities...))
	}
	if s.Severity != nil && len(s.Severity) == 0 {
		wrong = append(wrong, Faultf("severity", "it is empty, so nothing would be sent: leave it out for all severities"))
	}
	duration := func(field, text string, least, most time.Duration) time.Duration {
		if text == "" {
			return 0
		}
		d, err := time.ParseDuration(text)
		if err != nil || d < least || d > most {
			wrong = append(wrong, Faultf(field, "%q is not a duration from %s to %s", town.Clip(text, 40), least, most))
		}
		return d
	}
	r := Routing{
		Severities: s.Severity, Quiet: s.Resolved != nil && !*s.Resolved,
		Wait:     duration("group_wait", s.Wait, 0, maxWait),
		Interval: duration("group_interval", s.Interval, minMessageEvery, maxMessageEvery),
		Repeat:   duration("repeat_interval", s.Repeat, minRepeat, maxRepeat),
	}
	if s.Wait != "" && r.Wait == 0 {
		r.Wait = time.Nanosecond // at once; zero means the default
	}
	return r, errors.Join(wrong...)
}
