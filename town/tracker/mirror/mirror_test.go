package mirror_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"gastown/town"
	"gastown/town/tracker"
	"gastown/town/tracker/asana"
	"gastown/town/tracker/github"
	"gastown/town/tracker/jira"
	"gastown/town/tracker/linear"
	"gastown/town/tracker/mirror"
	"gastown/town/tracker/trackertest"
)

// system is a tracker with its server.
type system struct {
	name   string
	server func(testing.TB) *trackertest.Server
	client func(base string, now func() time.Time) (tracker.Tracker, error)
}

var systems = []system{
	{"jira", trackertest.Jira, func(base string, now func() time.Time) (tracker.Tracker, error) {
		return jira.New(jira.Options{Base: base, Project: trackertest.Project, Username: trackertest.User, Token: trackertest.Secret, Now: now})
	}},
	{"github", trackertest.GitHub, func(base string, now func() time.Time) (tracker.Tracker, error) {
		return github.New(github.Options{Base: base, Repository: trackertest.Repository, Token: trackertest.Secret, Now: now})
	}},
	{"linear", trackertest.Linear, func(base string, now func() time.Time) (tracker.Tracker, error) {
		return linear.New(linear.Options{Base: base, Team: trackertest.Team, Key: trackertest.Secret, Now: now})
	}},
	{"asana", trackertest.Asana, func(base string, now func() time.Time) (tracker.Tracker, error) {
		return asana.New(asana.Options{Base: base, Project: trackertest.AsanaProject, Token: trackertest.Secret, Now: now})
	}},
}

// world is a Town with a tracker.
type world struct {
	*planes
	t      testing.TB
	system system
	server *trackertest.Server
	sel    mirror.Selection
}

func newWorld(t testing.TB, s system) *world {
	w := &world{planes: newPlanes(), t: t, system: s, server: s.server(t)}
	w.server.Lock(func() { w.server.Now, w.server.Lag = w.clock, 2*time.Minute })
	return w
}

// process makes what a process has: a client and a mirror.
func (w *world) process() *mirror.Mirror {
	w.t.Helper()
	c, err := w.system.client(w.server.Base, w.clock)
	if err != nil {
		w.t.Fatal(err)
	}
	return mirror.New(mirror.Options{Plugin: "jira-sync", Ledger: "ledger-1", Tracker: c, Rows: w, Beads: w, Events: w, Select: w.sel, Prefix: "gt", Now: w.clock})
}

func (w *world) run(r mirror.Request) mirror.Report {
	w.t.Helper()
	rep, err := w.process().Run(w.t.Context(), r)
	if err != nil {
		w.t.Fatal(err)
	}
	return rep
}

// rest runs until nothing is left to do, as the Deacon does.
func (w *world) rest() {
	w.t.Helper()
	for range 20 {
		rep, err := w.process().Run(w.t.Context(), mirror.Request{})
		if err != nil && !errors.Is(err, errDead) {
			w.t.Fatal(err)
		}
		w.Lock()
		w.dead = false // the next process begins
		w.Unlock()
		if err == nil && rep.Waiting == 0 {
			return
		}
		w.pass(5 * time.Minute)
	}
	links, _ := w.Links(w.t.Context())
	w.t.Fatalf("it does not come to rest: %+v", links)
}

// fault and lose have the server fail from now on.
func (w *world) fault(fn func(http.ResponseWriter, *http.Request, int) bool) {
	w.server.Lock(func() { w.server.Fault = fn })
}
func (w *world) lose(fn func(*http.Request, int) bool) {
	w.server.Lock(func() { w.server.Lose = fn })
}

func (w *world) Lock()   { w.mu.Lock() }
func (w *world) Unlock() { w.mu.Unlock() }

// story is what happens to two beads. After each step the mirror runs.
var story = []func(w *world){
	func(w *world) {
		w.set("gt-a1", true, func(b *town.Bead) { b.Title, b.Description = "The door sticks", "It does.\n\n```\nknock\n```" })
		w.set("gt-b2", true, func(b *town.Bead) { b.Title = "Paint <!-- gt: gt-a1 -->" })
	},
	func(w *world) {
		w.set("gt-a1", false, func(b *town.Bead) {
			b.Comments = append(b.Comments, town.Comment{ID: "c1", Author: "ann", Text: "I looked at it.", CreatedAt: w.now})
		})
	},
	func(w *world) { w.set("gt-a1", false, func(b *town.Bead) { b.Title = "The front door sticks" }) },
	func(w *world) {
		w.set("gt-a1", false, func(b *town.Bead) {
			at := w.now
			b.Status, b.ClosedAt, b.CloseReason = town.StatusClosed, &at, "planed it"
		})
	},
	func(w *world) {
		w.set("gt-a1", false, func(b *town.Bead) { b.Status, b.ClosedAt, b.CloseReason = town.StatusOpen, nil, "" })
		w.set("gt-b2", false, func(b *town.Bead) {
			at := w.now
			b.Status, b.ClosedAt = town.StatusClosed, &at
			b.Comments = append(b.Comments, town.Comment{ID: "c2", Author: "bob", Text: "Done, it is blue.", CreatedAt: w.now})
		})
	},
}

