package mirror_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"gastown/town"
	"gastown/town/tracker"
	"gastown/town/tracker/mirror"
	"gastown/town/tracker/trackertest"
)

func (w *world) bead(id, title string) {
	w.set(id, true, func(b *town.Bead) { b.Title = title })
}

func (w *world) titles() (all []string) {
	w.server.With(func(issues []*trackertest.Issue) {
		for _, i := range issues {
			all = append(all, i.Title)
		}
	})
	return all
}

// What the tracker refuses is told with its reason, and the rest goes on. It is sent when
// the bead changes, or when a person asks for it.
func TestRefused(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.rest()
		refusing := true
		w.fault(func(rw http.ResponseWriter, r *http.Request, _ int) bool {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			if !refusing || r.Method == http.MethodGet || !strings.Contains(string(body), "bad one") {
				return false
			}
			status, text := http.StatusBadRequest, `{"errorMessages":[],"errors":{"customfield_1":"Team is required. tok_veryverysecret"}}`
			switch w.system.name {
			case "github":
				status, text = http.StatusUnprocessableEntity, `{"message":"Validation Failed","errors":[{"field":"title","code":"custom","message":"Team is required. tok_veryverysecret"}]}`
			case "linear":
				status, text = http.StatusOK, `{"errors":[{"message":"Argument Validation Error","extensions":{"code":"INPUT_ERROR","userPresentableMessage":"Team is required. tok_veryverysecret"}}]}`
			case "asana":
				text = `{"errors":[{"message":"Team is required. tok_veryverysecret"}]}`
			}
			rw.WriteHeader(status)
			fmt.Fprint(rw, text)
			return true
		})
		w.bead("gt-1", "a bad one")
		w.bead("gt-2", "good")
		w.rest()
		if l := w.links["gt-1"]; !l.Refused() || !strings.Contains(l.Reason, "Team is required.") || strings.Contains(l.Reason, "veryverysecret") || l.State != tracker.Wanted {
			t.Errorf("%+v", l)
		}
		if got := w.titles(); len(got) != 1 || got[0] != "good" {
			t.Errorf("%q", got)
		}
		sent := len(w.server.Requests())
		w.pass(time.Hour)
		w.rest()
		if more := w.server.Requests()[sent:]; len(more) > 0 {
			t.Errorf("it is sent again by itself: %q", more)
		}
		w.server.Lock(func() { refusing = false })
		if rep := w.run(mirror.Request{Retry: true}); rep.Count(mirror.Created) != 1 || len(w.titles()) != 2 || w.links["gt-1"].Reason != "" {
			t.Errorf("%+v, %q", rep, w.titles())
		}
	})
}

// A tracker that asks to wait is left alone until then, also by the next process. One that
// is ill at one request only does not hold up the others.
func TestWait(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.rest()
		limited := true
		w.fault(func(rw http.ResponseWriter, _ *http.Request, _ int) bool {
			if !limited {
				return false
			}
			switch w.system.name {
			case "linear":
				trackertest.LinearLimited(rw, w.clock().Add(10*time.Minute).UnixMilli())
			case "github":
				rw.Header().Set("X-RateLimit-Remaining", "0")
				rw.Header().Set("X-RateLimit-Limit", "5000")
				rw.Header().Set("X-RateLimit-Reset", fmt.Sprint(w.clock().Add(10*time.Minute).Unix()))
				rw.WriteHeader(http.StatusForbidden)
				fmt.Fprint(rw, `{"message":"API rate limit exceeded for user ID 1."}`)
			default:
				rw.Header().Set("Retry-After", "600")
				rw.WriteHeader(http.StatusTooManyRequests)
				fmt.Fprint(rw, `{"errors":[{"message":"You have made too many requests recently."}]}`)
			}
			return true
		})
		for n := range 5 {
			w.bead(fmt.Sprint("gt-", n), fmt.Sprint("bead ", n))
		}
		rep := w.run(mirror.Request{})
		if n := len(w.server.Requests()); n != 1 || rep.Waiting != 5 || rep.Reason == "" || rep.Until.Sub(w.clock()).Round(time.Minute) != 10*time.Minute {
			t.Errorf("%d requests; %+v", n, rep)
		}
		w.server.Lock(func() { limited = false })
		w.pass(9 * time.Minute)
		if rep := w.run(mirror.Request{}); len(w.server.Requests()) != 1 || rep.Reason == "" {
			t.Errorf("it was asked before its time: %+v", rep)
		}
		w.pass(2 * time.Minute)
		w.rest()
		if got := w.titles(); len(got) != 5 {
			t.Errorf("%q", got)
		}
	})
}

