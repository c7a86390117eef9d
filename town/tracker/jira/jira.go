// Package jira is the client of Jira Cloud, over its REST API version 3.
//
// The mark of an issue is a label, which JQL finds. Jira's search learns of a new issue
// some time after it was made. The mark of a comment is a property of the comment. Closing
// and reopening are transitions of the workflow, chosen by the category of the status that
// they lead to.
package jira

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gastown/town"
	"gastown/town/tracker"
)

const (
	// defaultType is the type of an issue when the configuration names none.
	defaultType = "Task"
	// perPage is how much a page is asked to have, and maxPages how many pages are read.
	perPage, maxPages = 100, 100
	// property is the key of the property in which the mark of a comment stands.
	property = "gastown"
)

// Options describe a project.
type Options struct {
	// Base is the address of the site, such as https://jira.example.com.
	Base string
	// Project is the key of the project, such as GT. Type is the name of the type of
	// issues; "" means Task.
	Project, Type string
	// Username and Token are what Jira calls the e-mail address and the API token.
	Username, Token string
	HTTP            *http.Client
	Now             func() time.Time
}

// Project is a project of a Jira site.
type Project struct {
	key, kind, base string
	c               *tracker.Client
}

var _ tracker.Tracker = (*Project)(nil)

var keyPattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,63}$`)

// New returns a project. It makes no connection.
func New(o Options) (*Project, error) {
	if !keyPattern.MatchString(o.Project) {
		return nil, fmt.Errorf("%w: project %q is not the key of a project, such as GT", town.ErrUsage, town.Clip(o.Project, 80))
	}
	login := base64.StdEncoding.EncodeToString([]byte(o.Username + ":" + o.Token))
	c, err := tracker.NewClient(tracker.Options{Base: o.Base, HTTP: o.HTTP, Now: o.Now, Reason: reason,
		Headers: map[string]string{"Authorization": "Basic " + login}, Secrets: []string{o.Token, login}})
	if err != nil {
		return nil, err
	}
	p := &Project{key: o.Project, kind: o.Type, base: strings.TrimRight(o.Base, "/"), c: c}
	if p.kind == "" {
		p.kind = defaultType
	}
	return p, nil
}

func (p *Project) String() string { return "project " + p.key + " at " + p.base }

// Owns implements tracker.Tracker.
func (p *Project) Owns(ref string) bool { return strings.HasPrefix(ref, p.base+"/browse/"+p.key+"-") }

// reason reads the body of an error.
func reason(body []byte) string {
	var said struct {
		Messages []string          `json:"errorMessages"`
		Errors   map[string]string `json:"errors"`
		Message  string            `json:"message"`
	}
	if json.Unmarshal(body, &said) != nil {
		return ""
	}
	all := said.Messages
	for _, field := range slices.Sorted(maps.Keys(said.Errors)) {
		all = append(all, field+": "+said.Errors[field])
	}
	if said.Message != "" {
		all = append(all, said.Message)
	}
	return strings.Join(all, "; ")
}

// issue is an issue as Jira describes it.
type issue struct {
	ID     string `json:"id"`
	Key    string `json:"key"`
	Fields struct {
		Summary     string          `json:"summary"`
		Description json.RawMessage `json:"description"`
		Labels      []string        `json:"labels"`
		Created     string          `json:"created"`
		Status      status          `json:"status"`
	} `json:"fields"`
}

type status struct {
	Name     string `json:"name"`
	Category struct {
		Key string `json:"key"`
	} `json:"statusCategory"`
}

// done is the key of the category of statuses in which nothing is left to do; begun that
// of those in which work is under way.
const done, begun = "done", "indeterminate"

func (p *Project) told(i issue) (tracker.Issue, error) {
	out := tracker.Issue{ID: i.ID, Key: i.Key, URL: p.base + "/browse/" + url.PathEscape(i.Key), Title: i.Fields.Summary,
		Body: plain(i.Fields.Description), Closed: i.Fields.Status.Category.Key == done}
	for _, l := range i.Fields.Labels {
		if tracker.IsMark(l) {
			out.Mark = tracker.Mark(l)
		} else {
			out.Labels = append(out.Labels, tracker.Line(l, 100))
		}
	}
	if _, err := strconv.ParseUint(i.ID, 10, 63); err != nil || i.Key == "" {
		return out, fmt.Errorf("the issue that Jira tells of has neither id nor key")
	}
	return out, nil
}

// Create implements tracker.Tracker.
func (p *Project) Create(ctx context.Context, mark tracker.Mark, d tracker.Draft) (tracker.Issue, error) {
	var made issue
	err := p.c.Do(ctx, "make an issue in "+p.String(), http.MethodPost, "/rest/api/3/issue", nil, map[string]any{"fields": map[string]any{
		"project": map[string]string{"key": p.key}, "issuetype": map[string]string{"name": p.kind},
		"summary": d.Title, "description": document(d.Body), "labels": []string{string(mark)},
	}}, &made)
	if err != nil {
		return tracker.Issue{}, err
	}
	made.Fields.Summary, made.Fields.Labels = d.Title, []string{string(mark)}
	return p.told(made)
}

// Find implements tracker.Tracker. Labels are compared without regard to case by JQL.
func (p *Project) Find(ctx context.Context, mark tracker.Mark, _ time.Time) (tracker.Issue, bool, error) {
	found, err := p.search(ctx, fmt.Sprintf(`project = "%s" AND labels = "%s" ORDER BY created ASC`, p.key, mark), perPage)
	for _, i := range found {
		if i.Mark == mark {
			return i, true, nil
		}
	}
	return tracker.Issue{}, false, err
}

// Search implements tracker.Searcher: the query is JQL.
func (p *Project) Search(ctx context.Context, query string, limit int) ([]tracker.Issue, error) {
	return p.search(ctx, query, limit)
}

func (p *Project) search(ctx context.Context, jql string, limit int) (all []tracker.Issue, err error) {
	token := ""
	for range maxPages {
		var page struct {
			Issues []issue `json:"issues"`
			Next   string  `json:"nextPageToken"`
		}
		in := map[string]any{"jql": jql, "maxResults": min(perPage, limit), "fields": []string{"summary", "description", "labels", "status", "created"}}
		if token != "" {
			in["nextPageToken"] = token
		}
		if err := p.c.Do(ctx, "search "+p.String(), http.MethodPost, "/rest/api/3/search/jql", nil, in, &page); err != nil {
			return nil, err
		}
		for _, i := range page.Issues {
			if one, err := p.told(i); err == nil && len(all) < limit {
				all = append(all, one)
			}
		}
		if page.Next == "" || page.Next == token || len(all) >= limit {
			break
		}
		token = page.Next
	}
	return all, nil
}

// Update implements tracker.Tracker.
func (p *Project) Update(ctx context.Context, id string, _ tracker.Mark, d tracker.Draft) error {
	return p.c.Do(ctx, "change the issue "+id, http.MethodPut, "/rest/api/3/issue/"+url.PathEscape(id), nil,
		map[string]any{"fields": map[string]any{"summary": d.Title, "description": document(d.Body)}}, nil)
}

// Close implements tracker.Tracker.
func (p *Project) Close(ctx context.Context, id string) error {
	return p.move(ctx, "close the issue "+id, id, func(category string) int {
		if category == done {
			return 1
		}
		return 0
	})
}

// Reopen implements tracker.Tracker. It prefers a status in which no work is under way.
func (p *Project) Reopen(ctx context.Context, id string) error {
	return p.move(ctx, "reopen the issue "+id, id, func(category string) int {
		switch category {
		case done, "":
			return 0
		case begun:
			return 1
		}
		return 2
	})
}

// move brings an issue into a status whose category has the highest rank; 0 is none that
// is wanted.
func (p *Project) move(ctx context.Context, op, id string, rank func(category string) int) error {
	path := "/rest/api/3/issue/" + url.PathEscape(id)
	var now issue
	if err := p.c.Do(ctx, op, http.MethodGet, path, url.Values{"fields": {"status"}}, nil, &now); err != nil {
		return err
	}
	if rank(now.Fields.Status.Category.Key) > 0 {
		return nil
	}
	var ways struct {
		Transitions []struct {
			ID     string `json:"id"`
			Screen bool   `json:"hasScreen"`
			To     status `json:"to"`
		} `json:"transitions"`
	}
	if err := p.c.Do(ctx, op, http.MethodGet, path+"/transitions", nil, nil, &ways); err != nil {
		return err
	}
	best, way := 0, ""
	for _, t := range ways.Transitions {
		// One with a screen may ask for what only a person knows.
		if r := rank(t.To.Category.Key); 2*r > best || r > 0 && 2*r == best && !t.Screen {
			if way, best = t.ID, 2*r; !t.Screen {
				best++
			}
		}
	}
	if way == "" {
		return fmt.Errorf("%s: %w: the workflow has no transition for it from the status %q", op, tracker.ErrRefused, p.c.Clean(now.Fields.Status.Name))
	}
	return p.c.Do(ctx, op, http.MethodPost, path+"/transitions", nil, map[string]any{"transition": map[string]string{"id": way}}, nil)
}

// Comment implements tracker.Commenter.
func (p *Project) Comment(ctx context.Context, id string, mark tracker.Mark, text string) error {
	return p.c.Do(ctx, "comment on the issue "+id, http.MethodPost, "/rest/api/3/issue/"+url.PathEscape(id)+"/comment", nil, map[string]any{
		"body": document(text), "properties": []any{map[string]any{"key": property, "value": map[string]string{"mark": string(mark)}}},
	}, nil)
}

// Commented implements tracker.Commenter.
func (p *Project) Commented(ctx context.Context, id string, mark tracker.Mark) (bool, error) {
	op := "read the comments of the issue " + id
	for start := 0; start < perPage*maxPages; {
		var page struct {
			Total    int `json:"total"`
			Comments []struct {
				ID string `json:"id"`
			} `json:"comments"`
		}
		query := url.Values{"startAt": {strconv.Itoa(start)}, "maxResults": {strconv.Itoa(perPage)}, "orderBy": {"-created"}}
		if err := p.c.Do(ctx, op, http.MethodGet, "/rest/api/3/issue/"+url.PathEscape(id)+"/comment", query, nil, &page); err != nil {
			return false, err
		}
		var ids []int64
		for _, c := range page.Comments {
			if n, err := strconv.ParseInt(c.ID, 10, 64); err == nil {
				ids = append(ids, n)
			}
		}
		if found, err := p.marked(ctx, op, ids, mark); found || err != nil {
			return found, err
		}
		if start += len(page.Comments); len(page.Comments) == 0 || start >= page.Total {
			return false, nil
		}
	}
	return false, nil
}

// marked reports whether one of the comments has the mark.
func (p *Project) marked(ctx context.Context, op string, ids []int64, mark tracker.Mark) (bool, error) {
	if len(ids) == 0 {
		return false, nil
	}
	var list struct {
		Values []struct {
			Properties []struct {
				Key   string `json:"key"`
				Value struct {
					Mark string `json:"mark"`
				} `json:"value"`
			} `json:"properties"`
		} `json:"values"`
	}
	if err := p.c.Do(ctx, op, http.MethodPost, "/rest/api/3/comment/list", url.Values{"expand": {"properties"}}, map[string]any{"ids": ids}, &list); err != nil {
		return false, err
	}
	for _, c := range list.Values {
		for _, at := range c.Properties {
			if at.Key == property && at.Value.Mark == string(mark) {
				return true, nil
			}
		}
	}
	return false, nil
}
