// Package health implements the plugin type health-check, which measures something by
// schedule and compares it with thresholds: the disk, Dolt, tmux, the Town's Git
// repositories, a program's result, an HTTP or TCP address, or a PromQL expression.
package health

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"gastown/town"
	"gastown/town/plugin"
	"gastown/town/series"
)

// What a plugin can look at.
const (
	Disk    = "disk"
	Dolt    = "dolt"
	Tmux    = "tmux"
	Git     = "git"
	Command = "command"
	HTTP    = "http"
	TCP     = "tcp"
	PromQL  = "promql"
)

// kinds lists them.
var kinds = []string{Disk, Dolt, Tmux, Git, Command, HTTP, TCP, PromQL}

// Args are the thresholds of what the Town itself knows how to look at. 0 means that of
// the Town's settings.
type Args struct {
	// Path is the directory whose disk is looked at; "" for the Town's.
	Path string
	// Warning and Critical are percent of a disk, or a latency.
	Warning, Critical         int
	WarningTime, CriticalTime time.Duration
	// Sessions is how many sessions of tmux are too many.
	Sessions int
}

// Services are what health checks need. What is nil cannot be looked at.
type Services struct {
	Now func() time.Time
	// Town looks at the disk, Dolt, tmux or Git.
	Town func(ctx context.Context, what string, a Args) (plugin.Finding, error)
	// Run runs a program and returns its output and exit code.
	Run func(ctx context.Context, name string, argv []string) (output string, code int, err error)
	// Query evaluates a PromQL expression now. It returns the values of its series.
	Query func(ctx context.Context, expr string) ([]float64, error)
}

// Type is the entry of the table of types.
func Type(s Services) plugin.Type {
	return plugin.Type{
		Name: plugin.HealthCheck, Help: "looks at disk, Dolt, tmux, Git, a program, an address or a metric, by thresholds",
		New:   func(name string) plugin.Plugin { return &check{name: name, services: s} },
		Plain: []string{"command", "check", "path", "check_interval", "query", "address"},
	}
}

// settings are the config of the type.
type settings struct {
	Check     string   `yaml:"check"`
	Interval  string   `yaml:"check_interval"`
	Threshold *float64 `yaml:"threshold_percent"`
	Critical  *float64 `yaml:"critical_percent"`
	Path      string   `yaml:"path"`
	Sessions  *int     `yaml:"max_sessions"`
	Command   []string `yaml:"command"`
	URL       string   `yaml:"url"`
	Status    *int     `yaml:"status"`
	Contains  string   `yaml:"contains"`
	Address   string   `yaml:"address"`
	Query     string   `yaml:"query"`
	// Warning and CriticalAt are thresholds: a number or a duration, with a comparison.
	Warning    interface{} `yaml:"warning"`
	CriticalAt interface{} `yaml:"critical"`
}

// fields says which fields a check takes besides check and check_interval.
var fields = map[string][]string{
	Disk: {"threshold_percent", "critical_percent", "path"}, Dolt: {"warning", "critical"}, Tmux: {"max_sessions"}, Git: {},
	Command: {"command", "warning", "critical"}, HTTP: {"url", "status", "contains", "warning", "critical"},
	TCP: {"address", "warning", "critical"}, PromQL: {"query", "warning", "critical"},
}

// defaultInterval is how often a check looks that does not say.
const defaultInterval = "5m"

// check is a plugin of the type health-check.
type check struct {
	name              string
	services          Services
	of                settings
	args              Args
	warning, critical *bound
	schedule          string
}

var _ plugin.Timed = (*check)(nil)

// Name implements plugin.Plugin.
func (c *check) Name() string { return c.name }

// Cleanup implements plugin.Plugin.
func (c *check) Cleanup() error { return nil }

// Schedule implements plugin.Timed.
func (c *check) Schedule() string { return c.schedule }

