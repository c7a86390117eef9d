package page

import (
	"bytes"
	"context"
	"embed"
	"encoding/hex"
	"hash/fnv"
	"html/template"
	"net/http"
	"strconv"
	"time"

	"gastown/deacon/guard"
)

// Options configure a Server.
type Options struct {
	Source Source
	Access Access
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Pace is the shortest time between two looks at the source; 0 means a second.
	Pace time.Duration
}

// Server answers the requests of the page. Its methods may be called from many goroutines.
type Server struct {
	opts   Options
	board  *board
	charts *charts
	seats  chan struct{} // one for each open stream
	beat   time.Duration
	end    chan struct{}
}

// New returns a server. It asks the source nothing before somebody looks.
func New(o Options) *Server {
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{opts: o, board: newBoard(o.Source, o.Now), charts: newCharts(o.Source, o.Now), seats: make(chan struct{}, maxStreams), beat: beat, end: make(chan struct{})}
	if o.Pace > 0 {
		s.board.pace = o.Pace
	}
	return s
}

// Assets begins the paths of what is the same for everybody and is answered from memory.
const Assets = "/dashboard/assets/"

// Add adds the paths of the page.
func (s *Server) Add(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", s.guarded(s.first))
	mux.HandleFunc("GET /dashboard/events", s.guarded(s.events))
	mux.HandleFunc("GET /dashboard/charts", s.guarded(s.chart))
	mux.HandleFunc("POST /dashboard/login", s.headed(s.login))
	for _, a := range assets {
		mux.HandleFunc("GET "+Assets+a.name, s.headed(a.serve))
	}
}

// Close ends the streams, and waits until the source is not asked any more.
func (s *Server) Close(ctx context.Context) error {
	close(s.end)
	return s.board.rest(ctx)
}

// policy lets the page use what comes from the same server, and nothing else: no script
// and no style within the page, no frame around it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// headed adds the headers that every answer has.
func (s *Server) headed(fn http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for name, value := range map[string]string{
			"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "no-store",
		} {
			w.Header().Set(name, value)
		}
		fn(w, r)
	}
}

// guarded is for those who may look.
func (s *Server) guarded(fn http.HandlerFunc) http.HandlerFunc {
	return s.headed(func(w http.ResponseWriter, r *http.Request) {
		if err := s.opts.Access.admit(r); err != nil {
			s.refuse(w, r, err)
			return
		}
		fn(w, r)
	})
}

//go:embed assets
var files embed.FS

// asset is a file that browsers keep, because its address changes with its content.
type asset struct {
	name, kind string
	text       []byte
	digest     string
}

func (a *asset) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", a.kind)
	if r.URL.Query().Get("v") == a.digest {
		w.Header().Set("Cache-Control", "private, max-age=31536000, immutable")
	}
	_, _ = w.Write(a.text) // an error means that the peer has gone
}

// url is where the asset is.
func (a *asset) url() string { return Assets + a.name + "?v=" + a.digest }

// load joins files to an asset. Those that are missing are a mistake of the build.
func load(name, kind string, parts ...string) *asset {
	a := &asset{name: name, kind: kind}
	for _, p := range parts {
		text, err := files.ReadFile("assets/" + p)
		if err != nil {
			panic(err)
		}
		a.text = append(append(a.text, text...), '\n')
	}
	h := fnv.New64a()
	_, _ = h.Write(a.text)
	a.digest = hex.EncodeToString(h.Sum(nil))
	return a
}

var (
	style  = load("dashboard.css", "text/css; charset=utf-8", "uplot/uPlot.min.css", "dashboard.css")
	script = load("dashboard.js", "text/javascript; charset=utf-8", "uplot/uPlot.iife.min.js", "dashboard.js")
	icon   = load("icon.svg", "image/svg+xml", "icon.svg")
	assets = []*asset{style, script, icon}
	// build changes whenever the page does, so that a page of a former version is loaded anew.
	build = style.digest[:8] + script.digest[:8]
)

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"style": style.url, "script": script.url, "icon": icon.url,
	"iso":   func(s int64) string { return time.Unix(s, 0).UTC().Format(time.RFC3339) },
	"utc":   func(s int64) string { return time.Unix(s, 0).UTC().Format("2006-01-02 15:04:05 UTC") },
	"count": strconv.Itoa,
}).ParseFS(files, "assets/*.html"))

// shown is what the templates get.
type shown struct {
	View
	Now            int64 // seconds since 1970
	Theme          string
	Build          string
	Charts         []Chart
	Ranges         []span
	Message, Error string
}

// In are the sections of a place.
func (s shown) In(place string) (some []Section) {
	for _, one := range s.Sections {
		if one.Place == Place(place) {
			some = append(some, one)
		}
	}
	return some
}

// Ago words the time between a moment and now, as the script does.
func (s shown) Ago(at int64) string { return ago(at, s.Now) }

func ago(at, now int64) string {
	d, past := now-at, true
	if d < 0 {
		d, past = -d, false
	}
	var text string
	switch {
	case d < 10:
		return "just now"
	case d < 60:
		text = strconv.FormatInt(d/10*10, 10) + " s"
	case d < 3600:
		text = strconv.FormatInt(d/60, 10) + " min"
	case d < 48*3600:
		text = strconv.FormatInt(d/3600, 10) + " h"
	default:
		text = strconv.FormatInt(d/86400, 10) + " days"
	}
	if past {
		return text + " ago"
	}
	return "in " + text
}

// themeCookie holds the colours that a person chose.
const themeCookie = "gt_theme"

func theme(r *http.Request) string {
	if c, err := r.Cookie(themeCookie); err == nil && (c.Value == "light" || c.Value == "dark") {
		return c.Value
	}
	return ""
}

// first answers with the page as it is now.
func (s *Server) first(w http.ResponseWriter, r *http.Request) {
	view, err := s.board.current(r.Context())
	if err != nil {
		guard.Refuse(denied{w, "the Town cannot be read now: try again"}, r, guard.Crowded, http.StatusServiceUnavailable)
		return
	}
	s.render(w, http.StatusOK, "dashboard.html", shown{View: view, Now: s.opts.Now().Unix(), Theme: theme(r), Build: build, Charts: chartList, Ranges: spans})
}

// gate answers with the form for the token.
func (s *Server) gate(w http.ResponseWriter, r *http.Request, message string) {
	s.render(w, http.StatusUnauthorized, "login.html", shown{Theme: theme(r), Message: message})
}

func (s *Server) render(w http.ResponseWriter, code int, name string, data shown) {
	var out bytes.Buffer
	if err := templates.ExecuteTemplate(&out, name, data); err != nil {
		http.Error(w, "the page cannot be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write(out.Bytes()) // an error means that the peer has gone
}

// one is a section or a cell together with all that is shown.
type one struct {
	All     shown
	Section Section
	Cell    Cell
}

// With joins a section or a cell with all that is shown, for the templates.
func (s shown) With(v any) one {
	o := one{All: s}
	switch v := v.(type) {
	case Section:
		o.Section = v
	case Cell:
		o.Cell = v
	}
	return o
}
