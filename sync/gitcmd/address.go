package gitcmd

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"

	"gastown/town"
)

// allowed lists the transports git may use, in the format of GIT_ALLOW_PROTOCOL.
// Remote helpers such as ext:: are not among them: they run arbitrary commands.
const allowed = "file:git:http:https:ssh"

// maxURL bounds the length of a URL in bytes.
const maxURL = 2048

var (
	scheme    = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]*)://`)
	helper    = regexp.MustCompile(`^[A-Za-z0-9+.-]*::`)
	scpLike   = regexp.MustCompile(`^(\[[^\]/]+\]|[^:/\[]+):`)
	refName   = regexp.MustCompile(`^refs(/[A-Za-z0-9_][A-Za-z0-9_.-]*)+$`)
	objectID  = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)
	variable  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	pathChars = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$`)
)

func badURL(raw, why string) error {
	return town.Fail("use "+clean(raw)+" as a remote", advice[ErrURL], "%w: %s", ErrURL, why)
}

// CheckURL reports, wrapping ErrURL, why a URL is not one to hand to git. It
// accepts http, https, ssh and git URLs, user@host:path, file URLs and
// absolute paths. It opens nothing.
func CheckURL(raw string) error {
	switch {
	case raw == "":
		return badURL(raw, "it is empty")
	case len(raw) > maxURL:
		return badURL(raw, fmt.Sprintf("it is longer than %d bytes", maxURL))
	case raw[0] == '-':
		return badURL(raw, "it begins with a dash and would be read as an option")
	case strings.ContainsFunc(raw, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return badURL(raw, "it contains a control character")
	case helper.MatchString(raw):
		return badURL(raw, "remote helpers are not used")
	}
	if m := scheme.FindStringSubmatch(raw); m != nil {
		return checkScheme(raw, strings.ToLower(m[1]))
	}
	if m := scpLike.FindStringSubmatch(raw); m != nil {
		if host := m[1]; strings.HasPrefix(host, "-") || strings.Contains(host, "@-") {
			return badURL(raw, "its host begins with a dash")
		}
		return nil
	}
	if !filepath.IsAbs(raw) {
		return badURL(raw, "a local path must be absolute")
	}
	return nil
}

func checkScheme(raw, scheme string) error {
	u, err := url.Parse(raw)
	if err != nil {
		return badURL(raw, "it does not parse")
	}
	switch scheme {
	case "file":
		return nil
	case "ssh", "git", "http", "https", "git+ssh", "ssh+git":
	default:
		return badURL(raw, "transport "+scheme+" is not used")
	}
	if u.Hostname() == "" || strings.HasPrefix(u.Hostname(), "-") || strings.HasPrefix(u.User.Username(), "-") {
		return badURL(raw, "it names no usable host")
	}
	if _, has := u.User.Password(); has {
		return town.Fail("use "+Redact(raw)+" as a remote",
			"take the password out of the URL and give it to a git credential helper, or name a token variable",
			"%w: a password in a URL is visible to every user of this machine", ErrURL)
	}
	return nil
}

// local reports whether an acceptable URL names a directory of this machine. Then
// git starts the other end too, and is told not to compress table files, which
// are compressed already.
func local(raw string) bool {
	m := scheme.FindStringSubmatch(raw)
	return filepath.IsAbs(raw) || m != nil && strings.EqualFold(m[1], "file")
}

// CheckRef reports, wrapping ErrURL, why a ref name is not acceptable. The
// alphabet is narrower than git's: refs/ and path elements of letters, digits,
// '_', '-' and inner dots.
func CheckRef(ref string) error {
	if len(ref) > 255 || !refName.MatchString(ref) || strings.Contains(ref, "..") ||
		strings.HasSuffix(ref, ".") || strings.HasSuffix(ref, ".lock") || strings.Contains(ref, ".lock/") {
		return town.Fail("use "+clean(ref)+" as a ref", "name a ref such as refs/dolt/data", "%w", ErrURL)
	}
	return nil
}

// IsID reports whether s is a full object id in lower-case hexadecimal.
func IsID(s string) bool { return objectID.MatchString(s) }

// tokenConfig configures a credential helper that answers, for the URL's own host
// only, with the content of an environment variable. So the token appears in no
// argument vector and goes only to the host it is for. withheld: the URL is at
// another host, which does not get it.
func tokenConfig(raw, name, host, user string) (config [][2]string, withheld bool, err error) {
	u, err := url.Parse(raw)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, false, nil
	}
	if !variable.MatchString(name) {
		return nil, false, badURL(raw, "the token's environment variable has no usable name")
	}
	if !isHost(u, host) {
		return nil, true, nil
	}
	if u.Scheme == "http" && !loopback(u.Hostname()) {
		return nil, false, badURL(raw, "a token is not sent over plain http")
	}
	if user == "" {
		user = defaultTokenUser
	}
	if u.User.Username() != "" {
		user = u.User.Username()
	}
	if !pathChars.MatchString(user) {
		return nil, false, badURL(raw, "the user name of the token has unusual characters")
	}
	key := "credential." + u.Scheme + "://" + u.Host + ".helper"
	script := `!f() { test "$1" = get && printf 'username=` + user + `\npassword=%s\n' "$` + name + `"; }; f`
	return [][2]string{{key, ""}, {key, script}}, false, nil
}

// isHost reports whether a URL is at a host given as HOST, whatever its port,
// or as HOST:PORT.
func isHost(u *url.URL, host string) bool {
	return host != "" && (strings.EqualFold(u.Hostname(), host) || strings.EqualFold(u.Host, host))
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}