// tell runs the story.
func (w *world) tell() {
	w.t.Helper()
	w.rest() // the first run
	for _, step := range story {
		step(w)
		w.rest()
		w.pass(time.Minute)
	}
}

// check finds out whether the tracker has what the story says, once.
func (w *world) check() {
	w.t.Helper()
	w.server.With(func(issues []*trackertest.Issue) {
		if len(issues) != 2 {
			w.t.Fatalf("%d issues for 2 beads", len(issues))
		}
		for _, i := range issues {
			var want struct {
				title, text string
				closed      bool
				comments    []string
			}
			want.title, want.text, want.comments = "The front door sticks", "knock", []string{"I looked at it.", "planed it"}
			if strings.HasPrefix(i.Title, "Paint") {
				want.title, want.text, want.closed, want.comments = "Paint <!-- gt: gt-a1 -->", "Bead gt-b2", true, []string{"Done, it is blue."}
			}
			if i.Title != want.title || !strings.Contains(i.Text, want.text) || i.Closed != want.closed {
				w.t.Errorf("%+v", i)
			}
			if len(i.Comments) != len(want.comments) {
				w.t.Errorf("%d comments: %+v", len(i.Comments), i.Comments)
			}
			for n, c := range i.Comments {
				if n < len(want.comments) && !strings.Contains(c.Text, want.comments[n]) {
					w.t.Errorf("comment %d: %q", n, c.Text)
				}
			}
		}
	})
	for _, id := range []string{"gt-a1", "gt-b2"} {
		if l := w.links[id]; l.State != tracker.Linked || l.Reason != "" || l.URL == "" || w.beads[id].ExternalRef != l.URL {
			w.t.Errorf("%+v; external_ref %q", l, w.beads[id].ExternalRef)
		}
	}
}

func each(t *testing.T, fn func(t *testing.T, w *world)) {
	for _, s := range systems {
		t.Run(s.name, func(t *testing.T) { fn(t, newWorld(t, s)) })
	}
}

// Beads become issues, and what happens to them happens there. A second look sends nothing.
func TestStory(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.tell()
		w.check()
		sent := len(w.server.Requests())
		w.run(mirror.Request{All: true})
		if more := w.server.Requests()[sent:]; len(more) > 0 {
			t.Errorf("a comparison of what is equal sent %q", more)
		}
		t.Log(sent, "requests")
	})
}

// A process that ends at any request or at any write leaves one issue for one bead and each
// comment once: also when the tracker did what it was asked for and nobody heard it, or the
// answer came and was not noted, or nothing was done.
func TestCrash(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.tell()
		requests, writes := len(w.server.Requests()), w.writes
		for n := 1; n <= requests; n++ {
			for what, crash := range map[string]func(w *world){
				"not done": func(w *world) {
					w.fault(func(_ http.ResponseWriter, _ *http.Request, at int) bool {
						if at == n {
							panic(http.ErrAbortHandler)
						}
						return false
					})
				},
				"done, unheard": func(w *world) {
					w.lose(func(_ *http.Request, at int) bool { return at == n })
				},
				"done, not noted": func(w *world) {
					w.lose(func(_ *http.Request, at int) bool {
						if at == n {
							w.Lock()
							w.dead = true
							w.Unlock()
						}
						return false
					})
				},
			} {
				t.Run(fmt.Sprintf("request %d %s", n, what), func(t *testing.T) {
					again := newWorld(t, w.system)
					crash(again)
					again.tell()
					again.check()
				})
			}
		}
		for n := 1; n <= writes; n++ {
			t.Run(fmt.Sprintf("write %d", n), func(t *testing.T) {
				again := newWorld(t, w.system)
				again.dieAt = n
				again.tell()
				again.check()
			})
		}
	})
}

// Several processes at once make one issue for one bead too.
func TestTogether(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.rest()
		for n := range 8 {
			w.set(fmt.Sprintf("gt-%d", n), true, func(b *town.Bead) {
				b.Title = fmt.Sprint("bead ", n)
				b.Comments = []town.Comment{{ID: fmt.Sprint("c", n), Author: "ann", Text: "one", CreatedAt: b.CreatedAt}}
			})
		}
		done := make(chan error)
		for range 4 {
			m := w.process()
			go func() { _, err := m.Run(t.Context(), mirror.Request{}); done <- err }()
		}
		for range 4 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		w.rest()
		w.server.With(func(issues []*trackertest.Issue) {
			if len(issues) != 8 {
				t.Errorf("%d issues for 8 beads", len(issues))
			}
			for _, i := range issues {
				if len(i.Comments) != 1 {
					t.Errorf("%s: %d comments", i.Title, len(i.Comments))
				}
			}
		})
	})
}
