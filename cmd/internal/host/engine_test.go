package host

import (
	"testing"

	"gastown/cmd/internal/shell"
	"gastown/sync/federate"
	"gastown/town/config"
)

// A token goes to the named host, or to the only host it can be for.
func TestTokenIsForOneHost(t *testing.T) {
	named := ""
	at := func(urls ...string) *Host {
		c := &config.Config{}
		for _, u := range urls {
			c.Remotes = append(c.Remotes, config.Remote{Name: "r", URL: u})
		}
		call := &shell.Call{Invocation: &shell.Invocation{Env: shell.Environment{tokenHostEnv + "=" + named}}}
		return &Host{call: call, Config: c}
	}
	one, other := "https://git.example.com/a", "https://evil.example.net/a"
	for _, test := range []struct {
		known  []string
		remote string
		named  string
		want   string
	}{
		{nil, one, "", "git.example.com"},
		{[]string{one, "ssh://git@evil.example.net/a", "/srv/town.git"}, one, "", "git.example.com"},
		{[]string{one, "https://Git.Example.com/b"}, one, "", "git.example.com"},
		{[]string{one}, other, "", ""}, {[]string{one, other}, one, "", ""},
		{[]string{one}, other, "git.example.com", "git.example.com"},
		{nil, "http://127.0.0.1:8080/a", "", ""}, {nil, "http://127.0.0.1:8080/a", "127.0.0.1", "127.0.0.1"},
	} {
		named = test.named
		if got := at(test.known...).tokenHost(federate.Remote{URL: test.remote}); got != test.want {
			t.Errorf("%v, then %s, named %q: the token is for %q, want %q", test.known, test.remote, test.named, got, test.want)
		}
	}
}
