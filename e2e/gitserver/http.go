package gitserver

import (
	"crypto/subtle"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/cgi"
	"path"
	"path/filepath"
	"strings"
	"sync"
)

// HTTPOptions say which credentials are needed. With the zero value none are.
type HTTPOptions struct {
	// User and Password are for basic authentication.
	User, Password string
	// Token is a bearer token. As on most hosts, it is also accepted as the
	// password of any user.
	Token string
	// TLS serves https. Only the CA in Env has signed the certificate.
	TLS bool
}

// probeLength is the size of the request with which git tests its credentials
// before a large push. It is not a push.
const probeLength = 4

// HTTP serves the bare repository at repo through git http-backend. The caller
// closes the server.
func HTTP(repo string, o HTTPOptions) (*Server, error) {
	s, err := newServer(repo)
	if err != nil {
		return nil, err
	}
	var listener net.Listener = s.line
	s.url = "http://" + s.line.Addr().String() + "/" + s.name()
	if o.TLS {
		config, err := s.selfSigned()
		if err != nil {
			s.transport = func() {}
			_ = s.Close() // the first error is the one to report
			return nil, err
		}
		listener = tls.NewListener(s.line, config)
		s.url = "https" + strings.TrimPrefix(s.url, "http")
	}
	var serving sync.WaitGroup
	server := &http.Server{Handler: &backend{s: s, o: o}, ErrorLog: quiet()}
	server.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew: // counted before its goroutine starts
			serving.Add(1)
		case http.StateClosed, http.StateHijacked: // the connection ends; begin counts its handler
			serving.Done()
		}
	}
	serving.Go(func() { _ = server.Serve(listener) }) // it always returns an error
	s.transport = func() {
		_ = server.Close()
		serving.Wait()
	}
	return s, nil
}

// backend answers HTTP requests for one repository.
type backend struct {
	s *Server
	o HTTPOptions
}

func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s := b.s
	if !s.begin() {
		return
	}
	defer s.work.Done()
	s.requests.Add(1)

	name, service, ok := b.locate(r)
	switch {
	case s.take(Busy):
		status := http.StatusTooManyRequests
		if s.refused.Add(1)%2 == 0 {
			status = http.StatusServiceUnavailable
		}
		http.Error(w, "try again later", status)
		return
	case !b.allowed(r) || s.take(RefuseAuth):
		s.refused.Add(1)
		w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
		http.Error(w, "authentication required", http.StatusUnauthorized)
		return
	case !ok:
		http.NotFound(w, r)
		return
	case service == "git-receive-pack" && s.take(ReadOnly):
		s.refused.Add(1)
		http.Error(w, "you are not allowed to push to this repository", http.StatusForbidden)
		return
	}
	if name == "info/refs" {
		s.exchanges.Add(1)
		if service == "git-receive-pack" {
			s.pushes.Add(1)
		}
	}
	if name != "git-receive-pack" || r.ContentLength == probeLength {
		b.git(w, r)
		return
	}

	if s.take(DropBefore) {
		_, _ = io.Copy(io.Discard, r.Body) // an error means that the client closed the connection first
		hangUp(w)
		return
	}
	s.pushBegins()
	if s.take(DropAnswer) {
		b.git(&unheard{header: http.Header{}}, r)
		hangUp(w)
		return
	}
	b.git(w, r)
}

// locate splits a request into the file below the repository and the git service.
// ok is false when the path is outside the repository.
func (b *backend) locate(r *http.Request) (name, service string, ok bool) {
	name, ok = strings.CutPrefix(r.URL.Path, "/"+filepath.Base(b.s.repo)+"/")
	if path.Clean(r.URL.Path) != r.URL.Path {
		return "", "", false
	}
	switch name {
	case "info/refs":
		return name, r.URL.Query().Get("service"), ok
	case "git-receive-pack", "git-upload-pack":
		return name, name, ok
	}
	return name, "", ok
}

func (b *backend) allowed(r *http.Request) bool {
	same := func(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
	if b.o.User == "" && b.o.Token == "" {
		return true
	}
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return b.o.Token != "" && same(token, b.o.Token)
	}
	user, password, ok := r.BasicAuth()
	if !ok {
		return false
	}
	return b.o.User != "" && same(user, b.o.User) && same(password, b.o.Password) ||
		b.o.Token != "" && same(password, b.o.Token)
}

// git runs http-backend for one request and returns when it and the processes
// it started have ended.
func (b *backend) git(w http.ResponseWriter, r *http.Request) {
	s := b.s
	// git may report progress before it has read the whole push.
	_ = http.NewResponseController(w).EnableFullDuplex() // unheard has no full duplex and needs none
	// net/http/cgi refuses chunked bodies because they have no length. http-backend
	// reads to the end of its input when it gets no length.
	r.TransferEncoding = nil
	// With a length it would wait for what a client that went away did not send.
	if r.ContentLength > 0 {
		r.ContentLength = -1
	}
	extra := []string{"GIT_PROJECT_ROOT=" + filepath.Dir(s.repo), "GIT_HTTP_EXPORT_ALL=1"}
	if protocol := gitProtocol(r.Header.Get("Git-Protocol")); protocol != "" {
		extra = append(extra, protocol)
	}
	handler := &cgi.Handler{
		Path:   s.git,
		Args:   []string{"http-backend"},
		Dir:    s.scratch,
		Env:    s.gitEnv(extra...),
		Logger: quiet(),
		// Not a file, so that the CGI host waits for all processes that inherit it.
		Stderr: struct{ io.Writer }{io.Discard},
	}
	handler.ServeHTTP(w, r)
}

// gitProtocol passes on the protocol version that a client asks for, if git knows
// it.
func gitProtocol(value string) string {
	switch value {
	case "version=0", "version=1", "version=2":
		return "GIT_PROTOCOL=" + value
	}
	return ""
}

// hangUp starts the answer and closes the connection before any content. If the
// connection ended without a byte, curl, and so git, would silently repeat the
// request.
func hangUp(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/x-git-receive-pack-result")
	w.WriteHeader(http.StatusOK)
	control := http.NewResponseController(w)
	if control.Flush() != nil { // the client has closed the connection
		return
	}
	connection, _, err := control.Hijack()
	if err != nil { // the client has closed the connection
		return
	}
	_ = connection.Close()
}

// unheard discards the response.
type unheard struct{ header http.Header }

func (u *unheard) Header() http.Header         { return u.header }
func (u *unheard) Write(p []byte) (int, error) { return len(p), nil }
func (u *unheard) WriteHeader(int)             {}
