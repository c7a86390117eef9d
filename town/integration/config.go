package integration

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gastown/town"
	"gastown/town/plugin"
	"gastown/town/tracker"
	"gastown/town/tracker/asana"
	"gastown/town/tracker/github"
	"gastown/town/tracker/jira"
	"gastown/town/tracker/linear"
	"gastown/town/tracker/mirror"
)

// The systems.
const (
	Jira   = "jira"
	GitHub = "github"
	Linear = "linear"
	Asana  = "asana"
)

// system says what a system takes in its config besides the common fields.
type system struct {
	needs, takes []string
	settle       time.Duration
	make         func(c settings, now func() time.Time) (tracker.Tracker, error)
}

// indexing is how long Jira's search may take to learn of a new issue. It is seconds as a
// rule, and longer when Jira is ill.
const indexing = 15 * time.Minute

var systems = map[string]system{
	Jira: {[]string{"base_url", "project", "username", "api_token"}, []string{"issue_type"}, indexing,
		func(c settings, now func() time.Time) (tracker.Tracker, error) {
			return jira.New(jira.Options{Base: c.BaseURL, Project: c.Project, Type: c.IssueType, Username: c.Username, Token: c.Token, Now: now})
		}},
	GitHub: {[]string{"repository", "api_token"}, []string{"base_url"}, 0,
		func(c settings, now func() time.Time) (tracker.Tracker, error) {
			return github.New(github.Options{Base: c.BaseURL, Repository: c.Repository, Token: c.Token, Now: now})
		}},
	Linear: {[]string{"team", "api_token"}, []string{"base_url"}, 0,
		func(c settings, now func() time.Time) (tracker.Tracker, error) {
			return linear.New(linear.Options{Base: c.BaseURL, Team: c.Team, Key: c.Token, Now: now})
		}},
	Asana: {[]string{"project", "api_token"}, []string{"base_url"}, 0,
		func(c settings, now func() time.Time) (tracker.Tracker, error) {
			return asana.New(asana.Options{Base: c.BaseURL, Project: c.Project, Token: c.Token, Now: now})
		}},
}

// names lists the systems in the order in which people are shown them.
var names = []string{Jira, GitHub, Linear, Asana}

// common are the fields that every system takes.
var common = []string{"system", "interval", "types", "labels", "prefixes", "import_prefix"}

// settings are the config of the type.
type settings struct {
	System       string   `yaml:"system"`
	BaseURL      string   `yaml:"base_url"`
	Project      string   `yaml:"project"`
	Repository   string   `yaml:"repository"`
	Team         string   `yaml:"team"`
	Username     string   `yaml:"username"`
	Token        string   `yaml:"api_token"`
	IssueType    string   `yaml:"issue_type"`
	Interval     string   `yaml:"interval"`
	Types        []string `yaml:"types"`
	Labels       []string `yaml:"labels"`
	Prefixes     []string `yaml:"prefixes"`
	ImportPrefix string   `yaml:"import_prefix"`
}

const (
	// defaultInterval is how often a plugin runs that does not say.
	defaultInterval          = "30s"
	minInterval, maxInterval = 5 * time.Second, 24 * time.Hour
	// defaultPrefix begins the ids of imported beads when the config names none.
	defaultPrefix = "bd"
)

// systemOf is the system of a plugin: the one its config names, or the one with which its
// name begins.
func systemOf(name string, c settings) (string, error) {
	if c.System != "" {
		return c.System, plugin.OneOf("system", c.System, names...)
	}
	word, _, _ := strings.Cut(strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(name)), "-")
	if slices.Contains(names, word) {
		return word, nil
	}
	return "", plugin.Faultf("system", "it is missing, and the plugin's name does not begin with one: add system: with one of %s", strings.Join(names, ", "))
}

// read checks a config and puts it into the plugin.
func (p *integration) read(config map[string]interface{}) error {
	c := settings{Interval: defaultInterval}
	if err := plugin.Decode(config, &c); err != nil {
		return err
	}
	which, err := systemOf(p.name, c)
	if err != nil {
		return err
	}
	s := systems[which]
	var wrong []error
	takes := slices.Concat(s.needs, s.takes, common)
	for name := range config {
		if plugin.OneOf("", name, takes...) != nil {
			wrong = append(wrong, plugin.Faultf(name, "an integration with %s does not take it: it takes %s", which, strings.Join(takes, ", ")))
		}
	}
	for _, name := range s.needs {
		if text, _ := config[name].(string); text == "" {
			wrong = append(wrong, plugin.Faultf(name, "it is missing: an integration with %s needs %s", which, strings.Join(s.needs, ", ")))
		}
	}
	d, err := time.ParseDuration(c.Interval)
	if err != nil || d < minInterval || d > maxInterval {
		wrong = append(wrong, plugin.Faultf("interval", "%q is not a duration from %s to %s, such as 1m", town.Clip(c.Interval, 40), minInterval, maxInterval))
	}
	for i, word := range c.Types {
		t, err := town.TypeWord(word)
		if err != nil {
			wrong = append(wrong, plugin.Faultf(fmt.Sprintf("types.%d", i), "%v", err))
		}
		p.selection.Types = append(p.selection.Types, t)
	}
	p.selection.Labels, p.selection.Prefixes = c.Labels, c.Prefixes
	p.prefix = defaultPrefix
	if len(c.Prefixes) > 0 {
		p.prefix = c.Prefixes[0]
	}
	if c.ImportPrefix != "" {
		p.prefix = c.ImportPrefix
	}
	if err := town.CheckPrefix(p.prefix); err != nil {
		wrong = append(wrong, plugin.Faultf("import_prefix", "%v", err))
	}
	if len(wrong) > 0 {
		return errors.Join(wrong...)
	}
	p.schedule, p.settle = "@every "+d.String(), s.settle
	if p.tracker, err = s.make(c, p.services.Now); err != nil {
		return plugin.Faultf(fieldOf(which, err), "%v", err)
	}
	return nil
}

// fieldOf is the field that a client does not take.
func fieldOf(which string, err error) string {
	for _, name := range []string{"project", "team"} {
		if strings.Contains(err.Error(), ": "+name+" ") {
			return name
		}
	}
	if which == GitHub && strings.Contains(err.Error(), "OWNER/NAME") {
		return "repository"
	}
	return "base_url"
}

// mirror is what one run works with.
func (p *integration) mirror(ledger string) *mirror.Mirror {
	return mirror.New(mirror.Options{
		Plugin: p.name, Ledger: ledger, Tracker: p.tracker, Rows: rows{p.services.Operational, p.name}, Beads: beads{p.services.Ledger},
		Events: &events{p.services.Feed, "tracker-" + p.name}, Select: p.selection, Prefix: p.prefix, Settle: p.settle, Log: p.services.Log, Now: p.services.Now,
	})
}
