// Package github is the client of GitHub Issues, at GitHub or at a host that has its API.
//
// The mark of an issue or a comment is an HTML comment at the end of its text, which people
// do not see. It is found by listing, which knows an issue as soon as it was made, unlike
// GitHub's search. Others can copy it into issues of theirs, so it counts in the oldest issue
// of this account only.
package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-github/v91/github"

	"gastown/town"
	hosts "gastown/town/github"
	"gastown/town/tracker"
)

const (
	// perPage is how much a page has, maxPages how many pages are read.
	perPage, maxPages = 100, 100
	// before and after stand around a mark.
	before, after = "<!-- gt: ", " -->"
	// soon is when to try again what failed by accident.
	soon = time.Minute
)

// Options describe a repository.
type Options struct {
	// Base is the address of the API; "" for GitHub's own.
	Base string
	// Repository is OWNER/NAME.
	Repository string
	// Token may read and write issues.
	Token string
	HTTP  *http.Client
	Now   func() time.Time
}

// Repository is a repository with issues.
type Repository struct {
	hosts.Repository
	token  string
	client *github.Client
	now    func() time.Time
}

var _ tracker.Tracker = (*Repository)(nil)

// New returns a repository. It makes no connection.
func New(o Options) (*Repository, error) {
	if o.Base == "" {
		o.Base = hosts.PublicAPI
	}
	if err := tracker.CheckBase(o.Base); err != nil {
		return nil, err
	}
	at, err := hosts.ParseRepository(o.Repository)
	if err != nil {
		return nil, err
	}
	r := &Repository{Repository: at, token: o.Token, now: o.Now}
	if r.now == nil {
		r.now = time.Now
	}
	api := strings.TrimRight(o.Base, "/") + "/"
	r.client, err = github.NewClient(github.WithHTTPClient(tracker.Safe(o.HTTP)), github.WithURLs(&api, &api), github.WithAuthToken(o.Token), github.WithUserAgent("gt"))
	return r, err
}

func (r *Repository) String() string { return "the repository " + r.Repository.String() }

// Owns implements tracker.Tracker.
func (r *Repository) Owns(ref string) bool {
	return strings.Contains(strings.ToLower(ref), strings.ToLower("/"+r.Repository.String()+"/issues/"))
}

func told(i *github.Issue) tracker.Issue {
	out := tracker.Issue{ID: strconv.Itoa(i.GetNumber()), Key: "#" + strconv.Itoa(i.GetNumber()), URL: i.GetHTMLURL(),
		Title: i.GetTitle(), Closed: i.GetState() == "closed"}
	out.Body, out.Mark = tracker.CutMark(i.GetBody(), before, after)
	for _, l := range i.Labels {
		out.Labels = append(out.Labels, tracker.Line(l.GetName(), 100))
	}
	return out
}

// Create implements tracker.Tracker.
func (r *Repository) Create(ctx context.Context, mark tracker.Mark, d tracker.Draft) (tracker.Issue, error) {
	body := tracker.WithMark(quiet(d.Body), before, mark, after)
	made, _, err := r.client.Issues.Create(ctx, r.Owner, r.Name, github.CreateIssueRequest{Title: d.Title, Body: &body})
	if err != nil {
		return tracker.Issue{}, r.explain(ctx, "make an issue in "+r.String(), err)
	}
	if made.GetNumber() <= 0 {
		return tracker.Issue{}, &tracker.LaterError{After: soon, Why: "GitHub's answer is not understood"}
	}
	return told(made), nil
}

// Find implements tracker.Tracker.
func (r *Repository) Find(ctx context.Context, mark tracker.Mark, since time.Time) (found tracker.Issue, ok bool, err error) {
	var ours func(*github.User) bool
	var unknown error
	err = r.each(ctx, since, func(i *github.Issue) bool {
		one := told(i)
		if one.Mark != mark {
			return true
		}
		if ours == nil {
			if ours, unknown = r.account(ctx); unknown != nil {
				return false
			}
		}
		if ok = ours(i.GetUser()); ok {
			found = one
		}
		return !ok
	})
	return found, ok, errors.Join(err, unknown)
}

