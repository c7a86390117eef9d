package gitcmd

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gastown/town"
)

// Address resolves the replacements of URLs in git's configuration; no other
// operation does. Data goes to the given URL.
func TestAddressIsWhereDataGoes(t *testing.T) {
	shown, elsewhere := bareRepo(t), bareRepo(t)
	cfg := filepath.Join(t.TempDir(), "config")
	text := "[url \"" + elsewhere + "\"]\n\tpushInsteadOf = " + shown[:len(shown)-4] + "\n\tinsteadOf = " + shown[:len(shown)-3] + "\n" +
		"[url \"" + shown + "\"]\n\tinsteadOf = https://alias.invalid/town.git\n" +
		"[url \"ext::sh -c true\"]\n\tinsteadOf = https://helper.invalid/\n[url \"https://ada:secret@host.invalid/\"]\n\tinsteadOf = https://login.invalid/\n"
	if err := os.WriteFile(cfg, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GIT_CONFIG_GLOBAL", cfg)
	a := open(t, Options{})
	address, err := a.Address(t.Context(), "https://alias.invalid/town.git")
	if err != nil || address != shown {
		t.Fatalf("%q, %v", address, err)
	}
	for _, url := range []string{"https://helper.invalid/x", "https://login.invalid/x"} {
		if got, err := a.Address(t.Context(), url); !errors.Is(err, ErrURL) {
			t.Errorf("%s is at %q, %v", url, got, err)
		}
	}
	c := commitOf(t, a, "", "one")
	if _, err := a.Push(t.Context(), address, Update{testRef, "", c}); err != nil {
		t.Fatal(err)
	}
	if got := git(t, elsewhere, "for-each-ref"); got != "" {
		t.Errorf("the push went elsewhere: %s", got)
	}
	if f, err := a.Fetch(t.Context(), FetchSpec{URL: address, Ref: testRef, Into: "refs/gt/in"}); err != nil || f.ID != c {
		t.Errorf("%+v, %v", f, err)
	}
	if l, err := a.LsRemote(t.Context(), address, testRef); err != nil || l.IDs[testRef] != c {
		t.Errorf("%+v, %v", l, err)
	}
}

// A server cannot redirect data that is meant for it to another server.
func TestRedirectsAreNotFollowed(t *testing.T) {
	remote := bareRepo(t)
	url, exchanges := serve(t, remote, "")
	from := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, url+r.URL.Path[len("/town.git"):]+"?"+r.URL.RawQuery, http.StatusMovedPermanently)
	}))
	t.Cleanup(from.Close)
	a := open(t, Options{})
	c := commitOf(t, a, "", "one")
	if _, err := a.Push(t.Context(), from.URL+"/town.git", Update{testRef, "", c}); !errors.Is(err, ErrMoved) || errors.Is(err, ErrOutcomeUnknown) {
		t.Errorf("want ErrMoved, got %v", err)
	}
	if _, err := a.Fetch(t.Context(), FetchSpec{URL: from.URL + "/town.git", Ref: testRef, Into: "refs/gt/in"}); !errors.Is(err, ErrMoved) {
		t.Errorf("want ErrMoved, got %v", err)
	}
	if n := exchanges.Load(); n != 0 {
		t.Errorf("the other server was asked %d times", n)
	}
}

// If a host serves a repository only at its address with ".git", as GitLab does,
// the error names that address.
func TestRedirectToDotGit(t *testing.T) {
	remote := bareRepo(t)
	served, _ := serve(t, remote, "")
	behind, err := url.Parse(served)
	if err != nil {
		t.Fatal(err)
	}
	path := strings.TrimSuffix(behind.Path, ".git")
	behind.Path = ""
	proxy := httputil.NewSingleHostReverseProxy(behind)
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rest := strings.TrimPrefix(r.URL.Path, path); !strings.HasPrefix(rest, ".git/") {
			http.Redirect(w, r, path+".git"+rest+"?"+r.URL.RawQuery, http.StatusMovedPermanently)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(host.Close)
	a := open(t, Options{})
	named := regexp.MustCompile(`use (http://\S+) if`)
	for _, address := range []string{host.URL + path, host.URL + path + "/"} {
		_, err := a.LsRemote(t.Context(), address, testRef)
		found := named.FindStringSubmatch(town.Next(err))
		if !errors.Is(err, ErrMoved) || found == nil || found[1] != host.URL+path+".git" {
			t.Fatalf("%s: %v; next: %q", address, err, town.Next(err))
		}
		if _, err := a.LsRemote(t.Context(), found[1], testRef); err != nil {
			t.Fatal(err)
		}
	}
}
