package trackertest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// User is the user name that Jira asks for, Project the key of its project.
const (
	User    = "ann@example.com"
	Project = "GT"
)

// Jira starts a site of Jira Cloud.
func Jira(t testing.TB) *Server { return start(t, jira) }

func jiraRefuses(r *request, code int, messages []string, fields map[string]string) {
	if messages == nil {
		messages = []string{}
	}
	if fields == nil {
		fields = map[string]string{}
	}
	r.answer(code, map[string]any{"errorMessages": messages, "errors": fields})
}

func jira(s *Server, r *request) {
	if user, token, ok := r.BasicAuth(); !ok || user != User || token != Secret {
		r.answer(http.StatusUnauthorized, map[string]any{"message": "Client must be authenticated to access this resource.", "status-code": 401})
		return
	}
	parts := r.parts("/rest/api/3/")
	switch {
	case r.URL.Path == "/rest/api/3/issue" && r.Method == http.MethodPost:
		jiraCreate(s, r)
	case r.URL.Path == "/rest/api/3/search/jql" && r.Method == http.MethodPost:
		jiraSearch(s, r)
	case r.URL.Path == "/rest/api/3/comment/list" && r.Method == http.MethodPost:
		jiraComments(s, r)
	case parts[0] == "issue" && len(parts) >= 2:
		i := s.find(func(i *Issue) bool { return i.ID == parts[1] || jiraKey(i) == parts[1] })
		if i == nil {
			jiraRefuses(r, http.StatusNotFound, []string{"Issue does not exist or you do not have permission to see it."}, nil)
			return
		}
		jiraIssue(s, r, i, strings.Join(parts[2:], "/"))
	default:
		jiraRefuses(r, http.StatusNotFound, []string{"null for uri: " + r.URL.Path}, nil)
	}
}

func jiraKey(i *Issue) string { return fmt.Sprintf("%s-%d", Project, i.Number) }

// jiraFields checks what is sent in fields.
func jiraFields(r *request, all bool) (wrong map[string]string) {
	wrong = map[string]string{}
	summary, sent := r.value("fields", "summary").(string)
	switch {
	case strings.TrimSpace(summary) == "" && (all || sent):
		wrong["summary"] = "You must specify a summary of the issue."
	case strings.ContainsAny(summary, "\r\n"):
		wrong["summary"] = "The summary is invalid because it contains newline characters."
	case len([]rune(summary)) > 255:
		wrong["summary"] = "Summary can't exceed 255 characters."
	}
	if d := r.value("fields", "description"); d != nil {
		if text, ok := DocText(r.raw("fields", "description")); !ok {
			wrong["description"] = "Operation value must be an Atlassian Document (see the Atlassian Document Format)"
		} else if len([]rune(text)) > 32767 {
			wrong["description"] = "CONTENT_LIMIT_EXCEEDED"
		}
	}
	return wrong
}

func jiraCreate(s *Server, r *request) {
	wrong := jiraFields(r, true)
	if r.text("fields", "project", "key") != Project {
		wrong["project"] = "valid project is required"
	}
	if r.text("fields", "issuetype", "name") != "Task" {
		wrong["issuetype"] = "Specify a valid issue type"
	}
	var labels []string
	_ = json.Unmarshal(r.raw("fields", "labels"), &labels)
	if slices.ContainsFunc(labels, func(l string) bool { return strings.ContainsAny(l, " \t\n") || len(l) > 255 }) {
		wrong["labels"] = "The label can't contain spaces."
	}
	if len(wrong) > 0 {
		jiraRefuses(r, http.StatusBadRequest, nil, wrong)
		return
	}
	i := s.add(&Issue{Title: r.text("fields", "summary"), Labels: labels, doc: r.raw("fields", "description")})
	i.Text, _ = DocText(i.doc)
	r.answer(http.StatusCreated, map[string]string{"id": i.ID, "key": jiraKey(i), "self": s.URL + "/rest/api/3/issue/" + i.ID})
}

func jiraStatus(i *Issue) map[string]any {
	name, key := "To Do", "new"
	if i.started {
		name, key = "In Progress", "indeterminate"
	}
	if i.Closed {
		name, key = "Done", "done"
	}
	return map[string]any{"name": name, "statusCategory": map[string]any{"key": key}}
}

func jiraTold(i *Issue) map[string]any {
	doc := any(i.doc)
	if i.doc == nil {
		doc = map[string]any{"type": "doc", "version": 1, "content": []any{map[string]any{"type": "paragraph", "content": []any{map[string]any{"type": "text", "text": i.Text}}}}}
	}
	return map[string]any{"id": i.ID, "key": jiraKey(i), "fields": map[string]any{"summary": i.Title, "description": doc, "labels": i.Labels, "status": jiraStatus(i)}}
}

var jqlMark = regexp.MustCompile(`^project = "([A-Z]+)" AND labels = "([^"]+)"`)
var jqlText = regexp.MustCompile(`^text ~ "([^"]+)"`)

