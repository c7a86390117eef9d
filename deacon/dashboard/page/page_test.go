package page

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// place is a source that counts how often it is asked.
type place struct {
	views, figures atomic.Int64
	off            atomic.Bool

	mu   sync.Mutex
	view View
	fail error
}

func (t *place) View(context.Context) (View, error) {
	t.views.Add(1)
	t.mu.Lock()
	defer t.mu.Unlock()
	v := t.view
	v.At = time.Now()
	v.Sections = nil
	for _, s := range t.view.Sections { // the server may change what it got
		rows := []Row{}
		for _, r := range s.Rows {
			rows = append(rows, Row{r.Key, append([]Cell(nil), r.Cells...)})
		}
		s.Rows = rows
		v.Sections = append(v.Sections, s)
	}
	return v, t.fail
}

func (t *place) Figures(_ context.Context, _ string, from, _ time.Time, step time.Duration) ([]Point, error) {
	t.figures.Add(1)
	if t.off.Load() {
		return nil, ErrOff
	}
	return []Point{{from, 1.23456}, {from.Add(2 * step), 3}, {from.Add(-time.Hour), 9}}, nil
}

func (t *place) set(section int, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	sections := append([]Section(nil), t.view.Sections...)
	sections[section].Rows = []Row{{text, []Cell{{Text: text, Sub: text}, {At: 1, Text: text, Tone: Warn}, {Done: 1, Total: 2}}}}
	t.view.Sections = sections
}

func newTown() *place {
	t := &place{view: View{Town: "harbour", Tiles: []Tile{{Label: "Queue", Value: "1", Section: "queue"}}, Sections: []Section{
		{ID: "alerts", Title: "Alerts", Empty: "none", Columns: []string{"A", "B", "C"}, Place: Top},
		{ID: "queue", Title: "Queue", Empty: "none", Columns: []string{"A", "B", "C"}, Place: Main},
	}}}
	t.set(1, "web-1")
	return t
}

// serve serves a town at a fast pace.
func serve(t *testing.T, source Source, access Access) (*httptest.Server, *Server) {
	t.Helper()
	mux := http.NewServeMux()
	s := New(Options{Source: source, Access: access, Pace: 10 * time.Millisecond})
	s.Add(mux)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	t.Cleanup(func() {
		if err := s.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return server, s
}

// client follows no redirect and keeps no connection.
var client = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func request(t *testing.T, method, url, body string, header ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = answer.Body.Close() })
	return answer
}

func get(t *testing.T, url string, header ...string) (int, string, http.Header) {
	t.Helper()
	answer := request(t, "GET", url, "", header...)
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body), answer.Header
}

// stream is an open page.
type stream struct {
	*testing.T
	body  *bufio.Reader
	close func()
}

func listen(t *testing.T, url string, header ...string) *stream {
	t.Helper()
	answer := request(t, "GET", url+"/dashboard/events", "", header...)
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%s %v", answer.Status, answer.Header)
	}
	return &stream{t, bufio.NewReader(answer.Body), func() { _ = answer.Body.Close() }}
}

// sent is the data of an event.
type sent struct {
	Head     *View
	Sections []Section
}

// next returns the next event of a kind.
func (s *stream) next(kind string) (event sent) {
	s.Helper()
	for of := ""; ; {
		text, err := s.body.ReadString('\n')
		if err != nil {
			s.Fatal(err)
		}
		name, value, _ := strings.Cut(strings.TrimSpace(text), ": ")
		if name == "event" {
			of = value
		}
		if name == "data" && of == kind {
			if err := json.Unmarshal([]byte(value), &event); err != nil {
				s.Fatalf("%v: %s", err, value)
			}
			return event
		}
	}
}

func (e sent) ids() (ids []string) {
	for _, s := range e.Sections {
		ids = append(ids, s.ID)
	}
	return ids
}

