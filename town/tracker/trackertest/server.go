// Package trackertest has servers for tests that answer as Jira, GitHub, Linear and Asana
// do: their status codes, pages, limits and bodies of errors, as far as the clients of
// town/tracker use them. A test can have them fail before or after they did something.
package trackertest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// Secret is the token that every server asks for.
const Secret = "tok_veryverysecret"

// Issue is an issue as a server has it.
type Issue struct {
	Number      int
	ID          string
	Title, Text string
	Labels      []string
	Closed      bool
	Comments    []Comment
	Made        time.Time
	// ours: the account of the token made it.
	ours bool
	// doc is the text as it was sent, where that is no string.
	doc json.RawMessage
	// started: work is under way, at a tracker that tells this apart.
	started bool
}

// Comment is a comment as a server has it.
type Comment struct {
	ID, Text, Mark string
	doc            json.RawMessage
}

// Server is a tracker, spoken to over HTTP. Its fields are set before it is used, or with
// Lock.
type Server struct {
	*httptest.Server
	// Base is what a client is configured with.
	Base string
	// Fault, if it returns true, answered instead of the server. n counts requests from 1.
	Fault func(w http.ResponseWriter, r *http.Request, n int) bool
	// Lose, if it returns true, has the connection closed after the server did what it was
	// asked for.
	Lose func(r *http.Request, n int) bool
	// Now is the server's clock. Lag is how long a search takes to know an issue.
	Now func() time.Time
	Lag time.Duration
	// PerPage bounds the pages.
	PerPage int
	// App: the token is of an installation of an app, which may not ask who it is.
	App bool

	mu     sync.Mutex
	issues []*Issue
	seen   []string
	next   int
}

// start starts a server.
func start(t testing.TB, answer func(s *Server, r *request)) *Server {
	s := &Server{Now: time.Now, PerPage: 100}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.seen = append(s.seen, r.Method+" "+r.URL.Path)
		n := len(s.seen)
		w.Header().Set("Content-Type", "application/json")
		if s.Fault != nil && s.Fault(w, r, n) {
			return
		}
		one := &request{Request: r, w: w, code: http.StatusOK}
		if r.Body != nil {
			_ = json.NewDecoder(r.Body).Decode(&one.in)
		}
		answer(s, one)
		if s.Lose != nil && s.Lose(r, n) {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(one.code)
		if one.out != nil {
			_ = json.NewEncoder(w).Encode(one.out)
		}
	}))
	s.Base = s.URL
	t.Cleanup(s.Close)
	return s
}

// request is a request with what is answered.
type request struct {
	*http.Request
	w    http.ResponseWriter
	in   map[string]any
	code int
	out  any
}

func (r *request) answer(code int, out any) { r.code, r.out = code, out }

// parts are the parts of the path after a prefix.
func (r *request) parts(prefix string) []string {
	path, ok := strings.CutPrefix(r.URL.Path, prefix)
	if !ok {
		return []string{""}
	}
	return strings.Split(strings.Trim(path, "/"), "/")
}

// text is a string below keys of the body.
func (r *request) text(keys ...string) string {
	s, _ := r.value(keys...).(string)
	return s
}

func (r *request) value(keys ...string) any {
	var v any = r.in
	for _, k := range keys {
		m, _ := v.(map[string]any)
		v = m[k]
	}
	return v
}

func (r *request) raw(keys ...string) json.RawMessage {
	text, _ := json.Marshal(r.value(keys...))
	return text
}

// With calls fn with all issues, while the server answers nobody.
func (s *Server) With(fn func(issues []*Issue)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn(s.issues)
}

// Lock has fn change fields of the server.
func (s *Server) Lock(fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn()
}

// Requests are the requests so far.
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.seen...)
}

// Add adds an issue that somebody else made.
func (s *Server) Add(title, text string, labels ...string) *Issue {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.add(&Issue{Title: title, Text: text, Labels: labels})
}

func (s *Server) add(i *Issue) *Issue {
	i.Number, i.Made = len(s.issues)+1, s.Now()
	if i.ID == "" {
		i.ID = fmt.Sprint(10000 + i.Number)
	}
	s.issues = append(s.issues, i)
	return i
}

func (s *Server) find(fn func(*Issue) bool) *Issue {
	for _, i := range s.issues {
		if fn(i) {
			return i
		}
	}
	return nil
}

// known are the issues that a search knows by now.
func (s *Server) known(fn func(*Issue) bool) (list []*Issue) {
	for _, i := range s.issues {
		if !s.Now().Before(i.Made.Add(s.Lag)) && fn(i) {
			list = append(list, i)
		}
	}
	return list
}

// page cuts a page out of a list. next is where the following one begins; 0 for none.
func page[T any](s *Server, list []T, from, most int) (part []T, next int) {
	from = min(max(from, 0), len(list))
	to := min(from+min(max(most, 1), s.PerPage), len(list))
	if to < len(list) {
		next = to
	}
	return list[from:to], next
}

func (s *Server) id() string { s.next++; return fmt.Sprint(70000 + s.next) }
