package config

import (
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"gastown/town"
)

// maxURL bounds a remote's URL in bytes.
const maxURL = 2048

// longUser is the length in bytes from which a user name in an http URL is
// taken for a token.
const longUser = 40

var (
	// Helpers such as ext:: run commands of the URL's choosing.
	helperPrefix = regexp.MustCompile(`^[A-Za-z0-9+.-]*::`)
	// HOST:PATH with an optional USER@; a colon before any slash makes it so.
	scpForm  = regexp.MustCompile(`^(?:([^@:/\[\]]*)@)?(\[[0-9A-Fa-f:.%]+\]|[^:/@\[\]]+):(.*)$`)
	hostName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$|^[0-9A-Fa-f:.%]*:[0-9A-Fa-f:.%]*$`)
	userName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.+@-]*$`)
	tokens   = regexp.MustCompile(`^(gh[opsur]_|github_pat_|glpat-|gldt-|glcbt-|xox[a-z]-|ATATT|ATBB|AKIA|eyJ)`)
)

var transports = []string{"file", "http", "https", "ssh"}

// CheckTownName reports, wrapping town.ErrUsage, why a Town cannot have a name.
func CheckTownName(name string) error {
	if err := town.CheckName(name); err != nil {
		return fmt.Errorf("%w: a Town's %w", town.ErrUsage, err)
	}
	return nil
}

// CheckRemoteName reports, wrapping town.ErrUsage, why a remote cannot have a
// name. Names are also parts of Git refs, which narrows them a little.
func CheckRemoteName(name string) error {
	if err := checkRemoteName(name); err != nil {
		return fmt.Errorf("%w: a remote's %w", town.ErrUsage, err)
	}
	return nil
}

func checkRemoteName(name string) error {
	if err := town.CheckName(name); err != nil {
		return err
	}
	if strings.Contains(name, "..") || strings.HasSuffix(name, ".") || strings.HasSuffix(name, ".lock") {
		return fmt.Errorf("name %q is not allowed: Git uses \"..\", a final \".\" and \".lock\" itself", name)
	}
	return nil
}

// CheckRemoteURL reports why a URL cannot be a remote's. Accepted are local
// paths (the caller makes them absolute: see AbsRemoteURL), file, http, https
// and ssh URLs, and USER@HOST:PATH. A URL that carries a secret, or that could
// be read as an option or a command, fails with town.ErrRefused; one that is
// merely malformed with town.ErrUsage. No message repeats a secret.
func CheckRemoteURL(raw string) error {
	switch {
	case strings.TrimSpace(raw) == "":
		return malformed("it is empty")
	case len(raw) > maxURL:
		return malformed("it is longer than 2048 bytes")
	case !utf8.ValidString(raw) || strings.ContainsFunc(raw, unicode.IsControl):
		return refused("it contains a control character or is not UTF-8")
	case strings.TrimSpace(raw) != raw:
		return malformed("it begins or ends with a space")
	case raw[0] == '-':
		return refused("it begins with a dash and could be taken for an option")
	case helperPrefix.MatchString(raw):
		return refused("remote helpers (NAME::) can run commands and are not used")
	}
	if scheme, _, ok := strings.Cut(raw, "://"); ok && !strings.Contains(scheme, "/") {
		return checkURL(raw, scheme)
	}
	if isLocal(raw) {
		return nil
	}
	return checkSCP(raw)
}

// AbsRemoteURL is raw with a relative local path resolved against dir, which
// is absolute. Other URLs are returned as they are.
func AbsRemoteURL(raw, dir string) string {
	if isRelative(raw) {
		return filepath.Join(dir, raw)
	}
	return raw
}

// isLocal reports whether Git would take raw for a path: one without a colon,
// or with a slash before it.
func isLocal(raw string) bool {
	before, _, colon := strings.Cut(raw, ":")
	return !colon || (strings.Contains(before, "/") && !strings.HasPrefix(raw, "["))
}

func isRelative(raw string) bool { return isLocal(raw) && !filepath.IsAbs(raw) }

func checkURL(raw, scheme string) error {
	if !slices.Contains(transports, scheme) {
		return refused("its transport is not one of " + strings.Join(transports, ", "))
	}
	u, err := url.Parse(raw)
	if err != nil { // the parser's own words would repeat the URL
		return malformed("it cannot be read as a URL")
	}
	user := u.User.Username()
	if _, has := u.User.Password(); has {
		return secret("password")
	}
	if strings.ContainsFunc(u.Host+u.Path+user, unicode.IsControl) {
		return refused("it contains an escaped control character")
	}
	if scheme == "file" {
		if u.User != nil || (u.Host != "" && u.Host != "localhost") || u.Path == "" {
			return malformed("a file URL names an absolute path on this machine, as file:///srv/town.git")
		}
		return nil
	}
	if err := checkHost(u.Hostname(), user, u.User != nil); err != nil {
		return err
	}
	if scheme == "ssh" {
		return nil
	}
	if tokens.MatchString(user) || len(user) >= longUser {
		return secret("token")
	}
	if u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return refused("an http URL of a repository has no part after ? or #, where tokens may hide")
	}
	return nil
}

func checkSCP(raw string) error {
	m := scpForm.FindStringSubmatch(raw)
	if m == nil {
		return malformed("it is neither a path, a URL, nor USER@HOST:PATH")
	}
	user, host, path := m[1], strings.Trim(m[2], "[]"), m[3]
	if slices.Contains(transports, strings.ToLower(host)) {
		return malformed("after " + host + ": stand two slashes")
	}
	if first, _, _ := strings.Cut(path, "/"); strings.Contains(first, "@") {
		return secret("password") // USER:PASSWORD@HOST
	}
	if path == "" || path[0] == '-' {
		return malformed("after HOST: stands the path of a repository")
	}
	return checkHost(host, user, strings.Contains(raw[:len(raw)-len(path)], "@"))
}

// checkHost keeps a host or user from being read as an option by ssh.
func checkHost(host, user string, hasUser bool) error {
	if strings.HasPrefix(host, "-") || strings.HasPrefix(user, "-") {
		return refused("its host or user begins with a dash and could be taken for an option")
	}
	if !hostName.MatchString(host) || (hasUser && !userName.MatchString(user)) {
		return malformed("it names no usable host or user")
	}
	return nil
}

const opURL = "accept the URL of a remote"

func malformed(why string) error {
	return town.Fail(opURL, "give a path, https://HOST/PATH, ssh://USER@HOST/PATH or USER@HOST:PATH", "%w: %s", town.ErrUsage, why)
}

func refused(why string) error {
	return town.Fail(opURL, "give a path, https://HOST/PATH, ssh://USER@HOST/PATH or USER@HOST:PATH", "%w: %s", town.ErrRefused, why)
}

func secret(what string) error {
	return town.Fail(opURL, "take the "+what+" out of the URL and give it to a git credential helper",
		"%w: it seems to hold a %s, which would stand readable in files and process lists", town.ErrRefused, what)
}
