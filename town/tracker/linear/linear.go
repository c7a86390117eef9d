// Package linear is the client of Linear, over its GraphQL API.
//
// Linear lets a client choose the id of what it makes. The id of an issue or a comment is
// derived from its mark, so Linear itself refuses a second one, and finding it is one query
// whose answer is current.
package linear

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"gastown/town"
	"gastown/town/tracker"
)

// PublicAPI is the address of Linear.
const PublicAPI = "https://api.linear.app"

// perPage is how many issues a page has, maxPages how many pages are read.
const perPage, maxPages = 50, 40

// Options describe a team.
type Options struct {
	// Base is the address of Linear; "" for PublicAPI.
	Base string
	// Team is the key of the team, such as ENG.
	Team string
	// Key is a personal API key, or "Bearer " and a token.
	Key  string
	HTTP *http.Client
	Now  func() time.Time
}

// Team is a team of a Linear workspace.
type Team struct {
	key string
	c   *tracker.Client
	now func() time.Time

	mu    sync.Mutex
	known *team
}

var _ tracker.Tracker = (*Team)(nil)

var keyPattern = regexp.MustCompile(`^[A-Za-z0-9]{1,32}$`)

// New returns a team. It makes no connection.
func New(o Options) (*Team, error) {
	if !keyPattern.MatchString(o.Team) {
		return nil, fmt.Errorf("%w: team %q is not the key of a team, such as ENG", town.ErrUsage, town.Clip(o.Team, 80))
	}
	if o.Base == "" {
		o.Base = PublicAPI
	}
	t := &Team{key: o.Team, now: o.Now}
	if t.now == nil {
		t.now = time.Now
	}
	var err error
	t.c, err = tracker.NewClient(tracker.Options{Base: o.Base, HTTP: o.HTTP, Now: t.now,
		Headers: map[string]string{"Authorization": o.Key}, Secrets: []string{o.Key, strings.TrimPrefix(o.Key, "Bearer ")}})
	return t, err
}

func (t *Team) String() string { return "the Linear team " + t.key }

// Owns implements tracker.Tracker.
func (t *Team) Owns(ref string) bool {
	return strings.HasPrefix(ref, "https://linear.app/") && strings.Contains(ref, "/issue/"+t.key+"-")
}

// team is what is known of the team: its id, and the states that issues get.
type team struct{ id, closed, open string }

// look asks for the team, once.
func (t *Team) look(ctx context.Context) (team, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known != nil {
		return *t.known, nil
	}
	var answer struct {
		Teams struct {
			Nodes []struct {
				ID     string `json:"id"`
				States struct {
					Nodes []struct {
						ID, Type string
						Position float64
					} `json:"nodes"`
				} `json:"states"`
			} `json:"nodes"`
		} `json:"teams"`
	}
	op := "look at " + t.String()
	err := t.ask(ctx, op, `query($key: String!) { teams(filter: {key: {eq: $key}}) { nodes { id states(first: 100) { nodes { id type position } } } } }`,
		map[string]any{"key": t.key}, &answer)
	if err != nil {
		return team{}, err
	}
	if len(answer.Teams.Nodes) != 1 || answer.Teams.Nodes[0].ID == "" {
		return team{}, fmt.Errorf("%s: %w: there is no such team", op, tracker.ErrGone)
	}
	found := team{id: answer.Teams.Nodes[0].ID}
	// Of each type the first state by its position counts.
	first := func(kinds ...string) string {
		for _, kind := range kinds {
			best, at := "", 0.0
			for _, s := range answer.Teams.Nodes[0].States.Nodes {
				if s.Type == kind && (best == "" || s.Position < at) {
					best, at = s.ID, s.Position
				}
			}
			if best != "" {
				return best
			}
		}
		return ""
	}
	found.closed, found.open = first("completed", "canceled"), first("unstarted", "backlog", "triage", "started")
	t.known = &found
	return found, nil
}

const issueFields = ` id identifier title description url state { type } labels(first: 20) { nodes { name } } `