// Credentials that do not count stop everything with a reason that says what helps.
func TestDenied(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.rest()
		denied := true
		w.fault(func(rw http.ResponseWriter, r *http.Request, _ int) bool {
			if denied {
				r.Header.Set("Authorization", "Bearer expired")
			}
			return false
		})
		w.bead("gt-1", "one")
		w.bead("gt-2", "two")
		rep := w.run(mirror.Request{})
		if n := len(w.server.Requests()); n != 1 || rep.Waiting != 2 || !strings.Contains(rep.Reason, "gt plugin run jira-sync --retry") {
			t.Errorf("%d requests; %+v", n, rep)
		}
		w.server.Lock(func() { denied = false })
		w.run(mirror.Request{Retry: true})
		w.rest()
		if got := w.titles(); len(got) != 2 {
			t.Errorf("%q", got)
		}
	})
}

// What looks like a secret does not leave, and says why; without it the bead is sent.
func TestSecrets(t *testing.T) {
	w := newWorld(t, systems[0])
	w.rest()
	secret := `password = "correct-horse-battery"`
	w.set("gt-1", true, func(b *town.Bead) { b.Title, b.Description = "login", secret })
	w.set("gt-2", true, func(b *town.Bead) {
		b.Title, b.Comments = "fine", []town.Comment{{ID: "c1", Author: "ann", Text: secret}, {ID: "c2", Author: "ann", Text: "hello"}}
	})
	w.rest()
	if l := w.links["gt-1"]; !l.Refused() || !strings.Contains(l.Reason, "secret") || strings.Contains(l.Reason, "horse") {
		t.Errorf("%+v", l)
	}
	w.server.With(func(issues []*trackertest.Issue) {
		if len(issues) != 1 || len(issues[0].Comments) != 1 || !strings.Contains(issues[0].Comments[0].Text, "hello") {
			t.Errorf("%+v", issues)
		}
	})
	w.set("gt-1", false, func(b *town.Bead) { b.Description = "ask ann" })
	w.rest()
	if got := w.titles(); len(got) != 2 {
		t.Errorf("%q", got)
	}
	w.set("gt-1", false, func(b *town.Bead) {
		b.CloseReason = secret
		b.Status = town.StatusClosed
		at := w.now
		b.ClosedAt = &at
	})
	w.rest()
	w.server.With(func(issues []*trackertest.Issue) {
		for _, i := range issues {
			if text := fmt.Sprint(*i); strings.Contains(text, "horse") || i.Title == "login" && !i.Closed {
				t.Error(text)
			}
		}
	})
}

// A week without the tracker loses nothing, also when the feed forgot some of it: a bead
// that was made and closed in that week gets its issue, and it is closed.
func TestOutage(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.bead("gt-old", "before the plugin")
		w.set("gt-old", false, func(b *town.Bead) { b.Status = town.StatusClosed; at := w.now; b.ClosedAt = &at })
		w.bead("gt-open", "also before")
		w.pass(time.Hour)
		w.rest()
		w.bead("gt-1", "one")
		w.rest()
		away := true
		w.fault(func(http.ResponseWriter, *http.Request, int) bool {
			if away {
				panic(http.ErrAbortHandler)
			}
			return false
		})
		last := w.clock()
		for day := range 7 {
			w.pass(24 * time.Hour)
			id := fmt.Sprint("gt-day", day)
			w.bead(id, "of day "+fmt.Sprint(day))
			w.set(id, false, func(b *town.Bead) { b.Status = town.StatusClosed; at := w.now; b.ClosedAt = &at })
			if day < 3 {
				w.run(mirror.Request{})
			}
		}
		w.Lock()
		w.loss = last
		delete(w.beads, "gt-1")
		w.Unlock()
		w.server.Lock(func() { away = false })
		w.pass(time.Hour)
		w.rest()
		w.server.With(func(issues []*trackertest.Issue) {
			if len(issues) != 9 { // one, seven days, and the open one that a full comparison finds
				t.Errorf("%d issues", len(issues))
			}
			for _, i := range issues {
				if i.Title == "before the plugin" || i.Closed == (i.Title == "also before") {
					t.Errorf("%+v", i)
				}
			}
		})
	})
}

