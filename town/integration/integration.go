// Package integration implements the plugin type integration, which mirrors beads to an
// issue tracker and imports issues from it. It reads the plugin's config, and gives
// town/tracker/mirror, which does the work, the planes, the feed and the tracker's client.
// "System" is the word of the config for a kind of tracker, such as jira.
package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/feed"
	"gastown/town/plugin"
	"gastown/town/tracker"
	"gastown/town/tracker/mirror"
)

// TrackerRefused is the kind of the feed's events about what did not leave: the tracker,
// or the search for secrets, refused it. The subject is the bead.
const TrackerRefused = "tracker.refused"

// Services are what the type uses of the Town.
type Services struct {
	Now         func() time.Time
	Log         logrus.FieldLogger
	Operational operational.Access
	Ledger      ledger.Access
	Feed        *feed.Feed
}

// Type is the entry of the table of types.
func Type(s Services) plugin.Type {
	return plugin.Type{
		Name: plugin.Integration, Help: "beads become issues in Jira, GitHub, Linear or Asana, and issues become beads",
		New:   func(name string) plugin.Plugin { return &integration{name: name, services: s} },
		Plain: []string{"system", "project", "repository", "team", "base_url", "issue_type", "interval", "types", "labels", "prefixes", "import_prefix"},
	}
}

// Request is what a run is asked for. The zero value is a run by schedule.
type Request struct {
	// DryRun says what would be done, and does nothing.
	DryRun bool `json:"dry_run"`
	// All compares all beads with the tracker's rows, not only those that something
	// happened to.
	All bool `json:"all"`
	// Retry tries again what was refused.
	Retry bool `json:"retry"`
	// Import, if it is not nil, makes beads of the issues that the tracker finds for the
	// query, instead of a run.
	Import *string `json:"import"`
}

// integration is a plugin of the type.
type integration struct {
	name      string
	services  Services
	tracker   tracker.Tracker
	selection mirror.Selection
	prefix    string
	schedule  string
	settle    time.Duration
	// running is held by the one run at a time, which learns the identity of the ledger.
	running sync.Mutex
	ledger  string
}

var _ plugin.Plugin = (*integration)(nil)

// Name implements plugin.Plugin.
func (p *integration) Name() string { return p.name }

// Cleanup implements plugin.Plugin.
func (p *integration) Cleanup() error { return nil }

// Init implements plugin.Plugin.
func (p *integration) Init(config map[string]interface{}) error { return p.read(config) }

// Schedule is how often the Deacon calls the plugin.
func (p *integration) Schedule() string { return p.schedule }

// Test proves that the tracker takes the credentials, and that there is the place: it looks
// for an issue that nobody made.
func (p *integration) Test(ctx context.Context) (string, error) {
	_, _, err := p.tracker.Find(ctx, tracker.MarkOf("", "test", ""), p.services.Now())
	if err != nil {
		return "", err
	}
	return "it reads " + p.tracker.String(), nil
}

// Execute implements plugin.Plugin. The input is a Request, or one as JSON; any other is a
// run by schedule. The output is a mirror.Report. An error that says when to try again is a
// *plugin.Later; what was done until then stays done.
func (p *integration) Execute(ctx context.Context, input interface{}) (interface{}, error) {
	r, err := requestOf(input)
	if err != nil {
		return nil, err
	}
	if !p.running.TryLock() {
		return nil, fmt.Errorf("%w: another run of it goes on", town.ErrBusy)
	}
	defer p.running.Unlock()
	if p.services.Operational == nil || p.services.Ledger == nil || p.services.Feed == nil {
		return nil, errors.New("it needs the Town's planes, which cannot be opened here")
	}
	if p.ledger == "" {
		err := p.services.Ledger(ctx, func(l *ledger.Store) error {
			p.ledger, err = l.UUID(ctx)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	m := p.mirror(p.ledger)
	if r.Import != nil {
		return p.done(m.Import(ctx, *r.Import, r.DryRun))
	}
	if _, err := p.services.Feed.Collect(ctx); err != nil {
		return nil, err
	}
	rep, err := m.Run(ctx, mirror.Request{DryRun: r.DryRun, All: r.All, Retry: r.Retry})
	if !r.DryRun {
		p.tell(context.WithoutCancel(ctx), rep)
	}
	if err == nil && rep.Reason != "" && len(rep.Did) == 0 {
		return nil, &plugin.Later{Seconds: max(0, rep.Until.Sub(p.services.Now()).Seconds()), Err: errors.New(rep.Reason)}
	}
	return p.done(rep, err)
}

// done sorts the end of a call.
func (p *integration) done(rep mirror.Report, err error) (interface{}, error) {
	var later *tracker.LaterError
	if errors.As(err, &later) {
		return nil, &plugin.Later{Seconds: later.After.Seconds(), Err: err}
	}
	if err != nil {
		return nil, err
	}
	return rep, nil
}

func requestOf(input interface{}) (r Request, err error) {
	var text []byte
	switch in := input.(type) {
	case Request:
		return in, nil
	case *Request:
		if in != nil {
			r = *in
		}
		return r, nil
	case json.Marshaler: // JSON that a person wrote
		text, err = in.MarshalJSON()
	case map[string]interface{}:
		text, err = json.Marshal(in)
	}
	if err != nil {
		return r, err
	}
	if len(text) == 0 {
		return r, nil
	}
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return r, fmt.Errorf("%w: the input of an integration has dry_run, all, retry and import: %w", town.ErrUsage, err)
	}
	return r, nil
}

// tell puts into the feed what was refused.
func (p *integration) tell(ctx context.Context, rep mirror.Report) {
	var all []feed.Event
	for _, d := range rep.Did {
		if d.What == mirror.Refused {
			all = append(all, feed.Event{At: p.services.Now(), Kind: TrackerRefused, Subject: d.Bead, Text: d.Reason, Data: map[string]string{"plugin": p.name}})
		}
	}
	if err := p.services.Feed.Append(ctx, all...); err != nil {
		p.services.Log.WithError(err).WithField("plugin", p.name).Warn("the feed was not told what a tracker refused")
	}
}
