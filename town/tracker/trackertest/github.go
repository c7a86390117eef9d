package trackertest

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Repository is the repository at GitHub.
const Repository = "acme/web"

// GitHub starts a host with GitHub's API.
func GitHub(t testing.TB) *Server {
	s := start(t, gitHub)
	s.Base = s.URL + "/api/v3"
	return s
}

func gitHubRefuses(r *request, code int, message string, errors ...map[string]string) {
	out := map[string]any{"message": message, "documentation_url": "https://docs.github.com/rest", "status": strconv.Itoa(code)}
	if len(errors) > 0 {
		out["errors"] = errors
	}
	r.answer(code, out)
}

func gitHub(s *Server, r *request) {
	if r.Header.Get("Authorization") != "Bearer "+Secret {
		gitHubRefuses(r, http.StatusUnauthorized, "Bad credentials")
		return
	}
	if r.URL.Path == "/api/v3/search/issues" {
		gitHubSearch(s, r)
		return
	}
	if r.URL.Path == "/api/v3/user" {
		if s.App {
			gitHubRefuses(r, http.StatusForbidden, "Resource not accessible by integration")
		} else {
			r.answer(http.StatusOK, gitHubUser(s, true))
		}
		return
	}
	parts := r.parts("/api/v3/repos/" + Repository + "/")
	if parts[0] != "issues" {
		gitHubRefuses(r, http.StatusNotFound, "Not Found")
		return
	}
	title, body := r.text("title"), r.text("body")
	if len([]rune(title)) > 256 || len([]rune(body)) > 65536 {
		gitHubRefuses(r, http.StatusUnprocessableEntity, "Validation Failed", map[string]string{"resource": "Issue", "field": "title", "code": "too_long"})
		return
	}
	if len(parts) == 1 {
		switch r.Method {
		case http.MethodGet:
			since, _ := time.Parse(time.RFC3339, r.URL.Query().Get("since"))
			var found []*Issue
			for n := len(s.issues) - 1; n >= 0; n-- { // the newest first
				if i := s.issues[n]; !i.Made.Before(since) && (r.URL.Query().Get("state") == "all" || !i.Closed) {
					found = append(found, i)
				}
			}
			if r.URL.Query().Get("direction") == "asc" {
				slices.Reverse(found)
			}
			gitHubPage(s, r, found, func(list []map[string]any) any { return list })
		case http.MethodPost:
			if strings.TrimSpace(title) == "" {
				gitHubRefuses(r, http.StatusUnprocessableEntity, "Validation Failed", map[string]string{"resource": "Issue", "field": "title", "code": "missing_field"})
				return
			}
			r.answer(http.StatusCreated, gitHubTold(s, s.add(&Issue{Title: title, Text: body, ours: true})))
		}
		return
	}
	number, _ := strconv.Atoi(parts[1])
	i := s.find(func(i *Issue) bool { return i.Number == number })
	if i == nil {
		gitHubRefuses(r, http.StatusNotFound, "Not Found")
		return
	}
	switch {
	case len(parts) == 2 && r.Method == http.MethodPatch:
		if _, sent := r.in["title"]; sent {
			i.Title = title
		}
		if _, sent := r.in["body"]; sent {
			i.Text = body
		}
		if state := r.text("state"); state != "" {
			i.Closed = state == "closed"
		}
		r.answer(http.StatusOK, gitHubTold(s, i))
	case len(parts) == 3 && parts[2] == "comments" && r.Method == http.MethodPost:
		if body == "" {
			gitHubRefuses(r, http.StatusUnprocessableEntity, "Validation Failed", map[string]string{"resource": "IssueComment", "field": "body", "code": "missing_field"})
			return
		}
		i.Comments = append(i.Comments, Comment{ID: s.id(), Text: body})
		r.answer(http.StatusCreated, map[string]any{"id": 1, "body": body})
	case len(parts) == 3 && parts[2] == "comments" && r.Method == http.MethodGet:
		gitHubPage(s, r, i.Comments, func(list []map[string]any) any { return list })
	default:
		gitHubRefuses(r, http.StatusNotFound, "Not Found")
	}
}

// gitHubUser is the account of the token, or another one.
func gitHubUser(s *Server, ours bool) map[string]any {
	switch {
	case ours && s.App:
		return map[string]any{"login": "gastown[bot]", "id": 3, "type": "Bot"}
	case ours:
		return map[string]any{"login": "gastown", "id": 2, "type": "User"}
	}
	return map[string]any{"login": "somebody", "id": 1, "type": "User"}
}

func gitHubTold(s *Server, i *Issue) map[string]any {
	labels := []map[string]any{}
	for _, l := range i.Labels {
		labels = append(labels, map[string]any{"name": l})
	}
	out := map[string]any{"number": i.Number, "state": map[bool]string{true: "closed", false: "open"}[i.Closed], "title": i.Title, "body": i.Text, "labels": labels, "user": gitHubUser(s, i.ours),
		"html_url": fmt.Sprintf("https://github.example.org/%s/issues/%d", Repository, i.Number), "repository_url": s.Base + "/repos/" + Repository}
	if strings.HasPrefix(i.Title, "PR:") {
		out["pull_request"] = map[string]any{"url": "x"}
	}
	return out
}

// gitHubPage answers with a page of a list and a link to the next one.
func gitHubPage[T any](s *Server, r *request, list []T, wrap func([]map[string]any) any) {
	q := r.URL.Query()
	size, _ := strconv.Atoi(q.Get("per_page"))
	size = min(max(size, 1), s.PerPage)
	number, _ := strconv.Atoi(q.Get("page"))
	part, next := page(s, list, max(number-1, 0)*size, size)
	if next > 0 {
		q.Set("page", strconv.Itoa(max(number, 1)+1))
		r.w.Header().Set("Link", fmt.Sprintf(`<%s%s?%s>; rel="next"`, s.URL, r.URL.Path, q.Encode()))
	}
	out := []map[string]any{}
	for _, one := range part {
		switch one := any(one).(type) {
		case *Issue:
			out = append(out, gitHubTold(s, one))
		case Comment:
			out = append(out, map[string]any{"id": 1, "body": one.Text})
		}
	}
	r.answer(http.StatusOK, wrap(out))
}

func gitHubSearch(s *Server, r *request) {
	query := r.URL.Query().Get("q")
	words, ok := strings.CutPrefix(query, "repo:"+Repository+" is:issue ")
	if !ok || strings.Contains(words, "sort:nonsense") {
		gitHubRefuses(r, http.StatusUnprocessableEntity, "Validation Failed", map[string]string{"resource": "Search", "field": "q", "code": "invalid", "message": "The listed users and repositories cannot be searched"})
		return
	}
	found := s.known(func(i *Issue) bool { return strings.Contains(i.Title+" "+i.Text, strings.TrimSpace(words)) })
	gitHubPage(s, r, found, func(list []map[string]any) any {
		return map[string]any{"total_count": len(found), "incomplete_results": false, "items": list}
	})
}
