package config

import (
	"errors"
	"strings"
	"testing"

	"gastown/town"
)

func TestRemoteURLs(t *testing.T) {
	for _, good := range []string{
		"/srv/git/town.git", "town.git", "../town.git", "./a:b/town.git", "/srv/a b/ü.git",
		"file:///srv/town.git", "file://localhost/srv/town.git",
		"https://example.com/town.git", "https://ada@example.com:8443/town.git", "http://127.0.0.1:8080/town.git",
		"https://x-access-token@example.com/town.git", "https://example.com/a%20b/~ada/town.git",
		"ssh://git@example.com/town.git", "ssh://example.com:2222/srv/town.git", "ssh://git@[::1]:22/town.git",
		"git@example.com:town.git", "example.com:/srv/town.git", "git@[fe80::1]:town.git", "[::1]:town.git", "work_host:town.git",
	} {
		if err := CheckRemoteURL(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	const token = "ghp_0123456789abcdefghijABCDEFGHIJ012345"
	for _, bad := range []struct {
		url  string
		kind error
	}{
		{"", town.ErrUsage},
		{"  ", town.ErrUsage},
		{" /srv/town.git", town.ErrUsage},
		{strings.Repeat("a", maxURL+1), town.ErrUsage},
		{"--upload-pack=touch x", town.ErrRefused},
		{"-oProxyCommand=x:y", town.ErrRefused},
		{"ext::sh -c id", town.ErrRefused},
		{"fd::7", town.ErrRefused},
		{"host::path", town.ErrRefused},
		{"::1", town.ErrRefused},
		{"https://example.com/a\nb", town.ErrRefused},
		{"/srv/a\x00b", town.ErrRefused},
		{"/srv/a\x1b[2J", town.ErrRefused},
		{"/srv/\xff", town.ErrRefused},
		{"https://example.com/a%0ab", town.ErrRefused},
		{"ssh://%00@example.com/a", town.ErrRefused},
		{"git://example.com/town.git", town.ErrRefused},
		{"ftp://example.com/town.git", town.ErrRefused},
		{"HTTPS+evil://example.com/town.git", town.ErrRefused},
		{"https://ada:hunter2@example.com/town.git", town.ErrRefused},
		{"https://ada:@example.com/town.git", town.ErrRefused},
		{"ssh://git:hunter2@example.com/town.git", town.ErrRefused},
		{"file://ada:hunter2@localhost/srv/x", town.ErrRefused},
		{"ada:hunter2@example.com:town.git", town.ErrRefused},
		{"https://" + token + "@example.com/town.git", town.ErrRefused},
		{"https://" + strings.Repeat("9f", 20) + "@example.com/town.git", town.ErrRefused},
		{"https://example.com/town.git?private_token=hunter2", town.ErrRefused},
		{"https://example.com/town.git#hunter2", town.ErrRefused},
		{"ssh://-oProxyCommand=x/town.git", town.ErrRefused},
		{"ssh://-lx@example.com/town.git", town.ErrRefused},
		{"git@-oProxyCommand=x:town.git", town.ErrRefused},
		{"git@example.com:-x", town.ErrUsage},
		{"git@example.com:", town.ErrUsage},
		{"@example.com:x", town.ErrUsage},
		{"https:///town.git", town.ErrUsage},
		{"https:/ada:hunter2@example.com/x", town.ErrUsage},
		{"https://ada:hunter2@exa mple.com/%zz", town.ErrUsage},
		{"https://exam$(id)ple.com/x", town.ErrUsage},
		{"file://example.com/srv/town.git", town.ErrUsage},
		{"file://", town.ErrUsage},
	} {
		err := CheckRemoteURL(bad.url)
		if !errors.Is(err, bad.kind) {
			t.Errorf("%q: %v, want %v", bad.url, err, bad.kind)
			continue
		}
		if town.Next(err) == "" {
			t.Errorf("%q: no advice with %v", bad.url, err)
		}
		if text := err.Error() + town.Next(err); strings.Contains(text, "hunter2") || strings.Contains(text, token) {
			t.Errorf("%q: the message repeats the secret: %s", bad.url, text)
		}
	}
}

func TestSecretsAreSentToACredentialHelper(t *testing.T) {
	err := CheckRemoteURL("https://ada:hunter2@example.com/town.git")
	if !strings.Contains(town.Next(err), "credential helper") {
		t.Errorf("advice %q", town.Next(err))
	}
}

func TestAbsRemoteURL(t *testing.T) {
	for in, want := range map[string]string{
		"../town.git":         "/a/town.git",
		"x/y:z":               "/a/b/x/y:z",
		"/srv/town.git":       "/srv/town.git",
		"git@host:town.git":   "git@host:town.git",
		"https://host/x.git":  "https://host/x.git",
		"file:///srv/x.git":   "file:///srv/x.git",
		"[::1]:town/town.git": "[::1]:town/town.git",
	} {
		if got := AbsRemoteURL(in, "/a/b"); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestNames(t *testing.T) {
	for _, check := range []func(string) error{CheckTownName, CheckRemoteName} {
		for _, good := range []string{"a", "harbour", "north-2.x_y", strings.Repeat("a", 64)} {
			if err := check(good); err != nil {
				t.Errorf("%q: %v", good, err)
			}
		}
		for _, bad := range []string{"", ".x", "-x", "../x", "a/b", "A", "a b", "a\x00", strings.Repeat("a", 65)} {
			if err := check(bad); !errors.Is(err, town.ErrUsage) {
				t.Errorf("%q: %v", bad, err)
			}
		}
	}
	for _, bad := range []string{"a..b", "a.", "a.lock"} {
		if err := CheckRemoteName(bad); !errors.Is(err, town.ErrUsage) {
			t.Errorf("%q is no part of a ref: %v", bad, err)
		}
	}
}