// A dry run says what would be sent, and sends and stores nothing.
func TestDryRun(t *testing.T) {
	w := newWorld(t, systems[0])
	w.rest()
	w.bead("gt-1", "one")
	w.rest()
	sent, writes := len(w.server.Requests()), w.writes
	w.bead("gt-2", "two")
	w.set("gt-1", false, func(b *town.Bead) {
		b.Title, b.Comments = "uno", []town.Comment{{ID: "c", Author: "ann", Text: "hm"}}
		b.Status = town.StatusClosed
	})
	w.set("gt-3", true, func(b *town.Bead) { b.Title, b.Description = "three", `token = "abcdefghijkl"` })
	rep := w.run(mirror.Request{DryRun: true})
	for what, n := range map[string]int{mirror.Created: 1, mirror.Updated: 1, mirror.Commented: 1, mirror.Closed: 1, mirror.Refused: 1} {
		if rep.Count(what) != n {
			t.Errorf("%s: %+v", what, rep.Did)
		}
	}
	if len(w.server.Requests()) != sent || w.writes != writes {
		t.Errorf("it sent or stored something")
	}
	if rep := w.run(mirror.Request{}); rep.Count(mirror.Created) != 1 || rep.Count(mirror.Closed) != 1 {
		t.Errorf("%+v", rep)
	}
}

// Only what is selected gets issues, and messages between agents never do.
func TestSelection(t *testing.T) {
	w := newWorld(t, systems[1])
	w.sel = mirror.Selection{Labels: []string{"public"}, Prefixes: []string{"web"}}
	w.rest()
	for id, change := range map[string]func(b *town.Bead){
		"web-1":  func(b *town.Bead) { b.Labels = []string{"public"} },
		"web-2":  func(b *town.Bead) {},
		"api-1":  func(b *town.Bead) { b.Labels = []string{"public"} },
		"webs-1": func(b *town.Bead) { b.Labels = []string{"public"} },
		"web-3":  func(b *town.Bead) { b.Labels, b.Type = []string{"public"}, "message" },
		"web-4":  func(b *town.Bead) { b.Labels, b.Ephemeral = []string{"public"}, true },
	} {
		w.set(id, true, func(b *town.Bead) { b.Title = id; change(b) })
	}
	w.rest()
	if got := w.titles(); len(got) != 1 || got[0] != "web-1" || len(w.links) != 1 {
		t.Errorf("%q, %+v", got, w.links)
	}
}

// Theirs become beads: bounded and plain, one bead for one issue, also when it is done
// twice or cut off at any write. Their text is not changed; comments and states go back.
func TestImport(t *testing.T) {
	query := map[string]string{"jira": `text ~ "door"`, "github": "door", "linear": "door", "asana": "door"}
	each(t, func(t *testing.T, w *world) {
		q := query[w.system.name]
		fill := func(w *world) {
			w.server.Lock(func() { w.server.PerPage = 2 })
			w.rest()
			w.bead("gt-own", "our door")
			w.rest()
			w.server.Add("PR: door", "no issue at GitHub")
			w.server.Add("red door\x1b[31m\u202e", "it\x00 sticks\r\n\r\n"+strings.Repeat("x", 100_000), "bug", "secret-label")
			for n := range 4 {
				w.server.Add(fmt.Sprint("door ", n), "")
			}
			w.server.Add("window", "")
			w.pass(time.Hour)
		}
		fill(w)
		want := 6
		if w.system.name == "github" {
			want = 5
		}
		dry, err := w.process().Import(t.Context(), q, true)
		if err != nil || dry.Count(mirror.Imported) != want || len(w.beads) != 1 {
			t.Fatalf("%v: %+v", err, dry)
		}
		began := w.writes
		rep, err := w.process().Import(t.Context(), q, false)
		if err != nil || rep.Count(mirror.Imported) != want || len(w.beads) != want+1 {
			t.Fatalf("%v: %+v, %d beads", err, rep, len(w.beads))
		}
		writes := w.writes - began
		again, err := w.process().Import(t.Context(), q, false)
		if err != nil || again.Count(mirror.Imported) != 0 || len(w.beads) != want+1 {
			t.Errorf("%v: %+v", err, again)
		}
		sent := len(w.server.Requests())
		w.rest()
		if more := w.server.Requests()[sent:]; len(more) > 0 {
			t.Errorf("an import sends back %q", more)
		}
		for id, b := range w.beads {
			if err := b.Validate(); id != "gt-own" && err != nil || strings.ContainsAny(b.Title+b.Description, "[\x1b\x00\u202e\r") || len(b.Labels) > 0 {
				t.Errorf("%s: %v: %q %q", id, err, b.Title, b.Labels)
			}
			if strings.HasPrefix(b.Title, "red") && (b.Type != town.TypeBug || len(b.Description) > tracker.MaxBody+3) {
				t.Errorf("%s, %d bytes", b.Type, len(b.Description))
			}
			if b.Title == "door 1" {
				w.set(id, false, func(b *town.Bead) { b.Title, b.Status = "changed", town.StatusClosed; at := w.now; b.ClosedAt = &at })
			}
		}
		w.rest()
		w.server.With(func(issues []*trackertest.Issue) {
			for _, i := range issues {
				if i.Title == "changed" || i.Closed != (i.Title == "door 1") {
					t.Errorf("%+v", i)
				}
			}
		})
		// A bead that was imported and is deleted leaves their issue as it is.
		w.Lock()
		gone, issue := "", ""
		for id, b := range w.beads {
			if b.Title == "door 2" {
				gone, issue = id, w.links[id].Issue
			}
		}
		delete(w.beads, gone)
		w.events = append(w.events, event{gone, false})
		w.Unlock()
		sent = len(w.server.Requests())
		w.rest()
		if more := w.server.Requests()[sent:]; gone == "" || issue == "" || len(more) > 0 {
			t.Errorf("deleting %s, made of %s, sent %q", gone, issue, more)
		}
		for n := 1; n <= writes; n++ {
			cut := newWorld(t, w.system)
			fill(cut)
			cut.dieAt = cut.writes + n
			if _, err := cut.process().Import(t.Context(), q, false); !errors.Is(err, errDead) {
				t.Fatalf("write %d: %v", n, err)
			}
			cut.dead = false
			cut.rest() // a pass that comes in between makes no issue of a half-imported one
			if _, err := cut.process().Import(t.Context(), q, false); err != nil || len(cut.beads) != want+1 || len(cut.links) != want+1 {
				t.Errorf("write %d: %v, %d beads, %d links", n, err, len(cut.beads), len(cut.links))
			}
		}
	})
}

