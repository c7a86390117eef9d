package trackertest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// AsanaProject is the gid of the project at Asana.
const AsanaProject = "12001"

// Asana starts Asana.
func Asana(t testing.TB) *Server {
	s := start(t, asana)
	s.Base = s.URL + "/api/1.0"
	return s
}

func asanaRefuses(r *request, code int, message string) {
	r.answer(code, map[string]any{"errors": []any{map[string]any{"message": message, "help": "For more information on API status codes and how to handle them, read the docs on errors"}}})
}

func asana(s *Server, r *request) {
	if r.Header.Get("Authorization") != "Bearer "+Secret {
		asanaRefuses(r, http.StatusUnauthorized, "Not Authorized")
		return
	}
	parts := r.parts("/api/1.0/")
	if parts[0] != "tasks" {
		asanaRefuses(r, http.StatusNotFound, "No matching route for request")
		return
	}
	if len(parts) == 1 {
		if r.Method == http.MethodPost {
			asanaCreate(s, r)
		} else {
			asanaList(s, r)
		}
		return
	}
	i := s.find(func(i *Issue) bool { return i.ID == parts[1] })
	if i == nil {
		asanaRefuses(r, http.StatusNotFound, "task: Unknown object: "+parts[1])
		return
	}
	switch {
	case len(parts) == 2 && r.Method == http.MethodPut:
		data, _ := r.value("data").(map[string]any)
		if v, sent := data["name"].(string); sent {
			i.Title = v
		}
		if v, sent := data["notes"].(string); sent {
			i.Text = v
		}
		if v, sent := data["completed"].(bool); sent {
			i.Closed = v
		}
		r.answer(http.StatusOK, map[string]any{"data": asanaTold(i)})
	case len(parts) == 3 && parts[2] == "stories" && r.Method == http.MethodPost:
		text := r.text("data", "text")
		if text == "" {
			asanaRefuses(r, http.StatusBadRequest, "text: Missing input")
			return
		}
		i.Comments = append(i.Comments, Comment{ID: s.id(), Text: text})
		r.answer(http.StatusCreated, map[string]any{"data": map[string]any{"gid": "1", "text": text}})
	case len(parts) == 3 && parts[2] == "stories":
		// Changes of the task are stories too.
		all := []any{map[string]any{"gid": "1", "text": "Ann added to Web"}}
		for _, c := range i.Comments {
			all = append(all, map[string]any{"gid": c.ID, "text": c.Text})
		}
		asanaPage(s, r, all)
	default:
		asanaRefuses(r, http.StatusNotFound, "No matching route for request")
	}
}

func asanaCreate(s *Server, r *request) {
	var projects []string
	_ = json.Unmarshal(r.raw("data", "projects"), &projects)
	switch {
	case r.in["data"] == nil:
		asanaRefuses(r, http.StatusBadRequest, "Could not parse request data, invalid JSON")
	case !slices.Equal(projects, []string{AsanaProject}):
		asanaRefuses(r, http.StatusForbidden, "project: Not a recognized ID")
	case len(r.text("data", "name")) > 1024:
		asanaRefuses(r, http.StatusBadRequest, "name: String too long")
	default:
		r.answer(http.StatusCreated, map[string]any{"data": asanaTold(s.add(&Issue{Title: r.text("data", "name"), Text: r.text("data", "notes")}))})
	}
}

func asanaTold(i *Issue) map[string]any {
	tags := []any{}
	for _, l := range i.Labels {
		tags = append(tags, map[string]any{"name": l})
	}
	return map[string]any{"gid": i.ID, "name": i.Title, "notes": i.Text, "completed": i.Closed, "tags": tags, "created_at": i.Made.UTC().Format("2006-01-02T15:04:05.000Z"),
		"permalink_url": fmt.Sprintf("https://app.asana.com/0/%s/%s", AsanaProject, i.ID)}
}

func asanaList(s *Server, r *request) {
	q := r.URL.Query()
	if q.Get("project") != AsanaProject {
		asanaRefuses(r, http.StatusBadRequest, "You should specify one of project, section, tag or user_task_list")
		return
	}
	if !strings.Contains(q.Get("opt_fields"), "notes") {
		asanaRefuses(r, http.StatusBadRequest, "the test expects notes")
		return
	}
	since, _ := time.Parse(time.RFC3339, q.Get("modified_since"))
	var all []any
	for _, i := range s.known(func(i *Issue) bool { return !i.Made.Before(since) }) {
		all = append(all, asanaTold(i))
	}
	asanaPage(s, r, all)
}

func asanaPage(s *Server, r *request, all []any) {
	q := r.URL.Query()
	most, err := strconv.Atoi(q.Get("limit"))
	if err != nil || most < 1 || most > 100 {
		asanaRefuses(r, http.StatusBadRequest, "limit: Must be between 1 and 100")
		return
	}
	from, _ := strconv.Atoi(q.Get("offset"))
	part, next := page(s, all, from, most)
	out := map[string]any{"data": part, "next_page": nil}
	if next > 0 {
		out["next_page"] = map[string]any{"offset": strconv.Itoa(next), "uri": "x"}
	}
	if part == nil {
		out["data"] = []any{}
	}
	r.answer(http.StatusOK, out)
}
