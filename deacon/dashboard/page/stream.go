package page

import (
	"fmt"
	"net/http"
	"time"
)

const (
	// maxStreams is how many pages may be open at once. Each holds a connection.
	maxStreams = 64
	// beat is how often an open page hears something although nothing changes, and how
	// often it must show the token again.
	beat = 15 * time.Second
	// writing is how long a browser may take to read an event.
	writing = 10 * time.Second
)

// events sends what changes, as server-sent events: first everything, then the sections
// that changed. A page that reads slowly gets fewer events, and always the newest View.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	select {
	case s.seats <- struct{}{}:
		defer func() { <-s.seats }()
	default:
		w.Header().Set("Retry-After", "10")
		http.Error(w, "too many pages are open", http.StatusServiceUnavailable)
		return
	}
	control := http.NewResponseController(w)
	send := func(event []byte) bool {
		if control.SetWriteDeadline(time.Now().Add(writing)) != nil {
			return false
		}
		if _, err := w.Write(event); err != nil {
			return false
		}
		return control.Flush() == nil
	}
	w.Header().Set("Content-Type", "text/event-stream")
	if !send(fmt.Appendf(nil, "retry: 2000\nevent: hello\ndata: {\"build\":%q,\"now\":%d}\n\n", loaded().build, s.opts.Now().Unix())) {
		return
	}
	defer s.board.watch()()
	ticker := time.NewTicker(s.beat)
	defer ticker.Stop()
	version := 0
	for {
		event, now, changed := s.board.since(version)
		if event != nil {
			if !send(event) {
				return
			}
			version = now
			continue
		}
		select {
		case <-changed:
		case <-ticker.C:
			if s.opts.Access.admit(r) != nil || !send([]byte("event: beat\ndata: {}\n\n")) {
				return
			}
		case <-s.end:
			return
		case <-r.Context().Done():
			return
		}
	}
}