type issue struct {
	ID, Identifier, Title, Description, URL string
	State                                   struct{ Type string }
	Labels                                  struct{ Nodes []struct{ Name string } }
}

func (i issue) told() tracker.Issue {
	out := tracker.Issue{ID: i.ID, Key: i.Identifier, URL: i.URL, Title: i.Title, Body: i.Description, Closed: ended(i.State.Type)}
	out.Body, out.Mark = tracker.CutMark(out.Body, before, after)
	for _, l := range i.Labels.Nodes {
		out.Labels = append(out.Labels, tracker.Line(l.Name, 100))
	}
	return out
}

// ended reports whether nothing is left to do in a state of a type.
func ended(kind string) bool { return kind == "completed" || kind == "canceled" || kind == "duplicate" }

// before and after stand around the mark in the text, which says for a search what was
// made by the Town.
const before, after = "`", "`"

// Create implements tracker.Tracker.
func (t *Team) Create(ctx context.Context, mark tracker.Mark, d tracker.Draft) (tracker.Issue, error) {
	at, err := t.look(ctx)
	if err != nil {
		// Nothing was asked for that could have made an issue.
		return tracker.Issue{}, err
	}
	var answer struct {
		IssueCreate struct {
			Success bool
			Issue   issue
		}
	}
	err = t.ask(ctx, "make an issue in "+t.String(), `mutation($input: IssueCreateInput!) { issueCreate(input: $input) { success issue {`+issueFields+`} } }`,
		map[string]any{"input": map[string]any{"id": mark.ID(t.key), "teamId": at.id, "title": d.Title, "description": tracker.WithMark(d.Body, before, mark, after)}}, &answer)
	if errors.Is(err, tracker.ErrRefused) {
		// It may refuse because the issue exists.
		if found, ok, e := t.Find(ctx, mark, time.Time{}); ok && e == nil {
			return found, nil
		}
	}
	if err != nil {
		return tracker.Issue{}, err
	}
	if answer.IssueCreate.Issue.ID == "" {
		return tracker.Issue{}, &tracker.LaterError{After: soon, Why: "Linear did not say which issue it made"}
	}
	out := answer.IssueCreate.Issue.told()
	out.Mark = mark
	return out, nil
}

// Find implements tracker.Tracker.
func (t *Team) Find(ctx context.Context, mark tracker.Mark, _ time.Time) (tracker.Issue, bool, error) {
	if _, err := t.look(ctx); err != nil {
		return tracker.Issue{}, false, err
	}
	var answer struct {
		Issues struct{ Nodes []issue }
	}
	err := t.ask(ctx, "look for an issue in "+t.String(), `query($id: ID!) { issues(filter: {id: {eq: $id}}, includeArchived: true, first: 1) { nodes {`+issueFields+`} } }`,
		map[string]any{"id": mark.ID(t.key)}, &answer)
	if err != nil || len(answer.Issues.Nodes) == 0 || answer.Issues.Nodes[0].ID != mark.ID(t.key) {
		return tracker.Issue{}, false, err
	}
	out := answer.Issues.Nodes[0].told()
	out.Mark = mark
	return out, true, nil
}

// Search implements tracker.Searcher: the query is words that Linear looks for in the
// issues of the team; an empty one yields all of them.
func (t *Team) Search(ctx context.Context, query string, limit int) (all []tracker.Issue, err error) {
	at, err := t.look(ctx)
	if err != nil {
		return nil, err
	}
	type list struct {
		Nodes    []issue
		PageInfo struct {
			HasNextPage bool
			EndCursor   string
		}
	}
	text := `query($team: String!, $term: String!, $after: String, $first: Int) { found: searchIssues(term: $term, teamId: $team, first: $first, after: $after) {`
	if strings.TrimSpace(query) == "" {
		text = `query($team: ID!, $after: String, $first: Int) { found: issues(filter: {team: {id: {eq: $team}}}, first: $first, after: $after) {`
	}
	text += ` nodes {` + issueFields + `} pageInfo { hasNextPage endCursor } } }`
	variables := map[string]any{"team": at.id, "first": min(perPage, limit)}
	if strings.TrimSpace(query) != "" {
		variables["term"] = query
	}
	for range maxPages {
		var answer struct{ Found list }
		if err := t.ask(ctx, "search "+t.String(), text, variables, &answer); err != nil {
			return nil, err
		}
		for _, i := range answer.Found.Nodes {
			if len(all) < limit {
				all = append(all, i.told())
			}
		}
		next := answer.Found.PageInfo
		if !next.HasNextPage || next.EndCursor == "" || next.EndCursor == variables["after"] || len(all) >= limit {
			break
		}
		variables["after"] = next.EndCursor
	}
	return all, nil
}

