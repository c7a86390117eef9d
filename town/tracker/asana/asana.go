// Package asana is the client of Asana, over its REST API.
//
// The mark of a task or a comment is the last line of its text. Asana keeps external ids
// for registered OAuth apps only, so a personal access token could not use them. A task is
// found by listing the tasks of the project that changed lately.
package asana

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"gastown/town"
	"gastown/town/tracker"
)

// PublicAPI is the address of Asana.
const PublicAPI = "https://app.asana.com/api/1.0"

const (
	// perPage is how much a page has, maxPages how many pages are read.
	perPage, maxPages = "100", 100
	// before stands before a mark.
	before = "Gas Town: "
)

// Options describe a project.
type Options struct {
	// Base is the address of the API; "" for PublicAPI.
	Base string
	// Project is the gid of the project, the number in its address.
	Project string
	// Token is a personal access token, or one of an OAuth app.
	Token string
	HTTP  *http.Client
	Now   func() time.Time
}

// Project is a project at Asana.
type Project struct {
	gid string
	c   *tracker.Client
}

var _ tracker.Tracker = (*Project)(nil)

var gidPattern = regexp.MustCompile(`^[0-9]{1,40}$`)

// New returns a project. It makes no connection.
func New(o Options) (*Project, error) {
	if !gidPattern.MatchString(o.Project) {
		return nil, fmt.Errorf("%w: project %q is not the gid of a project, which is the number in its address", town.ErrUsage, town.Clip(o.Project, 80))
	}
	if o.Base == "" {
		o.Base = PublicAPI
	}
	c, err := tracker.NewClient(tracker.Options{Base: o.Base, HTTP: o.HTTP, Now: o.Now, Reason: reason,
		Headers: map[string]string{"Authorization": "Bearer " + o.Token}, Secrets: []string{o.Token}})
	return &Project{gid: o.Project, c: c}, err
}

func (p *Project) String() string { return "the Asana project " + p.gid }

// Owns implements tracker.Tracker. The address of a task need not name its project.
func (p *Project) Owns(ref string) bool { return strings.HasPrefix(ref, "https://app.asana.com/") }

func reason(body []byte) string {
	var said struct {
		Errors []struct{ Message string } `json:"errors"`
	}
	if json.Unmarshal(body, &said) != nil {
		return ""
	}
	var all []string
	for _, e := range said.Errors {
		all = append(all, e.Message)
	}
	return strings.Join(all, "; ")
}

const taskFields = "name,notes,completed,permalink_url,tags.name,resource_subtype,created_at"

type task struct {
	GID       string    `json:"gid"`
	Name      string    `json:"name"`
	Notes     string    `json:"notes"`
	Completed bool      `json:"completed"`
	URL       string    `json:"permalink_url"`
	Made      time.Time `json:"created_at"`
	Tags      []struct {
		Name string `json:"name"`
	} `json:"tags"`
}

func (t task) told() tracker.Issue {
	out := tracker.Issue{ID: t.GID, Key: t.GID, URL: t.URL, Title: t.Name, Closed: t.Completed}
	out.Body, out.Mark = tracker.CutMark(t.Notes, before, "")
	for _, one := range t.Tags {
		out.Labels = append(out.Labels, tracker.Line(one.Name, 100))
	}
	return out
}

// send sends a change, whose answer has the object.
func send[T any](ctx context.Context, p *Project, op, method, path string, data map[string]any, fields string) (out T, err error) {
	var answer struct {
		Data T `json:"data"`
	}
	err = p.c.Do(ctx, op, method, path, url.Values{"opt_fields": {fields}}, map[string]any{"data": data}, &answer)
	return answer.Data, err
}

// pages calls fn for each item of a list, until it returns false.
func pages[T any](ctx context.Context, p *Project, op, path string, query url.Values, fn func(T) bool) error {
	query.Set("limit", perPage)
	for range maxPages {
		var page struct {
			Data []T `json:"data"`
			Next *struct {
				Offset string `json:"offset"`
			} `json:"next_page"`
		}
		if err := p.c.Do(ctx, op, http.MethodGet, path, query, nil, &page); err != nil {
			return err
		}
		for _, one := range page.Data {
			if !fn(one) {
				return nil
			}
		}
		if page.Next == nil || page.Next.Offset == "" || page.Next.Offset == query.Get("offset") {
			return nil
		}
		query.Set("offset", page.Next.Offset)
	}
	return tracker.Later(time.Hour, "%s: Asana lists more than %d pages", op, maxPages)
}

