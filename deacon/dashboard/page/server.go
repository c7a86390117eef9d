package page

import (
	"bytes"
	"context"
	"net/http"
	"sync"
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
	end    chan struct{} // closed by Close
	once   sync.Once
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
	for i, name := range assetNames {
		mux.HandleFunc("GET "+Assets+name, s.headed(func(w http.ResponseWriter, r *http.Request) { loaded().assets[i].serve(w, r) }))
	}
}

// Close ends the streams, and waits until the source is not asked any more.
func (s *Server) Close(ctx context.Context) error {
	s.once.Do(func() { close(s.end) })
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
	s.render(w, r, http.StatusOK, "dashboard.html", shown{View: view, Now: s.opts.Now().Unix(), Theme: theme(r), Build: loaded().build, Charts: chartList, Ranges: spans})
}

// gate answers with the form for the token.
func (s *Server) gate(w http.ResponseWriter, r *http.Request, message string) {
	s.render(w, r, http.StatusUnauthorized, "login.html", shown{Theme: theme(r), Message: message})
}

func (s *Server) render(w http.ResponseWriter, r *http.Request, code int, name string, data shown) {
	var out bytes.Buffer
	if err := loaded().templates.ExecuteTemplate(&out, name, data); err != nil {
		http.Error(w, "the page cannot be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	text := out.Bytes()
	if packs(w, r) {
		text = pack(text)
	}
	w.WriteHeader(code)
	_, _ = w.Write(text) // an error means that the peer has gone
}
