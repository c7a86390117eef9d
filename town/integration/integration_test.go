package integration

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"gastown/planes/doltdb"
	"gastown/planes/ledger"
	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/feed"
	"gastown/town/plugin"
	"gastown/town/tracker"
	"gastown/town/tracker/mirror"
	"gastown/town/tracker/trackertest"
)

const uuid = "3f8d3c1e-6a55-4c7c-9d1c-0c2f5b8f3a12"

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// place is two real planes with a feed.
type place struct {
	testing.TB
	l    *ledger.Store
	o    *operational.Store
	feed *feed.Feed
	now  time.Time
}

func newPlace(t testing.TB) *place {
	t.Helper()
	dir := t.TempDir()
	options := func(plane string) doltdb.Options {
		return doltdb.Options{Dir: filepath.Join(dir, plane), Home: filepath.Join(dir, "home"), Wait: time.Minute, Command: "test",
			Actor: town.Actor{Name: "ada", Email: "ada@example.com"}}
	}
	p := &place{TB: t, now: time.Now().UTC().Truncate(time.Microsecond)}
	var err error
	p.l, err = ledger.Create(t.Context(), options("ledger"), uuid)
	must(t, err)
	p.o, err = operational.Create(t.Context(), options("operational"), uuid)
	must(t, err)
	t.Cleanup(func() { must(t, errors.Join(p.l.Close(), p.o.Close())) })
	p.feed = feed.New(feed.Options{Operational: p.operational, Ledger: p.ledger, Now: p.clock})
	return p
}

func (p *place) ledger(_ context.Context, fn func(*ledger.Store) error) error { return fn(p.l) }
func (p *place) operational(_ context.Context, fn func(*operational.Store) error) error {
	return fn(p.o)
}
func (p *place) clock() time.Time { return p.now }

// plugin makes a plugin as the Deacon does.
func (p *place) plugin(name string, config map[string]interface{}) plugin.Plugin {
	p.Helper()
	log := logrus.New()
	log.SetLevel(logrus.PanicLevel)
	made := Type(Services{Now: p.clock, Log: log, Operational: p.operational, Ledger: p.ledger, Feed: p.feed}).New(name)
	must(p, made.Init(config))
	return made
}

func (p *place) run(i plugin.Plugin, input any) mirror.Report {
	p.Helper()
	out, err := i.Execute(p.Context(), input)
	must(p, err)
	return out.(mirror.Report)
}

// start starts a tracker and returns the config for it.
func start(t testing.TB, system string) (*trackertest.Server, map[string]interface{}) {
	var s *trackertest.Server
	config := map[string]interface{}{"api_token": trackertest.Secret}
	switch system {
	case Jira:
		s = trackertest.Jira(t)
		config["project"], config["username"] = trackertest.Project, trackertest.User
	case GitHub:
		s = trackertest.GitHub(t)
		config["repository"] = trackertest.Repository
	case Linear:
		s = trackertest.Linear(t)
		config["team"] = trackertest.Team
	case Asana:
		s = trackertest.Asana(t)
		config["project"] = trackertest.AsanaProject
	}
	config["base_url"] = s.Base
	return s, config
}

