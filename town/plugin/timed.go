package plugin

import (
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"gastown/town"
)

// Timed is a plugin that the Deacon calls by itself, with a Tick.
type Timed interface {
	// Schedule is "@every DURATION" or cron's five fields; "" when it is not called.
	Schedule() string
}

// Tick is the input of a call by schedule.
type Tick struct {
	At time.Time `json:"at"`
	// As is the type that the plugin is called as.
	As string `json:"-"`
}

// PluginCall implements Named.
func (t Tick) PluginCall() string { return t.As }

// The bounds of an interval.
const (
	MinInterval = 5 * time.Second
	MaxInterval = 31 * 24 * time.Hour
)

// Every is the schedule for an interval such as 5m. path is the field for a Fault.
func Every(path, interval string) (string, error) {
	d, err := time.ParseDuration(interval)
	if err != nil || d < MinInterval || d > MaxInterval {
		return "", Faultf(path, "%q is not a duration from %s to %s, such as 5m", town.Clip(interval, 40), MinInterval, MaxInterval)
	}
	return "@every " + d.String(), nil
}

// maxSchedule is the longest schedule that is read, in bytes.
const maxSchedule = 128

// Cron checks a schedule of cron's five fields, and returns it.
func Cron(path, spec string) (out string, err error) {
	defer func() { // some malformed schedules make the parser panic
		if p := recover(); p != nil {
			out, err = "", Faultf(path, "%q is not a schedule: it is malformed", town.Clip(spec, 40))
		}
	}()
	wrong := error(nil)
	switch {
	case len(spec) > maxSchedule:
		wrong = fmt.Errorf("it is longer than %d bytes", maxSchedule)
	case len(strings.Fields(spec)) != 5:
		wrong = fmt.Errorf("it does not have the five fields minute hour day month weekday")
	default:
		s, perr := cron.ParseStandard(spec)
		if wrong = perr; perr == nil && s.Next(time.Now()).IsZero() {
			wrong = fmt.Errorf("it is never due")
		}
	}
	if wrong != nil {
		return "", Faultf(path, "%q is not a schedule: %v", town.Clip(spec, 40), wrong)
	}
	return spec, nil
}

// The states of a Finding.
const (
	Healthy  = "healthy"
	Warning  = "warning"
	Critical = "critical"
)

// Finding is the output of a plugin that is called as a health check.
type Finding struct {
	State string `json:"state"`
	// Figure is what was measured, and Threshold what it was compared with, both with
	// units.
	Figure    string `json:"figure,omitempty"`
	Threshold string `json:"threshold,omitempty"`
	// Next is one step that helps.
	Next string `json:"next,omitempty"`
	// Details name the problems, one a line.
	Details []string `json:"details,omitempty"`
}

// The bounds of a Finding's texts.
const (
	maxFinding = 500
	maxDetails = 20
)

// Clean bounds a finding that a stranger made, and removes secrets and what a terminal
// would obey. An unknown state is an error.
func (i *Instance) Clean(f Finding) (Finding, error) {
	if f.State != Healthy && f.State != Warning && f.State != Critical {
		return f, i.failed(fmt.Errorf("its state %q is none of %s, %s, %s", town.Clip(f.State, 40), Healthy, Warning, Critical))
	}
	line := func(s string) string {
		return town.Clip(strings.Join(strings.Fields(i.Redact(s)), " "), maxFinding)
	}
	f.Figure, f.Threshold, f.Next = line(f.Figure), line(f.Threshold), line(f.Next)
	details := f.Details
	f.Details = nil
	for _, d := range details[:min(len(details), maxDetails)] {
		f.Details = append(f.Details, line(d))
	}
	return f, nil
}

// checkPrefix begins the names of the Deacon's checks that are plugins. Their alerts are
// raised as those of plugins.
const checkPrefix = "plugin-"

// CheckName is the name of the Deacon's check that a health check is.
func CheckName(plugin string) string { return checkPrefix + plugin }

// OfCheck is the plugin that a check of the Deacon is, if it is one.
func OfCheck(check string) (plugin string, ok bool) { return strings.CutPrefix(check, checkPrefix) }

// CalledAs is what a plugin is called as by schedule: a health check if it can be, and
// otherwise its type, or the first that a program serves.
func (i *Instance) CalledAs() string {
	if i.Serves(HealthCheck) {
		return HealthCheck
	}
	if s, ok := i.plugin.(Serving); ok {
		if all := s.Serves(); len(all) > 0 {
			return all[0]
		}
		return ""
	}
	return i.entry.Type
}
