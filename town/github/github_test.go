package github

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gastown/town"
)

const token = "ghp_veryverysecret"

// pull is a pull request as the host has it.
type pull struct {
	Number         int    `json:"number"`
	State          string `json:"state"`
	Merged         bool   `json:"merged"`
	MergeCommitSHA string `json:"merge_commit_sha,omitempty"`
	HTMLURL        string `json:"html_url"`
	Title          string `json:"title"`
	Body           string `json:"body"`
	Head           end    `json:"head"`
	Base           end    `json:"base"`
	comments       []string
}

type end struct {
	Ref  string `json:"ref"`
	Repo struct {
		FullName string `json:"full_name"`
	} `json:"repo"`
}

// server is a host, spoken to over HTTP.
type server struct {
	*httptest.Server
	t testing.TB

	mu    sync.Mutex
	pulls []*pull
	seen  []string // method and path of each request
	// fault answers instead of the host; false lets the host answer.
	fault func(w http.ResponseWriter, r *http.Request) bool
	// after is called after the host did what it was asked, before it answers; true closes
	// the connection instead.
	after   func(r *http.Request) bool
	perPage int
	// deaf ignores what a list is asked for, and lags does not list the newest.
	deaf, lags bool
}

func newServer(t testing.TB) *server {
	s := &server{t: t, perPage: 100}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) host(t testing.TB) *Host {
	t.Helper()
	h, err := New(Options{Repository: Repository{API: s.URL + "/api/v3", Owner: "acme", Name: "web"}, Token: token, TokenName: "WEB_TOKEN"})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (s *server) add(branch, state, body string) *pull {
	p := &pull{Number: len(s.pulls) + 1, State: state, Body: body, HTMLURL: fmt.Sprintf("https://github.example.org/acme/web/pull/%d", len(s.pulls)+1)}
	p.Head.Ref, p.Base.Ref = branch, "main"
	p.Head.Repo.FullName, p.Base.Repo.FullName = "acme/web", "acme/web"
	s.pulls = append(s.pulls, p)
	return p
}

func (s *server) count(branch string) (n int) {
	for _, p := range s.pulls {
		if p.Head.Ref == branch {
			n++
		}
	}
	return n
}

func refuse(w http.ResponseWriter, code int, message string) {
	w.WriteHeader(code)
	fmt.Fprintf(w, `{"message": %q, "documentation_url": "https://docs.github.com/rest"}`, message)
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, r.Method+" "+r.URL.Path)
	w.Header().Set("Content-Type", "application/json")
	if s.fault != nil && s.fault(w, r) {
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+token {
		refuse(w, http.StatusUnauthorized, "Bad credentials")
		return
	}
	path, ok := strings.CutPrefix(r.URL.Path, "/api/v3/repos/acme/web/")
	if !ok {
		refuse(w, http.StatusNotFound, "Not Found")
		return
	}
	var answer any
	code := http.StatusOK
	parts := strings.Split(path, "/")
	switch {
	case path == "pulls" && r.Method == http.MethodGet:
		answer = s.list(w, r)
	case path == "pulls" && r.Method == http.MethodPost:
		var in struct{ Title, Head, Base, Body string }
		if json.NewDecoder(r.Body).Decode(&in) != nil || in.Title == "" || in.Base != "main" {
			refuse(w, http.StatusUnprocessableEntity, "Validation Failed")
			return
		}
		for _, p := range s.pulls {
			if p.State == "open" && p.Head.Ref == in.Head {
				w.WriteHeader(http.StatusUnprocessableEntity)
				_, _ = io.WriteString(w, `{"message":"Validation Failed","errors":[{"resource":"PullRequest","code":"custom","message":"A pull request already exists for acme:`+in.Head+`."}]}`)
				return
			}
		}
		p := s.add(in.Head, "open", in.Body)
		p.Title = in.Title
		answer, code = p, http.StatusCreated
	case parts[0] == "pulls" && len(parts) == 2:
		n, _ := strconv.Atoi(parts[1])
		if n < 1 || n > len(s.pulls) {
			refuse(w, http.StatusNotFound, "Not Found")
			return
		}
		p := s.pulls[n-1]
		if r.Method == http.MethodPatch {
			var in struct{ State string }
			_ = json.NewDecoder(r.Body).Decode(&in)
			p.State = in.State
		}
		answer = p
	case parts[0] == "issues" && len(parts) == 3 && r.Method == http.MethodPost:
		n, _ := strconv.Atoi(parts[1])
		var in struct{ Body string }
		_ = json.NewDecoder(r.Body).Decode(&in)
		s.pulls[n-1].comments = append(s.pulls[n-1].comments, in.Body)
		answer, code = map[string]any{"id": 1}, http.StatusCreated
	default:
		refuse(w, http.StatusNotFound, "Not Found")
		return
	}
	if s.after != nil && s.after(r) {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(answer)
}

func (s *server) list(w http.ResponseWriter, r *http.Request) []*pull {
	q := r.URL.Query()
	found := []*pull{}
	for _, p := range s.pulls {
		if s.deaf || q.Get("head") == "acme:"+p.Head.Ref && (q.Get("state") == "all" || q.Get("state") == p.State) && q.Get("base") == p.Base.Ref {
			found = append(found, p)
		}
	}
	if s.lags && len(found) > 0 {
		found = found[:len(found)-1]
	}
	page, _ := strconv.Atoi(q.Get("page"))
	from := max(page-1, 0) * s.perPage
	to := min(from+s.perPage, len(found))
	if to < len(found) {
		q.Set("page", strconv.Itoa(max(page, 1)+1))
		w.Header().Set("Link", fmt.Sprintf(`<%s%s?%s>; rel="next"`, s.URL, r.URL.Path, q.Encode()))
	}
	return found[min(from, to):to]
}

var want = Wanted{Branch: "polecat/nux/web-1", Target: "main", Mark: "alpha 7", Title: "web-1", Body: "Merge request 7"}

// One thing has one pull request, whatever happens between an answer and its note.
func TestOne(t *testing.T) {
	for name, before := range map[string]func(s *server){
		"nothing before": func(*server) {},
		"the answer is lost": func(s *server) {
			once := true
			s.after = func(r *http.Request) bool {
				lost := once && r.Method == http.MethodPost
				once = once && !lost
				return lost
			}
		},
		"others before, on many pages": func(s *server) {
			s.perPage = 2
			for range 7 {
				s.add(want.Branch, "closed", "by hand")
			}
			s.deaf = true
			for i := range 9 {
				s.add(fmt.Sprint("other-", i), "open", "by hand")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			before(s)
			had := s.count(want.Branch)
			h := s.host(t)
			var first Pull
			for range 4 { // as if each but the last ended before it noted the answer
				p, err := h.Open(t.Context(), want)
				var later *LaterError
				switch {
				case errors.As(err, &later):
					continue
				case err != nil:
					t.Fatal(err)
				case first.Number == 0:
					first = p
				}
				if p != first || !p.Open || p.Merged || !strings.HasPrefix(p.URL, "https://github.example.org/") {
					t.Errorf("%+v, then %+v", first, p)
				}
			}
			if n := s.count(want.Branch) - had; n != 1 {
				t.Errorf("%d pull requests", n)
			}
			if p := s.pulls[first.Number-1]; p.Title != "web-1" || !strings.HasPrefix(p.Body, "Merge request 7\n") {
				t.Errorf("%+v", p)
			}
			s.pulls[first.Number-1].State = "closed" // by a person
			if p, err := h.Open(t.Context(), want); err != nil || p.Number != first.Number || p.Open || p.Merged {
				t.Errorf("after it was closed: %+v, %v", p, err)
			}
		})
	}
}

// One that a person opened is taken. One for other work of the same branch is closed, with
// a word about why, and so is one that is given back; what is closed or merged stays.
func TestOthers(t *testing.T) {
	s := newServer(t)
	h := s.host(t)
	s.add(want.Branch, "open", "by hand")
	if p, err := h.Open(t.Context(), want); err != nil || p.Number != 1 {
		t.Errorf("%+v, %v", p, err)
	}
	s.pulls[0].Body = mark("alpha 3")
	if p, err := h.Open(t.Context(), want); err != nil || p.Number != 2 || s.pulls[0].State != "closed" || len(s.pulls[0].comments) != 1 {
		t.Errorf("%+v, %v; %+v", p, err, s.pulls[0])
	}
	for range 2 {
		if err := h.Close(t.Context(), 2, "it conflicts"); err != nil || s.pulls[1].State != "closed" || len(s.pulls[1].comments) != 1 {
			t.Errorf("%v; %+v", err, s.pulls[1])
		}
	}
	p := s.add("x", "closed", "")
	p.Merged, p.MergeCommitSHA = true, strings.Repeat("a", 40)
	if got, err := h.Look(t.Context(), 3); err != nil || !got.Merged || got.Merge != p.MergeCommitSHA || got.Open {
		t.Errorf("%+v, %v", got, err)
	}
	p.MergeCommitSHA, p.HTMLURL = "main\n--all", "javascript:x"
	if got, err := h.Look(t.Context(), 3); err != nil || got.Merge != "" || got.URL != "" {
		t.Errorf("%+v, %v", got, err)
	}
	// The host does not list what it has just made.
	s.lags = true
	if _, err := h.Open(t.Context(), Wanted{Branch: "y", Target: "main", Mark: "m", Title: "t"}); err != nil {
		t.Error(err)
	}
	if _, err := h.Open(t.Context(), Wanted{Branch: "y", Target: "main", Mark: "m", Title: "t"}); !errors.Is(err, ErrInvalid) || s.count("y") != 1 {
		t.Errorf("%v; %d of y", err, s.count("y"))
	}
}

// Each refusal is told as what it is, with what helps, and without the token.
func TestRefusals(t *testing.T) {
	answer := func(code int, header, value, body string) func(w http.ResponseWriter, r *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if header != "" {
				w.Header().Set(header, value)
			}
			w.WriteHeader(code)
			_, _ = io.WriteString(w, body)
			return true
		}
	}
	says := `{"message":"no: ` + token + `\u001b[31m","errors":[{"field":"head","code":"invalid"}]}`
	for name, c := range map[string]struct {
		fault func(w http.ResponseWriter, r *http.Request) bool
		kind  error
		next  string
		after [2]time.Duration
	}{
		"401":       {answer(401, "", "", says), ErrDenied, "WEB_TOKEN", [2]time.Duration{}},
		"403":       {answer(403, "", "", says), ErrDenied, "acme/web", [2]time.Duration{}},
		"404":       {answer(404, "", "", says), ErrNotThere, "pull_requests", [2]time.Duration{}},
		"422":       {answer(422, "", "", says), ErrInvalid, "settings", [2]time.Duration{}},
		"redirect":  {answer(307, "Location", "http://127.0.0.1:1/x", ""), ErrNotThere, "", [2]time.Duration{}},
		"429":       {answer(429, "Retry-After", "90", says), town.ErrBusy, "", [2]time.Duration{90 * time.Second, 90 * time.Second}},
		"secondary": {answer(403, "Retry-After", "75", `{"message":"slow down","documentation_url":"https://docs.github.com/rest/overview/rate-limits-for-the-rest-api?apiVersion=2022-11-28#about-secondary-rate-limits"}`), town.ErrBusy, "", [2]time.Duration{75 * time.Second, 75 * time.Second}},
		"primary": {func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("X-RateLimit-Limit", "60")
			w.Header().Set("X-RateLimit-Remaining", "0")
			w.Header().Set("X-RateLimit-Reset", strconv.FormatInt(time.Now().Add(20*time.Minute).Unix(), 10))
			return answer(403, "", "", says)(w, r)
		}, town.ErrBusy, "", [2]time.Duration{19 * time.Minute, 20 * time.Minute}},
		"too long": {answer(403, "Retry-After", "99999999", says), town.ErrBusy, "", [2]time.Duration{longest, longest}},
		"502":      {answer(502, "", "", "<html>"), town.ErrBusy, "", [2]time.Duration{soon, soon}},
		"nonsense": {answer(200, "", "", `{"a": [`), town.ErrBusy, "", [2]time.Duration{soon, soon}},
		"another":  {answer(200, "", "", `[{"number":-1,"state":"open","head":{"ref":"polecat/nux/web-1","repo":{"full_name":"acme/web"}},"base":{"ref":"main"}}]`), town.ErrBusy, "", [2]time.Duration{soon, soon}},
		"no end": {func(w http.ResponseWriter, r *http.Request) bool {
			n, _ := strconv.Atoi(r.URL.Query().Get("page"))
			return answer(200, "Link", fmt.Sprintf(`<http://%s/x?page=%d>; rel="next"`, r.Host, max(n, 1)+1), "[]")(w, r)
		}, town.ErrBusy, "", [2]time.Duration{longest, longest}},
		"hangs up": {func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }, town.ErrBusy, "", [2]time.Duration{soon, soon}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.fault = c.fault
			_, err := s.host(t).Open(t.Context(), want)
			if !errors.Is(err, c.kind) || !strings.Contains(town.Next(err), c.next) {
				t.Errorf("%v; next: %s", err, town.Next(err))
			}
			if text := fmt.Sprintf("%v %+v %#v %s", err, err, err, town.Next(err)); strings.Contains(text, token) || strings.Contains(text, "\x1b") {
				t.Errorf("it tells the token: %q", text)
			}
			var later *LaterError
			if errors.As(err, &later) != (c.after[1] > 0) || later != nil && (later.After < c.after[0] || later.After > c.after[1]) {
				t.Errorf("%#v, want %s", later, c.after)
			}
		})
	}
	none, err := New(Options{Repository: Repository{Owner: "acme", Name: "web"}, TokenName: "WEB_TOKEN"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := none.Open(t.Context(), want); !errors.Is(err, ErrDenied) || !strings.Contains(town.Next(err), "WEB_TOKEN") {
		t.Errorf("without a token: %v", err)
	}
}

func TestAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"https://github.com/acme/web.git": "github.com acme/web", "https://github.com/acme/web": "github.com acme/web", "git@github.com:acme/web.git": "github.com acme/web",
		"ssh://git@GitHub.com:22/acme/web.git/": "github.com acme/web", "https://ghe.example.org/acme/my.web": "ghe.example.org acme/my.web",
		"/srv/web.git": "", "https://github.com/acme": "", "https://github.com/acme/web/x": "", "git@github.com:../web": "", "https://github.com/acme/..": "", "": "", "file:///a/b": "",
	} {
		host, r, ok := Remote(address)
		if got := host + " " + r.String(); ok != (want != "") || ok && got != want {
			t.Errorf("%s is %q, %v", address, got, ok)
		}
	}
	for address, ok := range map[string]bool{
		"https://api.github.com/": true, "https://ghe.example.org/api/v3": true, "http://127.0.0.1:80/": true, "http://localhost/": true, "http://[::1]/": true,
		"http://ghe.example.org/": false, "https://a:b@c/": false, "ftp://x/": false, "x": false, "https://x/?a": false, "https://": false,
	} {
		if err := CheckAPI(address); (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
	}
}
