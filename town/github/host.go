package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/google/go-github/v91/github"

	"gastown/town"
)

const (
	// defaultTimeout bounds one request.
	defaultTimeout = 30 * time.Second
	// perPage is how many pull requests a page has, and maxPages how many pages are read.
	perPage, maxPages = 100, 30
	// maxTitle and maxBody bound what is sent, in bytes.
	maxTitle, maxBody = 250, 30_000
)

// Options describe a host.
type Options struct {
	Repository Repository
	// Token may read and write pull requests; TokenName is the variable that holds it, for
	// errors. Without a token every call fails with ErrDenied.
	Token, TokenName string
	// Client makes the connections; nil for one of its own.
	Client *http.Client
	// Now is the clock; time.Now when nil.
	Now func() time.Time
}

// Host is a repository at a host. Its methods may be called concurrently.
type Host struct {
	repository       Repository
	token, tokenName string
	client           *github.Client
	now              func() time.Time
}

// New returns a host. It makes no connection.
func New(o Options) (*Host, error) {
	h := &Host{repository: o.Repository, token: o.Token, tokenName: o.TokenName, now: o.Now}
	if h.now == nil {
		h.now = time.Now
	}
	if o.Repository.API == "" {
		o.Repository.API = PublicAPI
	}
	if err := CheckAPI(o.Repository.API); err != nil {
		return nil, err
	}
	if _, err := ParseRepository(o.Repository.String()); err != nil {
		return nil, err
	}
	if h.token == "" {
		return h, nil
	}
	api := strings.TrimRight(o.Repository.API, "/") + "/"
	base := &http.Client{Timeout: defaultTimeout}
	if o.Client != nil {
		copied := *o.Client
		base = &copied
	}
	// The library would send the token after a redirect to wherever that leads.
	base.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	var err error
	h.client, err = github.NewClient(github.WithHTTPClient(base), github.WithURLs(&api, &api), github.WithAuthToken(h.token), github.WithUserAgent("gt"))
	return h, err
}

// denied is the error of a host without a token.
func (h *Host) denied(op string) error {
	if h.client != nil {
		return nil
	}
	return town.Fail(op, "put a token that may write pull requests of "+h.repository.String()+" into "+h.tokenName+", and restart the Deacon", "%w: there is no token", ErrDenied)
}

// Pull is a pull request.
type Pull struct {
	Number int
	// URL is where people find it.
	URL string
	// Open: it may still be merged. Merged: the host merged it, as the commit Merge.
	Open, Merged bool
	Merge        string
}

// Wanted is a pull request that there is to be.
type Wanted struct {
	// Branch is to be merged into Target; both are in the host's repository.
	Branch, Target string
	// Mark is a word that no other has; it stands in the text and tells it from others.
	Mark        string
	Title, Body string
}

