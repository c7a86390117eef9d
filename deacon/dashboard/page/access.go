package page

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"gastown/deacon/guard"
	"gastown/town"
)

// Access says who may look.
type Access struct {
	// Token returns the secret that everybody must show, "" when there is none. Without
	// one, only this machine is answered. While it fails, nobody is.
	Token func(context.Context) (string, error)
	// Names are the names of this machine besides localhost that are accepted as Host when
	// there is a token. Then IP addresses are always accepted.
	Names func() []string
}

const (
	// MinToken is how long a token is at least, in bytes.
	MinToken = 16
	// cookie is the name of the cookie that a browser shows after the form.
	cookie = "gt_dashboard"
	// remembered is how long a browser keeps it.
	remembered = 30 * 24 * time.Hour
)

// The reasons why somebody may not look.
var (
	errElsewhere = errors.New("without a token the dashboard answers this machine only")
	errHost      = errors.New("browsers reach the dashboard only under this machine's own name or address")
	errToken     = errors.New("a token is needed")
	errClosed    = errors.New("the token of the dashboard cannot be used")
)

// admit returns nil if the request's sender may look.
func (a Access) admit(r *http.Request) error {
	token, err := a.token(r.Context())
	switch {
	case err != nil:
		return err
	case token == "" && !(loopback(r.RemoteAddr) && loopback(localAddress(r))):
		return errElsewhere
	case !a.knownHost(r.Host, token != ""):
		return errHost
	case token == "" || shows(r, token):
		return nil
	}
	return errToken
}

// knownHost reports whether a browser meant this machine. It guards against DNS rebinding:
// a foreign site whose name resolves to this machine sends its own name as Host.
func (a Access) knownHost(hostport string, guarded bool) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.Trim(hostport, "[]")
	}
	host = strings.TrimSuffix(host, ".")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return guarded || ip.Unmap().IsLoopback()
	}
	return guarded && a.Names != nil && slices.ContainsFunc(a.Names(), func(n string) bool { return n != "" && strings.EqualFold(n, host) })
}

// Here guards what answers everybody on this machine without a token, such as /metrics,
// from the pages of others: a name that public DNS knows and that was made to lead to an
// address of this machine alone gets no answer. Paths that guard themselves are left out;
// one that ends with a slash stands for all below it.
func (a Access) Here(next http.Handler, except ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		own := slices.ContainsFunc(except, func(p string) bool {
			return r.URL.Path == p || len(p) > 1 && strings.HasSuffix(p, "/") && strings.HasPrefix(r.URL.Path, p)
		})
		if !own && loopback(localAddress(r)) && public(r.Host) && !a.knownHost(r.Host, true) {
			guard.Refuse(denied{w, errHost.Error() + ": http://" + address(r) + "/"}, r, guard.Unsigned, http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// public reports whether public DNS may know a host. It knows no names without a dot, and
// none below those that are kept for one machine or network, such as
// host.docker.internal. Each browser names a host.
func public(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return strings.Contains(host, ".") && !strings.HasSuffix(host, ".localhost") && !strings.HasSuffix(host, ".internal")
}

func (a Access) token(ctx context.Context) (string, error) {
	if a.Token == nil {
		return "", nil
	}
	token, err := a.Token(ctx)
	if err == nil && token != "" && len(token) < MinToken {
		err = errors.New("it is too short")
	}
	if err != nil {
		return "", errors.Join(errClosed, err)
	}
	return token, nil
}

// shows reports whether a request shows the token: itself in the header Authorization, or
// what stands for it in the cookie.
func shows(r *http.Request, token string) bool {
	if scheme, given, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return same(strings.TrimSpace(given), token)
	}
	c, err := r.Cookie(cookie)
	return err == nil && same(c.Value, pass(token))
}

// pass is the value of the cookie. The token cannot be computed from it, and another token
// makes it invalid.
func pass(token string) string {
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write([]byte("gt dashboard"))
	return hex.EncodeToString(mac.Sum(nil))
}

// same compares two texts in constant time.
func same(given, want string) bool {
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(want))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

func localAddress(r *http.Request) string {
	if a, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		return a.String()
	}
	return ""
}

// loopback reports whether an address is one of this machine alone.
func loopback(address string) bool {
	a, err := netip.ParseAddrPort(address)
	return err == nil && a.Addr().Unmap().IsLoopback()
}

// login takes the form, and gives the browser the cookie.
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	err := s.opts.Access.admit(r)
	if err != nil && !errors.Is(err, errToken) {
		s.refuse(w, r, err)
		return
	}
	token, terr := s.opts.Access.token(r.Context())
	switch {
	case terr != nil:
		s.refuse(w, r, terr)
	case token == "" || err == nil:
		http.Redirect(w, r, "/", http.StatusSeeOther)
	case !same(r.PostFormValue("token"), token):
		guard.Count(r, guard.Token)
		s.gate(w, r, "This is not the token.")
	default:
		http.SetCookie(w, &http.Cookie{
			Name: cookie, Value: pass(token), Path: "/", MaxAge: int(remembered / time.Second), HttpOnly: true, SameSite: http.SameSiteStrictMode,
		})
		http.Redirect(w, r, "/", http.StatusSeeOther)
	}
}

// refuse answers somebody who may not look. A browser that lacks the token gets a form, which
// counts as a refusal when it showed another one.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	code, text, reason := http.StatusForbidden, "", guard.Unsigned
	switch {
	case errors.Is(err, errToken):
		if r.URL.Path == "/" {
			if tries(r) {
				guard.Count(r, guard.Token)
			}
			s.gate(w, r, "")
			return
		}
		code, text, reason = http.StatusUnauthorized, "a token is needed", guard.Token
	case errors.Is(err, errHost):
		code, text = http.StatusMisdirectedRequest, errHost.Error()+": http://"+address(r)+"/"
	case errors.Is(err, errElsewhere):
		text = errElsewhere.Error() + ". Put DASHBOARD_TOKEN=... into .gt/secrets.env of the Town, then: gt config deacon.dashboard_token '${DASHBOARD_TOKEN}'"
	default:
		code, text = http.StatusServiceUnavailable, town.Clip(town.Plain(strings.ReplaceAll(err.Error(), "\n", ": ")), 500)
	}
	guard.Refuse(denied{w, text}, r, reason, code)
}

// tries reports whether a request shows something as the token.
func tries(r *http.Request) bool {
	_, err := r.Cookie(cookie)
	return err == nil || r.Header.Get("Authorization") != ""
}

// denied answers with a text of its own.
type denied struct {
	http.ResponseWriter
	text string
}

func (d denied) Write([]byte) (int, error) { return d.ResponseWriter.Write([]byte(d.text + "\n")) }

// address is where the request arrived, as a browser may ask for it.
func address(r *http.Request) string {
	a := localAddress(r)
	if loopback(a) {
		if _, port, err := net.SplitHostPort(a); err == nil {
			return "localhost:" + port
		}
	}
	return a
}