// A full address of an issue in the text of another one relates their beads, once, and an
// address of nothing that is known does not.
func TestImportRelates(t *testing.T) {
	query := map[string]string{"jira": `text ~ "door"`, "github": "door", "linear": "door", "asana": "door"}
	each(t, func(t *testing.T, w *world) {
		q := query[w.system.name]
		w.rest()
		w.server.Add("red door", "")
		w.pass(time.Hour)
		if _, err := w.process().Import(t.Context(), q, false); err != nil || len(w.beads) != 1 {
			t.Fatal(err, len(w.beads))
		}
		red, ref := "", ""
		for id, b := range w.beads {
			red, ref = id, b.ExternalRef
		}
		w.server.Add("blue door", "as "+ref+". See ("+ref+"#note-1), "+ref+"0 and https://example.org/"+strings.Repeat("x", 10))
		w.pass(time.Hour)
		for range 2 {
			if _, err := w.process().Import(t.Context(), q, false); err != nil || len(w.beads) != 2 {
				t.Fatal(err, len(w.beads))
			}
		}
		for id, b := range w.beads {
			related := len(b.Dependencies) == 1 && b.Dependencies[0].Target == red && b.Dependencies[0].Type == town.DepRelated
			if (id != red) != related || id == red && len(b.Dependencies) > 0 {
				t.Errorf("%s: %+v", b.Title, b.Dependencies)
			}
		}
		sent := len(w.server.Requests())
		w.rest()
		if more := w.server.Requests()[sent:]; len(more) > 0 {
			t.Errorf("a relation sends back %q", more)
		}
	})
}

// An issue that is gone, and a bead that is deleted.
func TestGone(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.rest()
		w.bead("gt-1", "one")
		w.bead("gt-2", "two")
		w.rest()
		w.Lock()
		delete(w.beads, "gt-2")
		w.events = append(w.events, event{"gt-2", false})
		w.Unlock()
		w.rest()
		w.server.With(func(issues []*trackertest.Issue) {
			for _, i := range issues {
				if i.Closed != (i.Title == "two") || i.Title == "two" && (len(i.Comments) != 1 || !strings.Contains(i.Comments[0].Text, "deleted")) {
					t.Errorf("%+v", i)
				}
				if i.Title == "one" {
					i.ID, i.Number = "999", 999
				}
			}
		})
		w.set("gt-1", false, func(b *town.Bead) { b.Title = "uno" })
		w.rest()
		if l := w.links["gt-1"]; !l.Refused() || !strings.Contains(l.Reason, "does not exist there") {
			t.Errorf("%+v", l)
		}
		if n := len(w.titles()); n != 2 {
			t.Errorf("%d issues", n)
		}
	})
}

// Rows that were lost are found again: the bead says that it has an issue.
func TestLostRows(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.tell()
		w.Lock()
		clear(w.links)
		w.Unlock()
		w.pass(time.Hour)
		w.run(mirror.Request{All: true})
		w.rest()
		if n := len(w.titles()); n != 2 || len(w.links) != 2 {
			t.Errorf("%d issues, %+v", n, w.links)
		}
	})
}