// Ten readers cost what one costs, each hears of a change, and only of what changed.
func TestReadersShareOneView(t *testing.T) {
	source := newTown()
	server, s := serve(t, source, Access{})
	var readers []*stream
	for range 10 {
		readers = append(readers, listen(t, server.URL))
	}
	for _, r := range readers {
		if e := r.next("view"); e.Head == nil || e.Head.Town != "harbour" || fmt.Sprint(e.ids()) != "[alerts queue]" {
			t.Fatalf("the first event: %+v", e)
		}
	}
	source.set(1, "web-2")
	for _, r := range readers {
		if e := r.next("view"); e.Head != nil || fmt.Sprint(e.ids()) != "[queue]" || e.Sections[0].Rows[0].Key != "web-2" {
			t.Fatalf("the second event: %+v", e)
		}
	}
	began, before := time.Now(), source.views.Load()
	for source.views.Load() < before+20 {
		<-time.After(time.Millisecond)
	}
	// One look each 10 ms, not ten.
	if looks, most := source.views.Load()-before, int64(time.Since(began)/(10*time.Millisecond))+2; looks > most {
		t.Errorf("%d looks, at most %d", looks, most)
	}
	for _, r := range readers {
		r.close()
	}
	if err := s.board.rest(t.Context()); err != nil {
		t.Fatal(err)
	}
	before = source.views.Load()
	<-time.After(50 * time.Millisecond)
	if after := source.views.Load(); after != before {
		t.Errorf("nobody looks, and the source was asked %d times", after-before)
	}
	// Somebody looks again.
	source.set(1, "web-3")
	if e := listen(t, server.URL).next("view"); e.Head == nil {
		t.Errorf("%+v", e)
	}
}

// Pages that are loaded at once are made of one look.
func TestPagesShareOneView(t *testing.T) {
	source := newTown()
	mux := http.NewServeMux()
	New(Options{Source: source, Pace: time.Hour, Access: Access{}}).Add(mux)
	server := httptest.NewServer(mux)
	defer server.Close()
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			if code, body, _ := get(t, server.URL); code != http.StatusOK || !strings.Contains(body, "harbour") {
				t.Errorf("%d %s", code, body)
			}
		})
	}
	all.Wait()
	if n := source.views.Load(); n != 1 {
		t.Errorf("%d looks", n)
	}
}

func TestStreamsAreBounded(t *testing.T) {
	server, s := serve(t, newTown(), Access{})
	for range maxStreams {
		s.seats <- struct{}{}
	}
	if code, _, header := get(t, server.URL+"/dashboard/events"); code != http.StatusServiceUnavailable || header.Get("Retry-After") == "" {
		t.Error(code, header)
	}
	for range maxStreams {
		<-s.seats
	}
	listen(t, server.URL).next("view")
}

// What fails is tried again, and the page does not fall silent.
func TestFailure(t *testing.T) {
	source := newTown()
	source.fail = errors.New("locked\x1b[31m")
	server, _ := serve(t, source, Access{})
	if code, body, _ := get(t, server.URL); code != http.StatusServiceUnavailable || strings.Contains(body, "locked") {
		t.Error(code, body)
	}
	r := listen(t, server.URL)
	r.next("hello")
	source.mu.Lock()
	source.fail = nil
	source.mu.Unlock()
	r.next("view")
}

func TestBeats(t *testing.T) {
	var closed atomic.Bool
	mux := http.NewServeMux()
	s := New(Options{Source: newTown(), Access: Access{Token: func(context.Context) (string, error) {
		if closed.Load() {
			return "", errors.New("gone")
		}
		return "", nil
	}}})
	s.beat = 5 * time.Millisecond
	s.Add(mux)
	server := httptest.NewServer(mux)
	defer server.Close()
	r := listen(t, server.URL)
	r.next("view")
	r.next("beat")
	r.next("beat")
	closed.Store(true) // an open page must show the token again
	if _, err := io.ReadAll(r.body); err != nil {
		t.Error(err)
	}
	if err := s.board.rest(t.Context()); err != nil {
		t.Error(err)
	}
}

const hostile = "<img src=x onerror=alert(1)><script>alert(1)</script>\"'&amp;{{.}}\u202e\u200b\x1b[31m\x00\n\tend"