var commitPattern = regexp.MustCompile(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`)

// pull checks what the host says.
func (h *Host) pull(p *github.PullRequest) (Pull, error) {
	if p.GetNumber() <= 0 {
		return Pull{}, later(soon, "the host's answer is not understood")
	}
	out := Pull{Number: p.GetNumber(), Open: p.GetState() == "open", Merged: p.GetMerged() || p.MergedAt != nil, URL: h.plain(p.GetHTMLURL())}
	if !strings.HasPrefix(out.URL, "https://") && !strings.HasPrefix(out.URL, "http://") {
		out.URL = ""
	}
	if commit := p.GetMergeCommitSHA(); out.Merged && commitPattern.MatchString(commit) {
		out.Merge = commit
	}
	return out, nil
}

// Open returns the pull request for what is wanted: the one with its mark, however it
// ended, or an open one of its branch that a person opened, or a new one. An open one with
// another mark was for something else that used the branch; it is closed.
func (h *Host) Open(ctx context.Context, w Wanted) (Pull, error) {
	op := fmt.Sprintf("open a pull request of %s for %s", h.repository, w.Branch)
	if err := h.denied(op); err != nil {
		return Pull{}, err
	}
	found, old, err := h.find(ctx, op, w)
	if err == nil && old != 0 {
		err = h.Close(ctx, old, "The branch has other work by now.")
	}
	if err != nil || found.Number != 0 {
		return found, err
	}
	title, body := town.Clip(w.Title, maxTitle), town.Clip(w.Body, maxBody)+"\n\n"+mark(w.Mark)
	made, _, err := h.client.PullRequests.Create(ctx, h.repository.Owner, h.repository.Name,
		github.CreatePullRequest{Title: &title, Head: w.Branch, Base: w.Target, Body: &body})
	if err == nil {
		return h.pull(made)
	}
	err = h.explain(ctx, op, err)
	if errors.Is(err, ErrInvalid) { // there may be one by now, or since a moment ago
		if found, _, e := h.find(ctx, op, w); e == nil && found.Number != 0 {
			return found, nil
		}
	}
	return Pull{}, err
}

// mark is how a mark stands in a text: people do not see it.
func mark(word string) string { return markBegins + word + " -->" }

const markBegins = "<!-- gt: "

// find looks for a pull request; Number is 0 for none. old is the number of an open one
// with another mark.
func (h *Host) find(ctx context.Context, op string, w Wanted) (found Pull, old int, err error) {
	opts := &github.PullRequestListOptions{State: "all", Head: h.repository.Owner + ":" + w.Branch, Base: w.Target, ListOptions: github.ListOptions{PerPage: perPage}}
	var open *github.PullRequest
	for range maxPages {
		page, answer, err := h.client.PullRequests.List(ctx, h.repository.Owner, h.repository.Name, opts)
		if err != nil {
			return Pull{}, 0, h.explain(ctx, op, err)
		}
		for _, p := range page {
			// A host that ignores what it is asked for lists others too.
			if p.GetHead().GetRef() != w.Branch || p.GetBase().GetRef() != w.Target || !strings.EqualFold(p.GetHead().GetRepo().GetFullName(), h.repository.String()) {
				continue
			}
			switch isOpen := p.GetState() == "open"; {
			case strings.Contains(p.GetBody(), mark(w.Mark)):
				found, err = h.pull(p)
				return found, 0, err
			case isOpen && strings.Contains(p.GetBody(), markBegins):
				old = p.GetNumber()
			case isOpen:
				open = p
			}
		}
		if answer.NextPage <= opts.Page {
			if open != nil {
				found, err = h.pull(open)
			}
			return found, old, err
		}
		opts.Page = answer.NextPage
	}
	return Pull{}, 0, later(longest, "%s: the host lists more than %d pages", op, maxPages)
}

// Look asks for a pull request.
func (h *Host) Look(ctx context.Context, number int) (Pull, error) {
	op := fmt.Sprintf("look at the pull request %d of %s", number, h.repository)
	if err := h.denied(op); err != nil {
		return Pull{}, err
	}
	p, _, err := h.client.PullRequests.Get(ctx, h.repository.Owner, h.repository.Name, number)
	if err != nil {
		return Pull{}, h.explain(ctx, op, err)
	}
	return h.pull(p)
}

// Close closes a pull request that is open and says why. One that is closed or merged
// stays as it is.
func (h *Host) Close(ctx context.Context, number int, why string) error {
	p, err := h.Look(ctx, number)
	if err != nil || !p.Open {
		return err
	}
	op := fmt.Sprintf("close the pull request %d of %s", number, h.repository)
	closed := "closed"
	if _, _, err := h.client.PullRequests.Edit(ctx, h.repository.Owner, h.repository.Name, number, &github.PullRequest{State: &closed}); err != nil {
		return h.explain(ctx, op, err)
	}
	_, _, err = h.client.Issues.CreateComment(ctx, h.repository.Owner, h.repository.Name, number, github.IssueCommentRequest{Body: town.Clip(why, maxBody)})
	return h.explain(ctx, op, err)
}
