package guard

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	"gastown/town/strict"
)

type serverKey struct{}

// handler limits the body, contains panics, and counts what h refuses.
func (s *Server) handler(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(connKey{}).(*conn); ok {
			c.handled.Store(true)
		}
		defer func() {
			if p := recover(); p != nil && p != http.ErrAbortHandler {
				if s.opts.Log != nil {
					s.opts.Log.WithField("stack", string(debug.Stack())).Error("a request's handler panicked")
				}
				http.Error(w, "internal error", http.StatusInternalServerError)
			}
		}()
		r = r.WithContext(context.WithValue(r.Context(), serverKey{}, s))
		body, ok := s.body(w, r)
		if !ok {
			return
		}
		if c, ok := r.Context().Value(connKey{}).(*conn); ok && !c.seat.Hold() {
			panic(http.ErrAbortHandler) // the room has closed the connection
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		answer := &answer{ResponseWriter: w}
		h.ServeHTTP(answer, r)
		if answer.code == http.StatusNotFound || answer.code == http.StatusMethodNotAllowed {
			s.refuse(Unknown)
		}
	})
}

// body reads the request's body within the peer's read time. It then clears the
// deadline, which would otherwise close the connection during a handler that takes
// long.
func (s *Server) body(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.opts.Body))
	var large *http.MaxBytesError
	switch {
	case err == nil:
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
		return data, true
	case errors.As(err, &large):
		Refuse(w, r, Oversized, http.StatusRequestEntityTooLarge)
	case errors.Is(err, os.ErrDeadlineExceeded): // conn counted it already
		http.Error(w, Slow, http.StatusRequestTimeout)
	default:
		Refuse(w, r, Malformed, http.StatusBadRequest)
	}
	return nil, false
}

// answer remembers the status code.
type answer struct {
	http.ResponseWriter
	code int
}

func (a *answer) WriteHeader(code int) {
	if a.code == 0 && code >= http.StatusOK { // 1xx codes are interim answers
		a.code = code
	}
	a.ResponseWriter.WriteHeader(code)
}

// Unwrap gives http.ResponseController access to the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// Refuse counts and answers a refused request. A handler behind Serve calls it with
// a reason of the list.
func Refuse(w http.ResponseWriter, r *http.Request, reason string, code int) {
	Count(r, reason)
	http.Error(w, reason, code)
}

// Count counts a refused request that the caller answers itself.
func Count(r *http.Request, reason string) {
	if s, ok := r.Context().Value(serverKey{}).(*Server); ok {
		s.refuse(reason)
	}
}

// ReadJSON decodes the request's body, which must be exactly one JSON value without
// unknown fields. When it returns false it has refused and answered the request. An
// empty body leaves value unchanged.
func ReadJSON(w http.ResponseWriter, r *http.Request, value any) bool {
	data, err := io.ReadAll(r.Body) // body has limited its size
	if err == nil {
		err = strict.JSON(data, value)
	}
	if err == nil || errors.Is(err, strict.ErrEmpty) {
		return true
	}
	Refuse(w, r, Malformed, http.StatusBadRequest)
	return false
}