// A text of the Town becomes text, whatever it is.
func TestHostileTexts(t *testing.T) {
	source := newTown()
	source.view.Town, source.view.Notices = hostile, []string{hostile}
	source.view.Tiles = []Tile{{Label: "Mail", Value: hostile, Note: hostile, Section: "queue"}}
	source.view.Sections[0].Note, source.view.Sections[0].More = hostile, hostile
	source.set(0, hostile)
	source.set(1, strings.Repeat("é", 5000))
	server, _ := serve(t, source, Access{})
	_, body, header := get(t, server.URL)
	for _, bad := range []string{"<img src=x", "<script>", "\u202e", "\u200b", "\x1b", "\x00"} {
		if strings.Contains(body, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	if n := strings.Count(body, "&lt;img src=x onerror=alert(1)&gt;"); n < 8 {
		t.Errorf("the text is there %d times: %s", n, body)
	}
	if len(body) > 30_000 {
		t.Errorf("%d bytes", len(body))
	}
	// Nothing in the page is a script, a style or a frame, or comes from elsewhere.
	if bad := regexp.MustCompile(`(?i)<script(?:>|[^>]*[^r]>[^<])| style=| on[a-z]+="|<iframe|https?://|javascript:`).FindString(strings.ReplaceAll(body, "&lt;img src=x onerror=alert(1)&gt;", "")); bad != "" {
		t.Errorf("the page has %q", bad)
	}
	for name, want := range map[string]string{
		"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
		"Content-Type": "text/html; charset=utf-8",
	} {
		if got := header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if strings.Contains(policy, "unsafe") || !strings.Contains(policy, "frame-ancestors 'none'") {
		t.Error(policy)
	}
	if e := listen(t, server.URL).next("view"); e.Sections[0].Rows[0].Cells[0].Text != "<img src=x onerror=alert(1)><script>alert(1)</script>\"'&amp;{{.}}[31m  end" {
		t.Errorf("%q", e.Sections[0].Rows[0].Cells[0].Text)
	}
}

// A page with full tables is small together with all that it loads.
func TestFirstPageIsSmall(t *testing.T) {
	source := newTown()
	for i := range 12 {
		s := Section{ID: fmt.Sprintf("s%d", i), Title: "Section", Columns: []string{"A", "B", "C", "D"}, Place: Side}
		for r := range 100 {
			s.Rows = append(s.Rows, Row{fmt.Sprint(r), []Cell{{Text: "web-123", Sub: "A title of a bead, as long as titles are"}, {Text: "working", Tone: Busy}, {At: 1}, {Text: "web"}}})
		}
		source.view.Sections = append(source.view.Sections, s)
	}
	server, _ := serve(t, source, Access{})
	_, packed, header := get(t, server.URL, "Accept-Encoding", "gzip")
	if header.Get("Content-Encoding") != "gzip" || header.Get("Vary") != "Accept-Encoding" {
		t.Errorf("%v", header)
	}
	_, body, header := get(t, server.URL, "Accept-Encoding", "identity")
	if header.Get("Content-Encoding") != "" {
		t.Errorf("%v", header)
	}
	if n := strings.Count(body, "<tr "); n != 12*(MaxRows+1)+2+1 {
		t.Errorf("%d rows", n)
	}
	sent := len(packed)
	for _, a := range loaded().assets {
		_, packed, _ := get(t, server.URL+a.url(), "Accept-Encoding", "gzip")
		sent += len(packed)
		code, text, header := get(t, server.URL+a.url())
		if len(text) != len(a.text) {
			t.Errorf("%s: %d bytes of %d", a.name, len(text), len(a.text))
		}
		if code != http.StatusOK || !strings.Contains(header.Get("Cache-Control"), "immutable") || header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", a.name, code, header)
		}
		if !strings.Contains(body, strings.ReplaceAll(a.url(), "&", "&amp;")) {
			t.Errorf("the page does not load %s", a.url())
		}
	}
	t.Logf("%d bytes are sent, %d of them the page, which has %d", sent, len(packed), len(body))
	if sent > 100<<10 {
		t.Errorf("%d bytes are sent", sent)
	}
	if _, _, header := get(t, server.URL+Assets+"dashboard.js?v=old"); header.Get("Cache-Control") != "no-store" {
		t.Errorf("a file of another version is kept: %v", header)
	}
}

func TestAgo(t *testing.T) {
	for at, want := range map[int64]string{
		1000: "just now", 991: "just now", 985: "10 s ago", 941: "50 s ago", 940: "1 min ago", -2600: "1 h ago", 1000 - 47*3600: "47 h ago", 1000 - 48*3600: "2 days ago",
		1009: "just now", 1100: "in 1 min",
	} {
		if got := ago(at, 1000); got != want {
			t.Errorf("%d: %q, want %q", at, got, want)
		}
	}
	if c := When(time.Time{}); c.Text != "never" || c.At != 0 {
		t.Errorf("%+v", c)
	}
}
