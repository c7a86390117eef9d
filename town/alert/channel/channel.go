// Package channel implements the plugin type notification. Each such plugin is one
// channel: a Slack webhook, email, a PagerDuty service, or any webhook.
//
// Alertmanager's receivers send to Slack, PagerDuty and webhooks. net/smtp sends email,
// because Alertmanager's email receiver waits without limit for a silent server. A channel
// reads a bounded answer and follows no redirect, and no error contains an address or
// another secret of the configuration.
package channel

import (
	"context"
	"errors"
	"net"
	"net/mail"
	"net/url"
	"strings"

	"gastown/town"
	"gastown/town/alert"
	"gastown/town/plugin"
	"gastown/town/secrets"
)

// pagerDuty is where events go unless events_url says otherwise.
const pagerDuty = "https://events.pagerduty.com/v2/enqueue"

// Type is the entry of the table of types.
func Type() plugin.Type {
	return plugin.Type{
		Name: plugin.Notification, Help: "a channel for alerts: Slack, email, PagerDuty or any webhook",
		New:   func(name string) plugin.Plugin { return &Channel{name: name} },
		Plain: plugin.RoutingFields,
	}
}

// settings are the config of the type.
type settings struct {
	// Slack
	WebhookURL string `yaml:"webhook_url"`
	Channel    string `yaml:"channel"`
	// any webhook
	URL         string `yaml:"url"`
	BearerToken string `yaml:"bearer_token"`
	// PagerDuty
	RoutingKey string `yaml:"routing_key"`
	EventsURL  string `yaml:"events_url"`
	// email
	SMTP     string   `yaml:"smtp"`
	TLS      string   `yaml:"tls"`
	From     string   `yaml:"from"`
	To       []string `yaml:"to"`
	Username string   `yaml:"username"`
	Password string   `yaml:"password"`
	// all
	CAFile                 string `yaml:"ca_file"`
	plugin.RoutingSettings `yaml:",inline"`
}

// receiver sends a message, and returns the answer of the other side. After a *missedError
// the message was sent to some, and is not to be sent again.
type receiver interface {
	send(context.Context, alert.Message) (answer string, err error)
}

// Channel is a plugin of the type notification.
type Channel struct {
	name    string
	routing alert.Routing
	hidden  secrets.Values // what no text may hold
	to      receiver
}

// Name implements plugin.Plugin.
func (c *Channel) Name() string { return c.name }

// Cleanup implements plugin.Plugin.
func (c *Channel) Cleanup() error { return nil }

// Routing says what the channel gets, and when; see alert.ChannelOf.
func (c *Channel) Routing() alert.Routing { return c.routing }

// Execute implements plugin.Plugin. The input is an alert.Message; the output is what the
// other side answered.
func (c *Channel) Execute(ctx context.Context, input interface{}) (interface{}, error) {
	m, ok := input.(alert.Message)
	if !ok {
		return nil, errors.New("a channel sends alerts and has nothing else to do; gt alert test proves that it works")
	}
	answer, err := c.to.send(ctx, m)
	if err == nil {
		return c.plain(answer), nil
	}
	if missed, some := errors.AsType[*missedError](err); some {
		return plugin.Partial{Output: c.plain(answer), Missed: c.plain("not all receivers got the mail: " + missed.Error())}, nil
	}
	text := errors.New(c.plain(err.Error()))
	if later, ok := errors.AsType[*plugin.Later](err); ok {
		return nil, &plugin.Later{Seconds: later.Seconds, Err: text}
	}
	return nil, text
}

// plain removes secrets from a text of the other side, and bounds it.
func (c *Channel) plain(text string) string {
	return town.Clip(strings.Join(strings.Fields(c.hidden.Redact(text)), " "), 500)
}

// Init implements plugin.Plugin.
func (c *Channel) Init(config map[string]interface{}) error {
	var s settings
	if err := plugin.Decode(oneOrMore(config, "to"), &s); err != nil {
		return err
	}
	wrong := faults{}
	c.hidden = secrets.Values{}
	var err error
	c.routing, err = s.Routing()
	wrong.join(err)
	kinds := map[string]bool{"webhook_url": s.WebhookURL != "", "url": s.URL != "", "routing_key": s.RoutingKey != "", "smtp": s.SMTP != ""}
	var given []string
	for _, field := range []string{"webhook_url", "url", "routing_key", "smtp"} {
		if kinds[field] {
			given = append(given, field)
		}
	}
	switch len(given) {
	case 0:
		wrong.add("", "it does not say where messages go: give one of webhook_url (Slack), smtp (email), routing_key (PagerDuty) and url (any webhook)")
		return wrong.err()
	case 1:
	default:
		wrong.add(given[1], "there is %s as well: a plugin is one channel, so make two", given[0])
		return wrong.err()
	}
	s.only(given[0], &wrong)
	make := map[string]func(settings, *faults) receiver{"webhook_url": c.slack, "url": c.webhook, "routing_key": c.pager, "smtp": c.email}
	to := make[given[0]](s, &wrong)
	if err := wrong.err(); err != nil {
		return err
	}
	c.to = to
	return nil
}

// only finds fields of another kind of channel.
func (s settings) only(kind string, wrong *faults) {
	for _, f := range []struct {
		field, kind string
		given       bool
	}{
		{"channel", "webhook_url", s.Channel != ""}, {"bearer_token", "url", s.BearerToken != ""}, {"events_url", "routing_key", s.EventsURL != ""},
		{"tls", "smtp", s.TLS != ""}, {"from", "smtp", s.From != ""}, {"to", "smtp", len(s.To) > 0}, {"username", "smtp", s.Username != ""}, {"password", "smtp", s.Password != ""},
	} {
		if f.given && f.kind != kind {
			wrong.add(f.field, "it belongs to a channel with %s, and this one has %s", f.kind, kind)
		}
	}
}

// oneOrMore lets a field be one text or a list of them.
func oneOrMore(config map[string]interface{}, field string) map[string]interface{} {
	one, ok := config[field].(string)
	if !ok {
		return config
	}
	out := map[string]interface{}{}
	for k, v := range config {
		out[k] = v
	}
	out[field] = []interface{}{one}
	return out
}

// faults collects what a person has to correct.
type faults []error

func (f *faults) add(path, format string, args ...any) {
	f.join(plugin.Faultf(path, format, args...))
}
func (f *faults) join(err error) { *f = append(*f, err) }
func (f *faults) err() error     { return errors.Join(*f...) }

// address reads a URL. It is a secret. Without TLS it must stay on this machine, unless
// open says that others may read what is sent.
func (c *Channel) address(field, text string, open bool, wrong *faults) *url.URL {
	u, err := url.Parse(text)
	switch {
	case err != nil, u.Host == "", u.Scheme != "https" && u.Scheme != "http":
		wrong.add(field, "it is not a URL that begins with https:// and a host")
		return nil
	case u.Scheme == "http" && !open && !loopback(u.Hostname()):
		wrong.add(field, "it begins with http://, so that everybody on the way can read it: write https://")
	}
	c.hidden[field] = text
	for part, value := range map[string]string{"path": u.EscapedPath(), "request": u.RequestURI(), "query": u.RawQuery} {
		if len(value) > 8 {
			c.hidden[field+" "+part] = value
		}
	}
	if password, ok := u.User.Password(); ok {
		c.hidden[field+" password"] = password
	}
	return u
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// mailbox checks an address of email.
func mailbox(field, text string, wrong *faults) string {
	a, err := mail.ParseAddress(text)
	if err != nil {
		wrong.add(field, "%q is no address such as ops@example.com", town.Clip(text, 80))
		return ""
	}
	return a.Address
}
