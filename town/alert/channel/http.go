package channel

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	amalert "github.com/prometheus/alertmanager/alert"
	amcommon "github.com/prometheus/alertmanager/config/common"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/alertmanager/notify/pagerduty"
	"github.com/prometheus/alertmanager/notify/slack"
	"github.com/prometheus/alertmanager/notify/webhook"
	"github.com/prometheus/alertmanager/template"
	httpconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"

	"gastown/town/alert"
	"gastown/town/plugin"
)

const (
	// maxAnswer is how much is read from one connection, in bytes.
	maxAnswer = 256 << 10
	dialTime  = 10 * time.Second
)

// The texts of a message as Alertmanager's templates find them.
const (
	titleOf    = `{{ .CommonAnnotations.title }}`
	textOf     = `{{ .CommonAnnotations.text }}`
	severityOf = `{{ .CommonAnnotations.worst }}`
	colorOf    = `{{ if eq .Status "firing" }}danger{{ else }}good{{ end }}`
)

// posted is a receiver of Alertmanager's.
type posted struct {
	notifier notify.Notifier
	// answer is what success means: Alertmanager says no more.
	answer string
	// escape makes a text safe for the other side's markup.
	escape func(string) string
	// texts has alerts carry the message's texts.
	texts bool
}

// client is the configuration of a client: it follows no redirect, and reads an answer
// only as it comes, so that a short one cannot become a long one.
func client(s settings) (*httpconfig.HTTPClientConfig, []httpconfig.HTTPClientOption) {
	c := &httpconfig.HTTPClientConfig{EnableHTTP2: true, TLSConfig: httpconfig.TLSConfig{CAFile: s.CAFile}}
	c.HTTPHeaders = &httpconfig.Headers{Headers: map[string]httpconfig.Header{"Accept-Encoding": {Values: []string{"identity"}}}}
	if s.BearerToken != "" {
		c.Authorization = &httpconfig.Authorization{Type: "Bearer", Credentials: httpconfig.Secret(s.BearerToken)}
	}
	return c, []httpconfig.HTTPClientOption{httpconfig.WithKeepAlivesDisabled(), httpconfig.WithDialContextFunc(dial)}
}

// dial connects, and bounds what comes through the connection.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := (&net.Dialer{Timeout: dialTime}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &bounded{Conn: c, left: maxAnswer}, nil
}

// bounded is a connection from which at most maxAnswer bytes are read.
type bounded struct {
	net.Conn
	left int
}

var errTooMuch = errors.New("the other side sent too much")

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooMuch
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

func (c *Channel) slack(s settings, wrong *faults) receiver {
	u := c.address("webhook_url", s.WebhookURL, false, wrong)
	if u == nil {
		return nil
	}
	conf := slack.DefaultSlackConfig
	http, opts := client(s)
	conf.HTTPConfig, conf.APIURL, conf.Channel = http, &amcommon.SecretURL{URL: u}, literal(s.Channel)
	conf.Title, conf.Text, conf.Fallback, conf.Color, conf.Username = titleOf, textOf, titleOf, colorOf, "Gas Town"
	conf.TitleLink, conf.IconEmoji, conf.IconURL, conf.Pretext, conf.CallbackID, conf.Footer = "", "", "", "", "", ""
	conf.MrkdwnIn = []string{"none"} // no field: texts are plain
	return made(wrong, "Slack answered ok", slackText, true, func(t *template.Template, l *slog.Logger) (notify.Notifier, error) {
		return slack.New(&conf, t, l, opts...)
	})
}

func (c *Channel) pager(s settings, wrong *faults) receiver {
	c.hidden["routing_key"] = s.RoutingKey
	if strings.ContainsAny(s.RoutingKey, " \t\r\n{}") {
		wrong.add("routing_key", "it is not the integration key of a PagerDuty service")
	}
	if s.EventsURL == "" {
		s.EventsURL = pagerDuty
	}
	u := c.address("events_url", s.EventsURL, false, wrong)
	if u == nil {
		return nil
	}
	http, opts := client(s)
	conf := pagerduty.PagerdutyConfig{
		HTTPConfig: http, RoutingKey: httpconfig.Secret(s.RoutingKey), URL: &amcommon.URL{URL: u},
		Client: "Gas Town", Source: `{{ .CommonAnnotations.town }}`, Description: titleOf, Severity: severityOf, Group: `{{ .GroupLabels.alertname }}`,
		Details: map[string]any{"text": textOf},
	}
	conf.VSendResolved = true
	return made(wrong, "PagerDuty accepted the event", nil, true, func(t *template.Template, l *slog.Logger) (notify.Notifier, error) {
		return pagerduty.New(&conf, t, l, opts...)
	})
}

