package page

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"gastown/deacon/guard"
)

const token = "correct-horse-battery-staple"

// ask is a request that arrived at an address from another.
func ask(t *testing.T, access Access, at, from, host string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	mux := http.NewServeMux()
	New(Options{Source: newTown(), Access: access}).Add(mux)
	r := httptest.NewRequest("GET", "/", nil)
	r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(at))))
	r.RemoteAddr, r.Host = from, host
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	return w
}

func fixed(text string, err error) Access {
	return Access{Token: func(context.Context) (string, error) { return text, err }, Names: func() []string { return []string{"harbour", ""} }}
}

func TestWhoMayLook(t *testing.T) {
	const here, there, peer = "127.0.0.1:8080", "192.0.2.1:8080", "192.0.2.9:5555"
	bearer := []string{"Authorization", "Bearer " + token}
	for what, c := range map[string]struct {
		token, at, from, host string
		header                []string
		code                  int
		text                  string
	}{
		"this machine":                        {"", here, here, "localhost:8080", nil, 200, "harbour"},
		"by digits":                           {"", here, here, "127.0.0.1:8080", nil, 200, "harbour"},
		"by the other digits":                 {"", "[::1]:8080", "[::1]:9", "[::1]:8080", nil, 200, "harbour"},
		"mapped":                              {"", "[::ffff:127.0.0.1]:8080", "[::ffff:127.0.0.1]:9", "LOCALHOST.", nil, 200, "harbour"},
		"a name made to lead here":            {"", here, here, "evil.example:8080", nil, 421, "http://localhost:8080/"},
		"a name that looks like here":         {"", here, here, "localhost.evil.example", nil, 421, "own name"},
		"no name":                             {"", here, here, "", nil, 421, "own name"},
		"digits of elsewhere":                 {"", here, here, "192.0.2.1", nil, 421, "own name"},
		"another machine":                     {"", there, peer, "192.0.2.1:8080", nil, 403, "gt config deacon.dashboard_token"},
		"another machine, with a token":       {"", there, peer, "localhost", bearer, 403, "this machine only"},
		"this machine at its other address":   {"", there, "192.0.2.1:9", "localhost", nil, 403, "this machine only"},
		"a token is needed here":              {token, here, here, "localhost", nil, 401, "<form"},
		"a token is needed there":             {token, there, peer, "192.0.2.1", nil, 401, "<form"},
		"the token":                           {token, there, peer, "192.0.2.1:8080", bearer, 200, "harbour"},
		"the token, by name":                  {token, there, peer, "Harbour:8080", bearer, 200, "harbour"},
		"the token, by a strange name":        {token, there, peer, "evil.example", bearer, 421, "own name"},
		"another token":                       {token, there, peer, "192.0.2.1", []string{"Authorization", "Bearer " + token + "r"}, 401, "<form"},
		"a beginning of it":                   {token, there, peer, "192.0.2.1", []string{"Authorization", "Bearer " + token[:20]}, 401, "<form"},
		"another scheme":                      {token, there, peer, "192.0.2.1", []string{"Authorization", "Basic " + token}, 401, "<form"},
		"the cookie":                          {token, there, peer, "192.0.2.1", []string{"Cookie", cookie + "=" + pass(token)}, 200, "harbour"},
		"the token as a cookie":               {token, there, peer, "192.0.2.1", []string{"Cookie", cookie + "=" + token}, 401, "<form"},
		"the cookie of another token":         {token, there, peer, "192.0.2.1", []string{"Cookie", cookie + "=" + pass(token+"r")}, 401, "<form"},
		"a wrong header beats a right cookie": {token, there, peer, "192.0.2.1", []string{"Authorization", "Bearer x", "Cookie", cookie + "=" + pass(token)}, 401, "<form"},
		"a short token":                       {"short", here, here, "localhost", []string{"Authorization", "Bearer short"}, 503, "cannot be used"},
	} {
		w := ask(t, fixed(c.token, nil), c.at, c.from, c.host, c.header...)
		body := w.Body.String()
		if w.Code != c.code || !strings.Contains(body, c.text) {
			t.Errorf("%s: %d, want %d and %q: %s", what, w.Code, c.code, c.text, body)
		}
		if w.Code != 200 && strings.Contains(body, "web-1") || strings.Contains(body, token) {
			t.Errorf("%s: the answer says too much: %s", what, body)
		}
		if w.Header().Get("Content-Security-Policy") != policy {
			t.Errorf("%s: %v", what, w.Header())
		}
	}
	w := ask(t, fixed("", errors.New("there is no secret DASHBOARD_TOKEN")), here, here, "localhost")
	if w.Code != 503 || !strings.Contains(w.Body.String(), "there is no secret DASHBOARD_TOKEN") {
		t.Errorf("a token that cannot be read: %d %s", w.Code, w.Body)
	}
}

