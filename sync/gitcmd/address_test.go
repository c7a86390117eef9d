package gitcmd

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestCheckURL(t *testing.T) {
	for _, ok := range []string{"https://example.org/a/b.git", "https://me@example.org/a", "ssh://git@example.org:22/a", "git@example.org:a/b.git",
		"example.org:a", "[::1]:a", "/srv/a.git", "file:///srv/a.git", "git://example.org/a", "http://127.0.0.1:80/a"} {
		if err := CheckURL(ok); err != nil {
			t.Errorf("%s: %v", ok, err)
		}
	}
	for _, bad := range []string{"", "-oProxyCommand=x", "--upload-pack=x", "ext::sh -c x", "fd::3", "::x", "ftp://example.org/a", "ssh://-oProxyCommand=x/a",
		"-x@host:a", "me@-host:a", "-host:a", "https:///a", "a/b", "./a", "~/a", "https://example.org/\x00", "https://example.org/\n", "/" + strings.Repeat("a", 5000),
		"https://me:secret@example.org/a", "transport-helper://x"} {
		err := CheckURL(bad)
		if !errors.Is(err, ErrURL) {
			t.Errorf("%.40q: want ErrURL, got %v", bad, err)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the password is in %q", err)
		}
	}
}

func TestWithDotGit(t *testing.T) {
	for address, want := range map[string]string{
		"https://example.org/a/b":     "https://example.org/a/b.git",
		"HTTP://example.org:8080/a/":  "HTTP://example.org:8080/a.git",
		"https://example.org/a/b.git": "",
		"https://example.org":         "",
		"https://example.org/":        "",
		"https://example.org//":       "",
		"ssh://git@example.org/a":     "",
		"/srv/a":                      "",
	} {
		if got := withDotGit(address); got != want {
			t.Errorf("%s: %q, want %q", address, got, want)
		}
	}
}

func TestCheckRef(t *testing.T) {
	for _, ok := range []string{"refs/dolt/data", "refs/heads/__dolt_remote_info__", "refs/heads/a.b-c"} {
		if err := CheckRef(ok); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"", "-x", "HEAD", "refs", "refs/", "refs//x", "refs/../x", "refs/x..y", "refs/.x", "refs/x.lock", "refs/x.lock/y", "refs/x y", "refs/x:y",
		"refs/x*", "+refs/x", "refs/x\n", "refs/-x", "refs/x."} {
		if err := CheckRef(bad); !errors.Is(err, ErrURL) {
			t.Errorf("%q: want ErrURL, got %v", bad, err)
		}
	}
}

func TestRedact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.StringMatching(`[A-Za-z0-9_.~-]{8,40}`).Draw(t, "secret")
		before := rapid.StringMatching(`[a-z '":(]{0,20}`).Draw(t, "before")
		text := before + rapid.SampledFrom([]string{"https://SECRET@host/x", "https://u:SECRET@host/x y", "ssh://u:SECRET@host:22/x",
			"https://host/x?token=SECRET", "fatal: 'http://SECRET@h/'"}).Draw(t, "url")
		if got := clean(strings.ReplaceAll(text, "SECRET", secret)); strings.Contains(got, secret) {
			t.Fatalf("%q still holds the secret", got)
		}
	})
	if got := clean("a\x1b[31mred\r\nb\u202ec\x00"); got != "a[31mred bc" {
		t.Errorf("%q", got)
	}
	if got := clean(strings.Repeat("x", 1e6)); len(got) > maxDetail+3 {
		t.Errorf("%d bytes", len(got))
	}
}

func TestClassify(t *testing.T) {
	for text, want := range map[string]error{
		"fatal: could not read Username for 'https://x': terminal prompts disabled":                                                                                ErrAuth,
		"git@github.com: Permission denied (publickey).\nfatal: Could not read from remote repository.":                                                            ErrAuth,
		"Host key verification failed.\nfatal: Could not read from remote repository.":                                                                             ErrAuth,
		"ssh: Could not resolve hostname nope: Name or service not known\nfatal: Could not read from remote repository.":                                           ErrUnreachable,
		"fatal: unable to access 'https://x/': Could not resolve host: x":                                                                                          ErrUnreachable,
		"fatal: unable to access 'https://x/': The requested URL returned error: 503":                                                                              ErrBusy,
		"fatal: unable to access 'https://x/': The requested URL returned error: 429":                                                                              ErrBusy,
		"fatal: unable to access 'https://x/': The requested URL returned error: 502":                                                                              ErrUnreachable,
		"fatal: unable to access 'https://x/': Recv failure: Connection reset by peer":                                                                             ErrUnreachable,
		"kex_exchange_identification: Connection closed by remote host\nConnection closed by ::1 port 22\nfatal: Could not read from remote repository.":           ErrBusy,
		"kex_exchange_identification: read: Connection reset by peer\nConnection reset by ::1 port 22\nfatal: Could not read from remote repository.":              ErrBusy,
		"kex_exchange_identification: banner line contains invalid characters\nbanner exchange: Connection to ::1 port 80\nCould not read from remote repository.": ErrUnreachable,
		"remote: Too many connections, try again later.\nfatal: Could not read from remote repository.":                                                            ErrBusy,
		"Connection reset by 10.0.0.1 port 22\nfatal: Could not read from remote repository.":                                                                      ErrUnreachable,
		"ssh: connect to host x port 22: Connection refused\nfatal: Could not read from remote repository.":                                                        ErrUnreachable,
		"fetch-pack: unexpected disconnect while reading sideband packet\nfatal: early EOF\nfatal: index-pack failed":                                              ErrUnreachable,
		"ERROR: Repository not found.\nfatal: Could not read from remote repository.":                                                                              ErrNotFound,
		"remote: Repository not found.\nfatal: repository 'https://x/' not found":                                                                                  ErrNotFound,
		"fatal: '/x' does not appear to be a git repository\nfatal: Could not read from remote repository.":                                                        ErrNotFound,
		"fatal: write error: No space left on device\nfatal: index-pack failed":                                                                                    ErrNoSpace,
		"error: object 12: badTree: cannot be parsed\nfatal: fsck error in packed object":                                                                          ErrCorrupt,
		"ERROR: The key you are authenticating with has been marked as read only.\nCould not read from remote repository.":                                         ErrReadOnly,
		"fatal: something never heard of":         nil,
		"fatal: expected flush after ref listing": ErrUnreachable,
		"ERROR: you are not allowed to push to this repository\nfatal: Could not read from remote repository.": ErrReadOnly,
	} {
		if got := classify(128, text, false); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	if got := classify(128, "remote: Permission to a/b.git denied to c.\nThe requested URL returned error: 403", true); got != ErrReadOnly {
		t.Errorf("a push without permission is %v", got)
	}
	if got := classify(129, "error: unknown option\nusage: git fetch", false); got != ErrTooOld {
		t.Errorf("an unknown option is %v", got)
	}
}