// A bead of the ledger becomes an issue, also when the process ended between the tracker's
// answer and its note; what happens to the bead happens there. An issue becomes a bead.
func TestWithPlanes(t *testing.T) {
	for _, system := range names {
		t.Run(system, func(t *testing.T) {
			p := newPlace(t)
			server, config := start(t, system)
			name := system + "-sync"
			i := p.plugin(name, config)
			if _, err := p.l.Create(t.Context(), []ledger.NewBead{{Bead: town.Bead{ID: "gt-old", Title: "from before", Priority: 2}}}); err != nil {
				t.Fatal(err)
			}
			if said, err := i.(*integration).Test(t.Context()); err != nil || !strings.HasPrefix(said, "it reads ") {
				t.Errorf("%q, %v", said, err)
			}
			config["api_token"] = "wrong-one"
			if _, err := p.plugin(name, config).(*integration).Test(t.Context()); !errors.Is(err, tracker.ErrDenied) || strings.Contains(err.Error(), "wrong-one") {
				t.Error(err)
			}
			config["api_token"] = trackertest.Secret
			p.run(i, nil)
			_, err := p.l.Create(t.Context(), []ledger.NewBead{{Bead: town.Bead{ID: "gt-1", Title: "The door sticks", Priority: 1}}})
			must(t, err)
			lost := true
			server.Lock(func() {
				server.Lose = func(r *http.Request, _ int) bool {
					was := lost && r.Method == http.MethodPost
					lost = lost && !was
					return was
				}
			})
			// Its first request that changes something, or asks with POST, is not answered.
			for range 4 {
				_, _ = p.plugin(name, config).Execute(t.Context(), plugin.Base{})
				p.now = p.now.Add(20 * time.Minute)
			}
			_, err = p.l.Comment(t.Context(), "gt-1", "I planed it.")
			must(t, err)
			_, err = p.l.CloseReady(t.Context(), []string{"gt-1"}, ledger.Closing{Reason: "it opens"})
			must(t, err)
			if rep := p.run(i, map[string]interface{}{"dry_run": true}); rep.Count(mirror.Commented) != 1 || rep.Count(mirror.Closed) != 1 {
				t.Errorf("%+v", rep)
			}
			if rep := p.run(i, nil); rep.Count(mirror.Closed) != 1 || len(rep.Refused) > 0 || rep.Waiting != 0 {
				t.Errorf("%+v", rep)
			}
			list, err := p.l.Existing(t.Context(), []string{"gt-1"}, nil)
			must(t, err)
			links, err := p.o.TrackerLinks(t.Context(), name)
			must(t, err)
			if len(links) != 1 || links[0].State != tracker.Linked || list[0].ExternalRef == "" || list[0].ExternalRef != links[0].URL {
				t.Errorf("%+v, external_ref %q", links, list[0].ExternalRef)
			}
			server.With(func(issues []*trackertest.Issue) {
				if len(issues) != 1 || !issues[0].Closed || len(issues[0].Comments) != 2 {
					t.Errorf("%+v", issues)
				}
			})

			server.Add("theirs\x1b[31m", "hostile\x00, see "+list[0].ExternalRef+".")
			query := ""
			if system == Jira {
				query = `text ~ "theirs"`
			}
			for n, want := range []int{1, 0} {
				if rep := p.run(i, Request{Import: &query}); rep.Count(mirror.Imported) != want {
					t.Errorf("import %d: %+v", n, rep)
				}
			}
			sent := len(server.Requests())
			p.run(i, nil)
			if n := len(server.Requests()); n != sent {
				t.Errorf("%d requests after an import", n-sent)
			}
			count := 0
			must(t, p.l.List(t.Context(), ledger.Filter{}, func(i ledger.Item) error {
				if count++; i.Title == "theirs" && (!strings.HasPrefix(i.Description, "hostile, see http") || i.ExternalRef == "") {
					t.Errorf("%+v", i)
				}
				return nil
			}))
			if count != 3 {
				t.Errorf("%d beads", count)
			}
			related, err := p.l.Links(t.Context())
			must(t, err)
			if len(related) != 1 || related[0].Target != "gt-1" || related[0].Type != town.DepRelated {
				t.Errorf("%+v", related)
			}
			must(t, beads{p.ledger}.Relate(t.Context(), "gt-1", "gt-none"))
			if rep := p.run(i, json.RawMessage(`{"all":true}`)); rep.Count(mirror.Created) != 1 {
				t.Errorf("the bead from before: %+v", rep)
			}
		})
	}
}