// account returns what tells the account of the token from others. An installation of an app
// is not told its name. It knows only that what it makes is by an app.
func (r *Repository) account(ctx context.Context) (ours func(*github.User) bool, err error) {
	me, _, err := r.client.Users.Get(ctx, "")
	// Not every 403 says this: a limit that is reached is one, too, and another type of error.
	if refused, ok := errors.AsType[*github.ErrorResponse](err); ok && strings.Contains(refused.Message, "not accessible by integration") {
		return func(by *github.User) bool { return by.GetType() == "Bot" }, nil
	}
	if err != nil {
		return nil, r.explain(ctx, "look at the account that the token is of", err)
	}
	return func(by *github.User) bool { return by.GetID() == me.GetID() && me.GetID() != 0 }, nil
}

// each calls fn for the issues that changed at since or later, the oldest first, until it
// returns false.
func (r *Repository) each(ctx context.Context, since time.Time, fn func(*github.Issue) bool) error {
	opts := &github.IssueListByRepoOptions{State: "all", Sort: "created", Direction: "asc", Since: since, ListOptions: github.ListOptions{PerPage: perPage}}
	for range maxPages {
		page, answer, err := r.client.Issues.ListByRepo(ctx, r.Owner, r.Name, opts)
		if err != nil {
			return r.explain(ctx, "list the issues of "+r.String(), err)
		}
		for _, i := range page {
			if !i.IsPullRequest() && !fn(i) {
				return nil
			}
		}
		switch {
		case answer.After != "" && answer.After != opts.After: // large repositories page by cursor
			opts.After, opts.ListOptions.Page = answer.After, 0
		case answer.NextPage > opts.ListOptions.Page:
			opts.ListOptions.Page = answer.NextPage
		default:
			return nil
		}
	}
	return tracker.Later(time.Hour, "%s lists more than %d pages of issues", r, maxPages)
}

// Search implements tracker.Searcher: the query is that of GitHub's search, within the
// repository. An empty one yields all open issues.
func (r *Repository) Search(ctx context.Context, query string, limit int) (all []tracker.Issue, err error) {
	opts := &github.SearchOptions{ListOptions: github.ListOptions{PerPage: min(perPage, limit)}}
	query = "repo:" + r.Repository.String() + " is:issue " + query
	for range maxPages {
		page, answer, err := r.client.Search.Issues(ctx, query, opts)
		if err != nil {
			return nil, r.explain(ctx, "search "+r.String(), err)
		}
		for _, i := range page.Issues {
			if !i.IsPullRequest() && len(all) < limit && i.GetNumber() > 0 && r.here(i) {
				all = append(all, told(i))
			}
		}
		if answer.NextPage <= opts.Page || len(all) >= limit {
			return all, nil
		}
		opts.Page = answer.NextPage
	}
	return all, nil
}

// here reports whether an issue that a search found is of this repository: a query can
// name others.
func (r *Repository) here(i *github.Issue) bool {
	return strings.HasSuffix(strings.ToLower(i.GetRepositoryURL()), strings.ToLower("/repos/"+r.Repository.String()))
}

// number reads an id.
func number(id string) (int, error) {
	n, err := strconv.Atoi(id)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("%w: %q is not the number of an issue", tracker.ErrRefused, town.Clip(id, 40))
	}
	return n, nil
}

// change changes an issue.
func (r *Repository) change(ctx context.Context, op, id string, to github.UpdateIssueRequest) error {
	n, err := number(id)
	if err == nil {
		_, _, err = r.client.Issues.Update(ctx, r.Owner, r.Name, n, to)
		err = r.explain(ctx, op+" the issue #"+id+" of "+r.String(), err)
	}
	return err
}

// Update implements tracker.Tracker.
func (r *Repository) Update(ctx context.Context, id string, mark tracker.Mark, d tracker.Draft) error {
	body := tracker.WithMark(quiet(d.Body), before, mark, after)
	return r.change(ctx, "change", id, github.UpdateIssueRequest{Title: &d.Title, Body: &body})
}