// Init implements plugin.Plugin.
func (c *check) Init(config map[string]interface{}) error {
	s := settings{Check: Disk, Interval: defaultInterval}
	if err := plugin.Decode(config, &s); err != nil {
		return err
	}
	if err := plugin.OneOf("check", s.Check, kinds...); err != nil {
		return err
	}
	var wrong []error
	for name := range config {
		if name != "check" && name != "check_interval" && plugin.OneOf("", name, fields[s.Check]...) != nil {
			wrong = append(wrong, plugin.Faultf(name, "a check of %s does not take it: it takes %s", s.Check, strings.Join(append(fields[s.Check], "check_interval"), ", ")))
		}
	}
	if len(wrong) > 0 {
		return errors.Join(wrong...)
	}
	c.of = s
	var err error
	c.schedule, err = plugin.Every("check_interval", s.Interval)
	wrong = append(wrong, err, c.thresholds())
	switch s.Check {
	case Command:
		if len(s.Command) == 0 {
			wrong = append(wrong, plugin.Faultf("command", "it is missing: write the program and its arguments as a list"))
		}
	case HTTP:
		wrong = append(wrong, checkURL(s.URL))
		if s.Status != nil && (*s.Status < 100 || *s.Status > 599) {
			wrong = append(wrong, plugin.Faultf("status", "%d is no status of HTTP", *s.Status))
		}
	case TCP:
		if _, port, err := net.SplitHostPort(s.Address); err != nil || port == "" {
			wrong = append(wrong, plugin.Faultf("address", "%q is not HOST:PORT", town.Clip(s.Address, 80)))
		}
	case PromQL:
		if strings.TrimSpace(s.Query) == "" {
			wrong = append(wrong, plugin.Faultf("query", "it is missing: write a PromQL expression"))
		} else if err := series.CheckExpr(s.Query); err != nil {
			wrong = append(wrong, plugin.Faultf("query", "%q is not PromQL: %v", town.Clip(s.Query, 80), err))
		}
		if c.warning == nil && c.critical == nil {
			wrong = append(wrong, plugin.Faultf("query", "it has no threshold: add warning or critical, such as warning: \"> 10\""))
		}
	}
	return errors.Join(wrong...)
}

func checkURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return plugin.Faultf("url", "it is not an address such as https://host/path")
	}
	return nil
}

// thresholds reads what the thresholds mean for the kind of check.
func (c *check) thresholds() error {
	s := c.of
	percent := func(field string, v *float64, otherwise int) (int, error) {
		if v == nil {
			return otherwise, nil
		}
		if *v <= 0 || *v > 100 || *v != float64(int(*v)) {
			return 0, plugin.Faultf(field, "%v is not a whole number from 1 to 100", *v)
		}
		return int(*v), nil
	}
	switch s.Check {
	case Disk:
		var err1, err2 error
		c.args.Path = s.Path
		c.args.Warning, err1 = percent("threshold_percent", s.Threshold, 0)
		c.args.Critical, err2 = percent("critical_percent", s.Critical, 0)
		if err1 == nil && err2 == nil && c.args.Critical > 0 && c.args.Critical < c.args.Warning {
			err2 = plugin.Faultf("critical_percent", "%d is less than threshold_percent, %d", c.args.Critical, c.args.Warning)
		}
		return errors.Join(err1, err2)
	case Tmux:
		if s.Sessions != nil {
			if *s.Sessions < 1 {
				return plugin.Faultf("max_sessions", "%d is not a number from 1", *s.Sessions)
			}
			c.args.Sessions = *s.Sessions
		}
		return nil
	case Command, PromQL:
		var err1, err2 error
		c.warning, err1 = parseBound("warning", s.Warning)
		c.critical, err2 = parseBound("critical", s.CriticalAt)
		return errors.Join(err1, err2)
	case Dolt, HTTP, TCP:
		var err1, err2 error
		c.args.WarningTime, err1 = duration("warning", s.Warning)
		c.args.CriticalTime, err2 = duration("critical", s.CriticalAt)
		return errors.Join(err1, err2)
	}
	return nil
}

// duration reads a threshold of time; 0 when there is none.
func duration(field string, v interface{}) (time.Duration, error) {
	if v == nil {
		return 0, nil
	}
	text := fmt.Sprint(v)
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, plugin.Faultf(field, "%q is not a duration such as 200ms", town.Clip(text, 40))
	}
	return d, nil
}

// Execute implements plugin.Plugin: its output is a plugin.Finding.
func (c *check) Execute(ctx context.Context, _ interface{}) (interface{}, error) {
	switch c.of.Check {
	case Command:
		return c.command(ctx)
	case HTTP:
		return c.http(ctx, http.DefaultTransport)
	case TCP:
		return c.tcp(ctx)
	case PromQL:
		return c.promql(ctx)
	}
	if c.services.Town == nil {
		return nil, errors.New("only the Deacon can look at it: gt deacon start")
	}
	return c.services.Town(ctx, c.of.Check, c.args)
}