// Create implements tracker.Tracker.
func (p *Project) Create(ctx context.Context, mark tracker.Mark, d tracker.Draft) (tracker.Issue, error) {
	made, err := send[task](ctx, p, "make a task in "+p.String(), http.MethodPost, "/tasks", map[string]any{
		"name": d.Title, "notes": tracker.WithMark(d.Body, before, mark, ""), "projects": []string{p.gid}}, taskFields)
	if err == nil && made.GID == "" {
		err = &tracker.LaterError{After: time.Minute, Why: "Asana did not say which task it made"}
	}
	return made.told(), err
}

// Find implements tracker.Tracker. A task that somebody duplicated has the mark of the first
// one, so the oldest counts.
func (p *Project) Find(ctx context.Context, mark tracker.Mark, since time.Time) (found tracker.Issue, ok bool, err error) {
	var oldest time.Time
	err = p.each(ctx, since, func(t task) bool {
		if i := t.told(); i.Mark == mark && (!ok || t.Made.Before(oldest)) {
			found, ok, oldest = i, true, t.Made
		}
		return true
	})
	return found, ok && err == nil, err
}

func (p *Project) each(ctx context.Context, since time.Time, fn func(task) bool) error {
	query := url.Values{"project": {p.gid}, "opt_fields": {taskFields}}
	if !since.IsZero() {
		query.Set("modified_since", since.UTC().Format(time.RFC3339))
	}
	return pages(ctx, p, "list the tasks of "+p.String(), "/tasks", query, fn)
}

// Search implements tracker.Searcher: the query is words that the name or the notes of a
// task must have, because Asana's own search is not part of every plan. An empty one
// yields all tasks.
func (p *Project) Search(ctx context.Context, query string, limit int) (all []tracker.Issue, err error) {
	words := strings.Fields(strings.ToLower(query))
	err = p.each(ctx, time.Time{}, func(t task) bool {
		i := t.told()
		text := strings.ToLower(i.Title + "\n" + i.Body)
		for _, w := range words {
			if !strings.Contains(text, w) {
				return true
			}
		}
		all = append(all, i)
		return len(all) < limit
	})
	return all, err
}

func (p *Project) change(ctx context.Context, op, id string, data map[string]any) error {
	_, err := send[task](ctx, p, op+" the task "+id, http.MethodPut, "/tasks/"+url.PathEscape(id), data, "completed")
	return err
}

// Update implements tracker.Tracker.
func (p *Project) Update(ctx context.Context, id string, mark tracker.Mark, d tracker.Draft) error {
	return p.change(ctx, "change", id, map[string]any{"name": d.Title, "notes": tracker.WithMark(d.Body, before, mark, "")})
}

// Close implements tracker.Tracker.
func (p *Project) Close(ctx context.Context, id string) error {
	return p.change(ctx, "complete", id, map[string]any{"completed": true})
}

// Reopen implements tracker.Tracker.
func (p *Project) Reopen(ctx context.Context, id string) error {
	return p.change(ctx, "reopen", id, map[string]any{"completed": false})
}

type story struct {
	Text string `json:"text"`
}

// Comment implements tracker.Commenter.
func (p *Project) Comment(ctx context.Context, id string, mark tracker.Mark, text string) error {
	_, err := send[story](ctx, p, "comment on the task "+id, http.MethodPost, "/tasks/"+url.PathEscape(id)+"/stories",
		map[string]any{"text": tracker.WithMark(text, before, mark, "")}, "text")
	return err
}

// Commented implements tracker.Commenter.
func (p *Project) Commented(ctx context.Context, id string, mark tracker.Mark) (found bool, err error) {
	err = pages(ctx, p, "read the comments of the task "+id, "/tasks/"+url.PathEscape(id)+"/stories", url.Values{"opt_fields": {"text"}}, func(s story) bool {
		_, m := tracker.CutMark(s.Text, before, "")
		found = m == mark
		return !found
	})
	return found, err
}