// Close implements tracker.Tracker.
func (r *Repository) Close(ctx context.Context, id string) error {
	state := "closed"
	return r.change(ctx, "close", id, github.UpdateIssueRequest{State: &state})
}

// Reopen implements tracker.Tracker.
func (r *Repository) Reopen(ctx context.Context, id string) error {
	state := "open"
	return r.change(ctx, "reopen", id, github.UpdateIssueRequest{State: &state})
}

// Comment implements tracker.Commenter.
func (r *Repository) Comment(ctx context.Context, id string, mark tracker.Mark, text string) error {
	n, err := number(id)
	if err == nil {
		_, _, err = r.client.Issues.CreateComment(ctx, r.Owner, r.Name, n, github.IssueCommentRequest{Body: tracker.WithMark(quiet(text), before, mark, after)})
		err = r.explain(ctx, "comment on the issue #"+id+" of "+r.String(), err)
	}
	return err
}

// Commented implements tracker.Commenter.
func (r *Repository) Commented(ctx context.Context, id string, mark tracker.Mark) (bool, error) {
	n, err := number(id)
	opts := &github.IssueListCommentsOptions{ListOptions: github.ListOptions{PerPage: perPage}}
	for range maxPages {
		if err != nil {
			return false, err
		}
		page, answer, e := r.client.Issues.ListComments(ctx, r.Owner, r.Name, n, opts)
		if err = r.explain(ctx, "read the comments of the issue #"+id+" of "+r.String(), e); err != nil {
			continue
		}
		for _, c := range page {
			if _, found := tracker.CutMark(c.GetBody(), before, after); found == mark {
				return true, nil
			}
		}
		if answer.NextPage <= opts.Page {
			return false, nil
		}
		opts.Page = answer.NextPage
	}
	return false, err
}

// explain makes an error of this project's of one of the library, whose own text has the
// address of a request and no header.
func (r *Repository) explain(ctx context.Context, op string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var limited *github.RateLimitError
	var abused *github.AbuseRateLimitError
	var answer *github.ErrorResponse
	var moved *github.RedirectionError
	switch {
	case errors.As(err, &limited):
		return tracker.Later(limited.Rate.Reset.Sub(r.now()), "%s: GitHub was asked too often", op)
	case errors.As(err, &abused):
		wait := soon
		if abused.RetryAfter != nil {
			wait = *abused.RetryAfter
		}
		return tracker.Later(wait, "%s: GitHub was asked too often", op)
	case errors.As(err, &moved):
		return fmt.Errorf("%s: %w (%d): it moved to another repository", op, tracker.ErrGone, moved.StatusCode)
	case !errors.As(err, &answer) || answer.Response == nil:
		return tracker.Later(soon, "%s: GitHub did not answer: %s", op, tracker.Clean(err.Error(), r.token))
	}
	code := answer.Response.StatusCode
	all := []string{answer.Message}
	for _, e := range answer.Errors {
		all = append(all, strings.Join(strings.Fields(strings.Join([]string{e.Field, e.Code, e.Message}, " ")), " "))
	}
	words := tracker.Clean(strings.Join(all, "; "), r.token)
	wait := tracker.RetryAfter(answer.Response.Header, r.now())
	switch {
	case code == http.StatusTooManyRequests, wait > 0:
		return tracker.Later(max(wait, time.Second), "%s: GitHub asks to wait (%d)", op, code)
	case code >= 500, code == http.StatusRequestTimeout:
		return &tracker.LaterError{After: soon, Why: fmt.Sprintf("%s: GitHub cannot answer (%d)", op, code)}
	case code == http.StatusUnauthorized:
		return fmt.Errorf("%s: %w (%d): %s", op, tracker.ErrDenied, code, words)
	case code == http.StatusNotFound, code == http.StatusGone:
		return fmt.Errorf("%s: %w (%d): %s", op, tracker.ErrGone, code, words)
	}
	return fmt.Errorf("%s: %w (%d): %s", op, tracker.ErrRefused, code, words)
}