// change changes fields of an issue.
func (t *Team) change(ctx context.Context, op, id string, input map[string]any) error {
	var answer struct{ IssueUpdate struct{ Success bool } }
	err := t.ask(ctx, op+" an issue of "+t.String(), `mutation($id: String!, $input: IssueUpdateInput!) { issueUpdate(id: $id, input: $input) { success } }`,
		map[string]any{"id": id, "input": input}, &answer)
	if err == nil && !answer.IssueUpdate.Success {
		err = fmt.Errorf("%s an issue of %s: %w: it gives no reason", op, t, tracker.ErrRefused)
	}
	return err
}

// Update implements tracker.Tracker.
func (t *Team) Update(ctx context.Context, id string, mark tracker.Mark, d tracker.Draft) error {
	return t.change(ctx, "change", id, map[string]any{"title": d.Title, "description": tracker.WithMark(d.Body, before, mark, after)})
}

// Close implements tracker.Tracker.
func (t *Team) Close(ctx context.Context, id string) error { return t.move(ctx, "close", id, true) }

// Reopen implements tracker.Tracker.
func (t *Team) Reopen(ctx context.Context, id string) error { return t.move(ctx, "reopen", id, false) }

func (t *Team) move(ctx context.Context, op, id string, closed bool) error {
	at, err := t.look(ctx)
	if err != nil {
		return err
	}
	var answer struct {
		Issue struct{ State struct{ Type string } }
	}
	err = t.ask(ctx, op+" an issue of "+t.String(), `query($id: String!) { issue(id: $id) { state { type } } }`, map[string]any{"id": id}, &answer)
	if err != nil || ended(answer.Issue.State.Type) == closed {
		return err
	}
	to := at.open
	if closed {
		to = at.closed
	}
	if to == "" {
		return fmt.Errorf("%s an issue of %s: %w: its workflow has no state for it", op, t, tracker.ErrRefused)
	}
	return t.change(ctx, op, id, map[string]any{"stateId": to})
}

// Comment implements tracker.Commenter.
func (t *Team) Comment(ctx context.Context, id string, mark tracker.Mark, text string) error {
	var answer struct{ CommentCreate struct{ Success bool } }
	err := t.ask(ctx, "comment on an issue of "+t.String(), `mutation($input: CommentCreateInput!) { commentCreate(input: $input) { success } }`,
		map[string]any{"input": map[string]any{"id": mark.ID(t.key), "issueId": id, "body": text}}, &answer)
	if errors.Is(err, tracker.ErrRefused) {
		if there, e := t.Commented(ctx, id, mark); there && e == nil {
			return nil
		}
	}
	return err
}

// Commented implements tracker.Commenter.
func (t *Team) Commented(ctx context.Context, _ string, mark tracker.Mark) (bool, error) {
	var answer struct {
		Comments struct{ Nodes []struct{ ID string } }
	}
	err := t.ask(ctx, "look for a comment in "+t.String(), `query($id: ID!) { comments(filter: {id: {eq: $id}}, first: 1) { nodes { id } } }`,
		map[string]any{"id": mark.ID(t.key)}, &answer)
	return err == nil && len(answer.Comments.Nodes) > 0 && answer.Comments.Nodes[0].ID == mark.ID(t.key), err
}