func (c *Channel) webhook(s settings, wrong *faults) receiver {
	u := c.address("url", s.URL, true, wrong)
	if u == nil {
		return nil
	}
	if s.BearerToken != "" {
		c.hidden["bearer_token"] = s.BearerToken
		if u.Scheme == "http" && !loopback(u.Hostname()) {
			wrong.add("bearer_token", "the url begins with http://, so that everybody on the way can read it: write https://")
		}
	}
	http, opts := client(s)
	conf := webhook.WebhookConfig{HTTPConfig: http, URL: amcommon.SecretTemplateURL(literal(s.URL))}
	conf.VSendResolved = true
	return made(wrong, "the webhook answered with success (HTTP 2xx)", nil, false, func(t *template.Template, l *slog.Logger) (notify.Notifier, error) {
		return webhook.New(&conf, t, l, opts...)
	})
}

func made(wrong *faults, answer string, escape func(string) string, texts bool, fn func(*template.Template, *slog.Logger) (notify.Notifier, error)) receiver {
	t, err := template.New()
	if err != nil {
		wrong.add("", "%v", err)
		return nil
	}
	t.ExternalURL = &url.URL{}
	n, err := fn(t, slog.New(slog.DiscardHandler))
	if err != nil {
		wrong.add("", "%v", err)
		return nil
	}
	if escape == nil {
		escape = func(s string) string { return s }
	}
	return &posted{notifier: n, answer: answer, escape: escape, texts: texts}
}

// literal is a text in a template that stands for itself.
func literal(s string) string { return strings.ReplaceAll(s, "{{", `{{ "{{" }}`) }

// slackText escapes what Slack would take for a link, a mention or an entity. Nothing else
// is markup, because no field is marked as formatted.
func slackText(s string) string { return slackEscapes.Replace(s) }

var slackEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// send implements receiver.
func (p *posted) send(ctx context.Context, m alert.Message) (string, error) {
	ctx = notify.WithGroupKey(ctx, m.Key)
	ctx = notify.WithReceiverName(ctx, "gastown")
	ctx = notify.WithGroupLabels(ctx, model.LabelSet{model.AlertNameLabel: model.LabelValue(p.escape(m.Name))})
	ctx = notify.WithRouteLabels(ctx, model.LabelSet{})
	ctx = notify.WithNotificationReason(ctx, notify.ReasonUnknown)
	v := p.notifier.Notify(ctx, p.alerts(m)...)
	switch {
	case v.Err() == nil:
		return p.answer, nil
	case v.ShouldRetry():
		return "", &plugin.Later{Seconds: v.Delay().Seconds(), Err: v.Err()}
	}
	return "", v.Err()
}

// alerts are the alerts of a message as Alertmanager has them. A test is one that fires,
// and is nothing but a text.
func (p *posted) alerts(m alert.Message) (all []*amalert.Alert) {
	items := m.Alerts
	if len(items) == 0 {
		items = []alert.Item{{Name: m.Name, Severity: m.Severity, Summary: m.Text, Since: time.Now()}}
	}
	for _, i := range items {
		set := model.LabelSet{model.AlertNameLabel: model.LabelValue(p.escape(i.Name)), "severity": model.LabelValue(i.Severity)}
		for name, value := range i.Labels {
			set[model.LabelName(name)] = model.LabelValue(p.escape(value))
		}
		notes := model.LabelSet{"summary": model.LabelValue(p.escape(i.Summary))}
		if p.texts {
			notes["title"], notes["text"] = model.LabelValue(p.escape(m.Title)), model.LabelValue(p.escape(m.Text))
			notes["worst"], notes["town"] = model.LabelValue(m.Severity), model.LabelValue(p.escape(m.Town))
		}
		all = append(all, amalert.New(model.Alert{Labels: set, Annotations: notes, StartsAt: i.Since, EndsAt: i.Ended}, time.Now(), false))
	}
	return all
}