func jiraSearch(s *Server, r *request) {
	jql := r.text("jql")
	var found []*Issue
	if m := jqlMark.FindStringSubmatch(jql); m != nil && m[1] == Project {
		found = s.known(func(i *Issue) bool {
			return slices.ContainsFunc(i.Labels, func(l string) bool { return strings.EqualFold(l, m[2]) })
		})
	} else if m := jqlText.FindStringSubmatch(jql); m != nil {
		found = s.known(func(i *Issue) bool { return strings.Contains(i.Title+i.Text, m[1]) })
	} else {
		jiraRefuses(r, http.StatusBadRequest, []string{"Error in the JQL Query: Expecting operator but got '" + jql + "'."}, nil)
		return
	}
	from, _ := strconv.Atoi(r.text("nextPageToken"))
	most, _ := r.value("maxResults").(float64)
	part, next := page(s, found, from, int(most))
	list := []any{}
	for _, i := range part {
		list = append(list, jiraTold(i))
	}
	out := map[string]any{"issues": list}
	if next > 0 {
		out["nextPageToken"] = strconv.Itoa(next)
	}
	r.answer(http.StatusOK, out)
}

func jiraIssue(s *Server, r *request, i *Issue, what string) {
	switch r.Method + " " + what {
	case "GET ":
		r.answer(http.StatusOK, jiraTold(i))
	case "PUT ":
		if wrong := jiraFields(r, false); len(wrong) > 0 {
			jiraRefuses(r, http.StatusBadRequest, nil, wrong)
			return
		}
		if t := r.text("fields", "summary"); t != "" {
			i.Title = t
		}
		if r.value("fields", "description") != nil {
			i.doc = r.raw("fields", "description")
			i.Text, _ = DocText(i.doc)
		}
		r.answer(http.StatusNoContent, nil)
	case "GET transitions":
		to := func(id, name string, state Issue) map[string]any {
			return map[string]any{"id": id, "name": name, "hasScreen": id == "51", "to": jiraStatus(&state)}
		}
		list := []any{to("21", "Start", Issue{started: true}), to("11", "Back", Issue{})}
		if !i.Closed {
			list = []any{to("51", "Resolve...", Issue{Closed: true}), to("21", "Start", Issue{started: true}), to("31", "Finish", Issue{Closed: true})}
		}
		r.answer(http.StatusOK, map[string]any{"transitions": list})
	case "POST transitions":
		switch id := r.text("transition", "id"); {
		case id == "31" && !i.Closed:
			i.Closed = true
		case id == "21":
			i.Closed, i.started = false, true
		case id == "11" && i.Closed:
			i.Closed, i.started = false, false
		default:
			jiraRefuses(r, http.StatusBadRequest, []string{"It seems that you have tried to perform an illegal workflow operation."}, nil)
			return
		}
		r.answer(http.StatusNoContent, nil)
	case "POST comment":
		text, ok := DocText(r.raw("body"))
		if !ok || text == "" {
			jiraRefuses(r, http.StatusBadRequest, nil, map[string]string{"comment": "Comment body is not valid!"})
			return
		}
		c := Comment{ID: s.id(), Text: text, doc: r.raw("properties")}
		var properties []struct {
			Value struct{ Mark string }
		}
		_ = json.Unmarshal(c.doc, &properties)
		if len(properties) == 1 {
			c.Mark = properties[0].Value.Mark
		}
		i.Comments = append(i.Comments, c)
		r.answer(http.StatusCreated, map[string]any{"id": c.ID})
	case "GET comment":
		from, _ := strconv.Atoi(r.URL.Query().Get("startAt"))
		most, _ := strconv.Atoi(r.URL.Query().Get("maxResults"))
		part, _ := page(s, i.Comments, from, most)
		list := []any{}
		for _, c := range part {
			list = append(list, map[string]any{"id": c.ID})
		}
		r.answer(http.StatusOK, map[string]any{"startAt": from, "total": len(i.Comments), "comments": list})
	default:
		jiraRefuses(r, http.StatusMethodNotAllowed, nil, nil)
	}
}

func jiraComments(s *Server, r *request) {
	var ids []int64
	_ = json.Unmarshal(r.raw("ids"), &ids)
	list := []any{}
	for _, i := range s.issues {
		for _, c := range i.Comments {
			if n, _ := strconv.ParseInt(c.ID, 10, 64); slices.Contains(ids, n) && r.URL.Query().Get("expand") == "properties" {
				list = append(list, map[string]any{"id": c.ID, "properties": c.doc})
			}
		}
	}
	r.answer(http.StatusOK, map[string]any{"values": list, "isLast": true})
}

// DocText is the text of a document in the Atlassian Document Format. ok is false for one
// that Jira does not take.
func DocText(raw json.RawMessage) (text string, ok bool) {
	type node struct {
		Type, Text string
		Version    int
		Attrs      map[string]any
		Content    []node
	}
	var doc node
	if json.Unmarshal(raw, &doc) != nil || doc.Type != "doc" || doc.Version != 1 || doc.Content == nil {
		return "", false
	}
	ok = true
	var out strings.Builder
	var walk func(n node, inline bool)
	walk = func(n node, inline bool) {
		switch n.Type {
		case "text":
			ok = ok && inline && n.Text != ""
			out.WriteString(n.Text)
		case "hardBreak":
			ok = ok && inline
			out.WriteString("\n")
		case "paragraph", "heading", "codeBlock":
			ok = ok && !inline
			if level, isNumber := n.Attrs["level"].(float64); n.Type == "heading" && (!isNumber || level < 1 || level > 6) {
				ok = false
			}
			for _, c := range n.Content {
				walk(c, true)
			}
			out.WriteString("\n")
		default:
			ok = false
		}
	}
	for _, n := range doc.Content {
		walk(n, false)
	}
	return strings.TrimSpace(out.String()), ok
}