// Every address asks for the token, but for those of the files.
func TestEveryPathIsGuarded(t *testing.T) {
	server, _ := serve(t, newTown(), fixed(token, nil))
	for path, want := range map[string]int{
		"/": 401, "/dashboard/events": 401, "/dashboard/charts?range=hour": 401, loaded().assets[0].url(): 200, loaded().assets[1].url(): 200, loaded().assets[2].url(): 200, "/dashboard/": 404, Assets: 404, Assets + "..%2fpage.go": 404,
		Assets + "dashboard.html": 404,
	} {
		if code, _, _ := get(t, server.URL+path); code != want {
			t.Errorf("%s: %d, want %d", path, code, want)
		}
		if code, _, _ := get(t, server.URL+path, "Host", "evil.example"); want == 401 && code != 421 {
			t.Errorf("%s with a strange host: %d", path, code)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE"} {
		for _, path := range []string{"/", "/dashboard/events", "/dashboard/charts"} {
			if code := request(t, method, server.URL+path, "", "Authorization", "Bearer "+token).StatusCode; code != 405 {
				t.Errorf("%s %s: %d", method, path, code)
			}
		}
	}
}

// Each wrong token counts, and a browser that shows none does not.
func TestWrongTokensCount(t *testing.T) {
	mux := http.NewServeMux()
	s := New(Options{Source: newTown(), Access: fixed(token, nil)})
	s.Add(mux)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused := make(chan string, 100)
	behind := guard.Serve(l, mux, guard.Options{Refused: func(reason string) { refused <- reason }})
	url := "http://" + l.Addr().String()
	for _, c := range []struct {
		method, path, body string
		header             []string
		counts             bool
	}{
		{"GET", "/", "", nil, false},
		{"GET", "/", "", []string{"Authorization", "Bearer " + token}, false},
		{"GET", "/", "", []string{"Authorization", "Bearer " + token + "r"}, true},
		{"GET", "/", "", []string{"Cookie", cookie + "=x"}, true},
		{"GET", "/dashboard/charts?range=hour", "", nil, true},
		{"POST", "/dashboard/login", "token=wrong", []string{"Content-Type", "application/x-www-form-urlencoded"}, true},
		{"POST", "/dashboard/login", "token=" + token, []string{"Content-Type", "application/x-www-form-urlencoded"}, false},
	} {
		request(t, c.method, url+c.path, c.body, c.header...)
		got := ""
		select {
		case got = <-refused:
		default:
		}
		if want := map[bool]string{true: guard.Token}[c.counts]; got != want {
			t.Errorf("%s %s %v counts as %q, want %q", c.method, c.path, c.header, got, want)
		}
	}
	if err := errors.Join(behind.Close(t.Context()), s.Close(t.Context())); err != nil {
		t.Error(err)
	}
}

func TestForm(t *testing.T) {
	server, _ := serve(t, newTown(), fixed(token, nil))
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	wrong := request(t, "POST", server.URL+"/dashboard/login", "token=wrong", form...)
	if body, _ := io.ReadAll(wrong.Body); wrong.StatusCode != 401 || !strings.Contains(string(body), "This is not the token.") || len(wrong.Cookies()) != 0 {
		t.Errorf("%s %s", wrong.Status, body)
	}
	if elsewhere := request(t, "POST", server.URL+"/dashboard/login", "token="+token, append(form, "Host", "evil.example")...); elsewhere.StatusCode != 421 || len(elsewhere.Cookies()) != 0 {
		t.Error(elsewhere.Status)
	}
	if inURL := request(t, "POST", server.URL+"/dashboard/login?token="+token, "", form...); inURL.StatusCode != 401 {
		t.Error("a token in the address is taken, which logs would have", inURL.Status)
	}
	right := request(t, "POST", server.URL+"/dashboard/login", "token="+token, form...)
	if right.StatusCode != 303 || right.Header.Get("Location") != "/" || len(right.Cookies()) != 1 {
		t.Fatalf("%s %v", right.Status, right.Header)
	}
	c := right.Cookies()[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || strings.Contains(c.Value, token) {
		t.Errorf("%+v", c)
	}
	if code, body, _ := get(t, server.URL, "Cookie", c.Name+"="+c.Value); code != 200 || !strings.Contains(body, "web-1") {
		t.Errorf("%d %s", code, body)
	}
	listen(t, server.URL, "Cookie", c.Name+"="+c.Value).next("view")
}

// What answers everybody on this machine does not answer the page of somebody else whose
// name was made to lead here. Names that nobody else can have are answered.
func TestHere(t *testing.T) {
	const here, there = "127.0.0.1:8080", "192.0.2.1:8080"
	open := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	guarded := fixed("", nil).Here(open, "/", "/dashboard/", "/notify")
	for _, c := range []struct {
		path, at, host string
		code           int
	}{
		{"/metrics", here, "localhost:8080", 204}, {"/metrics", here, "127.0.0.1:8080", 204}, {"/metrics", "[::1]:8080", "[::1]:8080", 204},
		{"/metrics", here, "192.0.2.1:8080", 204}, {"/metrics", here, "Harbour:8080", 204}, {"/metrics", here, "gastown", 204}, {"/metrics", here, "", 204},
		{"/metrics", here, "host.docker.internal:8080", 204}, {"/metrics", here, "gt.localhost:8080", 204},
		{"/metrics", here, "evil.example:8080", 421}, {"/metrics", here, "evil.example.", 421}, {"/metrics", here, "internal.evil.example", 421},
		{"/metrics", here, "127.0.0.1.evil.example", 421}, {"/metrics", "[::ffff:127.0.0.1]:8080", "EVIL.example", 421},
		{"/health", here, "evil.example", 421}, {"/api/v1/query", here, "evil.example", 421}, {"/dashboard", here, "evil.example", 421}, {"/notify/x", here, "evil.example", 421},
		{"/metrics", there, "gt.example.com:8080", 204}, // others reach it anyway
		{"/", here, "evil.example", 204}, {"/dashboard/events", here, "evil.example", 204}, {"/notify", here, "evil.example", 204},
	} {
		r := httptest.NewRequest("GET", c.path, nil)
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(c.at))))
		r.Host = c.host
		w := httptest.NewRecorder()
		guarded.ServeHTTP(w, r)
		if w.Code != c.code || c.code == 421 && !strings.Contains(w.Body.String(), "http://localhost:8080/") {
			t.Errorf("%s of %q at %s: %d, want %d: %s", c.path, c.host, c.at, w.Code, c.code, w.Body)
		}
	}
}