// What is refused is told in the feed, and a tracker that cannot be used now says when.
func TestTold(t *testing.T) {
	p := newPlace(t)
	server, config := start(t, Jira)
	i := p.plugin("jira-sync", config)
	p.run(i, nil)
	_, err := p.l.Create(t.Context(), []ledger.NewBead{{Bead: town.Bead{ID: "gt-1", Title: "login", Description: `password = "correct-horse-battery"`, Priority: 1}}})
	must(t, err)
	rep := p.run(i, nil)
	if len(rep.Refused) != 1 || !strings.Contains(rep.String(), "refused  gt-1: the bead is not sent") {
		t.Errorf("%s", rep)
	}
	page, err := p.feed.Newest(t.Context(), time.Time{}, 1)
	must(t, err)
	if e := page.Events[0]; e.Kind != TrackerRefused || e.Subject != "gt-1" || strings.Contains(e.Text, "horse") {
		t.Errorf("%+v", e)
	}
	server.Lock(func() {
		server.Fault = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
			w.Header().Set("Retry-After", "600")
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
	})
	_, err = p.l.Create(t.Context(), []ledger.NewBead{{Bead: town.Bead{ID: "gt-2", Title: "door", Priority: 1}}})
	must(t, err)
	for range 2 {
		_, err = i.Execute(t.Context(), nil)
		if later, ok := errors.AsType[*plugin.Later](err); !ok || later.Seconds < 599 || later.Seconds > 601 {
			t.Errorf("%v", err)
		}
	}
	if n := len(server.Requests()); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// Every mistake in a config is told with its field.
func TestConfig(t *testing.T) {
	jiraConfig := func(change map[string]interface{}) map[string]interface{} {
		c := map[string]interface{}{"base_url": "https://jira.example.com", "project": "GT", "username": "u", "api_token": "secret"}
		for k, v := range change {
			if v == nil {
				delete(c, k)
			} else {
				c[k] = v
			}
		}
		return c
	}
	for _, c := range []struct {
		name   string
		config map[string]interface{}
		field  string // "" when it is right
	}{
		{"jira-sync", jiraConfig(nil), ""},
		{"tracker", jiraConfig(map[string]interface{}{"system": "jira"}), ""},
		{"jira", jiraConfig(map[string]interface{}{"types": []interface{}{"bug"}, "labels": []interface{}{"x"}, "interval": "5m", "issue_type": "Story", "prefixes": []interface{}{"web"}}), ""},
		{"tracker", jiraConfig(nil), "system"},
		{"tracker", jiraConfig(map[string]interface{}{"system": "trello"}), "system"},
		{"jira-sync", jiraConfig(map[string]interface{}{"project": nil}), "project"},
		{"jira-sync", jiraConfig(map[string]interface{}{"project": "a b"}), "project"},
		{"jira-sync", jiraConfig(map[string]interface{}{"project": 7}), "project"},
		{"jira-sync", jiraConfig(map[string]interface{}{"base_url": "http://jira.example.com"}), "base_url"},
		{"jira-sync", jiraConfig(map[string]interface{}{"username": ""}), "username"},
		{"jira-sync", jiraConfig(map[string]interface{}{"api_token": nil}), "api_token"},
		{"jira-sync", jiraConfig(map[string]interface{}{"api_tokn": "x"}), "api_tokn"},
		{"jira-sync", jiraConfig(map[string]interface{}{"team": "ENG"}), "team"},
		{"jira-sync", jiraConfig(map[string]interface{}{"interval": "1s"}), "interval"},
		{"jira-sync", jiraConfig(map[string]interface{}{"types": []interface{}{"Bug!"}}), "types"},
		{"jira-sync", jiraConfig(map[string]interface{}{"import_prefix": "a b"}), "import_prefix"},
		{"github", map[string]interface{}{"repository": "acme/web", "api_token": "t"}, ""},
		{"github", map[string]interface{}{"repository": "acme", "api_token": "t"}, "repository"},
		{"linear", map[string]interface{}{"team": "ENG", "api_token": "t"}, ""},
		{"linear", map[string]interface{}{"team": "E-1", "api_token": "t"}, "team"},
		{"asana", map[string]interface{}{"project": "12001", "api_token": "t"}, ""},
		{"asana", map[string]interface{}{"project": "GT", "api_token": "t"}, "project"},
	} {
		err := Type(Services{Now: time.Now}).New(c.name).Init(c.config)
		f, ok := errors.AsType[*plugin.Fault](err)
		if c.field == "" && err != nil || c.field != "" && (!ok || len(f.Path) == 0 || f.Path[0] != c.field) {
			t.Errorf("%s %v: %v, want a fault of %q", c.name, c.config, err, c.field)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Error(err)
		}
	}
	for input, wrong := range map[string]bool{`{"dry_run":true}`: false, `{"dryrun":true}`: true, `[]`: true, ``: false} {
		if _, err := requestOf(json.RawMessage(input)); (err != nil) != wrong {
			t.Errorf("%s: %v", input, err)
		}
	}
}
