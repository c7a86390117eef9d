package trackertest

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Team is the key of the team at Linear.
const Team = "ENG"

const linearTeam = "11111111-1111-4111-8111-111111111111"

// Linear starts a Linear workspace.
func Linear(t testing.TB) *Server { return start(t, linear) }

// linearRefuses answers with a GraphQL error.
func linearRefuses(r *request, status int, code, kind, message string) {
	r.answer(status, map[string]any{"data": nil, "errors": []any{map[string]any{"message": message, "extensions": map[string]any{
		"type": kind, "code": code, "userError": code == "INPUT_ERROR", "userPresentableMessage": message}}}})
}

func linearInvalid(r *request, message string) {
	linearRefuses(r, http.StatusOK, "INPUT_ERROR", "invalid input", message)
}

// LinearLimited answers as Linear does when it is asked too often.
func LinearLimited(w http.ResponseWriter, resetMillis int64) {
	w.Header().Set("X-RateLimit-Requests-Remaining", "0")
	w.Header().Set("X-RateLimit-Requests-Reset", strconv.FormatInt(resetMillis, 10))
	w.WriteHeader(http.StatusBadRequest)
	fmt.Fprint(w, `{"errors":[{"message":"Rate limit exceeded","extensions":{"type":"ratelimited","code":"RATELIMITED","userPresentableMessage":"Rate limit exceeded. Only 5000 requests are allowed per 1 hour."}}]}`)
}

var uuidV4 = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

var linearOperation = regexp.MustCompile(`\{ (?:found: )?(teams|issues|issue|issueCreate|issueUpdate|comments|commentCreate|searchIssues)\(`)

func linear(s *Server, r *request) {
	if r.URL.Path != "/graphql" || r.Method != http.MethodPost {
		r.answer(http.StatusNotFound, nil)
		return
	}
	if r.Header.Get("Authorization") != Secret {
		linearRefuses(r, http.StatusUnauthorized, "AUTHENTICATION_ERROR", "authentication error", "Authentication required, not authenticated")
		return
	}
	query := r.text("query")
	m := linearOperation.FindStringSubmatch(query)
	if m == nil || strings.Count(query, "{") != strings.Count(query, "}") {
		linearRefuses(r, http.StatusBadRequest, "GRAPHQL_VALIDATION_FAILED", "graphql error", "Cannot query this field")
		return
	}
	in := func(keys ...string) string { return r.text(append([]string{"variables"}, keys...)...) }
	issueByID := func(id string) *Issue {
		return s.find(func(i *Issue) bool { return i.ID == id || fmt.Sprintf("%s-%d", Team, i.Number) == id })
	}
	data := func(name string, v any) { r.answer(http.StatusOK, map[string]any{"data": map[string]any{name: v}}) }
	switch m[1] {
	case "teams":
		nodes := []any{}
		if in("key") == Team {
			nodes = append(nodes, map[string]any{"id": linearTeam, "states": map[string]any{"nodes": []any{
				state("s-dup", "duplicate", 9), state("s-done2", "completed", 5), state("s-done", "completed", 4), state("s-todo", "unstarted", 2), state("s-doing", "started", 3)}}})
		}
		data("teams", map[string]any{"nodes": nodes})
	case "issueCreate":
		id, title := in("input", "id"), in("input", "title")
		switch {
		case in("input", "teamId") != linearTeam:
			linearInvalid(r, "Entity not found: Team - Could not find referenced Team.")
		case !uuidV4.MatchString(id):
			linearInvalid(r, "Argument Validation Error - id must be a UUID")
		case strings.TrimSpace(title) == "" || len(title) > 512:
			linearInvalid(r, "Argument Validation Error - title must be shorter than or equal to 512 characters")
		case issueByID(id) != nil:
			linearInvalid(r, "Entity Issue with id "+id+" already exists")
		default:
			i := s.add(&Issue{ID: id, Title: title, Text: in("input", "description")})
			data("issueCreate", map[string]any{"success": true, "issue": linearTold(i)})
		}
	case "issues":
		found := s.issues // not a search: it is current
		if id := in("id"); id != "" {
			found = nil
			if i := issueByID(id); i != nil && strings.Contains(query, "includeArchived: true") {
				found = []*Issue{i}
			}
		}
		linearList(s, r, "issues", found)
	case "searchIssues":
		linearList(s, r, "issues", s.known(func(i *Issue) bool { return strings.Contains(i.Title+i.Text, in("term")) }))
	case "issue", "issueUpdate":
		i := issueByID(in("id"))
		if i == nil {
			linearInvalid(r, "Entity not found: Issue - Could not find referenced Issue.")
			return
		}
		if m[1] == "issue" {
			data("issue", linearTold(i))
			return
		}
		input, _ := r.value("variables", "input").(map[string]any)
		if t, sent := input["title"].(string); sent {
			i.Title = t
		}
		if d, sent := input["description"].(string); sent {
			i.Text = d
		}
		if to, sent := input["stateId"].(string); sent {
			i.Closed, i.started = strings.HasPrefix(to, "s-done"), to == "s-doing"
		}
		data("issueUpdate", map[string]any{"success": true})
	case "commentCreate":
		i, id := issueByID(in("input", "issueId")), in("input", "id")
		switch {
		case i == nil:
			linearInvalid(r, "Entity not found: Issue - Could not find referenced Issue.")
		case !uuidV4.MatchString(id) || linearComment(s, id):
			linearInvalid(r, "Entity Comment with id "+id+" already exists")
		default:
			i.Comments = append(i.Comments, Comment{ID: id, Text: in("input", "body")})
			data("commentCreate", map[string]any{"success": true})
		}
	case "comments":
		nodes := []any{}
		if id := in("id"); linearComment(s, id) {
			nodes = append(nodes, map[string]any{"id": id})
		}
		data("comments", map[string]any{"nodes": nodes})
	}
}

func state(id, kind string, position float64) map[string]any {
	return map[string]any{"id": id, "type": kind, "position": position}
}

func linearComment(s *Server, id string) bool {
	return s.find(func(i *Issue) bool {
		for _, c := range i.Comments {
			if c.ID == id {
				return true
			}
		}
		return false
	}) != nil
}

func linearTold(i *Issue) map[string]any {
	kind := "unstarted"
	if i.started {
		kind = "started"
	}
	if i.Closed {
		kind = "completed"
	}
	labels := []any{}
	for _, l := range i.Labels {
		labels = append(labels, map[string]any{"name": l})
	}
	return map[string]any{"id": i.ID, "identifier": fmt.Sprintf("%s-%d", Team, i.Number), "title": i.Title, "description": i.Text,
		"url": fmt.Sprintf("https://linear.app/acme/issue/%s-%d", Team, i.Number), "state": map[string]any{"type": kind}, "labels": map[string]any{"nodes": labels}}
}

// linearList answers with a page of issues, under their name or the alias "found".
func linearList(s *Server, r *request, name string, list []*Issue) {
	if strings.Contains(r.text("query"), "found:") {
		name = "found"
	}
	from, _ := strconv.Atoi(r.text("variables", "after"))
	most, _ := r.value("variables", "first").(float64)
	if most == 0 {
		most = 50
	}
	part, next := page(s, list, from, int(most))
	nodes := []any{}
	for _, i := range part {
		nodes = append(nodes, linearTold(i))
	}
	r.answer(http.StatusOK, map[string]any{"data": map[string]any{name: map[string]any{
		"nodes": nodes, "pageInfo": map[string]any{"hasNextPage": next > 0, "endCursor": strconv.Itoa(next)}}}})
}
